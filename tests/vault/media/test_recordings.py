"""A recording's row: begun with its key, ended once, found again after a crash."""

import asyncio
import json
from datetime import timedelta

import pytest

from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Workshop, scene
from vault.errors import NotFoundError
from vault.media.recordings import LegToRecord
from vault.model import Id, MediaState, Part, new_id


async def test_a_recording_begins_with_key_row_and_entry(any_work: Workshop) -> None:
    """It began when its first frame came, and is kept for the button's days."""
    begun = await any_work.begun()
    item = await any_work.library.get(begun.media_id, by=any_work.by())
    assert item.state is MediaState.CAPTURING
    assert item.started_at is not None
    assert timedelta(seconds=1) <= item.created_at - item.started_at < timedelta(seconds=2)
    assert item.retain_until - item.created_at == timedelta(days=30)
    key = await any_work.keys.data_key(tenant_id=begun.tenant_id, object_id=begun.media_id)
    assert key.reveal() == begun.key.reveal()
    assert [entry.type for entry in await any_work.ledger.history(begun.media_id)] == ["capture.begun"]


async def test_a_crash_while_beginning_leaves_no_row_without_a_key(work: Workshop) -> None:
    """At each step: a key that opens nothing, or both."""
    view = await work.consented()
    leg = LegToRecord(work.tenant_id, view.id, new_id("leg"), new_id("btn"), 30)
    for number in (1, 2, 3):
        dying = await work.reborn(Wire(number))
        with pytest.raises(Crash):
            await dying.recordings.begin(leg, age_s=0)
        assert await work.recordings.unfinished() == []


async def test_a_recording_ends_once(any_work: Workshop) -> None:
    """Of ends that come at once one counts; the reason is its own."""
    begun = await any_work.begun()
    other = await any_work.reborn()
    rooms = [any_work.recordings, other.recordings]
    ended = await asyncio.gather(*(rooms[n % 2].end(begun.media_id, reason="hangup") for n in range(4)))
    assert sorted(ended) == [False, False, False, True]
    told = [entry.type for entry in await any_work.ledger.history(begun.media_id)]
    assert told.count("capture.ended") == 1
    assert await any_work.recordings.unfinished() == [(begun.media_id, MediaState.FINISHING)]
    assert await any_work.recordings.erased_of(begun.media_id) is None
    with pytest.raises(NotFoundError):
        await any_work.recordings.end(Id(new_id("rec")), reason="hangup")


async def test_unfinished_recordings_come_oldest_first(work: Workshop) -> None:
    """Ready and lost ones are owed nothing."""
    first, second = await work.begun(), await work.ended()
    await work.ready()
    await work.ready(())
    assert await work.recordings.unfinished() == [
        (first.media_id, MediaState.CAPTURING),
        (second.media_id, MediaState.FINISHING),
    ]


async def test_an_end_that_was_never_stored_is_declared(work: Workshop) -> None:
    """Three more were cut than the store has: the manifest counts them and opens a gap to the end."""
    begun, stored = await work.begun(), scene()
    await work.spool(begun, stored)
    await work.recordings.end(begun.media_id, reason="hangup", fragments=len(stored) + 3)
    assert await work.finish.finish(begun.media_id) is MediaState.READY
    manifest = json.loads(await work.plain(begun, Part.MANIFEST))
    assert manifest["fragments"]["missing"] == 3
    assert manifest["gaps"][-1]["cause"] == "crash"
    assert manifest["gaps"][-1]["to_ms"] is None
