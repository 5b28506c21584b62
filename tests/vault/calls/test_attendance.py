"""A call whose taker never comes goes back to the others: every rule, on real tables and with real legs."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.vault.calls.desk import Desk, open_desk
from tests.vault.calls.studio import SOUND_ONLY, Studio, open_studio, until
from tests.vault.media.workshop import Workshop, open_workshop
from tests.webrtc.publisher import Publisher
from vault.calls.attendance import AWAY, Attendance
from vault.clock import TurnableClock
from vault.db.tables import legs, participants
from vault.errors import ConflictError
from vault.model import new_id

DEADLINE = timedelta(seconds=20)


@pytest.fixture
async def turned(tmp_path: Path) -> AsyncIterator[tuple[Desk, TurnableClock]]:
    """A desk with the usual deadline, whose time stands still until it is turned."""
    clock = TurnableClock(datetime(2026, 11, 23, 9, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work, open_desk(work, take_deadline_s=20) as opened:
        yield opened, clock


async def part(work: Workshop, person_id: str) -> Any:
    """Somebody's one participation."""
    async with work.database.read() as connection:
        query = select(participants).where(participants.c.person_id == person_id)
        return (await connection.execute(query)).one()


async def test_a_taker_who_never_comes_loses_the_call(
    turned: tuple[Desk, TurnableClock],
) -> None:
    """Not a moment before the deadline; then the visitor is told its place again and another takes it."""
    desk, clock = turned
    ada, ben = await desk.agent("Ada"), await desk.agent("Ben")
    call, visitor, _ = await desk.press()
    await desk.ringing.take(call.id, by=ada.who)
    clock.turn(DEADLINE - timedelta(seconds=1))
    assert await desk.ringing.look() == 1.0
    for screen in (ada, ben, visitor):
        screen.heard()
    clock.turn(timedelta(seconds=1))
    await desk.ringing.look()
    assert ada.heard() == [("call.gone", {"call_id": call.id, "reason": "timed_out"})]
    assert ben.types() == ["call.ringing"]
    assert visitor.heard() == [("call.ringing", {"position": 1, "agents": 1})]
    assert (await part(desk.work, ada.who.id)).left_at == clock.now()
    assert (await desk.ringing.snapshot(ada.who))["calls"] == []
    with pytest.raises(ConflictError, match="take it first"):
        await desk.join(call.id, ada.who)
    with pytest.raises(ConflictError, match="does not ring for you"):
        await desk.ringing.take(call.id, by=ada.who)
    assert (await desk.ringing.take(call.id, by=ben.who)).call.taken_by == ben.who.id
    await desk.join(call.id, ben.who)
    clock.turn(DEADLINE)
    assert await desk.ringing.look() is None
    assert visitor.types() == ["call.taken"]


async def test_when_nobody_is_left_the_visitor_is_told(turned: tuple[Desk, TurnableClock]) -> None:
    """The only one there took it and did not come: the call goes on as a message."""
    desk, clock = turned
    ada = await desk.agent("Ada")
    call, visitor, _ = await desk.press()
    await desk.ringing.take(call.id, by=ada.who)
    clock.turn(DEADLINE)
    await desk.ringing.look()
    assert visitor.types()[-1] == "call.nobody"
    shown = (await desk.ringing.snapshot(visitor.who))["call"]
    assert (shown["nobody"], shown["taken_by"]) == (True, None)  # type: ignore[index]


async def test_a_taker_who_was_heard_keeps_the_call(turned: tuple[Desk, TurnableClock]) -> None:
    """A leg that has ended is waited for a little; one that never came up counts for nothing."""
    desk, clock = turned
    ada = await desk.agent("Ada")
    call, _, visitors = await desk.press()
    await desk.ringing.take(call.id, by=ada.who)
    leg_id = await desk.join(call.id, ada.who)
    with pytest.raises(ConflictError):
        await desk.ringing.decline(call.id, by=ada.who)
    await desk.work.calls.leg_ended(call.id, leg_id, reason="silent")
    clock.turn(AWAY - timedelta(seconds=1))
    assert await desk.ringing.look() == 1.0
    assert (await desk.ringing.take(call.id, by=ada.who)).call.taken_by == ada.who.id
    await desk.leave(call, visitors)
    other, _, _ = await desk.press()
    await desk.ringing.take(other.id, by=ada.who)
    dead, view = new_id("leg"), await desk.work.calls.ready_for_leg(other.id, by=ada.who)
    await desk.work.calls.leg_joined(view, dead, ada.who)
    await desk.work.calls.leg_ended(other.id, dead, reason="setup_timeout")
    await desk.work.calls.leg_joined(view, dead := new_id("leg"), ada.who)  # and may try again
    clock.turn(DEADLINE)
    await desk.ringing.look()
    assert (await desk.work.calls.view(other.id, by=ada.who)).taken_by is None


async def test_a_taker_gives_it_back_at_once_by_declining(any_work: Workshop) -> None:
    """Declining twice is harmless; they are free for the next call, and not rung by this one again."""
    async with open_desk(any_work) as desk:
        ada, ben = await desk.agent("Ada"), await desk.agent("Ben")
        call, visitor, _ = await desk.press()
        await desk.ringing.take(call.id, by=ada.who)
        ada.heard()
        with pytest.raises(ConflictError):
            await desk.ringing.decline(call.id, by=ben.who)
        ben.heard()
        for _ in range(2):
            await desk.ringing.decline(call.id, by=ada.who)
        assert ada.heard() == [("call.gone", {"call_id": call.id, "reason": "declined"})]
        assert ben.types() == ["call.ringing"]
        assert visitor.types()[-1] == "call.ringing"
        await desk.press()
        assert ada.types() == ["call.ringing"]


async def test_the_deadline_stands_in_the_tables(any_work: Workshop) -> None:
    """Another process gives back what this one let be taken; of two that look at once one tells it."""
    async with (
        open_desk(any_work) as desk,
        open_desk(await any_work.reborn(), take_deadline_s=0.5) as other,
    ):
        ada = await desk.agent("Ada")
        call, _, _ = await desk.press()
        await desk.ringing.take(call.id, by=ada.who)
        screen = other.screen(ada.who)
        await asyncio.sleep(0.6)
        await asyncio.gather(other.ringing.look(), other.ringing.look())
        assert screen.types().count("call.gone") == 1
        assert (await desk.work.calls.view(call.id, by=ada.who)).taken_by is None


async def test_a_leg_that_comes_up_too_late_is_ended(work: Workshop) -> None:
    """With what they watched; a leg that can be heard keeps the call, whatever its row says."""
    async with open_desk(work) as desk, open_studio(work) as studio:
        ada = await desk.agent("Ada")
        call, _, _ = await desk.press()
        await desk.ringing.take(call.id, by=ada.who)
        attendance = Attendance(studio.stage.floor, take_deadline_s=0)
        async with Publisher(SOUND_ONLY) as late, Publisher(SOUND_ONLY) as heard:
            await studio.join(call, late, by=ada.who)
            await attendance.let_go(call.id, ada.who.id)
            await until(lambda: _is_empty(studio))
            answered = await studio.live(call, heard, by=ada.who)
            assert studio.stage.floor.legs[answered.leg_id].is_live
            async with work.database.write() as connection:
                assert await attendance.overdue(connection, at=work.clock.now()) == []


async def _is_empty(studio: Studio) -> bool:
    return not studio.legs.live


async def test_a_call_whose_agent_was_lost_rings_again(turned: tuple[Desk, TurnableClock]) -> None:
    """Nobody stays alone on the line: after a little it rings for all again, whoever declined it before."""
    desk, clock = turned
    ada, ben = await desk.agent("Ada"), await desk.agent("Ben")
    call, visitor, _ = await desk.press()
    await desk.ringing.decline(call.id, by=ben.who)
    await desk.ringing.take(call.id, by=ada.who)
    leg_id = await desk.join(call.id, ada.who)
    await desk.work.calls.leg_ended(call.id, leg_id, reason="silent")
    for screen in (ada, ben, visitor):
        screen.heard()
    clock.turn(AWAY)
    await desk.ringing.look()
    assert (ada.types(), ben.types()) == (["call.ringing"], ["call.ringing"])
    assert visitor.heard() == [("call.ringing", {"position": 1, "agents": 2})]
    taken = await desk.ringing.take(call.id, by=ben.who)
    assert taken.call.taken_by == ben.who.id


async def test_a_call_rings_again_whose_agents_new_leg_never_came_up(
    turned: tuple[Desk, TurnableClock],
) -> None:
    """The old leg ended for a new one, that one never connected, and the laptop is gone: it rings for all."""
    desk, clock = turned
    ada, ben = await desk.agent("Ada"), await desk.agent("Ben")
    call, _, _ = await desk.press()
    await desk.ringing.take(call.id, by=ada.who)
    old, new = await desk.join(call.id, ada.who), new_id("leg")
    view = await desk.work.calls.ready_for_leg(call.id, by=ada.who)
    await desk.work.calls.leg_ended(call.id, old, reason="replaced", call_goes_on=True)
    await desk.work.calls.leg_joined(view, new, ada.who)
    clock.turn(timedelta(seconds=15))
    await desk.work.calls.leg_ended(call.id, new, reason="setup_timeout", call_goes_on=True)
    ben.heard()
    clock.turn(AWAY)
    await desk.ringing.look()
    assert ben.types() == ["call.ringing"]


async def test_an_agent_who_comes_back_late_has_the_call_again(turned: tuple[Desk, TurnableClock]) -> None:
    """It rings no more, and whoever was rung learns who has it."""
    desk, clock = turned
    ada, ben = await desk.agent("Ada"), await desk.agent("Ben")
    call, _, _ = await desk.press()
    await desk.ringing.take(call.id, by=ada.who)
    leg_id = await desk.join(call.id, ada.who)
    await desk.work.calls.leg_ended(call.id, leg_id, reason="silent")
    clock.turn(AWAY)
    await desk.ringing.look()
    await desk.join(call.id, ada.who)
    for _ in range(2):
        await desk.ringing.agent_joined(call.id, ada.who.id)
    assert ben.types()[-1] == "call.taken"
    assert (await desk.work.calls.view(call.id, by=ada.who)).taken_by == ada.who.id
    assert {state for _, state in await desk.rings(call.id)} == {"taken", "gone"}


async def test_an_agent_who_hung_up_ended_the_talk(turned: tuple[Desk, TurnableClock]) -> None:
    """Who leaves on purpose leaves a visitor who was told so: the call rings for nobody."""
    desk, clock = turned
    ada = await desk.agent("Ada")
    call, _, _ = await desk.press()
    await desk.ringing.take(call.id, by=ada.who)
    leg_id = await desk.join(call.id, ada.who)
    await desk.work.calls.leg_ended(call.id, leg_id, reason="hangup")
    ada.heard()
    clock.turn(AWAY * 2)
    assert await desk.ringing.look() is None
    assert ada.heard() == []


async def test_an_agent_whose_leg_has_no_row_keeps_the_call_and_costs_no_rush(work: Workshop) -> None:
    """The leg is there, whatever the rows say: the call does not ring, and is looked at once a second."""
    async with open_desk(work) as desk, open_studio(work) as studio:
        desk.ringing._attendance._floor = studio.stage.floor
        ada = await desk.agent("Ada")
        call, _, _ = await desk.press()
        await desk.ringing.take(call.id, by=ada.who)
        async with Publisher(SOUND_ONLY) as publisher:
            answered = await studio.live(call, publisher, by=ada.who)
            long_ago = {"state": "ended", "end_reason": "silent", "ended_at": work.clock.now() - AWAY * 2}
            async with work.database.write() as connection:
                await connection.execute(update(legs).where(legs.c.id == answered.leg_id).values(long_ago))
            due_s = await desk.ringing.look()
            assert due_s is not None
            assert due_s > 0.5
            assert (await work.calls.view(call.id, by=ada.who)).taken_by == ada.who.id


async def test_who_is_not_there_keeps_nobody_waiting(any_work: Workshop) -> None:
    """A visitor who was lost keeps the place for a while, and those behind are told theirs without it."""
    async with open_desk(any_work) as desk:
        await desk.agent("Ada")
        button = await desk.button()
        first, _, leg_id = await desk.press(button)
        _, second, _ = await desk.press(button)
        assert second.heard()[-1] == ("call.ringing", {"position": 2, "agents": 1})
        await any_work.calls.leg_ended(first.id, leg_id, reason="silent", call_goes_on=True)
        await desk.ringing.look()
        assert second.heard() == [("call.ringing", {"position": 1, "agents": 1})]
        visitor, view = any_work.visitor(first), await any_work.calls.view(first.id, by=any_work.by())
        await any_work.calls.leg_joined(view, new_id("leg"), visitor)
        await desk.ringing.visitor_joined(view)
        assert second.heard() == [("call.ringing", {"position": 2, "agents": 1})]
