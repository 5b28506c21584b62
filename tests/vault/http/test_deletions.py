"""Erasure over HTTP: who may ask, what is answered meanwhile, and a receipt that proves it without us."""

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from crypto.errors import CryptoError
from crypto.receipts import parse_leaf, verify_receipt
from crypto.signers import NoteVerifier
from tests.vault.http.house import House, open_house
from tests.vault.http.recordings import a_call, erase_now, record, record_bytes, visitor_headers
from tests.vault.http.test_ringing import at_their_screens, ringing_call
from vault.db.tables import legs, media
from vault.model import Id, LegState, Role, is_id, new_id, uuid_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = Path(__file__).parents[3] / "docs" / "tools" / "verify_receipt.py"
PATH = "/v1/deletion-requests"


async def _ask_for(
    house: House, role: Role = Role.SERVICE, *, key: str | None = None, **what: Any
) -> tuple[int, Any, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    body = {"reason": "visitor_request"} | what
    return await house.ask("POST", PATH, role=role, json=body, headers=headers)


async def _receipt(house: House, request_id: str) -> tuple[int, bytes, Any]:
    """The receipt's very bytes."""
    headers = {"Authorization": f"Bearer {house.token(Role.SERVICE)}"}
    url = f"{house.url}{PATH}/{request_id}/receipt"
    async with house.client.get(url, headers=headers) as response:
        return response.status, await response.read(), response


async def _keys(house: House) -> list[str]:
    _, told, _ = await house.ask("GET", "/v1/ledger/key")
    keys: list[str] = told["keys"]
    return keys


async def test_the_company_s_program_erases_one_recording_and_gets_its_proof(
    shared_house: House, tmp_path: Path
) -> None:
    """202, pending 409, complete; two independent verifiers accept the receipt with the pinned keys."""
    house, recorded = shared_house, await record(shared_house)
    status, asked, response = await _ask_for(house, media_id=recorded.id)
    assert (status, asked["state"], asked["scope"]) == (202, "pending", "media")
    assert response.headers["Location"] == f"{PATH}/{asked['id']}"
    assert [(item["object_id"], item["state"]) for item in asked["items"]] == [(recorded.id, "requested")]
    status, early, _ = await _receipt(house, asked["id"])
    assert (status, json.loads(early)["code"]) == (409, "conflict")
    await erase_now(house)
    status, shown, _ = await house.ask("GET", response.headers["Location"], role=Role.SERVICE)
    assert (status, shown["state"]) == (200, "complete")
    assert shown["completed_at"] is not None
    status, written, response = await _receipt(house, asked["id"])
    assert status == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Content-Disposition"] == f'attachment; filename="receipt-{asked["id"]}.json"'
    keys = await _keys(house)
    receipt = verify_receipt(written, [NoteVerifier.parse(key) for key in keys])
    assert (receipt.request, receipt.status) == (asked["id"], "complete")
    leaf = parse_leaf(json.loads(written)["entries"][0]["leaf"].encode())
    assert leaf["object"] == uuid_of(recorded.id)
    assert (leaf["type"], leaf["reason"]) == ("object.shredded", "visitor_request")
    (tmp_path / "receipt.json").write_bytes(written)
    arguments = [str(SCRIPT), str(tmp_path / "receipt.json"), *(f"--key={key}" for key in keys)]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stderr=asyncio.subprocess.PIPE)
    _, complaint = await process.communicate()
    assert process.returncode == 0, complaint


async def test_a_receipt_changed_by_one_character_proves_nothing(shared_house: House) -> None:
    """Whoever received it can tell."""
    recorded = await record_bytes(shared_house, 1_000)
    _, asked, _ = await _ask_for(shared_house, media_id=recorded.id)
    await erase_now(shared_house)
    _, written, _ = await _receipt(shared_house, asked["id"])
    verifiers = [NoteVerifier.parse(key) for key in await _keys(shared_house)]
    verify_receipt(written, verifiers)
    for before, after in (
        (b"visitor_request", b"consent_withdrawn"),
        (b"complete", b"pending "),
        (b"AA", b"BB"),
    ):
        changed = written.replace(before, after, 1)
        if changed == written:
            continue
        with pytest.raises(CryptoError):
            verify_receipt(changed, verifiers)


async def test_a_call_is_erased_with_all_that_belongs_to_it(shared_house: House) -> None:
    """Its recording and what the page told; then the recording is gone and the visitor's token too."""
    house, recorded = shared_house, await record(shared_house, reference="of-a-call")
    status, asked, _ = await _ask_for(house, call_id=recorded.call_id)
    assert (status, asked["scope"]) == (202, "call")
    assert {(item["object_id"], item["kind"]) for item in asked["items"]} == {
        (recorded.id, "recording"),
        (recorded.call_id, "call"),
    }
    await erase_now(house)
    assert (await house.ask("GET", f"/v1/media/{recorded.id}", role=Role.AGENT))[0] == 410
    _, written, _ = await _receipt(house, asked["id"])
    receipt = verify_receipt(written, [NoteVerifier.parse(key) for key in await _keys(house)])
    assert (receipt.status, len(receipt.entries)) == ("complete", 2)
    status, problem, _ = await _ask_for(house, call_id=recorded.call_id)
    assert (status, problem["code"]) == (410, "erased")
    status, problem, _ = await _ask_for(house, visitor_reference="of-a-call")
    assert (status, problem["code"]) == (404, "not_found")


async def test_a_visitor_s_reference_reaches_every_call_and_nobody_else_s(shared_house: House) -> None:
    """All calls of the one reference, letter for letter; neighbours stay."""
    house = shared_house
    mine = [await record(house, reference="customer-7") for _ in range(2)]
    silent = await a_call(house, reference="customer-7")  # a call that nobody joined
    neighbour = await record(house, reference="customer-70")
    status, asked, _ = await _ask_for(house, visitor_reference="customer-7")
    assert (status, asked["scope"]) == (202, "visitor")
    named = {item["object_id"] for item in asked["items"]}
    assert named == {*(one.id for one in mine), *(one.call_id for one in mine), silent.id}
    assert "customer-7" not in json.dumps(asked)
    await erase_now(house)
    assert (await house.ask("GET", f"/v1/media/{neighbour.id}", role=Role.AGENT))[0] == 200
    assert (await house.ask("GET", f"/v1/calls/{silent.id}", headers=visitor_headers(house, silent)))[
        0
    ] == 401
    _, written, _ = await _receipt(house, asked["id"])
    assert b"customer-7" not in written  # a receipt holds no personal datum


async def test_asking_twice_is_asking_once(shared_house: House) -> None:
    """While it runs the first request is answered again; once it is done, 410."""
    house, recorded = shared_house, await record_bytes(shared_house, 1_000)
    first = await _ask_for(house, media_id=recorded.id)
    for role, how in (
        (Role.SERVICE, {"method": "POST", "path": PATH}),
        (Role.SUPERVISOR, {"method": "DELETE", "path": f"/v1/media/{recorded.id}?reason=legal"}),
    ):
        more: dict[str, Any] = (
            {"json": {"media_id": recorded.id, "reason": "other"}} if how["method"] == "POST" else {}
        )
        status, again, _ = await house.ask(how["method"], how["path"], role=role, **more)
        assert (status, again) == (202, first[1])
    await erase_now(house)
    status, problem, _ = await _ask_for(house, media_id=recorded.id)
    assert (status, problem["code"]) == (410, "erased")


async def test_an_idempotency_key_gives_the_first_answer_again(shared_house: House) -> None:
    """Even after completion; another body is a conflict, another principal's key is its own."""
    house, recorded, other = shared_house, await record_bytes(shared_house, 1_000), await a_call(shared_house)
    first = await _ask_for(house, key="erase-1", media_id=recorded.id)
    await erase_now(house)
    again = await _ask_for(house, key="erase-1", media_id=recorded.id)
    assert (again[0], again[1]) == (202, first[1])
    assert again[2].headers["Idempotent-Replayed"] == "true"
    assert again[2].headers["Location"] == first[2].headers["Location"]
    status, problem, _ = await _ask_for(house, key="erase-1", call_id=other.id)
    assert (status, problem["code"]) == (409, "idempotency_conflict")
    status, problem, _ = await _ask_for(house, Role.ADMIN, key="erase-1", media_id=recorded.id)
    assert (status, problem["code"]) == (410, "erased")
    status, problem, _ = await _ask_for(house, key="erase-2", media_id=new_id("rec"))
    assert (status, problem["code"]) == (404, "not_found")


async def test_the_company_s_program_asks_for_erasure_but_never_plays(shared_house: House) -> None:
    """And does not use the console's way to erase; the data protection officer erases and plays nothing."""
    house, recorded = shared_house, await record_bytes(shared_house, 1_000)
    body = {"purpose": "to see"}
    for role, erases in ((Role.SERVICE, 403), (Role.AGENT, 403), (Role.AUDITOR, 202)):
        status, _, _ = await house.ask("DELETE", f"/v1/media/{recorded.id}?reason=legal", role=role)
        assert status == erases, role
        if role is not Role.AGENT:
            path = f"/v1/media/{recorded.id}/links"
            assert (await house.ask("POST", path, role=role, json=body))[0] == 403, role
    assert (await _ask_for(house, Role.AGENT, media_id=recorded.id))[0] == 403


async def test_a_call_that_runs_is_not_erased_under_its_visitor(shared_house: House) -> None:
    """409 while somebody talks."""
    call = await a_call(shared_house)
    leg = {
        "id": new_id("leg"),
        "tenant_id": call.tenant_id,
        "call_id": call.id,
        "role": "visitor",
        "kind": "camera",
    }
    async with shared_house.rooms.database.write() as connection:
        now = shared_house.rooms.clock.now()
        await connection.execute(insert(legs).values(**leg, state=LegState.LIVE.value, created_at=now))
    status, problem, _ = await _ask_for(shared_house, call_id=call.id)
    assert (status, problem["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    "what",
    [
        {},
        {"media_id": new_id("rec"), "call_id": new_id("call")},
        {"media_id": "rec_1"},
        {"media_id": new_id("call")},
        {"call_id": new_id("rec")},
        {"visitor_reference": ""},
        {"visitor_reference": "x" * 201},
        {"media_id": new_id("rec"), "reason": "because"},
        {"media_id": new_id("rec"), "reason": None},
        {"media_id": new_id("rec"), "force": True},
    ],
    ids=lambda what: "+".join(what) or "nothing",
)
async def test_a_request_names_exactly_one_thing_and_a_ground(
    shared_house: House, what: dict[str, Any]
) -> None:
    """422 otherwise."""
    status, problem, _ = await _ask_for(shared_house, **what)
    assert (status, problem["code"]) == (422, "invalid")


@pytest.mark.parametrize(
    "what", [{"media_id": new_id("rec")}, {"call_id": new_id("call")}, {"visitor_reference": "nobody"}]
)
async def test_what_is_not_there_cannot_be_erased(shared_house: House, what: dict[str, Any]) -> None:
    """404, and no request is made of it."""
    before = await _listed(shared_house)
    status, problem, _ = await _ask_for(shared_house, **what)
    assert (status, problem["code"]) == (404, "not_found")
    assert await _listed(shared_house) == before


async def _listed(house: House) -> list[Id]:
    found: list[Id] = []
    path = f"{PATH}?limit=3"
    while path:
        status, page, response = await house.ask("GET", path, role=Role.AUDITOR)
        assert status == 200
        found += [item["id"] for item in page["items"]]
        path = response.headers.get("Link", "").partition("<")[2].partition(">")[0]
    return found


async def test_requests_are_listed_newest_first_and_once(shared_house: House) -> None:
    """The pages join without gap."""
    house = shared_house
    made = []
    for _ in range(4):
        recorded = await record_bytes(house, 100)
        made.append((await _ask_for(house, media_id=recorded.id))[1]["id"])
    listed = await _listed(house)
    assert listed[:4] == made[::-1]
    assert listed == sorted(set(listed), reverse=True)
    assert all(is_id(found, "del") for found in listed)
    await erase_now(house)


async def test_what_retention_ends_has_a_request_and_a_receipt_too(tmp_path: Path) -> None:
    """Time asks as people do: a request with its ground, complete, and proven."""
    async with open_house(tmp_path) as house:
        recorded = await record_bytes(house, 100)
        over = house.rooms.clock.now() - timedelta(seconds=1)
        async with house.rooms.database.write() as connection:
            await connection.execute(update(media).where(media.c.id == recorded.id).values(retain_until=over))
        await erase_now(house)
        _, page, _ = await house.ask("GET", PATH, role=Role.AUDITOR)
        (shown,) = page["items"]
        assert (shown["reason"], shown["state"]) == ("retention", "complete")
        assert [item["object_id"] for item in shown["items"]] == [recorded.id]
        _, written, _ = await _receipt(house, shown["id"])
        receipt = verify_receipt(written, [NoteVerifier.parse(key) for key in await _keys(house)])
        assert receipt.status == "complete"


async def test_what_screens_were_told_of_a_call_goes_with_it(shared_house: House) -> None:
    """P8: a card that waits for a socket to come back is not told once the call's erasure is asked for."""
    house, canary = shared_house, "told-to-screens"
    async with at_their_screens(house, Role.AGENT):
        stream = house.rooms.events._streams[house.by(Role.AGENT).id]
        call = await ringing_call(house, reference=canary)
        assert any(canary in told.text for told in stream.kept)
        await house.rooms.calls.end_interrupted()
        await house.rooms.ringing.look()
        last = stream.last
        assert (await _ask_for(house, call_id=call.id))[0] == 202
        assert not any(canary in told.text for told in stream.kept)
        numbers = [json.loads(told.text)["n"] for told in stream.kept]
        assert numbers == list(range(stream.gone + 1, last + 1))
