"""Stopping a recording for good over HTTP, and the company's rule for it."""

import pytest

from tests.vault.http.house import House
from tests.vault.http.recordings import a_call, visitor_headers
from tests.vault.http.test_ringing import at_their_screens, ringing_call
from vault.model import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_visitor_takes_consent_back_as_the_companys_rule_says(shared_house: House) -> None:
    """The rule is told before, the company may change it, and what held at the withdrawal counts."""
    house, call = shared_house, await a_call(shared_house)
    path = f"/v1/calls/{call.id}"
    for rule in ("keep", "erase"):
        status, told, _ = await house.ask(
            "PATCH", "/v1/tenant", role=Role.ADMIN, json={"on_withdrawal": rule}
        )
        assert (status, told["on_withdrawal"]) == (200, rule)
    headers = visitor_headers(house, call)
    status, stopped, response = await house.ask("POST", f"{path}/consents/withdrawal", headers=headers)
    assert (status, stopped) == (200, {"state": "withdrawn", "recorded": "erase"})
    assert response.headers["Access-Control-Allow-Origin"] == headers["Origin"]
    await house.ask("PATCH", "/v1/tenant", role=Role.ADMIN, json={"on_withdrawal": "keep"})
    _, shown, _ = await house.ask("GET", path, headers=headers)
    assert shown["consent"] == "withdrawn"
    assert shown["recording"] == {"state": "withdrawn", "pause": None, "on_withdrawal": "erase"}
    _, told, _ = await house.ask("GET", "/v1/tenant", role=Role.AUDITOR)
    assert told["on_withdrawal"] == "keep"


async def test_a_call_is_taken_as_one_without_a_recording(shared_house: House) -> None:
    """And so it stays; who is not in a call cannot stop its recording."""
    house = shared_house
    async with at_their_screens(house, Role.AGENT):
        call = await ringing_call(house)
        path = f"/v1/calls/{call.id}"
        status, _, _ = await house.ask("POST", f"{path}/unrecorded", role=Role.SUPERVISOR)
        assert status == 409
        status, taken, _ = await house.ask("POST", f"{path}/take?recorded=false", role=Role.AGENT)
        assert status == 200
        assert taken["call"]["recording"]["state"] == "not_recorded"
        status, stopped, _ = await house.ask("POST", f"{path}/unrecorded", role=Role.AGENT)
        assert (status, stopped) == (200, {"state": "not_recorded", "recorded": "erase"})
