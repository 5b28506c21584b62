"""Asking colleagues over HTTP: who could come, transfers, joins, and what becomes of them."""

import pytest

from tests.vault.http.house import House
from tests.vault.http.test_ringing import at_their_screens, ringing_call
from vault.model import Id, Role, new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def heard(house: House, call_id: Id, role: Role) -> None:
    """Somebody who took it can be heard."""
    calls, who, leg_id = house.rooms.calls, house.by(role), new_id("leg")
    view = await calls.ready_for_leg(call_id, by=who)
    await calls.leg_joined(view, leg_id, who)
    await calls.leg_connected(call_id, leg_id)
    await house.rooms.ringing.agent_joined(call_id, who.id)


async def test_a_call_is_handed_over_and_the_way_there_is_told(shared_house: House) -> None:
    """Asked 201, taken, done; the call is the other's; it cannot be stopped any more."""
    ask, supervisor = shared_house.ask, shared_house.people["a", Role.SUPERVISOR]
    async with at_their_screens(shared_house, Role.AGENT):
        call = await ringing_call(shared_house)
        await ask("POST", f"/v1/calls/{call.id}/take", role=Role.AGENT)
        await heard(shared_house, call.id, Role.AGENT)
        async with at_their_screens(shared_house, Role.SUPERVISOR):
            _, shown, _ = await ask("GET", "/v1/colleagues", role=Role.AGENT)
            states = {one["id"]: one["state"] for one in shown["people"]}
            assert states[supervisor.id] == "free"
            assert shared_house.people["a", Role.AGENT].id not in states
            status, made, response = await ask(
                "POST",
                f"/v1/calls/{call.id}/transfers",
                role=Role.AGENT,
                json={"person_id": supervisor.id},
            )
            place = response.headers["Location"]
            assert (status, made["state"], made["of"]["name"]) == (201, "ringing", supervisor.name)
            assert (await ask("GET", place, role=Role.AGENT))[1] == made
            assert (await ask("POST", f"/v1/calls/{call.id}/take", role=Role.SUPERVISOR))[0] == 200
            assert (await ask("GET", place, role=Role.AGENT))[1]["state"] == "taken"
            await heard(shared_house, call.id, Role.SUPERVISOR)
            assert (await ask("GET", place, role=Role.AGENT))[1]["state"] == "done"
            _, shown, _ = await ask("GET", f"/v1/calls/{call.id}", role=Role.AGENT)
            assert shown["taken_by"]["id"] == supervisor.id
            assert (await ask("DELETE", place, role=Role.SUPERVISOR))[0] == 409
            assert (await ask("DELETE", place, role=Role.ADMIN))[0] == 409  # who is not in the call


async def test_a_join_is_asked_for_and_cancelled(shared_house: House) -> None:
    """Of a team, with nobody there at first; 409 for a second one at a time."""
    ask, admin = shared_house.ask, shared_house.people["a", Role.ADMIN]
    async with at_their_screens(shared_house, Role.AGENT):
        call = await ringing_call(shared_house)
        path = f"/v1/calls/{call.id}/joins"
        assert (await ask("POST", path, role=Role.AGENT, json={"person_id": admin.id}))[0] == 409
        await ask("POST", f"/v1/calls/{call.id}/take", role=Role.AGENT)
        await heard(shared_house, call.id, Role.AGENT)
        team = (await ask("POST", "/v1/teams", role=Role.ADMIN, json={"name": "Second line"}))[1]["id"]
        await ask("PUT", f"/v1/teams/{team}/members/{admin.id}", role=Role.ADMIN)
        status, made, _ = await ask("POST", path, role=Role.AGENT, json={"team_id": team})
        assert (status, made["state"], made["of"]["name"]) == (201, "nobody", "Second line")
        async with at_their_screens(shared_house, Role.ADMIN):
            status, made, response = await ask("POST", path, role=Role.AGENT, json={"team_id": team})
            assert (status, made["state"], made["rung"]) == (201, "ringing", 1)
            assert (await ask("POST", path, role=Role.AGENT, json={"team_id": team}))[0] == 409
            status, ended, _ = await ask("DELETE", response.headers["Location"], role=Role.AGENT)
            assert (status, ended["state"], ended["rung"]) == (200, "cancelled", 0)


async def test_exactly_one_is_asked_and_only_who_answers_calls(shared_house: House) -> None:
    """422 for nobody, for two, for strangers; the same words for a foreign person as for a missing one."""
    call = await ringing_call(shared_house)
    people, path = shared_house.people, f"/v1/calls/{call.id}/transfers"
    agent, foreign = people["a", Role.AGENT].id, people["b", Role.AGENT].id
    for wrong in ({}, {"person_id": agent, "team_id": new_id("team")}, {"person_id": None}, {"why": "x"}):
        assert (await shared_house.ask("POST", path, role=Role.ADMIN, json=wrong))[0] == 422
    told = []
    for nobody in (foreign, new_id("per"), people["a", Role.AUDITOR].id):
        status, problem, _ = await shared_house.ask("POST", path, role=Role.ADMIN, json={"person_id": nobody})
        assert (status, problem["errors"][0]["pointer"]) == (422, "#/person_id")
        told.append({name: value for name, value in problem.items() if name != "instance"})
    assert told[0] == told[1] == told[2]
    await shared_house.rooms.calls.end_interrupted()
