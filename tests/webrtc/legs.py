"""A leg of ours and a publisher joined on loopback, and a sink that remembers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from tests.webrtc.publisher import Publisher, PublisherPlan
from webrtc.limits import IceSettings, PeerLimits
from webrtc.peer import Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from webrtc.frames import EncodedFrame, FrameSink, TrackInfo
    from webrtc.ice import GuardedConnection
    from webrtc.lifecycle import CloseReason

LOOPBACK = IceSettings(addresses=("127.0.0.1",))


class Memory:
    """A sink that keeps everything it is told."""

    def __init__(self) -> None:
        self.tracks: dict[int, TrackInfo] = {}
        self.frames: dict[int, list[EncodedFrame]] = defaultdict(list)
        self.losses: list[tuple[int, int, float]] = []
        self.reports: dict[int, list[tuple[float, int]]] = defaultdict(list)
        self.ended: dict[int, str] = {}

    def track_started(self, info: TrackInfo) -> None:
        """Keep a track."""
        assert info.id not in self.tracks
        self.tracks[info.id] = info

    def frame(self, track_id: int, frame: EncodedFrame) -> None:
        """Keep a frame."""
        self.frames[track_id].append(frame)

    def lost(self, track_id: int, packets: int, at_s: float) -> None:
        """Keep a loss."""
        self.losses.append((track_id, packets, at_s))

    def sender_report(self, track_id: int, ntp_s: float, rtp_timestamp: int) -> None:
        """Keep a report."""
        self.reports[track_id].append((ntp_s, rtp_timestamp))

    def track_ended(self, track_id: int, reason: str) -> None:
        """Keep an end."""
        assert track_id not in self.ended
        self.ended[track_id] = reason

    def of_kind(self, kind: str) -> list[EncodedFrame]:
        """The frames of the track of a kind."""
        return [f for info in self.tracks.values() if info.kind == kind for f in self.frames[info.id]]


class Leg:
    """A peer with what it reported."""

    def __init__(self, limits: PeerLimits, ice: IceSettings) -> None:
        self.closed: list[CloseReason] = []
        self.peer = Peer(limits=limits, ice=ice, on_closed=self.closed.append)

    @property
    def connection(self) -> GuardedConnection:
        """The answered leg's ICE connection, for tests that look inside."""
        assert self.peer._parts is not None, "the leg has no answer yet"
        return self.peer._parts.gatherer.connection


@contextlib.asynccontextmanager
async def joined(
    plan: PublisherPlan | None = None,
    *,
    limits: PeerLimits | None = None,
    sink: FrameSink | None = None,
    ice: IceSettings = LOOPBACK,
    prepare: Callable[[Publisher], None] | None = None,
) -> AsyncIterator[tuple[Leg, Publisher]]:
    """A connected leg and its publisher; both are closed at the end."""
    plan = plan or PublisherPlan()
    if plan.video:
        plan.video_media()
    leg = Leg(limits or PeerLimits(), ice)
    async with Publisher(plan) as publisher:
        if sink is not None:
            leg.peer.attach(sink)
        answer = await leg.peer.answer(await publisher.offer())
        try:
            if prepare is not None:
                prepare(publisher)
            await publisher.accept(answer)
            await publisher.connected()
            yield leg, publisher
        finally:
            await leg.peer.close()


async def eventually(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Wait until something holds, or fail with TimeoutError."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError("the condition did not come true")
        await asyncio.sleep(0.01)
