"""Many who run on ask at once: each gets their own answer, from one look at the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.vault.identity.room import Room
from vault.errors import DependencyError
from vault.model import Role, new_id
from vault.policy import Principal


class Looks:
    """Counts how often a database is read, and may keep it away."""

    def __init__(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.is_away = False
        self._read = room.database.read
        monkeypatch.setattr(room.database, "read", self.read)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Read."""
        self.count += 1
        if self.is_away:
            raise DependencyError("away")
        async with self._read() as connection:
            yield connection


def some(room: Room) -> list[Principal]:
    """People as they are, and a stranger, a visitor without a call, somebody of another house."""
    agent = Principal(room.agent.id, room.tenant_id, Role.AGENT)
    return [
        agent,
        Principal(room.admin.id, room.tenant_id, Role.ADMIN),
        Principal(new_id("per"), room.tenant_id, Role.AGENT),
        Principal(new_id("call"), room.tenant_id, Role.VISITOR),
        replace(agent, tenant_id=new_id("ten")),
        replace(agent, session_id=new_id("ses")),
    ]


async def test_however_many_ask_at_once_the_database_is_read_once(
    any_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And over the number of one statement, each has the answer they would have had alone."""
    strangers = [Principal(new_id("per"), any_room.tenant_id, Role.AGENT) for _ in range(450)]
    asked = some(any_room) * 3 + strangers
    alone = [await any_room.identity.may_go_on(who) for who in asked[:6]]
    looks = Looks(any_room, monkeypatch)
    together = await asyncio.gather(*(any_room.identity.may_go_on(who) for who in asked))
    assert looks.count == 1
    assert together == alone * 3 + [None] * 450
    assert [answer is not None for answer in alone] == [True, True, False, False, False, False]


async def test_a_token_that_is_revoked_between_two_questions_is_found_by_the_second(room: Room) -> None:
    """Nothing is remembered."""
    who = replace(some(room)[0], token_id="jti-1")
    assert await room.identity.may_go_on(who) == who
    await room.identity.revoke("jti-1", expires_at=room.clock.now(), tenant_id=room.tenant_id)
    assert await room.identity.may_go_on(who) is None


async def test_a_database_that_is_away_is_told_to_everybody_who_asked(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each decides what it means; the next question is asked anew."""
    looks, asked = Looks(room, monkeypatch), some(room)
    looks.is_away = True
    told = await asyncio.gather(*(room.identity.may_go_on(who) for who in asked), return_exceptions=True)
    assert [type(each) for each in told] == [DependencyError] * len(asked)
    looks.is_away = False
    assert await room.identity.may_go_on(asked[0]) == asked[0]


async def test_who_gives_up_asking_does_not_keep_the_others_from_an_answer(room: Room) -> None:
    """A socket that closes, a limit that is over: the answer is for who still waits."""
    who = some(room)[0]
    first, second = [asyncio.create_task(room.identity.may_go_on(who)) for _ in range(2)]
    await asyncio.sleep(0)
    first.cancel()
    assert await second == who
