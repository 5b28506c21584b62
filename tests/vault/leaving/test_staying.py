"""Who takes an exit back, or places what must not be erased, is before the end or too late: never both."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from tests.vault.leaving.house import leaving_of
from tests.vault.media.workshop import Workshop
from tests.vault.rights.test_emptying import furnished, rows_left
from vault.db.tables import tenants
from vault.errors import ConflictError
from vault.leaving.exits import NewExit
from vault.leaving.room import Leaving
from vault.model import ExitState, HoldGround, RestrictionGround, RestrictionSubject
from vault.rights.holds import NewHold
from vault.rights.restrictions import NewRestriction

NOTHING_ALONG = NewExit(None, None, 0)

pytestmark = pytest.mark.usefixtures("quick_child")


def meanwhile(work: Workshop, act: Callable[[], Awaitable[object]]) -> None:
    """Have something happen in the middle of the end: after it has looked, before it asks for the erasure."""
    real = work.keys.records

    async def overtaken(**named: Any) -> Any:
        work.keys.records = real  # type: ignore[method-assign]
        found = await real(**named)
        await act()
        return found

    work.keys.records = overtaken  # type: ignore[method-assign]


async def due(work: Workshop) -> Leaving:
    """An exit whose end is due."""
    leaving = leaving_of(work)
    await leaving.exits.begin(NOTHING_ALONG, by=work.by())
    await leaving.leaver.turn()
    assert (await leaving.exits.current(by=work.by())).state is ExitState.READY
    return leaving


async def left(work: Workshop) -> bool:
    """Whether the tenant is shut out."""
    async with work.database.read() as connection:
        row = await connection.execute(select(tenants.c.left_at).where(tenants.c.id == work.tenant_id))
    return row.scalar_one() is not None


async def test_an_exit_that_is_taken_back_in_the_last_moment_erases_nothing(work: Workshop) -> None:
    """Whoever was answered that the company stays finds everything as it was."""
    await furnished(work)
    before = await rows_left(work, work.tenant_id)
    leaving = await due(work)

    async def stay() -> None:
        assert (await leaving.exits.cancel(by=work.by())).state is ExitState.CANCELLED

    meanwhile(work, stay)
    await leaving.leaver.turn()
    assert await work.keeper.turn() == 0
    assert not await left(work)
    assert await rows_left(work, work.tenant_id) == before
    await work.call()


@pytest.mark.parametrize("what", ["hold", "restriction"])
async def test_what_is_kept_in_the_last_moment_keeps_the_end(work: Workshop, what: str) -> None:
    """The end waits and says for what; once the company is gone, nothing of it can be held any more."""
    begun = await furnished(work)
    leaving = await due(work)
    until = work.clock.now().replace(year=2100)
    hold = NewHold(begun.media_id, HoldGround.LEGAL_CLAIM, "why", until)
    ground, subject = RestrictionGround.OBJECTION, RestrictionSubject.VISITOR
    restriction = NewRestriction(begun.media_id, ground, subject, "why")
    holds, restrictions = work.custody.holds, work.custody.restrictions

    async def place() -> Any:
        if what == "hold":
            return await holds.place(hold, by=work.by())
        return await restrictions.place(restriction, by=work.by())

    meanwhile(work, place)
    await leaving.leaver.turn()
    found = await leaving.exits.current(by=work.by())
    assert (found.state, found.waits_for, await left(work)) == (ExitState.READY, what, False)
    if what == "hold":
        await holds.end_expired(until)
    else:
        (placed,) = await restrictions.list(by=work.by())
        await restrictions.lift(placed.id, by=work.by())
    await leaving.leaver.turn()
    assert await left(work)
    with pytest.raises(ConflictError):
        await place()


async def test_of_staying_and_the_end_at_once_one_is_the_first(any_work: Workshop) -> None:
    """Cancelled and nothing erased, or leaving and told that it is too late."""
    leaving = await due(any_work)
    answered, _ = await asyncio.gather(
        leaving.exits.cancel(by=any_work.by()), leaving.leaver.turn(), return_exceptions=True
    )
    if isinstance(answered, BaseException):
        assert isinstance(answered, ConflictError)
        assert (await leaving.exits.current(by=any_work.by())).state is ExitState.LEAVING
        assert await left(any_work)
    else:
        assert not await left(any_work)
        await any_work.call()
