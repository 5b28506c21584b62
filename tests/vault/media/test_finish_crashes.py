"""Finishing dies at every step there is: the next start brings the same result and leaves nothing over."""

import asyncio

import pytest

from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Workshop, scene
from tests.webrtc.studio import Scene, video
from vault.errors import KeyForgottenError
from vault.media.capture import Begun
from vault.model import MediaState

SHORT = scene(1.5, codec="none")
# Opened and read, and yet nothing plays: the keyframe that the others lean on never came.
PICTURELESS = tuple(Scene().add(video(0.9)[1:]).plain_fragments())


async def restart(work: Workshop) -> Workshop:
    """The next process: recover, finish what is owed, stop."""
    after = await work.reborn()
    await after.calls.end_interrupted()
    await after.finisher.recover()
    running = asyncio.create_task(after.finisher.run(), name="finisher")
    async with asyncio.timeout(20):
        await after.finisher.drained()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return after


async def steps_of(work: Workshop, begun: Begun) -> int:
    """How many durable steps an undisturbed finish takes."""
    wire = Wire()
    await (await work.reborn(wire)).finish.finish(begun.media_id)
    return len(wire.steps)


async def die_at(work: Workshop, begun: Begun, number: int) -> None:
    """Finish in a process that dies at one step."""
    dying = await work.reborn(Wire(number))
    with pytest.raises(Crash):
        await dying.finish.finish(begun.media_id)


@pytest.mark.usefixtures("quick_child")
async def test_a_crash_at_any_step_of_finishing_ends_in_the_same_file(work: Workshop) -> None:
    """P1: no operator, no leftover object, no stuck row; the file is the one an undisturbed run makes."""
    call = await work.consented()
    undisturbed = await work.ended(SHORT, call)
    total = await steps_of(work, undisturbed)
    expected = await work.plain(undisturbed)
    assert total > 20
    for number in range(1, total + 1):
        begun = await work.ended(SHORT, await work.consented())
        await die_at(work, begun, number)
        after = await restart(work)
        item = await after.library.get(begun.media_id, by=after.by())
        assert item.state is MediaState.READY, number
        assert await after.plain(begun) == expected, number
        uuid = begun.media_id.removeprefix("rec_")
        left = [key for key in await after.objects() if uuid in key.replace("-", "")]
        assert [key.rsplit("/", 1)[-1] for key in left] == ["manifest", "media", "wave"], number
        told = [entry.type for entry in await after.ledger.history(begun.media_id)]
        assert told.count("recording.ready") == 1, number


@pytest.mark.usefixtures("quick_child")
async def test_a_crash_at_any_step_of_losing_ends_lost_with_its_key_forgotten(work: Workshop) -> None:
    """A recording that cannot be played never stays finishing, whichever of row and key was first."""
    total = await steps_of(work, await work.ended(PICTURELESS))
    for number in range(1, total + 1):
        begun = await work.ended(PICTURELESS)
        await die_at(work, begun, number)
        after = await restart(work)
        item = await after.library.get(begun.media_id, by=after.by())
        assert item.state is MediaState.LOST, number
        assert await after.objects() == [], number
        with pytest.raises(KeyForgottenError):
            await after.keys.data_key(tenant_id=begun.tenant_id, object_id=begun.media_id)


async def test_what_a_crash_left_capturing_is_finished_and_marked_recovered(any_work: Workshop) -> None:
    """Item 5: the next start finishes what was stored; the manifest declares it."""
    begun = await any_work.begun()
    await any_work.spool(begun, scene())
    after = await restart(any_work)
    item = await after.library.get(begun.media_id, by=after.by())
    assert (item.state, item.recovered) == (MediaState.READY, True)
    manifest = await after.manifest(begun)
    assert (manifest["recovered"], manifest["end_reason"]) == (True, "interrupted")
    view = await after.calls.view(item.call_id, by=after.by())
    assert view.state == "ended"
