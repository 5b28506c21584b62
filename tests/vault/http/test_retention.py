"""Retention over HTTP: rules set, told and taken back; why something is still here."""

import pytest

from tests.vault.http.house import House
from tests.vault.http.recordings import record
from vault.model import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/retention-rules"


async def test_a_rule_from_its_setting_to_its_end(shared_house: House) -> None:
    """Set for a button, listed, taken back: then the company's counts."""
    house, recorded = shared_house, await record(shared_house)
    mine = f"{PATH}/note?button_id={recorded.button_id}"
    status, rule, _ = await house.ask("PUT", mine, role=Role.AUDITOR, json={"days": 40})
    assert (status, rule["days"], rule["source"]) == (200, 40, "button")
    status, told, _ = await house.ask("GET", PATH, role=Role.SUPERVISOR)
    assert status == 200
    assert [one["kind"] for one in told["items"][:4]] == ["recording", "call", "note", "export"]
    assert rule in told["items"]
    status, rule, _ = await house.ask("DELETE", mine, role=Role.ADMIN)
    assert (status, rule["days"], rule["source"]) == (200, 365, "tenant")


async def test_what_is_no_rule_is_refused(shared_house: House) -> None:
    """A kind there is not is a missing thing; days have bounds."""
    for wrong in ({}, {"days": 0}, {"days": 3_651}, {"days": 5, "kind": "call"}):
        assert (await shared_house.ask("PUT", f"{PATH}/note", role=Role.ADMIN, json=wrong))[0] == 422
    assert (await shared_house.ask("PUT", f"{PATH}/chat", role=Role.ADMIN, json={"days": 5}))[0] == 404


async def test_an_item_and_a_call_say_why_they_are_here(shared_house: House) -> None:
    """The same words for both; an agent may read them."""
    house, recorded = shared_house, await record(shared_house)
    status, why, _ = await house.ask("GET", f"/v1/media/{recorded.id}/retention", role=Role.AGENT)
    assert (status, why["why"], why["rule"]["source"]) == (200, "within_time", "button")
    assert why["halted"] is False
    status, told, _ = await house.ask("GET", f"/v1/calls/{recorded.call_id}/retention", role=Role.AGENT)
    assert (status, told["items"][1]) == (200, why)
    assert told["items"][0]["kind"] == "call"


async def test_a_rule_is_shortened_for_what_is_there_and_cancelled(shared_house: House) -> None:
    """Looked at, asked for with what the look said, shown, cancelled once."""
    house, recorded = shared_house, await record(shared_house)
    query = f"kind=recording&days=3&button_id={recorded.button_id}"
    status, seen, _ = await house.ask("GET", f"/v1/retention-preview?{query}", role=Role.SUPERVISOR)
    assert (status, seen["moves"], seen["goes_at_once"], seen["kept"]) == (200, 1, 1, 0)
    asked = {"kind": "recording", "days": 3, "button_id": recorded.button_id, "moves": 1}
    changes = "/v1/retention-changes"
    assert (await house.ask("POST", changes, role=Role.ADMIN, json=asked | {"moves": 2}))[0] == 409
    status, made, response = await house.ask("POST", changes, role=Role.AUDITOR, json=asked)
    assert (status, made["state"], made["applies_at"] >= seen["applies_at"]) == (201, "waiting", True)
    one = response.headers["Location"]
    assert (await house.ask("GET", one, role=Role.SUPERVISOR))[1] == made
    assert (await house.ask("GET", changes, role=Role.ADMIN))[1]["items"][0] == made
    assert (await house.ask("DELETE", one, role=Role.ADMIN))[1]["state"] == "cancelled"
    assert (await house.ask("DELETE", one, role=Role.ADMIN))[0] == 409
