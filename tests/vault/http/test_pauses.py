"""Secure pauses over HTTP: what is answered, and what the call then says of itself."""

import pytest

from tests.vault.http.house import House
from tests.vault.http.recordings import a_call, visitor_headers
from vault.model import ConsentChoice, Role, new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_program_pauses_a_call_and_lets_it_go_on(shared_house: House) -> None:
    """201 once, 200 after that; the call and its visitor's view show it; its end is asked for by its name."""
    house, call = shared_house, await a_call(shared_house)
    path = f"/v1/calls/{call.id}"
    _, shown, _ = await house.ask("GET", path, role=Role.SERVICE)
    assert shown["recording"] == {"state": "recording", "pause": None, "on_withdrawal": "erase"}
    status, made, response = await house.ask("POST", f"{path}/pauses", role=Role.SERVICE)
    assert (status, made["ended_at"], made["durable"]) == (201, None, True)
    assert response.headers["Location"] == f"{path}/pauses/{made['id']}"
    status, again, _ = await house.ask("POST", f"{path}/pauses", role=Role.SERVICE)
    assert (status, again["id"]) == (200, made["id"])
    _, shown, _ = await house.ask("GET", path, headers=visitor_headers(house, call))
    assert shown["recording"]["state"] == "paused"
    assert shown["recording"]["pause"] == {"id": made["id"], "since": made["begun_at"]}
    status, _, _ = await house.ask("POST", f"{path}/pauses/{new_id('pau')}/resume", role=Role.SERVICE)
    assert status == 404
    status, over, _ = await house.ask("POST", f"{path}/pauses/{made['id']}/resume", role=Role.SERVICE)
    assert status == 200
    assert over["ended_at"] > over["begun_at"]
    _, shown, _ = await house.ask("GET", path, role=Role.SERVICE)
    assert shown["recording"]["state"] == "recording"


async def test_a_call_says_why_it_is_not_recorded(shared_house: House) -> None:
    """No answer, a no."""
    house = shared_house
    for choice, state in ((None, "unanswered"), (ConsentChoice.REFUSED, "refused")):
        call = await a_call(house, choice=choice)
        _, shown, _ = await house.ask("GET", f"/v1/calls/{call.id}", headers=visitor_headers(house, call))
        assert shown["recording"]["state"] == state
