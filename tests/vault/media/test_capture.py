"""The recorder of a leg: fragments about a second, sealed at once, bounded whatever the store does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from storage.store import ObjectKey
from tests.vault.calls.studio import until
from tests.vault.media.stalling import StallingStore
from tests.vault.media.workshop import Workshop, open_workshop
from tests.webrtc.studio import ATTACHED_S, Sent, audio, video
from vault.errors import DependencyError
from vault.media import capture as module
from vault.media.capture import Begun, Capture
from vault.media.spool import Spool, SpooledLeg
from webrtc.fragment_format import StoredFrame


class TapeClock:
    """A clock that stands where the tape is: frames arrive when the test says."""

    def __init__(self) -> None:
        self.now_s = ATTACHED_S

    def monotonic(self) -> float:
        """Seconds of the tape."""
        return self.now_s


@dataclass
class Deck:
    """A capture, the store it writes into, and what a test may turn."""

    work: Workshop
    store: StallingStore
    capture: Capture
    clock: TapeClock
    begun: Begun
    begins: int = 0
    fails_to_begin: int = 0
    keyframes: int = 0
    fulls: int = 0
    started: set[int] = field(default_factory=set)

    async def play(self, sent: list[Sent]) -> None:
        """Hand frames over in order of arrival, giving the capture's task its turn now and then."""
        for number, one in enumerate(sorted(sent, key=lambda sent: sent.frame.arrival_s)):
            if one.info.id not in self.started:
                self.started.add(one.info.id)
                self.capture.track_started(one.info)
            self.clock.now_s = one.frame.arrival_s
            self.capture.frame(one.info.id, one.frame)
            if number % 10 == 0:
                await asyncio.sleep(0)

    async def stored(self) -> list[int]:
        """The numbers that are in the spool."""
        spool = Spool(self.store)
        return list(await spool.numbers(tenant_id=self.begun.tenant_id, media_id=self.begun.media_id))

    async def frames(self) -> int:
        """How many frames open from the spool."""
        leg = SpooledLeg(self.begun.tenant_id, self.begun.media_id, self.begun.leg_id, self.begun.key)
        fragments = [f async for f in Spool(self.store).fragments(leg, await self.stored())]
        return sum(isinstance(event, StoredFrame) for fragment in fragments for event in fragment.events)


@asynccontextmanager
async def open_deck(
    folder: Path, *, spill_bytes: int = 1 << 20, max_bytes: int = 1 << 30
) -> AsyncIterator[Deck]:
    """A capture whose task runs; it is closed at the end if the test did not."""
    store = StallingStore()
    async with open_workshop(folder, store=store) as work:
        begun = await work.begun()

        async def begin() -> Begun:
            deck.begins += 1
            if deck.fails_to_begin:
                deck.fails_to_begin -= 1
                raise DependencyError("away")
            return begun

        def keyframe() -> None:
            deck.keyframes += 1

        def full() -> None:
            deck.fulls += 1

        clock = TapeClock()
        recorder = Capture(
            begin,
            store,
            clock,  # type: ignore[arg-type]  # what a capture asks of a clock
            fragment_s=1.0,
            spill_bytes=spill_bytes,
            max_bytes=max_bytes,
            request_keyframe=keyframe,
            on_full=full,
        )
        deck = Deck(work, store, recorder, clock, begun)
        running = asyncio.create_task(recorder.run(), name="capture")
        try:
            yield deck
        finally:
            store.go_on()
            store.away = False
            recorder.close()
            await running


async def test_a_recording_ends_at_its_size(tmp_path: Path) -> None:
    """What fits is kept, the end is told once, and the task ends though nobody closed the capture."""
    async with open_deck(tmp_path, max_bytes=30_000) as deck:
        await deck.play(audio(20))
        await asyncio.wait_for(deck.capture.done(), 5)
        assert deck.capture.is_full
        assert deck.fulls == 1
        stored = await deck.stored()
        assert stored == list(range(len(stored)))
        assert 0 < len(stored) < 15
        assert deck.capture.counts.stored_bytes <= 30_000 + 100 * len(stored)
        assert await deck.frames() > 0


async def closed(deck: Deck) -> None:
    """Close, and wait for the end."""
    deck.capture.close()
    async with asyncio.timeout(30):
        await deck.capture.done()


async def test_a_call_becomes_fragments_of_about_a_second(tmp_path: Path) -> None:
    """Nothing is lost, nothing is doubled, and each is an object of its own."""
    async with open_deck(tmp_path) as deck:
        await deck.play(audio(5) + video(5))
        await closed(deck)
        assert 4 <= len(await deck.stored()) <= 7
        assert await deck.stored() == list(range(len(await deck.stored())))
        assert await deck.frames() == 5 * 50 + 5 * 30
        assert deck.capture.counts.stored == len(await deck.stored())
        assert deck.begins == 1


async def test_a_leg_that_never_sends_leaves_no_trace(tmp_path: Path) -> None:
    """No frame, no row, no key, no object."""
    async with open_deck(tmp_path) as deck:
        await closed(deck)
        assert (deck.begins, deck.capture.begun, await deck.stored()) == (0, None, [])
        assert deck.capture.first_s is None


async def test_a_fragment_closes_on_time_when_no_frame_comes_to_close_it(tmp_path: Path) -> None:
    """What a crash may cost is bounded for a sender that falls silent, too."""
    async with open_deck(tmp_path) as deck:
        await deck.play(audio(0.5))
        deck.clock.now_s += 2.0
        await until(lambda: _has(deck, 1))


async def _has(deck: Deck, count: int) -> bool:
    return len(await deck.stored()) >= count


async def test_what_waits_for_the_store_waits_sealed(tmp_path: Path) -> None:
    """P2: once the key exists no closed fragment stays in the clear, however long a put takes."""
    async with open_deck(tmp_path) as deck:
        await deck.play(audio(1.5))
        await until(lambda: _has(deck, 1))
        deck.store.stall()
        await deck.play(audio(4, from_s=1.5, rtp=3_000_072_000))
        assert len(deck.capture._plain) == 0
        assert len(deck.capture._waiting.fragments) >= 3
        deck.store.go_on()
        await closed(deck)
        assert await deck.stored() == list(range(len(await deck.stored())))


async def test_a_store_that_stops_answering_costs_bounded_memory_and_a_declared_gap(tmp_path: Path) -> None:
    """Past the limit the newest are dropped; numbers tell, a keyframe is asked for, then all goes on."""
    limit = 100_000
    async with open_deck(tmp_path, spill_bytes=limit) as deck:
        deck.store.stall()
        await deck.play(audio(30) + video(30))
        held = deck.capture._waiting.held_bytes + deck.capture._plain_bytes
        assert 0 < held <= limit * 1.1
        assert deck.capture.counts.dropped > 0
        assert deck.keyframes >= 1
        deck.store.go_on()
        await until(lambda: _idle(deck))
        await deck.play(audio(2, from_s=30, rtp=3_001_440_000))
        await closed(deck)
        numbers = await deck.stored()
        missing = numbers[-1] + 1 - len(numbers)
        assert missing == deck.capture.counts.dropped


async def _idle(deck: Deck) -> bool:
    return not deck.capture._waiting.fragments


async def test_a_store_that_is_away_for_a_while_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Failures are counted, the same fragment is put again, order is kept."""
    monkeypatch.setattr(module, "RETRY_S", 0.02)
    async with open_deck(tmp_path) as deck:
        deck.store.away = True
        await deck.play(audio(3))
        await until(lambda: _failed(deck))
        deck.store.away = False
        await closed(deck)
        assert await deck.frames() == 150
        assert deck.capture.counts.dropped == 0


async def _failed(deck: Deck) -> bool:
    return deck.capture.counts.failures >= 2


async def test_a_recording_that_cannot_be_begun_at_first_is_begun_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is away for a moment loses no frame."""
    monkeypatch.setattr(module, "RETRY_S", 0.02)
    async with open_deck(tmp_path) as deck:
        deck.fails_to_begin = 2
        await deck.play(audio(3))
        await closed(deck)
        assert deck.begins == 3
        assert await deck.frames() == 150


@pytest.mark.parametrize("fault", ["away", "stalled"])
async def test_the_end_of_a_call_waits_for_the_store_a_bounded_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """A store that fails or never answers does not hold a leg for ever; what is given up is counted."""
    monkeypatch.setattr(module, "LAST_TRIES_S", 0.3)
    monkeypatch.setattr(module, "RETRY_S", 0.02)
    async with open_deck(tmp_path) as deck:
        if fault == "away":
            deck.store.away = True
        else:
            deck.store.stall()
        await deck.play(audio(3))
        async with asyncio.timeout(5):
            await closed(deck)
        assert deck.capture.counts.dropped >= 2
        assert await deck.stored() == []


async def test_an_abandoned_capture_stores_nothing_more(tmp_path: Path) -> None:
    """After done() returns no put is under way and none follows, frames or not."""
    async with open_deck(tmp_path) as deck:
        await deck.play(audio(2.5))
        await until(lambda: _has(deck, 1))
        deck.capture.abandon()
        await deck.capture.done()
        deck.capture.abandon()  # once more, when it has ended
        before = await deck.stored()
        await deck.play(audio(5, from_s=2.5, rtp=3_000_120_000))
        await asyncio.sleep(0.3)
        assert await deck.stored() == before
        assert deck.capture._waiting.held_bytes == deck.capture._plain_bytes == 0


async def test_a_beginning_under_way_is_not_overlooked(tmp_path: Path) -> None:
    """Who asks what is recorded while the row is being made waits for the answer."""
    async with open_deck(tmp_path) as deck:
        assert await deck.capture.recording() is None
        gate = asyncio.Event()
        begin = deck.capture._begin

        async def slow() -> Begun:
            await gate.wait()
            return await begin()

        deck.capture._begin = slow
        await deck.play(audio(2))
        await asyncio.sleep(0.05)
        asked = asyncio.create_task(deck.capture.recording(), name="asked")
        await asyncio.sleep(0.05)
        assert not asked.done()
        gate.set()
        assert await asked is deck.begun


async def test_a_stored_fragment_shows_nothing(tmp_path: Path) -> None:
    """P2: an Opus packet of the call is nowhere in the spool's bytes."""
    async with open_deck(tmp_path) as deck:
        sent = audio(2)
        await deck.play(sent)
        await closed(deck)
        for key in await deck.work.objects():
            sealed = await deck.store.read(ObjectKey(key), limit_bytes=1 << 24)
            assert not [one for one in sent if one.frame.payload in sealed]
