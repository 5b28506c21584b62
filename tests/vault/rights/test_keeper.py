"""The jobs: what is pending is carried again and again, what is over is erased on time and not before."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from storage.errors import UnavailableError
from storage.memory import MemoryStore
from storage.store import StoredObject
from tests.vault.media.workshop import Workshop, open_workshop
from tests.vault.rights.traces import receipt_of
from vault.clock import TurnableClock
from vault.db.tables import legs
from vault.errors import DependencyError
from vault.model import ErasureReason, Id, LegState, MediaState, new_id
from vault.rights.keeper import RETENTION_EVERY_S, Keeper

START = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize(("days", "over"), [(29.99, False), (30.01, True)])
async def test_a_recording_is_erased_when_its_time_is_over_and_not_before(
    tmp_path: Path,
    days: float,
    over: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """P15: the button's retention, counted from the recording's beginning."""
    clock = TurnableClock(START)
    async with open_workshop(tmp_path, clock=clock) as work:
        begun = await work.ready()
        clock.turn(timedelta(days=days))
        assert await work.keeper.turn() == 0
        item = await work.library.get(begun.media_id, by=work.by())
        assert (item.state is MediaState.ERASED) is over
        if over:
            assert item.deletion_request_id is not None
            (entry,) = (await receipt_of(work, item.deletion_request_id)).entries
            assert entry.fields["reason"] == "retention"


async def test_retention_ends_what_could_not_be_finished_as_well(tmp_path: Path) -> None:
    """A recording that no finisher gets through, or that was lost, is kept no longer than a good one."""
    clock = TurnableClock(START)
    async with open_workshop(tmp_path, clock=clock) as work:
        unfinished, lost = await work.ended(), await work.ready(())
        clock.turn(timedelta(days=31))
        await work.keeper.turn()
        states = [
            (await work.library.get(begun.media_id, by=work.by())).state for begun in (unfinished, lost)
        ]
        assert states == [MediaState.ERASED, MediaState.ERASED]


class WaveringStore(MemoryStore):
    """Away until told otherwise."""

    away = False

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """List, or not."""
        if self.away:
            raise UnavailableError("away")
        async for stored in super().list(prefix):
            yield stored


async def test_the_job_carries_on_when_the_store_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that is away costs time: the job asks again, and a call of wake is answered at once."""
    monkeypatch.setattr("vault.rights.keeper.AGAIN_S", 0.05)
    store = WaveringStore(country="FR")
    async with open_workshop(tmp_path, store=store) as work:
        begun = await work.ready()
        running = asyncio.create_task(work.keeper.run(), name="keeper")
        await asyncio.sleep(0.05)
        store.away = True
        await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
        work.keeper.wake()
        await asyncio.sleep(0.3)
        assert await work.eraser.pending() == [begun.media_id]
        store.away = False
        async with asyncio.timeout(5):
            while await work.eraser.pending():  # noqa: ASYNC110  # the row has no event
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("fault", [DependencyError("away"), ZeroDivisionError("a defect of ours")])
async def test_one_erasure_that_fails_holds_up_no_other(work: Workshop, fault: Exception) -> None:
    """Each is tried in its turn, whatever became of the one before; the count says how many are left."""
    stuck, free = await work.ready(), await work.ready()
    for begun in (stuck, free):
        await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    carry = work.eraser.carry

    async def carried(object_id: str) -> bool:
        if object_id == stuck.media_id:
            raise fault
        return await carry(object_id)

    work.eraser.carry = carried  # type: ignore[method-assign]
    assert await work.keeper.turn() == 1
    assert await work.eraser.pending() == [stuck.media_id]


async def test_a_failing_retention_holds_up_no_request(work: Workshop) -> None:
    """What people asked for does not wait for what time brings."""

    class Broken(Keeper):
        async def _end_retention(self) -> None:
            raise DependencyError("away")

    rooms = (
        work.eraser,
        work.requests,
        work.recordings,
        work.calls,
        work.custody,
        work.visitor_links,
        work.clock,
    )
    keeper = Broken(*rooms, unjoined_s=3_600)
    begun = await work.ready()
    await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    assert await keeper.turn() == 1
    assert await work.eraser.pending() == []


async def test_a_call_that_cannot_be_erased_keeps_no_other(tmp_path: Path) -> None:
    """P15: a leg whose end was never written holds up its own call only."""
    clock = TurnableClock(START)
    async with open_workshop(tmp_path, clock=clock) as work:
        both = [await work.consented() for _ in range(2)]
        for call in both:
            begun = await work.ready((), call)
        stuck, free = both
        async with work.database.write() as connection:
            await connection.execute(
                update(legs).where(legs.c.call_id == stuck.id).values(state=LegState.LIVE.value)
            )
        clock.turn(timedelta(days=31))
        await work.keeper.turn()  # the recordings
        clock.turn(timedelta(seconds=RETENTION_EVERY_S))
        await work.keeper.turn()  # the calls
        assert await work.requests.request_of(begun.media_id)
        assert await work.requests.request_of(free.id)
        assert await work.requests.request_of(stuck.id) is None


async def test_a_key_whose_row_is_missing_is_kept(work: Workshop) -> None:
    """The row may have been lost by a restore, with the object still there: no job sweeps its key."""
    orphan = new_id("rec")
    await work.keys.create_data_key(tenant_id=work.tenant_id, object_id=orphan)
    after = await work.reborn()
    await after.finisher.recover()
    assert await after.keeper.turn() == 0
    assert len(await after.keys.records(object_id=orphan)) == 1


async def test_retention_is_looked_at_every_ten_minutes_and_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long list ends over several turns, the next look comes after the pause."""
    monkeypatch.setattr("vault.rights.keeper.RETENTION_BATCH", 2)
    clock = TurnableClock(START)
    async with open_workshop(tmp_path, clock=clock) as work:
        begun = [await work.ready(()) for _ in range(3)]
        clock.turn(timedelta(days=31))

        async def left() -> list[Id]:
            items = [await work.library.get(one.media_id, by=work.by()) for one in begun]
            return [item.id for item in items if item.state is not MediaState.ERASED]

        counted = []
        for _ in range(2):
            await work.keeper.turn()
            counted.append(len(await left()))
        assert counted == [1, 0]
        late = await work.ready(())
        clock.turn(timedelta(days=31) - timedelta(seconds=RETENTION_EVERY_S))
        await work.keeper.turn()
        clock.turn(timedelta(seconds=RETENTION_EVERY_S * 2))
        await work.keeper.turn()
        assert (await work.library.get(late.media_id, by=work.by())).state is MediaState.ERASED
