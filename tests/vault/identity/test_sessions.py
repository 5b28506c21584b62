"""Sign-in codes and browser sessions: single use, two limits, and over when they are over."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.vault.identity.room import Room
from vault.db.tables import leaves, login_codes, sessions
from vault.errors import NotFoundError
from vault.identity.errors import Refusal, TokenRefusedError
from vault.model import Role, new_id
from vault.policy import Principal


async def _code(room: Room) -> str:
    return await room.identity.sessions.make_code(person_id=room.agent.id, tenant_id=room.tenant_id)


def _admin(room: Room) -> Principal:
    return Principal(room.admin.id, room.tenant_id, Role.ADMIN)


async def _is_over(room: Room, secret: str) -> bool:
    try:
        await room.identity.authenticate_session(secret)
    except TokenRefusedError as error:
        return error.reason is Refusal.SESSION
    return False


async def test_a_code_opens_a_session_for_its_person(any_room: Room) -> None:
    """And the ledger says so, without naming anyone."""
    opened = await any_room.identity.sessions.open_with_code(await _code(any_room))
    found = await any_room.identity.authenticate_session(opened.secret)
    assert found == opened.principal
    assert (found.id, found.role) == (any_room.agent.id, Role.AGENT)
    async with any_room.database.read() as connection:
        row = (await connection.execute(select(leaves).where(leaves.c.type == "session.opened"))).one()
    assert any_room.agent.id not in row.leaf


async def test_of_many_who_bring_one_code_one_gets_in(any_room: Room) -> None:
    """Single use, also at the same moment."""
    code = await _code(any_room)
    answers = await asyncio.gather(
        *(any_room.identity.sessions.open_with_code(code) for _ in range(5)), return_exceptions=True
    )
    assert sum(not isinstance(answer, BaseException) for answer in answers) == 1
    assert all(
        isinstance(answer, TokenRefusedError) for answer in answers if isinstance(answer, BaseException)
    )


async def test_a_code_dies_unused(room: Room) -> None:
    """After login_link_s."""
    code = await _code(room)
    room.clock.turn(timedelta(seconds=601))
    with pytest.raises(TokenRefusedError):
        await room.identity.sessions.open_with_code(code)


async def test_a_code_is_of_no_use_to_a_disabled_person(room: Room) -> None:
    """Made before or after."""
    codes = [await _code(room)]
    await room.identity.people.change(room.agent.id, by=_admin(room), disabled=True)
    codes.append(await _code(room))
    for code in codes:
        with pytest.raises(TokenRefusedError):
            await room.identity.sessions.open_with_code(code)


async def test_turning_somebody_on_again_revives_neither_session_nor_code(any_room: Room) -> None:
    """Whoever stole a cookie has it still."""
    room = any_room
    opened, code = await room.identity.sessions.open_with_code(await _code(room)), await _code(room)
    for disabled in (True, False):
        await room.identity.people.change(room.agent.id, by=_admin(room), disabled=disabled)
    assert await _is_over(room, opened.secret)
    with pytest.raises(TokenRefusedError):
        await room.identity.sessions.open_with_code(code)
    fresh = await room.identity.sessions.open_with_code(await _code(room))
    assert not await _is_over(room, fresh.secret)


async def test_rows_of_sessions_that_are_over_are_not_kept(any_room: Room) -> None:
    """Who was signed in when is the ledger's to tell."""
    room = any_room
    for _ in range(3):
        last = await room.identity.sessions.open_with_code(await _code(room))
        room.clock.turn(timedelta(hours=13))
    async with room.database.read() as connection:
        rows = (await connection.execute(select(sessions.c.id))).all()
    assert [row.id for row in rows] == [last.principal.session_id]


async def test_a_code_is_made_for_ones_own_people_only(room: Room) -> None:
    """Another tenant's person looks like none."""
    with pytest.raises(NotFoundError):
        await room.identity.sessions.make_code(person_id=room.agent.id, tenant_id=new_id("ten"))


async def test_an_unused_session_is_over_and_a_used_one_goes_on(room: Room) -> None:
    """The idle limit: an hour from the last use."""
    opened = await room.identity.sessions.open_with_code(await _code(room))
    for _ in range(3):
        room.clock.turn(timedelta(minutes=50))
        assert not await _is_over(room, opened.secret)
    room.clock.turn(timedelta(minutes=61))
    assert await _is_over(room, opened.secret)


async def test_no_use_keeps_a_session_beyond_its_absolute_limit(room: Room) -> None:
    """Twelve hours, used or not."""
    opened = await room.identity.sessions.open_with_code(await _code(room))
    for _ in range(14):
        room.clock.turn(timedelta(minutes=50))
        assert not await _is_over(room, opened.secret)
    room.clock.turn(timedelta(minutes=50))
    assert await _is_over(room, opened.secret)


async def test_signing_out_ends_this_session_and_no_other(room: Room) -> None:
    """Also for who runs on without asking again."""
    one = await room.identity.sessions.open_with_code(await _code(room))
    other = await room.identity.sessions.open_with_code(await _code(room))
    await room.identity.sessions.end(one.principal)
    assert await _is_over(room, one.secret)
    assert await room.identity.may_go_on(one.principal) is None
    assert not await _is_over(room, other.secret)


async def test_a_changed_role_bites_at_once(room: Room) -> None:
    """A session has the role of now; what runs is told it."""
    opened = await room.identity.sessions.open_with_code(await _code(room))
    admin = _admin(room)
    await room.identity.people.change(room.agent.id, by=admin, role=Role.AUDITOR)
    assert (await room.identity.authenticate_session(opened.secret)).role is Role.AUDITOR
    running = await room.identity.may_go_on(opened.principal)
    assert running is not None
    assert running.role is Role.AUDITOR
    await room.identity.people.change(room.agent.id, by=admin, disabled=True)
    assert await _is_over(room, opened.secret)
    assert await room.identity.may_go_on(opened.principal) is None


@pytest.mark.parametrize("secret", ["", "x", "é" * 43, "A" * 43, "A" * 43 + "\n", "A" * 10_000])
async def test_a_made_up_cookie_is_no_session(room: Room, secret: str) -> None:
    """Whatever is sent, the answer is the same."""
    assert await _is_over(room, secret)


async def test_neither_codes_nor_cookies_are_stored(room: Room) -> None:
    """Only their hashes: a copy of the database opens no session."""
    code = await _code(room)
    opened = await room.identity.sessions.open_with_code(code)
    async with room.database.read() as connection:
        rows = [
            *(await connection.execute(select(login_codes))),
            *(await connection.execute(select(sessions))),
        ]
    stored = repr([tuple(row) for row in rows])
    assert code not in stored
    assert opened.secret not in stored
    assert opened.secret not in repr(opened)
