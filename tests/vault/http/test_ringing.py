"""Answering over HTTP: one's own word, taking and declining, and who learns what of it."""

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.vault.http.house import House
from tests.vault.http.recordings import BOTH, a_button, a_call, visitor_headers, visitor_of
from tests.vault.http.visitors import PAGE
from vault.calls.buttons import NewButton
from vault.calls.routing import Routing
from vault.model import Role, new_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from vault.calls.buttons import Button
    from vault.calls.calls import OpenedCall

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXTS = {"fr": "Appeler", "en": "Call"}
AVAILABLE = {"available": True}


@asynccontextmanager
async def at_their_screens(house: House, *roles: Role) -> "AsyncIterator[None]":
    """People of these roles listen, and say that they are there, while the block runs."""
    async with AsyncExitStack() as opened:
        for role in roles:
            opened.enter_context(house.rooms.events.listen(house.by(role)))
            status, said, _ = await house.ask("PUT", "/v1/me/presence", role=role, json=AVAILABLE)
            assert (status, said["available"]) == (200, True)
        yield
        await house.rooms.calls.end_interrupted()  # whoever took a call is free again
        for role in roles:
            await house.ask("PUT", "/v1/me/presence", role=role, json={"available": False})


async def ringing_call(house: House, button: "Button | None" = None, **more: Any) -> "OpenedCall":
    """A call whose visitor can be heard."""
    call = await a_call(house, button=button or await a_button(house), **more)
    visitor, leg_id, calls = visitor_of(call), new_id("leg"), house.rooms.calls
    view = await calls.ready_for_leg(call.id, by=visitor)
    await calls.leg_joined(view, leg_id, visitor)
    await calls.leg_connected(call.id, leg_id)
    await house.rooms.ringing.visitor_joined(view)
    return call


async def test_one_s_word_is_kept_and_shown(shared_house: House) -> None:
    """Nothing said is no; the moment is that of the last change."""
    status, said, _ = await shared_house.ask("GET", "/v1/me/presence", role=Role.AGENT, tenant="b")
    assert (status, said) == (200, {"available": False, "since": None})
    answers = [
        await shared_house.ask("PUT", "/v1/me/presence", role=Role.AGENT, tenant="b", json=AVAILABLE)
        for _ in range(2)
    ]
    assert answers[0][:2] == answers[1][:2]
    assert (await shared_house.ask("GET", "/v1/me/presence", role=Role.AGENT, tenant="b"))[1] == answers[0][1]
    for wrong in ({}, {"available": "yes"}, {"available": True, "since": None}, {"available": None}):
        status, _, _ = await shared_house.ask("PUT", "/v1/me/presence", role=Role.AGENT, json=wrong)
        assert status == 422


async def test_a_call_is_taken_once_and_the_slower_one_learns_by_whom(shared_house: House) -> None:
    """200 with call and legs; 409 with the taker's name in the caller's language, and no other."""
    async with at_their_screens(shared_house, Role.AGENT, Role.SUPERVISOR):
        call = await ringing_call(shared_house)
        path = f"/v1/calls/{call.id}/take"
        status, taken, _ = await shared_house.ask("POST", path, role=Role.AGENT)
        assert status == 200
        agent = shared_house.people["a", Role.AGENT]
        assert taken["call"]["taken_by"] == {"id": agent.id, "name": agent.name}
        assert [(leg["role"], leg["kind"]) for leg in taken["legs"]] == [("visitor", "camera")]
        for language, words in (("en", f"{agent.name} has taken this call"), ("fr", f"{agent.name} a déjà")):
            status, problem, _ = await shared_house.ask(
                "POST", path, role=Role.SUPERVISOR, headers={"Accept-Language": language}
            )
            assert (status, problem["code"], problem["taken_by"]) == (409, "conflict", agent.name)
            assert problem["detail"].startswith(words)
        assert (await shared_house.ask("POST", path, role=Role.AGENT))[0] == 200
        status, problem, _ = await shared_house.ask("POST", path, role=Role.ADMIN)
        assert (status, problem["code"]) == (409, "conflict")


async def test_who_took_a_call_is_shown_to_the_tenant_and_not_to_the_visitor(shared_house: House) -> None:
    """The visitor hears the name when the call is taken; the identifier is none of theirs."""
    async with at_their_screens(shared_house, Role.AGENT):
        call = await ringing_call(shared_house)
        path = f"/v1/calls/{call.id}"
        assert (await shared_house.ask("GET", path, role=Role.AUDITOR))[1]["taken_by"] is None
        await shared_house.ask("POST", f"{path}/take", role=Role.AGENT)
        for role in set(Role) - {Role.VISITOR}:
            _, shown, _ = await shared_house.ask("GET", path, role=role)
            assert shown["taken_by"]["name"] == shared_house.people["a", Role.AGENT].name
        _, shown, _ = await shared_house.ask("GET", path, headers=visitor_headers(shared_house, call))
        assert shown["taken_by"] is None


async def test_a_call_is_declined_without_words(shared_house: House) -> None:
    """204, twice too; who declined takes it no more, who was never rung neither."""
    async with at_their_screens(shared_house, Role.AGENT):
        call = await ringing_call(shared_house)
        path = f"/v1/calls/{call.id}"
        for _ in range(2):
            status, body, _ = await shared_house.ask("POST", f"{path}/decline", role=Role.AGENT)
            assert (status, body) == (204, b"")
        for act, role in (("take", Role.AGENT), ("take", Role.ADMIN), ("decline", Role.ADMIN)):
            status, problem, _ = await shared_house.ask("POST", f"{path}/{act}", role=role)
            assert (status, problem["code"]) == (409, "conflict")
            assert "taken_by" not in problem


@pytest.mark.parametrize("act", ["take", "decline"])
async def test_a_foreign_call_is_not_there(shared_house: House, act: str) -> None:
    """P5: another tenant's call answers as a missing one."""
    async with at_their_screens(shared_house, Role.AGENT):
        call = await ringing_call(shared_house)
        answers = []
        for call_id in (call.id, new_id("call")):
            status, problem, _ = await shared_house.ask(
                "POST", f"/v1/calls/{call_id}/{act}", role=Role.AGENT, tenant="b"
            )
            answers.append((status, problem["code"], problem["detail"]))
        assert answers[0] == answers[1]
        assert answers[0][:2] == (404, "not_found")


async def test_nobody_joins_a_call_that_they_did_not_take(shared_house: House) -> None:
    """409 for the tenant's people, before any SDP is looked at."""
    call = await ringing_call(shared_house)
    headers = {"Content-Type": "application/sdp"}
    for role in (Role.AGENT, Role.SUPERVISOR, Role.ADMIN):
        status, problem, _ = await shared_house.ask(
            "POST", f"/v1/calls/{call.id}/legs", role=role, data=b"v=0\r\n", headers=headers
        )
        assert (status, problem["code"]) == (409, "conflict")


async def test_a_button_says_whom_it_rings(shared_house: House) -> None:
    """Made and changed with a routing; people named twice count once, for everyone nobody is named."""
    agent, admin = (shared_house.people["a", role].id for role in (Role.AGENT, Role.ADMIN))
    new = NewButton("Help", TEXTS, TEXTS, BOTH, (PAGE,), records=False, retention_days=30)
    button = await shared_house.rooms.buttons.create(new, by=shared_house.by())
    path = f"/v1/buttons/{button.id}"
    asked: dict[str, Any] = {"to": "people", "person_ids": [agent, admin, agent], "strategy": "longest_idle"}
    status, changed, _ = await shared_house.ask("PATCH", path, role=Role.ADMIN, json={"routing": asked})
    assert status == 200
    assert changed["routing"] == asked | {
        "person_ids": [agent, admin],
        "team_ids": [],
        "ring_s": 30,
        "callbacks": "inviter",
    }
    _, changed, _ = await shared_house.ask("PATCH", path, role=Role.ADMIN, json={"disabled": False})
    assert changed["routing"]["to"] == "people"
    asked = {"to": "everyone", "person_ids": [agent], "strategy": "all", "ring_s": 5}
    _, changed, _ = await shared_house.ask("PATCH", path, role=Role.ADMIN, json={"routing": asked})
    assert changed["routing"] == asked | {"person_ids": [], "team_ids": [], "callbacks": "inviter"}
    found = await shared_house.rooms.buttons.public(button.id)
    assert found.routing == Routing("everyone", (), "all", 5)


async def test_a_button_rings_only_people_who_may_answer(shared_house: House) -> None:
    """422 at the entry: a stranger's person, an auditor, a service, nonsense, nobody at all."""
    people = shared_house.people
    agent = people["a", Role.AGENT].id
    for wrong in (
        people["b", Role.AGENT].id,
        people["a", Role.AUDITOR].id,
        people["a", Role.SERVICE].id,
        new_id("per"),
        "me",
    ):
        status, problem = await _routed(shared_house, to="people", person_ids=[agent, wrong])
        assert (status, problem["errors"][0]["pointer"]) == (422, "#/routing/person_ids/1")
    status, problem = await _routed(shared_house, to="people", person_ids=[])
    assert (status, problem["errors"][0]["pointer"]) == (422, "#/routing/person_ids")
    for limits in ({"ring_s": 4}, {"ring_s": 301}, {"to": "team"}, {"strategy": "random"}, {"other": 1}):
        assert (await _routed(shared_house, **limits))[0] == 422


async def _routed(house: House, **routing: Any) -> tuple[int, Any]:
    """Make a button with this routing."""
    body = {
        "name": "Shop",
        "label": TEXTS,
        "purpose": TEXTS,
        "media": ["audio"],
        "allowed_origins": [PAGE],
        "routing": routing,
    }
    return (await house.ask("POST", "/v1/buttons", role=Role.ADMIN, json=body))[:2]
