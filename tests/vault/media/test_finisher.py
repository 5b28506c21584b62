"""Who finishes what, and when: a few at a time, again after a failure, none held up by another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from storage.errors import UnavailableError
from storage.store import ObjectKey
from tests.vault.calls.studio import until
from tests.vault.media.workshop import Workshop, scene
from vault.errors import DependencyError, KeyProviderError
from vault.media import finisher as module
from vault.media.places import spool_key
from vault.model import Id, MediaState, new_id

SHORT = scene(1.5, codec="none")


@asynccontextmanager
async def running(work: Workshop) -> AsyncIterator[None]:
    """The finisher's job, ended at the end."""
    task = asyncio.create_task(work.finisher.run(), name="finisher")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def state(work: Workshop, media_id: str) -> MediaState:
    """Where a recording stands."""
    return (await work.library.get(media_id, by=work.by())).state


async def test_what_is_queued_is_finished_and_drained_says_so(work: Workshop) -> None:
    """More recordings than workers, one of them asked for twice."""
    begun = [await work.ended(SHORT) for _ in range(4)]
    for one in [*begun, begun[0]]:
        work.finisher.enqueue(one.media_id)
    assert work.finisher.waiting == 4
    async with running(work), asyncio.timeout(30):
        await work.finisher.drained()
    assert {await state(work, one.media_id) for one in begun} == {MediaState.READY}
    assert work.finisher.waiting == 0


async def test_no_more_are_at_work_than_there_are_workers(work: Workshop) -> None:
    """Finishing takes memory and a child each: the settings bound it."""
    at_work = most = 0

    async def finish(media_id: Id) -> MediaState:  # the name of the method it replaces
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        await asyncio.sleep(0.01)
        at_work -= 1
        return MediaState.READY

    work.finish.finish = finish  # type: ignore[method-assign]
    for _ in range(8):
        work.finisher.enqueue(new_id("rec"))
    async with running(work), asyncio.timeout(10):
        await work.finisher.drained()
    assert most == 2


async def test_a_recording_that_fails_holds_up_no_other(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried again outside the work; with as many poisoned ones as workers the rest still end."""
    monkeypatch.setattr(module, "RETRY_FIRST_S", 0.05)
    original = work.finish.finish
    poisoned = {(await work.ended(SHORT)).media_id for _ in range(2)}
    good = await work.ended(SHORT)
    tries = 0

    async def finish(media_id: Id) -> MediaState:
        nonlocal tries
        if media_id in poisoned:
            tries += 1
            raise UnavailableError("away")
        return await original(media_id)

    work.finish.finish = finish  # type: ignore[method-assign]
    for media_id in (*poisoned, good.media_id):
        work.finisher.enqueue(media_id)

    async def is_ready() -> bool:
        return await state(work, good.media_id) is MediaState.READY and tries >= 4

    async with running(work):
        await until(is_ready)
        assert work.finisher.waiting == 2
        poisoned.clear()
        async with asyncio.timeout(10):
            await work.finisher.drained()


@pytest.mark.parametrize("error", [DependencyError("away"), OSError("away"), ValueError("a defect")])
async def test_one_failure_of_any_kind_ends_no_job(
    work: Workshop, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """What can be tried again is; a defect is said aloud and costs that recording's turn alone."""
    monkeypatch.setattr(module, "RETRY_FIRST_S", 0.01)
    original = work.finish.finish
    failed: list[Id] = []

    async def finish(media_id: Id) -> MediaState:
        if not failed:
            failed.append(media_id)
            raise error
        return await original(media_id)

    work.finish.finish = finish  # type: ignore[method-assign]
    one, other = await work.ended(SHORT), await work.ended(SHORT)
    async with running(work):
        work.finisher.enqueue(one.media_id)
        await until(_not_waiting(work))
        work.finisher.enqueue(other.media_id)
        await until(_not_waiting(work))
    assert await state(work, other.media_id) is MediaState.READY
    expected = MediaState.FINISHING if isinstance(error, ValueError) else MediaState.READY
    assert await state(work, one.media_id) is expected


def _not_waiting(work: Workshop) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return work.finisher.waiting == 0

    return holds


async def test_a_start_finds_everything_a_crash_left(work: Workshop) -> None:
    """Capturing, finishing, finished with a spool, and fragments of nothing the database knows."""
    capturing = await work.begun()
    await work.spool(capturing, SHORT)
    finishing, ready = await work.ended(SHORT), await work.ready(SHORT)
    await work.spool(ready, SHORT)
    unknown = spool_key(tenant_id=work.tenant_id, media_id=new_id("rec"), number=0)
    await work.store.put(unknown, b"x")
    after = await work.reborn()
    assert await after.finisher.recover() == 4
    async with running(after), asyncio.timeout(30):
        await after.finisher.drained()
    for begun in (capturing, finishing, ready):
        assert await state(after, begun.media_id) is MediaState.READY
    # What nobody knows is not ours to delete: a restored database may be behind its store.
    assert [key for key in await after.objects() if key.startswith("spool/")] == [unknown]


async def test_a_recording_that_somebody_may_come_back_to_is_left_alone(work: Workshop) -> None:
    """It is still being captured, and its fragments in the spool are owed to nobody yet."""
    resting, ended = await work.begun(), await work.begun()
    for begun in (resting, ended):
        await work.spool(begun, SHORT)
    after = await work.reborn()
    assert await after.finisher.recover(resting=[resting.media_id]) == 1
    assert await state(after, resting.media_id) is MediaState.CAPTURING
    assert await state(after, ended.media_id) is MediaState.FINISHING


async def test_a_store_that_is_away_at_the_start_stops_no_start(work: Workshop) -> None:
    """Rows are recovered all the same."""
    begun = await work.ended(SHORT)
    after = await work.reborn()

    async def away() -> list[Id]:
        raise UnavailableError("away")

    after.finish.in_spool = away  # type: ignore[method-assign]
    assert await after.finisher.recover() == 1
    async with running(after), asyncio.timeout(20):
        await after.finisher.drained()
    assert await state(after, begun.media_id) is MediaState.READY


async def test_stopping_waits_until_nothing_is_under_way(work: Workshop) -> None:
    """After stop() returns no put of that recording follows; one that is not running is no error."""
    begun = await work.ended()
    await work.finisher.stop(begun.media_id)
    async with running(work):
        work.finisher.enqueue(begun.media_id)
        await asyncio.sleep(0.03)
        await work.finisher.stop(begun.media_id)
        before = await work.objects()
        await asyncio.sleep(0.2)
        assert await work.objects() == before
        assert work.finisher.waiting == 0


async def test_a_shutdown_in_the_middle_leaves_it_for_the_next_start(work: Workshop) -> None:
    """Cancelled work is no lost work."""
    begun = await work.ended()
    async with running(work):
        work.finisher.enqueue(begun.media_id)
        await asyncio.sleep(0.03)
    after = await work.reborn()
    await after.finisher.recover()
    async with running(after), asyncio.timeout(20):
        await after.finisher.drained()
    assert await state(after, begun.media_id) is MediaState.READY
    assert not [key for key in await after.objects() if ObjectKey(key).startswith("spool/")]


async def test_a_recording_outlives_a_key_provider_that_is_away(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on under the data key it holds; its end waits for the provider, and nothing of it is lost.

    Meanwhile others may begin: their keys are sealed for recovery (tests/vault/keys/test_recovering.py).
    """
    monkeypatch.setattr(module, "RETRY_FIRST_S", 0.05)
    call, ring = await work.consented(), work.ground.root_key
    begun = await work.begun(call)
    ring.rename(ring.with_name("away"))
    work.keys.drop_all()  # as after five minutes
    await work.spool(begun, SHORT)
    await work.keys.create_data_key(tenant_id=work.tenant_id, object_id=new_id("rec"))
    await work.recordings.end(begun.media_id, reason="peer_left")
    work.finisher.enqueue(begun.media_id)
    tried = asyncio.Event()
    original = work.finish.finish

    async def finish(media_id: Id) -> MediaState:
        try:
            return await original(media_id)
        except KeyProviderError:
            tried.set()
            raise

    work.finish.finish = finish  # type: ignore[method-assign]
    async with running(work), asyncio.timeout(60):
        await tried.wait()
        ring.with_name("away").rename(ring)
        await work.finisher.drained()
    assert await state(work, begun.media_id) is MediaState.READY
