"""Who is known without the database: by a credential that was good lately, or by our own signature."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.vault.identity.room import Room
from vault.identity import lately
from vault.identity.errors import TokenRefusedError
from vault.identity.lately import PROGRAM_S, Lately
from vault.identity.people import Person
from vault.model import Role, new_id
from vault.policy import Principal


async def a_program(room: Room) -> Person:
    """The company's own program."""
    by = Principal(room.admin.id, room.tenant_id, Role.ADMIN)
    return await room.identity.people.add(
        tenant_id=room.tenant_id, role=Role.SERVICE, profile={"name": "Telephone"}, by=by
    )


async def test_a_session_that_was_good_is_known_and_one_that_never_was_is_not(room: Room) -> None:
    """Only by its own secret; a refusal takes it back."""
    opened = await room.identity.sessions.open_for(Principal(room.agent.id, room.tenant_id, Role.AGENT))
    assert room.identity.unlooked(opened.secret) is None
    who = await room.identity.authenticate_session(opened.secret)
    assert room.identity.unlooked(opened.secret) == who
    assert room.identity.unlooked("A" * 43) is None
    await room.identity.sessions.end(who)
    with pytest.raises(TokenRefusedError):
        await room.identity.authenticate_session(opened.secret)
    assert room.identity.unlooked(opened.secret) is None


async def test_a_persons_and_a_visitors_token_are_known_by_our_signature_until_they_run_out(
    room: Room,
) -> None:
    """Also where this process never saw them; a spoilt one, a visit's and one that ran out are nobody's."""
    identity, call_id = room.identity, new_id("call")
    agent = identity.mint_access_token(room.agent)
    visitor = identity.mint_visitor_token(call_id=call_id, tenant_id=room.tenant_id)
    visit = identity.mint_visit_token(call_id=call_id, tenant_id=room.tenant_id, link="tag")
    known = identity.unlooked(visitor.token)
    assert known is not None
    assert (known.role, known.call_id, known.is_visit) == (Role.VISITOR, call_id, False)
    assert identity.unlooked(agent.token) == await identity.authenticate_token(agent.token)
    for token in (visit.token, agent.token[:-2] + "xx", "", "no token"):
        assert identity.unlooked(token) is None
    room.clock.turn(timedelta(days=2))
    assert identity.unlooked(agent.token) is None
    assert identity.unlooked(visitor.token) is None


async def test_a_program_is_known_for_an_hour_after_its_token_was_good(room: Room) -> None:
    """Not by the signature alone: it is in no call with a leg that would speak for it."""
    minted = room.identity.mint_access_token(await a_program(room), lifetime_s=10 * PROGRAM_S)
    assert room.identity.unlooked(minted.token) is None
    who = await room.identity.authenticate_token(minted.token)
    assert room.identity.unlooked(minted.token) == who
    room.clock.turn(timedelta(seconds=PROGRAM_S + 1))
    assert room.identity.unlooked(minted.token) is None


async def test_what_is_remembered_is_bounded_and_visitors_take_no_room(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of visitors' tokens, which are free for the asking, puts no agent out of mind."""
    monkeypatch.setattr(lately, "KNOWN_MAX", 2)
    memory, agent = Lately(room.clock), Principal(room.agent.id, room.tenant_id, Role.AGENT)
    for number in range(3):
        memory.note(f"visitor-{number}", replace(agent, role=Role.VISITOR, call_id=new_id("call")))
        memory.note(f"agent-{number}", agent)
    assert memory.who("agent-0") is None
    assert (memory.who("agent-1"), memory.who("agent-2")) == (agent, agent)
    assert memory.who("visitor-2") is None
