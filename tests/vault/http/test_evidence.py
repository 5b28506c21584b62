"""The evidence pack over HTTP: for whom, how often, and as what."""

import json
from pathlib import Path

import pytest

from crypto.evidence import verify_evidence
from tests.vault.http.house import House, open_house
from tests.vault.http.recordings import record
from vault.model import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/evidence"


async def test_the_auditor_gets_a_pack_that_verifies_with_the_published_keys(shared_house: House) -> None:
    """The answer is the very file: saved as it is, `callvault evidence verify` takes it."""
    house, recorded = shared_house, await record(shared_house)
    headers = {"Authorization": f"Bearer {house.token(Role.AUDITOR)}"}
    async with house.client.get(house.url + PATH, headers=headers) as response:
        assert (response.status, response.headers["Cache-Control"]) == (200, "no-store")
        raw, told = await response.read(), await response.json()
    proven = verify_evidence(raw, house.rooms.checkpoints.keys.verifiers)
    assert proven.pack == told["evidence"]
    assert told["evidence"]["tenant"] == {"id": house.tenants["a"], "name": "Tenant A"}
    assert told["evidence"]["storage"]["places"][0]["where"]["country"] == "FR"
    assert recorded.button_id in {one["button_id"] for one in told["evidence"]["access"]["by_button"]}
    _, published, _ = await house.ask("GET", "/v1/ledger/key")
    assert told["evidence"]["ledger"]["verifier_keys"] == published["keys"]


async def test_a_pack_has_nothing_of_another_company(shared_house: House) -> None:
    """Neither its identifiers nor its counts; its own auditor gets its own."""
    house, theirs = shared_house, await record(shared_house, "b")
    _, told, _ = await house.ask("GET", PATH, role=Role.ADMIN)
    foreign = (house.tenants["b"], "Tenant B", theirs.button_id, theirs.id)
    assert [name for name in foreign if name in json.dumps(told)] == []
    _, other, _ = await house.ask("GET", PATH, role=Role.AUDITOR, tenant="b")
    assert other["evidence"]["tenant"]["name"] == "Tenant B"
    assert other["leaf"] != told["leaf"]


async def test_the_page_comes_in_the_language_that_is_asked_for(shared_house: House) -> None:
    """By Accept-Language, or as the console was set; with a policy that runs nothing."""
    for header, cookie, language in (("fr", "", "fr"), ("en", "", "en"), ("en", "fr", "fr")):
        headers = {"Accept-Language": header} | ({"Cookie": f"callvault_language={cookie}"} if cookie else {})
        status, page, response = await shared_house.ask(
            "GET", f"{PATH}.html?months=2", role=Role.AUDITOR, headers=headers
        )
        assert (status, response.headers["Content-Language"]) == (200, language)
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        assert f'<html lang="{language}">'.encode() in page
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "script" not in policy


@pytest.mark.parametrize("months", ["0", "37", "x", "-1"])
async def test_a_period_has_bounds(shared_house: House, months: str) -> None:
    """Up to three years of months; anything else is refused before anything is counted."""
    status, body, _ = await shared_house.ask("GET", f"{PATH}?months={months}", role=Role.AUDITOR)
    assert (status, body["errors"][0]["parameter"]) == (422, "months")


async def test_packs_of_a_company_are_limited_and_nobody_uses_up_anothers(tmp_path: Path) -> None:
    """By company, whoever asks for it; an agent who may not have one made takes nothing of it."""
    async with open_house(tmp_path, limits={"evidence_per_minute": 2}) as house:
        for _ in range(3):
            assert (await house.ask("GET", PATH, role=Role.AGENT))[0] == 403
        assert (await house.ask("GET", PATH, role=Role.AUDITOR))[0] == 200
        assert (await house.ask("GET", f"{PATH}.html", role=Role.ADMIN))[0] == 200
        status, body, response = await house.ask("GET", PATH, role=Role.AUDITOR)
        assert (status, body["code"]) == (429, "too_many_requests")
        assert int(response.headers["Retry-After"]) > 0
        assert (await house.ask("GET", PATH, role=Role.AUDITOR, tenant="b"))[0] == 200


async def test_every_pack_is_in_the_ledger_and_can_be_proven(shared_house: House) -> None:
    """Who had one made is a pseudonym; the entry is proven over HTTP like any other."""
    _, told, _ = await shared_house.ask("GET", PATH, role=Role.AUDITOR)
    leaf = json.loads(told["leaf"])
    index = told["proof"].split("\n")[1].removeprefix("index ")
    status, proven, _ = await shared_house.ask("GET", f"/v1/ledger/entries/{index}/proof", role=Role.AUDITOR)
    assert (status, proven["leaf"]) == (200, told["leaf"])
    assert leaf["type"] == "evidence.made"
    assert shared_house.people["a", Role.AUDITOR].id not in told["leaf"]
