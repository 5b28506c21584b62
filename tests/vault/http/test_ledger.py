"""The ledger's public face: keys to pin, a checkpoint anyone can verify, proofs of one's own entries."""

import json
from typing import Any

import pytest

from crypto.errors import CryptoError
from crypto.notes import open_checkpoint, verify_proof
from crypto.receipts import parse_leaf
from crypto.signers import NoteVerifier
from tests.vault.http.house import House
from tests.vault.http.players import sign_in
from tests.vault.http.recordings import Recorded, record_bytes
from vault.model import Role, uuid_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _verifiers(house: House) -> list[NoteVerifier]:
    status, told, _ = await house.ask("GET", "/v1/ledger/key")
    assert status == 200
    assert told["origin"] == "ledger.test"
    return [NoteVerifier.parse(key) for key in told["keys"]]


async def _checkpoint(house: House) -> str:
    """The newest one, as anybody gets it."""
    status, note, response = await house.ask("GET", "/v1/ledger/checkpoint")
    assert status == 200
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    text: str = note.decode("utf-8")
    return text


async def _viewed(house: House, tenant: str) -> tuple[Recorded, int]:
    """A recording somebody of the tenant made a link for, and the entry of it."""
    recorded = await record_bytes(house, 100, tenant)
    await (await sign_in(house, tenant=tenant)).link(recorded.id)
    path = f"/v1/media/{recorded.id}/access"
    _, page, _ = await house.ask("GET", path, role=Role.ADMIN, tenant=tenant)
    (index,) = [item["index"] for item in page["items"] if item["type"] == "link.made"]
    return recorded, index


async def test_anybody_can_verify_the_newest_checkpoint(shared_house: House) -> None:
    """Signed by both keys; each alone suffices; it covers what happened before the job's last turn."""
    verifiers = await _verifiers(shared_house)
    assert len(verifiers) == 2
    before = open_checkpoint(await _checkpoint(shared_house), verifiers)
    _, index = await _viewed(shared_house, "a")
    await shared_house.rooms.checkpoints.turn(publishing=False)
    note = await _checkpoint(shared_house)
    after = open_checkpoint(note, verifiers)
    assert after.origin == "ledger.test"
    assert before.size <= index < after.size
    for verifier in verifiers:
        assert open_checkpoint(note, [verifier]) == after
    with pytest.raises(CryptoError):
        open_checkpoint(note.replace(str(after.size), str(after.size + 1), 1), verifiers)


async def test_an_entry_of_one_s_own_is_proven(shared_house: House) -> None:
    """Leaf and proof verify against the pinned keys, and the leaf names nobody."""
    recorded, index = await _viewed(shared_house, "a")
    verifiers = await _verifiers(shared_house)
    for role in (Role.ADMIN, Role.AUDITOR):
        status, proof, _ = await shared_house.ask("GET", f"/v1/ledger/entries/{index}/proof", role=role)
        assert (status, proof["index"]) == (200, index)
        checkpoint = verify_proof(proof["leaf"].encode(), proof["proof"], verifiers)
        assert checkpoint.size > index
        leaf = parse_leaf(proof["leaf"].encode())
        assert (leaf["type"], leaf["object"]) == ("link.made", uuid_of(recorded.id))
        assert leaf["tenant"] == uuid_of(shared_house.tenants["a"])
        assert "quality check" not in json.dumps(proof)
        with pytest.raises(CryptoError):
            verify_proof(proof["leaf"].replace("link", "kiln").encode(), proof["proof"], verifiers)


async def test_a_foreign_entry_is_answered_like_a_missing_one(shared_house: House) -> None:
    """404 for another tenant's, the house's own and one that is not there yet."""
    _, foreign = await _viewed(shared_house, "b")
    answers: list[tuple[int, Any]] = []
    for index in (foreign, 10**14, 999_999_999_999_999):
        status, problem, _ = await shared_house.ask(
            "GET", f"/v1/ledger/entries/{index}/proof", role=Role.ADMIN
        )
        problem.pop("instance")
        answers.append((status, problem))
    assert answers[0][0] == 404
    assert all(answer == answers[0] for answer in answers)
    for role in set(Role) - {Role.VISITOR, Role.ADMIN, Role.AUDITOR}:
        status, _, _ = await shared_house.ask("GET", f"/v1/ledger/entries/{foreign}/proof", role=role)
        assert status == 403


@pytest.mark.parametrize("index", ["-1", "1e3", "\u0663", "0x1", "1" * 16, "", "1.0"])
async def test_an_index_is_a_number(shared_house: House, index: str) -> None:
    """Anything else in its place is no path of ours."""
    status, problem, _ = await shared_house.ask("GET", f"/v1/ledger/entries/{index}/proof", role=Role.ADMIN)
    assert (status, problem["code"]) == (404, "not_found")
