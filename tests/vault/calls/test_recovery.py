"""A killed process and its next start: who comes back goes on, who does not is over, nothing is left open."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.vault.calls.studio import SOUND_ONLY, Studio, open_studio, until
from tests.vault.calls.test_recorder import kept, legs_of, rows, stored
from tests.webrtc.publisher import Publisher, PublisherPlan
from vault.calls.recovery import Recovery
from vault.model import MediaState

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.vault.media.workshop import Workshop
    from vault.calls.calls import OpenedCall

TOKEN_S = 3_600


@asynccontextmanager
async def started(work: Workshop, **settings: Any) -> AsyncIterator[tuple[Studio, Recovery]]:
    """The legs of a process whose start has found what the one before left."""
    async with open_studio(work, **settings) as studio:
        recovery = Recovery(
            work.calls, studio.legs._recorder, studio.legs, work.clock, visitor_token_s=TOKEN_S
        )
        await recovery.find()
        await work.finisher.recover(resting=recovery.recordings)
        recovery.wait()
        yield studio, recovery


async def killed(studio: Studio) -> None:
    """Nothing of this process runs any more, and nothing more of it is written."""
    tasks = [leg.task for leg in studio.stage.floor.legs.values() if leg.task is not None]
    for leg in studio.stage.floor.legs.values():
        leg.peer.detach()
        if leg.capture is not None:
            leg.capture._store.put = _gone  # type: ignore[method-assign, assignment]
    for room, names in (
        (studio.work.calls, ("leg_ended", "end_left")),
        (studio.work.recordings, ("end", "rest")),
    ):
        for name in names:
            setattr(room, name, _gone)
    await studio.legs.aclose()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _gone(*_: object, **__: object) -> None:
    return None


@asynccontextmanager
async def a_killed_call(work: Workshop, call: OpenedCall, plan: PublisherPlan) -> AsyncIterator[str]:
    """A call whose process was killed while its visitor spoke; gives the leg."""
    async with Publisher(plan) as publisher, open_studio(work, rejoin_s=30) as studio:
        answered = await studio.live(call, publisher)
        await until(lambda: stored(work, 2))
        await killed(studio)
        yield answered.leg_id


async def test_who_comes_back_after_a_kill_goes_on_with_call_and_recording(any_work: Workshop) -> None:
    """One recording of both processes: the gap is declared, the file is whole before and after it."""
    call = await any_work.consented()
    async with a_killed_call(any_work, call, PublisherPlan()) as first:
        pass
    after = await any_work.reborn()
    async with started(after, rejoin_s=30) as (studio, recovery), Publisher(PublisherPlan()) as publisher:
        assert list(recovery.calls) == [call.id]
        (row,) = await rows(after)
        assert row.state == MediaState.CAPTURING
        answered = await studio.live(call, publisher)
        await until(lambda: _goes_on(after, 5))
        await studio.legs.hang_up(call.id, answered.leg_id, by=after.visitor(call))
        assert await studio.over(call) == "hangup"
        assert studio.ended == [row.id]
    assert await legs_of(after, row.id) == [first, answered.leg_id]
    assert await after.finish.finish(row.id) is MediaState.READY
    manifest = await after.manifest(await kept(after, row.id))
    assert "restart" in {gap["cause"] for gap in manifest["gaps"]}
    assert [span["leg"] for span in manifest["carried_by"]] == [first, answered.leg_id]
    assert manifest["recovered"] is False


async def _goes_on(work: Workshop, count: int) -> bool:
    return await stored(work, count)


@pytest.mark.parametrize("crashes", [1, 2])
async def test_who_does_not_come_back_is_over_after_a_while(work: Workshop, crashes: int) -> None:
    """P1: no operator is needed, and a second crash during the wait only begins it anew."""
    call = await work.consented()
    async with a_killed_call(work, call, SOUND_ONLY):
        pass
    for _ in range(crashes - 1):
        between = await work.reborn()
        async with started(between, rejoin_s=30) as (studio, _):
            await studio.legs.aclose()
    after = await work.reborn()
    async with started(after, rejoin_s=0.3) as (studio, _):
        assert (await rows(after))[0].state == MediaState.CAPTURING
        assert await studio.over(call) == "interrupted"
        await until(lambda: _is_handed_over(studio))
    assert await after.finish.finish(studio.ended[0]) is MediaState.READY
    manifest = await after.manifest(await kept(after, studio.ended[0]))
    assert (manifest["recovered"], manifest["end_reason"]) == (True, "interrupted")
    assert len(studio.ended) == 1


async def _is_handed_over(studio: Studio) -> bool:
    return bool(studio.ended)


async def test_a_call_whose_token_is_over_ends_at_the_start(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could come back to it: its recording is the finisher's at once."""
    call = await work.consented()
    async with a_killed_call(work, call, SOUND_ONLY):
        pass
    monkeypatch.setattr("tests.vault.calls.test_recovery.TOKEN_S", 0)
    after = await work.reborn()
    async with started(after, rejoin_s=30) as (studio, recovery):
        assert (list(recovery.calls), list(recovery.recordings)) == ([], [])
        assert (await rows(after))[0].state == MediaState.FINISHING
        assert await studio.rows(call) == ("ended", "interrupted")
