"""Loss, disorder and repeats between a stock publisher and a leg: nothing is lost that could be had."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.webrtc.legs import Memory, eventually, joined
from tests.webrtc.publisher import Publisher, PublisherPlan
from webrtc.limits import PeerLimits, TapLimits

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 20260


class Weather:
    """Harms the first `until` packets of a publisher, by seeded dice; what follows passes unharmed."""

    def __init__(
        self, *, drop: float = 0.0, swap: float = 0.0, repeat: float = 0.0, until: int = 200
    ) -> None:
        self.dice = random.Random(SEED)
        self.dropped = 0
        self._drop, self._swap, self._repeat = drop, swap, repeat
        self._left = until
        self._held: list[bytes] = []

    def __call__(self, datagram: bytes) -> list[bytes]:
        """What goes out in place of one datagram."""
        ready = [datagram, *self._held]
        self._held = []
        if self._left <= 0:
            return ready
        self._left -= 1
        if self.dice.random() < self._drop:
            self.dropped += 1
            return ready[1:]
        if self.dice.random() < self._swap:
            self._held = [datagram]
            return ready[1:]
        return ready + ([datagram] if self.dice.random() < self._repeat else [])


def harmed_by(weather: Callable[[bytes], list[bytes]]) -> Callable[[Publisher], None]:
    """Let a publisher's media pass through the weather."""
    return lambda publisher: publisher.filter_media(weather)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_lost_packets_are_asked_for_and_no_frame_is_missing(codec: str) -> None:
    """At 8 % loss every audio and video frame is had, by NACK with and without RTX."""
    memory, weather = Memory(), Weather(drop=0.08)
    plan = PublisherPlan(video=codec, video_frames=90, audio_frames=150, bit_rate=1_000_000)
    async with joined(plan, sink=memory, prepare=harmed_by(weather)) as (leg, publisher):
        await publisher.finished()
        await eventually(lambda: len(memory.of_kind("video")) >= 90 and len(memory.of_kind("audio")) >= 150)
        stats = leg.peer.stats()
    assert weather.dropped > 8
    assert len(memory.of_kind("video")) == 90
    assert len(memory.of_kind("audio")) == 150
    assert memory.losses == []
    assert sum(track.nacks for track in stats.tracks) >= weather.dropped
    if codec == "vp8":
        assert [f.payload for f in memory.of_kind("video")] == list(plan.video_media().frames[:90])


async def test_disorder_and_repeats_change_nothing() -> None:
    """Swapped and repeated packets give the same frames in the same order, each once."""
    memory = Memory()
    # It ends before the packets do: the last one, held back, would have none to come after.
    weather = Weather(swap=0.1, repeat=0.1, until=120)
    plan = PublisherPlan(video_frames=60, audio_frames=100, bit_rate=1_000_000)
    async with joined(plan, sink=memory, prepare=harmed_by(weather)) as (leg, publisher):
        await publisher.finished()
        await eventually(lambda: len(memory.of_kind("video")) >= 60 and len(memory.of_kind("audio")) >= 100)
        stats = leg.peer.stats()
    assert [f.payload for f in memory.of_kind("video")] == list(plan.video_media().frames[:60])
    for kind in ("audio", "video"):
        stamps = [f.rtp_timestamp for f in memory.of_kind(kind)]
        assert stamps == sorted(set(stamps))
    assert len(memory.of_kind("audio")) == 100
    assert stats.contained == 0


async def test_what_never_comes_is_given_up_declared_and_followed_by_a_keyframe() -> None:
    """A hole that no resend fills ends in time: told with its packets, and video goes on at a keyframe."""
    memory = Memory()
    limits = PeerLimits(tap=TapLimits(video_wait_s=0.15, audio_wait_s=0.1))
    outage = {"left": 0}

    def no_resends(datagram: bytes) -> list[bytes]:
        if outage["left"] > 0:
            outage["left"] -= 1
            return []
        return [datagram]

    plan = PublisherPlan(video_frames=120, keyframe_every=30)
    async with joined(plan, limits=limits, sink=memory, prepare=harmed_by(no_resends)) as (leg, publisher):
        await eventually(lambda: len(memory.of_kind("video")) >= 20)

        async def deaf(_sequence: int) -> None:
            return

        for transceiver in publisher.connection.getTransceivers():
            transceiver.sender._retransmit = deaf  # type: ignore[method-assign,assignment]  # a sender that hears no NACK
        outage["left"] = 20
        await eventually(lambda: memory.losses)
        after = len(memory.of_kind("video"))
        await eventually(lambda: len(memory.of_kind("video")) > after)
        stats = leg.peer.stats()
    told = {
        kind: sum(n for t, n, _ in memory.losses if memory.tracks[t].kind == kind)
        for kind in ("audio", "video")
    }
    assert sum(told.values()) == 20
    assert sum(track.lost_packets for track in stats.tracks) == 20
    assert memory.of_kind("video")[after].is_keyframe
    assert publisher.keyframe_requests >= 1
