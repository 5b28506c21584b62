"""A rule made shorter for what is there: nothing before its day, cancelled until then, never longer."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Workshop, open_workshop
from vault.clock import TurnableClock
from vault.db.tables import leaves, retention_changes
from vault.errors import ConflictError, ForbiddenError, NotFoundError
from vault.model import (
    HoldGround,
    Id,
    MediaState,
    RestrictionGround,
    RestrictionSubject,
    Role,
    RuleKind,
    new_id,
)
from vault.rights.changes import Change, ChangeState, Wanted
from vault.rights.holds import NewHold
from vault.rights.keeper import RETENTION_EVERY_S
from vault.rights.replaying import Replay
from vault.rights.restrictions import NewRestriction

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
DAYS = 30  # of the workshop's buttons, and to think
R = RuleKind


@pytest.fixture
async def timed(tmp_path: Path) -> AsyncIterator[Workshop]:
    """Rooms whose clock the test turns."""
    async with open_workshop(tmp_path, clock=TurnableClock(START)) as opened:
        yield opened


async def later(work: Workshop, **time: float) -> None:
    """Let time pass, and the keeper look."""
    assert isinstance(work.clock, TurnableClock)
    work.clock.turn(timedelta(**time) + timedelta(seconds=RETENTION_EVERY_S))
    await work.keeper.turn()


async def long_kept(work: Workshop, days: int = 300) -> tuple[Id, Id]:
    """A recording that is kept for long, and its button."""
    button = await work.button()
    await work.custody.rules.set(R.RECORDING, days, button_id=button.id, by=work.by())
    call = await work.consented(button=button)
    return (await work.ready((), call)).media_id, button.id


async def asked(work: Workshop, wanted: Wanted) -> Change:
    """Looked at, and asked for."""
    seen = await work.custody.changes.preview(wanted, by=work.by())
    return await work.custody.changes.ask(wanted, moves=seen.moves, by=work.by())


async def state_of(work: Workshop, media_id: Id) -> MediaState:
    """What became of an item."""
    return (await work.library.get(media_id, by=work.by())).state


async def test_a_look_counts_and_does_nothing(any_work: Workshop) -> None:
    """What would end earlier, what of it at once; what has a shorter end anyway is not counted."""
    work = any_work
    media_id, button_id = await long_kept(work)
    for days, told in ((10, (1, 1)), (100, (1, 0)), (300, (0, 0)), (400, (0, 0))):
        seen = await work.custody.changes.preview(Wanted(R.RECORDING, days, button_id), by=work.by())
        assert (seen.moves, seen.goes_at_once) == told, days
        if seen.moves:
            item = await work.library.get(media_id, by=work.by())
            end = item.created_at + timedelta(days=days)
            assert seen.earliest == max(end, seen.applies_at)
    seen = await work.custody.changes.preview(Wanted(R.RECORDING, 10, None), by=work.by())
    assert seen.moves == 0  # the button has a rule of its own
    for kind in (R.CALL, R.NOTE, R.EXPORT):
        await work.custody.changes.preview(Wanted(kind, 1, button_id), by=work.by())


async def test_a_look_counts_what_is_kept_whatever_its_end(any_work: Workshop) -> None:
    """By a hold or a restriction, on itself or on its call; each thing once."""
    work, by = any_work, any_work.by()
    media_id, button_id = await long_kept(work)
    call_id = (await work.library.get(media_id, by=by)).call_id
    until = work.clock.now() + timedelta(days=9)

    async def kept() -> list[int]:
        looks = [await work.custody.changes.preview(Wanted(kind, 1, button_id), by=by) for kind in R]
        return [seen.kept for seen in looks]

    assert await kept() == [0, 0, 0, 0]
    hold = NewHold(media_id, HoldGround.AUTHORITY, "a court asks", until)
    await work.custody.holds.place(hold, by=by)
    seen = await work.custody.changes.preview(Wanted(R.RECORDING, 10, button_id), by=by)
    assert (seen.moves, seen.kept) == (1, 1)
    ground, subject = RestrictionGround.OBJECTION, RestrictionSubject.VISITOR
    await work.custody.restrictions.place(NewRestriction(call_id, ground, subject, "objects"), by=by)
    assert (await kept())[0] == 1


async def test_nothing_goes_before_the_old_rule_said_until_the_change_applies(timed: Workshop) -> None:
    """Thirty days to think; then what is over by the new rule goes in the same look."""
    media_id, button_id = await long_kept(timed)
    change = await asked(timed, Wanted(R.RECORDING, 10, button_id))
    assert change.applies_at == START + timedelta(days=DAYS)
    await later(timed, days=DAYS - 1)
    assert await state_of(timed, media_id) is not MediaState.ERASED
    item = await timed.library.get(media_id, by=timed.by())
    assert (item.retain_until - item.created_at).days == 300
    await later(timed, days=1)
    assert await state_of(timed, media_id) is MediaState.ERASED
    assert (await timed.custody.changes.get(change.id, by=timed.by())).state is ChangeState.APPLIED


async def test_a_change_can_be_cancelled_until_it_applies(timed: Workshop) -> None:
    """Then everything keeps the end that it had; applied is applied."""
    media_id, button_id = await long_kept(timed)
    change = await asked(timed, Wanted(R.RECORDING, 10, button_id))
    cancelled = await timed.custody.changes.cancel(change.id, by=timed.by())
    assert cancelled.state is ChangeState.CANCELLED
    await later(timed, days=DAYS * 2)
    assert await state_of(timed, media_id) is not MediaState.ERASED
    with pytest.raises(ConflictError):
        await timed.custody.changes.cancel(change.id, by=timed.by())
    second = await asked(timed, Wanted(R.RECORDING, 100, button_id))
    await later(timed, days=DAYS)
    with pytest.raises(ConflictError):
        await timed.custody.changes.cancel(second.id, by=timed.by())
    told = [entry.type for entry in await timed.ledger.history(button_id)]
    assert told[:4] == [
        "retention.change_applied",
        "retention.change_asked",
        "retention.change_cancelled",
        "retention.change_asked",
    ]


@pytest.mark.parametrize("leaf", ["of today", "older"])
@pytest.mark.parametrize("place", ["button", "company"])
async def test_what_was_cancelled_is_cancelled_again_in_a_database_that_was_set_back(
    any_work: Workshop, leaf: str, place: str
) -> None:
    """The one that its entry names; an older entry names none, then of several alike the next to apply."""
    work = any_work
    button = await work.button()
    await work.ready((), await work.consented(button=button))
    await work.custody.rules.unset(R.RECORDING, button_id=button.id, by=work.by())
    where = button.id if place == "button" else None
    first, second = [await asked(work, Wanted(R.RECORDING, 10, where)) for _ in range(2)]
    other = await asked(work, Wanted(R.RECORDING, 11, where))
    await work.custody.changes.cancel(second.id, by=work.by())
    async with work.database.write() as connection:
        newest = select(leaves.c.leaf).order_by(leaves.c.leaf_index.desc()).limit(1)
        told = json.loads((await connection.execute(newest)).scalar_one())
        if leaf == "older":
            del told["change"]
        waiting = update(retention_changes).values(state=ChangeState.WAITING.value, ended_at=None)
        await connection.execute(waiting)
        for _ in range(2 if leaf == "of today" else 1):
            await Replay(work.requests, work.clock).run(connection, [json.dumps(told)])
    states = [
        (await work.custody.changes.get(each.id, by=work.by())).state for each in (first, second, other)
    ]
    ended, lasts = ChangeState.CANCELLED, ChangeState.WAITING
    assert states == ([ended, lasts, lasts] if leaf == "older" else [lasts, ended, lasts])


async def test_a_look_that_is_old_is_no_look(any_work: Workshop) -> None:
    """Another number by now, or none: look again."""
    media_id, button_id = await long_kept(any_work)
    assert media_id
    for days, moves in ((10, 2), (300, 0), (300, 1)):
        with pytest.raises(ConflictError):
            await any_work.custody.changes.ask(
                Wanted(R.RECORDING, days, button_id), moves=moves, by=any_work.by()
            )


async def test_a_call_and_a_longer_rule(timed: Workshop) -> None:
    """What the page told goes by the days of the change; nothing is kept for longer than it was."""
    button = await timed.button()
    call = await timed.consented(button=button)
    await later(timed, hours=2)  # nobody joined: it ends
    change = await asked(timed, Wanted(R.CALL, 5, button.id))
    assert change.moves == 1
    seen = await timed.custody.changes.preview(Wanted(R.CALL, 300, button.id), by=timed.by())
    assert seen.moves == 0
    await timed.custody.changes.cancel(change.id, by=timed.by())
    await later(timed, days=DAYS - 2)
    assert await timed.requests.request_of(call.id) is None


async def test_of_applying_and_cancelling_at_once_one_is_the_first(any_work: Workshop) -> None:
    """Whoever was first, the state and the ends agree."""
    work = any_work
    for _ in range(3):
        media_id, button_id = await long_kept(work)
        change = await asked(work, Wanted(R.RECORDING, 10, button_id))
        await asyncio.gather(
            work.custody.changes.apply_due(change.applies_at),
            work.custody.changes.cancel(change.id, by=work.by()),
            return_exceptions=True,
        )
        found = await work.custody.changes.get(change.id, by=work.by())
        item = await work.library.get(media_id, by=work.by())
        days = (item.retain_until - item.created_at).days
        assert days == (10 if found.state is ChangeState.APPLIED else 300)


async def test_a_crash_leaves_a_change_whole(work: Workshop) -> None:
    """Enumerated: applied with all its ends, or waiting with none; the next look finishes it."""
    counted = Wire()
    media_id, button_id = await long_kept(work)
    change = await asked(work, Wanted(R.RECORDING, 10, button_id))
    await (await work.reborn(counted)).custody.changes.apply_due(change.applies_at)
    for number in range(1, len(counted.steps) + 1):
        media_id, button_id = await long_kept(work)
        change = await asked(work, Wanted(R.RECORDING, 10, button_id))
        dying = await work.reborn(Wire(number))
        with pytest.raises(Crash):
            await dying.custody.changes.apply_due(change.applies_at)
        after = await work.reborn()
        await after.custody.changes.apply_due(change.applies_at)
        item = await after.library.get(media_id, by=after.by())
        assert (item.retain_until - item.created_at).days == 10, counted.steps[number - 1]


async def test_who_may_and_whose_it_is(any_work: Workshop) -> None:
    """A supervisor looks and asks for nothing; a foreign button or change is a missing one."""
    changes = any_work.custody.changes
    _, button_id = await long_kept(any_work)
    wanted = Wanted(R.RECORDING, 10, button_id)
    change = await asked(any_work, wanted)
    stranger = any_work.by(tenant_id=await any_work.tenants.add(name="Other", retention_days=7))
    with pytest.raises(ForbiddenError):
        await changes.cancel(change.id, by=any_work.by(Role.SUPERVISOR))
    assert (await changes.preview(wanted, by=any_work.by(Role.SUPERVISOR))).moves == 1
    with pytest.raises(NotFoundError):
        await changes.preview(wanted, by=stranger)
    for change_id in (change.id, new_id("rtc")):
        with pytest.raises(NotFoundError):
            await changes.cancel(change_id, by=stranger)
    assert await changes.list(by=stranger) == []
    assert [one.id for one in await changes.list(by=any_work.by())] == [change.id]
