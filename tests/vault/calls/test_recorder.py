"""A recording is of a participant, not of a connection: with real peers, real rows, a real store."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from tests.vault.calls.studio import QUICK, SOUND_ONLY, Studio, open_studio, until
from tests.webrtc.publisher import Publisher, PublisherPlan
from vault.calls.recorder import OTHER_CODEC
from vault.db.tables import media, recording_legs
from vault.errors import DependencyError
from vault.ledger.leaf import EntryType
from vault.media.capture import Begun
from vault.media.spool import Spool
from vault.model import ErasureReason, Id, LegKind, MediaState, new_id

if TYPE_CHECKING:
    from tests.vault.media.workshop import Workshop


async def rows(work: Workshop) -> list[Any]:
    """Every recording."""
    async with work.database.read() as connection:
        return list((await connection.execute(select(media).order_by(media.c.id))).all())


async def legs_of(work: Workshop, media_id: str) -> list[str]:
    """The legs a recording came by."""
    query = select(recording_legs.c.leg_id).where(recording_legs.c.media_id == media_id)
    async with work.database.read() as connection:
        return list((await connection.execute(query.order_by(recording_legs.c.ordinal))).scalars())


async def stored(work: Workshop, count: int) -> bool:
    """Whether so many fragments are in the spool of the newest recording."""
    found = await rows(work)
    if not found:
        return False
    numbers = await Spool(work.store).numbers(tenant_id=work.tenant_id, media_id=found[-1].id)
    return len(numbers) >= count


async def _is(work: Workshop, *states: MediaState) -> bool:
    return [row.state for row in await rows(work)] == [state.value for state in states]


@pytest.mark.parametrize("how", ["lost", "replaced"])
async def test_who_comes_back_goes_on_with_the_same_recording(any_work: Workshop, how: str) -> None:
    """One row, one key, one file: what came by both legs is in it, and the gap is declared."""
    work, call = any_work, await any_work.consented()
    async with open_studio(work, rejoin_s=30, **QUICK) as studio, AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(Publisher(PublisherPlan())) for _ in range(2)]
        one = await studio.live(call, first)
        await until(lambda: stored(work, 2))
        if how == "lost":
            await studio.lose(first)
            assert await _is(work, MediaState.CAPTURING)
            assert studio.ended == []
        two = await studio.live(call, second)
        before = (await rows(work))[0].fragments
        await until(lambda: stored(work, before + 2))
        await studio.legs.hang_up(call.id, two.leg_id, by=work.visitor(call))
        (media_id,) = studio.ended
    assert await legs_of(work, media_id) == [one.leg_id, two.leg_id]
    assert await work.finish.finish(media_id) is MediaState.READY
    manifest = await work.manifest(await kept(work, media_id))
    assert {gap["cause"] for gap in manifest["gaps"]} >= {"reconnect"}
    assert [span["leg"] for span in manifest["carried_by"]] == [one.leg_id, two.leg_id]
    assert manifest["carried_by"][0]["to_ms"] <= manifest["carried_by"][1]["from_ms"]
    assert (manifest["leg"], manifest["end_reason"], manifest["recovered"]) == (one.leg_id, "hangup", False)
    assert manifest["fragments"]["missing"] == 0
    assert [track["codec"] for track in manifest["tracks"]] == ["opus", "vp8"]
    told = [entry.type for entry in await work.ledger.history(media_id)]
    assert told[::-1] == ["capture.begun", EntryType.CAPTURE_RESUMED, "capture.ended", "recording.ready"]


async def kept(work: Workshop, media_id: Id) -> Begun:
    """A recording as `Workshop.manifest` wants it."""
    key = await work.keys.data_key(tenant_id=work.tenant_id, object_id=media_id, gen=1)
    return Begun(work.tenant_id, media_id, new_id("leg"), key)


@pytest.mark.parametrize("ends", ["the wait", "the call"])
async def test_an_answer_that_fails_leaves_no_recording_resting(
    work: Workshop, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    """Whoever rests is ended by the next try, and handed over once."""
    call = await work.consented()
    rejoin_s = 1.0 if ends == "the wait" else 30
    async with (
        open_studio(work, rejoin_s=rejoin_s, **QUICK) as studio,
        Publisher(SOUND_ONLY) as visitor,
        Publisher(SOUND_ONLY) as agent,
    ):
        ada = await studio.agent(call)
        visitors = await studio.live(call, visitor)
        await studio.live(call, agent, by=ada)
        await until(lambda: _has(work, 2))
        end = work.recordings.end
        failed: list[Id] = []

        async def failing(media_id: Id, **how: Any) -> bool:
            if media_id not in failed:
                failed.append(media_id)
                raise DependencyError("away")
            return await end(media_id, **how)

        await studio.lose(agent)
        monkeypatch.setattr(work.recordings, "end", failing)
        if ends == "the call":
            await studio.legs.hang_up(call.id, visitors.leg_id, by=work.visitor(call))
            await until(lambda: _is(work, *[MediaState.FINISHING] * 2))
            assert len(studio.ended) == len(set(studio.ended)) == 2
        else:
            await until(lambda: _ended_once(studio))
        assert failed


async def _ended_once(studio: Studio) -> bool:
    return len(studio.ended) == 1


async def test_an_agent_and_a_shared_screen_come_back_to_theirs(work: Workshop) -> None:
    """Each participant and each kind of leg has a recording of its own, and finds it again."""
    call = await work.consented()
    async with open_studio(work, rejoin_s=30, **QUICK) as studio, AsyncExitStack() as stack:
        ada = await studio.agent(call)
        legs = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(5)]
        visitors = await studio.live(call, legs[0])
        await studio.live(call, legs[1], by=ada)
        await studio.live(call, legs[2], by=ada, kind=LegKind.SCREEN)
        await until(lambda: _has(work, 3))
        await studio.lose(legs[1])
        await studio.lose(legs[2])
        await studio.live(call, legs[3], by=ada)
        await studio.live(call, legs[4], by=ada, kind=LegKind.SCREEN)
        await asyncio.sleep(1.5)
        await studio.legs.hang_up(call.id, visitors.leg_id, by=work.visitor(call))
        await studio.over(call)
        await until(lambda: _is(work, *[MediaState.FINISHING] * 3))
        assert sorted([len(await legs_of(work, row.id)) for row in await rows(work)]) == [1, 2, 2]
        assert sorted(studio.ended) == sorted(row.id for row in await rows(work))


async def _has(work: Workshop, count: int) -> bool:
    return len(await rows(work)) == count


@pytest.mark.parametrize("who", ["visitor", "agent"])
async def test_who_does_not_come_back_ends_the_recording(work: Workshop, who: str) -> None:
    """After `rejoin_s`, and once: it is handed to the finisher as any other, with the reason of the loss."""
    call = await work.consented()
    async with open_studio(work, rejoin_s=0.5, **QUICK) as studio, AsyncExitStack() as stack:
        ada = await studio.agent(call)
        lost, other = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(2)]
        by = {"visitor": work.visitor(call), "agent": ada}
        await studio.live(call, lost, by=by.pop(who))
        await until(lambda: stored(work, 1))
        await studio.live(call, other, by=next(iter(by.values())))
        await studio.lose(lost)
        await until(lambda: _ended(studio, 1 if who == "agent" else 2))
        found = {row.id: row for row in await rows(work)}
        assert found[studio.ended[0]].end_reason in {"silent", "consent_lost", "call_ended"}
        assert len(set(studio.ended)) == len(studio.ended)


async def _ended(studio: Studio, count: int) -> bool:
    return len(studio.ended) == count


async def test_a_recording_that_rests_ends_with_its_call(work: Workshop) -> None:
    """The agent was lost, the visitor hangs up: nothing waits any more."""
    call = await work.consented()
    async with open_studio(work, rejoin_s=30, **QUICK) as studio, AsyncExitStack() as stack:
        ada = await studio.agent(call)
        mine, theirs = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(2)]
        answered = await studio.live(call, mine)
        await studio.live(call, theirs, by=ada)
        await until(lambda: _has(work, 2))
        await studio.lose(theirs)
        await studio.legs.hang_up(call.id, answered.leg_id, by=work.visitor(call))
        await until(lambda: _ended(studio, 2))
        assert await _is(work, MediaState.FINISHING, MediaState.FINISHING)


async def test_nothing_is_recorded_again_of_what_was_erased_while_it_ran(work: Workshop) -> None:
    """An erasure during the wait stands: who comes back is heard, and nothing of it is kept."""
    call = await work.consented()
    async with open_studio(work, rejoin_s=30, **QUICK) as studio, AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(2)]
        await studio.live(call, first)
        await until(lambda: stored(work, 1))
        await studio.lose(first)
        (row,) = await rows(work)
        await work.requests.of_media(row.id, ErasureReason.VISITOR_REQUEST, by=work.by())
        answered = await studio.live(call, second)
        assert studio.stage.floor.legs[answered.leg_id].capture is None
        await work.keeper.turn()
        await asyncio.sleep(1.5)
        assert await work.objects() == []
        assert await _is(work, MediaState.ERASED)


async def test_a_limit_counts_what_all_legs_have_stored(work: Workshop) -> None:
    """The size is the recording's: a line that breaks makes no room for more, nor a second recording."""
    call = await work.consented()
    async with open_studio(work, rejoin_s=30, max_bytes=22_000, **QUICK) as studio, AsyncExitStack() as stack:
        publishers = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(3)]
        await studio.live(call, publishers[0])
        await until(lambda: stored(work, 2))
        answered = await studio.live(call, publishers[1])
        capture = studio.stage.floor.legs[answered.leg_id].capture
        assert capture is not None
        await asyncio.wait_for(capture.done(), 15)
        answered = await studio.live(call, publishers[2])
        assert studio.stage.floor.legs[answered.leg_id].capture is None
        assert await _is(work, MediaState.FINISHING)
        assert [row.end_reason for row in await rows(work)] == ["size_limit"]
        assert len(studio.ended) == 1


async def test_a_picture_in_another_codec_begins_a_new_recording(work: Workshop) -> None:
    """H.264 after VP8 does not fit into one file; the first one says why it ended."""
    call = await work.consented()
    async with open_studio(work, rejoin_s=30, **QUICK) as studio, AsyncExitStack() as stack:
        for number, plan in enumerate((PublisherPlan(), PublisherPlan(video="h264")), start=1):
            publisher = await stack.enter_async_context(Publisher(plan))
            await studio.live(call, publisher)
            await until(partial(_has, work, number))
            if number == 1:
                await studio.lose(publisher)
        assert [row.end_reason for row in await rows(work)] == [OTHER_CODEC, None]
        assert [row.codecs for row in await rows(work)] == [["opus", "vp8"], ["opus", "h264"]]


async def test_after_a_shutdown_the_next_process_goes_on_with_the_recording(work: Workshop) -> None:
    """Another process, another monotonic clock: the store says where it stands, the wall how long."""
    call = await work.consented()
    async with Publisher(SOUND_ONLY) as first, open_studio(work, rejoin_s=30) as studio:
        await studio.live(call, first)
        await until(lambda: stored(work, 2))
        await studio.legs.aclose()
        assert await _is(work, MediaState.CAPTURING)
        assert studio.ended == []
    await asyncio.sleep(1.0)
    async with Publisher(SOUND_ONLY) as second, open_studio(work, rejoin_s=30) as studio:
        answered = await studio.live(call, second)
        before = (await rows(work))[0].fragments
        await until(lambda: stored(work, before + 2))
        await studio.legs.hang_up(call.id, answered.leg_id, by=work.visitor(call))
        (media_id,) = studio.ended
    await work.finish.finish(media_id)
    manifest = await work.manifest(await kept(work, media_id))
    (gap,) = [gap for gap in manifest["gaps"] if gap["cause"] == "restart"]
    assert 1_000 <= gap["to_ms"] - gap["from_ms"] < 20_000
    assert manifest["carried_by"][1]["from_ms"] == pytest.approx(gap["to_ms"], abs=100)
