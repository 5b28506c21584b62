"""Recording that is stopped for good: by the visitor, during the call and after it, and by an agent."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.vault.calls.desk import open_desk
from tests.vault.calls.studio import SOUND_ONLY, arrivals, open_studio, until
from tests.vault.calls.test_pauses import AwayEngine, frames_of, is_captured, take_away, told
from tests.vault.media.workshop import Workshop
from tests.webrtc.publisher import Publisher, PublisherPlan
from vault.calls.calls import OpenedCall
from vault.calls.withdrawals import Withdrawals
from vault.db import tables
from vault.errors import ConflictError, ConsentMissingError, DependencyError, ForbiddenError, NotFoundError
from vault.model import ConsentChoice, Id, LegKind, MediaState, RecordingState, Role, StopRule


async def media_states(work: Workshop) -> list[str]:
    """The state of every recording."""
    async with work.database.read() as connection:
        return [row.state for row in await connection.execute(select(tables.media.c.state))]


async def keep_on_withdrawal(work: Workshop) -> None:
    """The tenant keeps what was recorded with consent."""
    await work.tenants.set_on_withdrawal(work.tenant_id, StopRule.KEEP, by=work.by())


async def begun(work: Workshop, count: int) -> None:
    """Wait until so many recordings have begun."""

    async def there() -> bool:
        return len(await media_states(work)) == count

    await until(there)


@asynccontextmanager
async def writer_busy(work: Workshop) -> AsyncIterator[None]:
    """While somebody else writes, those who want to queue up in their order."""
    async with work.database.write():
        yield


async def test_a_withdrawal_stops_every_leg_and_erases_what_was_captured(any_work: Workshop) -> None:
    """The call goes on; what comes later is not captured, nothing begins again, the receipt is complete.

    Between the request and the stop nothing waits, so not even what comes while it is written is captured.
    """
    work = any_work
    call = await work.consented()
    visitor = work.visitor(call)
    async with (
        open_studio(work) as studio,
        Publisher(PublisherPlan()) as publisher,
        Publisher(SOUND_ONLY) as agent,
        Publisher(PublisherPlan(audio=False)) as screen,
    ):
        ada = await studio.agent(call)
        legs = [
            (await studio.live(call, publisher)).leg_id,
            (await studio.live(call, agent, by=ada)).leg_id,
        ]
        await begun(work, 2)
        with arrivals() as captured:
            await until(lambda: _has(captured, 20))
            asked_s = time.monotonic()
            stopped = await studio.withdrawals.withdraw(call.id, by=visitor)
            assert (stopped.state, stopped.rule) == (RecordingState.WITHDRAWN, StopRule.ERASE)
            assert await media_states(work) == ["erasing", "erasing"]
            shared = (await studio.live(call, screen, by=ada, kind=LegKind.SCREEN)).leg_id
            await asyncio.sleep(0.5)
        assert max(captured) <= asked_s
        assert studio.stage.floor.legs[shared].capture is None
        assert (await studio.rows(call))[0] == "live"
        assert await studio.withdrawals.withdraw(call.id, by=visitor) == stopped
        await _no_second_consent(work, call)
        assert await work.keeper.turn() == 0
        assert studio.heard(ada.id, "call.recording_changed")[0]["state"] == "withdrawn"
        await studio.legs.hang_up(call.id, legs[0], by=visitor)
        await studio.over(call)
        assert studio.ended == []
    assert await media_states(work) == ["erased", "erased"]
    assert await work.objects() == []
    assert "consent.withdrawn" in await told(work, call)
    (request,) = await work.requests.list(by=work.by())
    assert (request.reason, request.complete, len(request.items)) == ("consent_withdrawn", True, 2)


async def _has(captured: list[float], count: int) -> bool:
    return len(captured) >= count


async def _no_second_consent(work: Workshop, call: OpenedCall) -> None:
    """Who took a yes back presses the button again for another call."""
    with pytest.raises(ConflictError):
        await work.calls.answer_notice(
            call.id,
            ConsentChoice.ACCEPTED,
            notice_hash=call.notice.hash,
            language="en",
            by=work.visitor(call),
        )


async def test_a_company_may_keep_what_was_recorded_with_consent(work: Workshop) -> None:
    """The recording ends there, is finished, and its manifest says so."""
    await keep_on_withdrawal(work)
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(PublisherPlan()) as publisher:
        leg_id = (await studio.live(call, publisher)).leg_id
        await begun(work, 1)
        capture = studio.stage.floor.legs[leg_id].capture
        assert capture is not None
        stopped = await studio.withdrawals.withdraw(call.id, by=work.visitor(call))
        assert stopped.rule is StopRule.KEEP
        await asyncio.wait_for(capture.done(), 10)
        await studio.legs.hang_up(call.id, leg_id, by=work.visitor(call))
        await studio.over(call)
        assert capture.begun is not None
        assert await work.keeper.turn() == 0
        assert await work.finish.finish(capture.begun.media_id) is MediaState.READY
    manifest = await work.manifest(capture.begun)
    assert manifest["end_reason"] == "consent_withdrawn"
    assert manifest["consent"]["choice"] == "withdrawn"
    assert manifest["consent"]["withdrawn_at"] >= manifest["consent"]["at"]


@pytest.mark.parametrize("rule", StopRule)
async def test_a_withdrawal_after_the_call_reaches_the_finished_recording(
    work: Workshop, rule: StopRule
) -> None:
    """From the end page, while the visitor's token lives."""
    await work.tenants.set_on_withdrawal(work.tenant_id, rule, by=work.by())
    call = await work.consented()
    await work.ready(call=call)
    async with open_studio(work) as studio:
        await studio.withdrawals.withdraw(call.id, by=work.visitor(call))
    assert await work.keeper.turn() == 0
    assert await media_states(work) == ["erased" if rule is StopRule.ERASE else "ready"]


async def test_what_a_crash_left_between_withdrawal_and_erasure_is_finished(work: Workshop) -> None:
    """The row is the truth: the keeper of the next process asks and erases."""
    call = await work.consented()
    await work.ready(call=call)

    async def dies(*_: object) -> None:
        raise DependencyError("away")

    async with open_studio(work) as studio:
        floor, tellings = studio.stage.floor, studio.stage.tellings
        dying = Withdrawals(work.database, work.ledger, work.calls, floor, tellings, work.clock)
        dying.erase_with(dies)
        await dying.withdraw(call.id, by=work.visitor(call))
    assert await media_states(work) == ["ready"]
    after = await work.reborn()
    assert await after.keeper.turn() == 0
    assert await media_states(after) == ["erased"]


async def test_a_database_that_is_away_does_not_keep_the_capture_running(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops at once, the visitor is told to try again, and it is written when the database is back."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        leg_id = (await studio.live(call, publisher)).leg_id
        await is_captured(studio, leg_id)
        monkeypatch.setattr(work.database, "_writer", AwayEngine())
        with pytest.raises(DependencyError):
            await studio.withdrawals.withdraw(call.id, by=work.visitor(call))
        taken = await frames_of(studio, leg_id)
        monkeypatch.undo()
        writing = asyncio.create_task(studio.withdrawals.run())
        await until(lambda: _is_withdrawn(work, call.id))
        writing.cancel()
        assert await frames_of(studio, leg_id) == taken


async def _is_withdrawn(work: Workshop, call_id: Id) -> bool:
    view = await work.calls.view(call_id, by=work.by())
    return view.consent is ConsentChoice.WITHDRAWN


@pytest.mark.parametrize("rule", StopRule)
async def test_a_withdrawal_that_overlaps_the_first_join_is_heeded(work: Workshop, rule: StopRule) -> None:
    """Its page was reconnecting: nothing of the call is known here yet, and its row still says yes."""
    await work.tenants.set_on_withdrawal(work.tenant_id, rule, by=work.by())
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        async with asyncio.TaskGroup() as group, writer_busy(work):
            group.create_task(studio.withdrawals.withdraw(call.id, by=work.visitor(call)))
            await asyncio.sleep(0.02)
            joining = group.create_task(studio.join(call, publisher))
            await asyncio.sleep(0.3)  # it has read the call
        leg = studio.stage.floor.legs[joining.result().leg_id]
        assert (leg.recording, leg.capture) == (RecordingState.WITHDRAWN, None)
        await studio.legs.hang_up(call.id, leg.id, by=work.visitor(call))
    assert await media_states(work) == []


@pytest.mark.parametrize(
    "state", [RecordingState.WITHDRAWN, RecordingState.NOT_RECORDED, RecordingState.PAUSED]
)
async def test_what_is_written_while_a_leg_joins_holds_for_it(work: Workshop, state: RecordingState) -> None:
    """Written by somebody of whom this process's memory knows nothing: the rows are read under their lock."""
    call = await work.consented()
    async with (
        open_studio(work) as studio,
        open_studio(work) as other,
        Publisher(SOUND_ONLY) as publisher,
    ):
        ada = await studio.agent(call)
        acts: dict[RecordingState, Callable[[], Coroutine[Any, Any, object]]] = {
            RecordingState.WITHDRAWN: lambda: other.withdrawals.withdraw(call.id, by=work.visitor(call)),
            RecordingState.NOT_RECORDED: lambda: other.withdrawals.unrecord(call.id, by=ada),
            RecordingState.PAUSED: lambda: other.pauses.begin(call.id, by=ada),
        }
        async with asyncio.TaskGroup() as group, writer_busy(work):
            group.create_task(acts[state]())
            await asyncio.sleep(0.1)
            joining = group.create_task(studio.join(call, publisher))
            await asyncio.sleep(0.3)  # it has read the call
        leg = studio.stage.floor.legs[joining.result().leg_id]
        assert leg.recording is state
        assert leg.peer._sink is None
        await studio.legs.hang_up(call.id, leg.id, by=work.visitor(call))


@pytest.mark.parametrize("choice", [None, ConsentChoice.REFUSED])
async def test_there_is_nothing_to_take_back_without_a_yes(
    work: Workshop, choice: ConsentChoice | None
) -> None:
    """An unanswered notice, a no; and nobody takes another's consent back."""
    call = await work.call() if choice is None else await work.consented(choice)
    async with open_studio(work) as studio:
        with pytest.raises(ConsentMissingError if choice is None else ConflictError):
            await studio.withdrawals.withdraw(call.id, by=work.visitor(call))
        with pytest.raises(ForbiddenError):
            await studio.withdrawals.withdraw(call.id, by=work.by())
        other = await work.consented()
        with pytest.raises(NotFoundError):
            await studio.withdrawals.withdraw(call.id, by=work.visitor(other))


async def test_an_agent_stops_the_recording_of_a_call_and_keeps_what_was(work: Workshop) -> None:
    """For the rest of the call, whoever joins; a pause does not bring it back; the visitor is told."""
    call = await work.consented()
    async with (
        open_studio(work) as studio,
        Publisher(SOUND_ONLY) as publisher,
        Publisher(SOUND_ONLY) as agent,
    ):
        ada, outsider = await studio.agent(call), await studio.agent()
        leg_id = (await studio.live(call, publisher)).leg_id
        await begun(work, 1)
        with pytest.raises(ConflictError, match="not in this call"):
            await studio.withdrawals.unrecord(call.id, by=outsider)
        with pytest.raises(ForbiddenError):
            await studio.withdrawals.unrecord(call.id, by=work.visitor(call))
        stopped = await studio.withdrawals.unrecord(call.id, by=ada)
        assert (stopped.state, stopped.rule) == (RecordingState.NOT_RECORDED, StopRule.KEEP)
        assert studio.heard(call.id, "call.recording_changed")[-1]["state"] == "not_recorded"
        taken = await frames_of(studio, leg_id)
        pause = await studio.pauses.begin(call.id, by=ada)
        await studio.pauses.resume(call.id, pause.id, by=ada)
        joined = (await studio.live(call, agent, by=ada)).leg_id
        await asyncio.sleep(0.8)
        assert await frames_of(studio, leg_id) == taken
        assert studio.stage.floor.legs[joined].capture is None
        await studio.legs.hang_up(call.id, leg_id, by=work.visitor(call))
        await studio.over(call)
        (media_id,) = studio.ended
        assert await work.finish.finish(media_id) is MediaState.READY
    assert "call.unrecorded" in await told(work, call)


async def test_an_agents_stop_waits_for_no_database(work: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds at once for who is in the call; it is written when the database is back."""
    call = await work.consented()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as publisher:
        ada = await studio.agent(call)
        leg_id = (await studio.live(call, publisher, by=ada)).leg_id
        await is_captured(studio, leg_id)
        take_away(work, monkeypatch)
        with pytest.raises(DependencyError):
            await studio.withdrawals.unrecord(call.id, by=ada)
        taken = await frames_of(studio, leg_id)
        await asyncio.sleep(0.3)
        assert await frames_of(studio, leg_id) == taken
        monkeypatch.undo()
        writing = asyncio.create_task(studio.withdrawals.run())

        async def is_written() -> bool:
            return (await work.calls.view(call.id, by=work.by())).unrecorded

        await until(is_written)
        writing.cancel()
        await studio.legs.hang_up(call.id, leg_id, by=ada)


async def test_a_call_taken_as_an_unrecorded_one_leaves_no_recording(work: Workshop) -> None:
    """What was recorded while the visitor waited is erased; that it is owed is written as it is taken."""
    async with (
        open_desk(work) as desk,
        open_studio(work) as studio,
        Publisher(SOUND_ONLY) as publisher,
    ):
        ada = (await desk.agent("Ada")).who
        call = await work.consented(button=await desk.button())
        leg_id = (await studio.live(call, publisher)).leg_id
        await begun(work, 1)
        await desk.ringing.visitor_joined(await work.calls.view(call.id, by=ada))
        assert (await desk.ringing.take(call.id, by=ada, recorded=False)).call.unrecorded
        assert [reason for *_, reason in await work.recordings.stopped(limit=9)] == ["not_recorded"]
        for _ in range(2):
            assert (await studio.withdrawals.unrecord(call.id, by=ada)).rule is StopRule.ERASE
            assert await media_states(work) == ["erasing"]
        assert (await told(work, call)).count("call.unrecorded") == 1
        assert await work.keeper.turn() == 0
        await studio.legs.hang_up(call.id, leg_id, by=work.visitor(call))
    assert await media_states(work) == ["erased"]
    (request,) = await work.requests.list(by=work.by(Role.AUDITOR))
    assert request.reason == "not_recorded"


async def test_a_keeper_that_comes_late_erases_only_what_should_be(work: Workshop) -> None:
    """Kept by the tenant's rule, kept by an agent, and a call that nobody stopped stay."""
    for rule in StopRule:
        await work.tenants.set_on_withdrawal(work.tenant_id, rule, by=work.by())
        call = await work.consented()
        await work.ready(call=call)
        async with open_studio(work) as studio:
            await studio.withdrawals.withdraw(call.id, by=work.visitor(call))
    unrecorded, other = await work.consented(), await work.consented()
    await work.ready(call=unrecorded)
    await work.ready(call=other)
    async with work.database.write() as connection:
        await connection.execute(
            update(tables.calls)
            .where(tables.calls.c.id == unrecorded.id)
            .values(unrecorded_at=work.clock.now(), unrecorded_rule=StopRule.KEEP.value)
        )
    assert await work.keeper.turn() == 0
    assert sorted(await media_states(work)) == ["erased", "ready", "ready", "ready"]
