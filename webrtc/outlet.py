"""From the tracks of a leg to the one who takes its frames, if anyone does.

With nobody attached, frames are dropped where they are made: a leg that is not recorded costs no memory.
What the taker raises stays here: it is counted, and the call goes on.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from webrtc.frames import EncodedFrame, FrameSink, TrackEnd, TrackInfo
    from webrtc.rtcp import SenderClock

logger = logging.getLogger(__name__)


class Outlet:
    """Announces each track once per taker, then passes on what happens to it."""

    def __init__(self) -> None:
        self._sink: FrameSink | None = None
        self._announced: set[int] = set()
        self._told: FrameSink | None = None
        self.raised = 0
        self.is_watched = False  # somebody takes the packets: what is lost is asked for, frames or not

    @property
    def is_attached(self) -> bool:
        """Whether anyone takes frames."""
        return self._sink is not None

    @property
    def is_wanted(self) -> bool:
        """Whether packets are followed at all."""
        return self._sink is not None or self.is_watched

    def attach(self, sink: FrameSink) -> None:
        """Send what follows to `sink`. A taker that comes back after a pause is not told its tracks again."""
        if self._told is not sink:
            self._announced.clear()
        self._told = self._sink = sink

    def detach(self) -> None:
        """Drop what follows."""
        self._sink = None

    def frame(
        self, info: TrackInfo, frame: EncodedFrame, clock: Callable[[], tuple[SenderClock, int] | None]
    ) -> None:
        """Pass on a frame; before a track's first one, the track and the sender's clock if known."""
        sink = self._sink
        if sink is None:
            return
        if info.id not in self._announced:
            self._announced.add(info.id)
            self._call(lambda: sink.track_started(info))
            if (known := clock()) is not None:
                self.clock(info, *known)
        try:
            sink.frame(info.id, frame)
        except Exception as error:  # noqa: BLE001 - the taker's defect is not the caller's end
            self._contain(error)

    def lost(self, info: TrackInfo, packets: int, at_s: float) -> None:
        """Pass on a loss of a track that was announced."""
        sink = self._sink
        if sink is not None and info.id in self._announced:
            self._call(lambda: sink.lost(info.id, packets, at_s))

    def clock(self, info: TrackInfo, report: SenderClock, rtp_timestamp: int) -> None:
        """Pass on a sender report of a track that was announced."""
        sink = self._sink
        if sink is not None and info.id in self._announced:
            self._call(lambda: sink.sender_report(info.id, report.ntp_s, rtp_timestamp))

    def ended(self, info: TrackInfo, reason: TrackEnd) -> None:
        """Pass on the end of a track that was announced."""
        sink = self._sink
        if sink is not None and info.id in self._announced:
            self._announced.discard(info.id)
            self._call(lambda: sink.track_ended(info.id, reason))

    def _call(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - as in `frame`
            self._contain(error)

    def _contain(self, error: Exception) -> None:
        self.raised += 1
        if self.raised == 1:
            logger.warning("the taker of frames raised %s; the call goes on", type(error).__name__)
