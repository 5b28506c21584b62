"""One source (SSRC) of a track: its reception report and its clock (RFC 3550, 6.4.1 and appendix A)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webrtc.rtcp import ReportBlock
from webrtc.rtp import unwrap

if TYPE_CHECKING:
    from webrtc.rtcp import SenderClock
    from webrtc.rtp import RtpPacket

JITTER_SHARE: Final = 16  # RFC 3550, A.8
CLOCK_BACK_S: Final = 1.0  # a stamp this far back is a new clock, less is disorder of the sender
CLOCK_AHEAD_S: Final = 10.0  # a stamp this far ahead of the time that passed is a new clock
REPORT_UNIT: Final = 65_536  # of the delay since the last sender report, per second
LEAST_OVER_S: Final = 30.0  # a queue on the path drains sooner; two clocks part by 3 ms in it at 100 ppm


class Reception:
    """Counts one source's packets for the receiver reports."""

    def __init__(self, ssrc: int, clock_rate_hz: int) -> None:
        self.ssrc = ssrc
        self.received = 0
        self._clock_rate_hz = clock_rate_hz
        self._first: int | None = None
        self._highest = 0
        self._expected_before = 0
        self._received_before = 0
        self._jitter = 0.0
        self._transit = 0.0
        self._timestamp = -1
        self._last_report: SenderClock | None = None
        self._last_report_s = 0.0

    def add(self, packet: RtpPacket, now_s: float) -> None:
        """Count one packet that was not sent again."""
        self.received += 1
        if self._first is None:
            self._first = self._highest = packet.sequence
        elif packet.sequence == (self._highest + 1) & 0xFFFF:
            self._highest += 1
        else:
            self._highest = max(self._highest, unwrap(packet.sequence, self._highest, 16))
        if packet.timestamp != self._timestamp:
            transit = now_s * self._clock_rate_hz - packet.timestamp
            if self._timestamp >= 0:
                moved = abs(transit - self._transit)
                if moved < self._clock_rate_hz:  # a wrap or a new clock is no jitter
                    self._jitter += (moved - self._jitter) / JITTER_SHARE
            self._transit = transit
            self._timestamp = packet.timestamp

    def reported(self, report: SenderClock, now_s: float) -> None:
        """Note the source's own report, which the next receiver report answers."""
        self._last_report = report
        self._last_report_s = now_s

    @property
    def lost(self) -> int:
        """Packets expected so far and not received; duplicates make it smaller, even negative."""
        return 0 if self._first is None else self._highest - self._first + 1 - self.received

    @property
    def jitter_s(self) -> float:
        """The mean deviation of the packets' spacing, as in the reports."""
        return self._jitter / self._clock_rate_hz

    def block(self, now_s: float) -> ReportBlock | None:
        """What to report now, or None before the first packet."""
        if self._first is None:
            return None
        expected = self._highest - self._first + 1
        expected_now = expected - self._expected_before
        lost_now = expected_now - (self.received - self._received_before)
        self._expected_before, self._received_before = expected, self.received
        fraction = min(255, (lost_now << 8) // expected_now) if expected_now > 0 and lost_now > 0 else 0
        last, since = 0, 0
        if self._last_report is not None:
            last = self._last_report.ntp_middle
            since = int((now_s - self._last_report_s) * REPORT_UNIT)
        return ReportBlock(self.ssrc, fraction, self.lost, self._highest, int(self._jitter), last, since)


class Sent:
    """When a source's packets would have come if none had waited on the way: by stamp, on our clock.

    The packet that waited least of the last half to whole minute stands for the path without its queues. So
    a packet that comes late, resent or from a queue, is told by its stamp from one that was sent just now.
    """

    def __init__(self, clock_rate_hz: int) -> None:
        self._clock_rate_hz = clock_rate_hz
        self._stamp: int | None = None
        self._told = -1
        self._since_s = 0.0
        self._least = self._least_before = float("inf")  # arrival less stamp, in units of the clock

    def add(self, stamp: int, now_s: float) -> None:
        """Note one packet that was not sent again; of a frame the first one counts."""
        if stamp == self._told:
            return
        self._told = stamp
        last = self._stamp
        self._stamp = unwrapped = stamp if last is None else unwrap(stamp, last, 32)
        if last is None or (last - unwrapped) / self._clock_rate_hz > CLOCK_BACK_S:
            self._least = self._least_before = float("inf")  # another clock: nothing before it counts
            self._since_s = now_s
        elif now_s - self._since_s >= LEAST_OVER_S:
            self._least_before, self._least = self._least, float("inf")
            self._since_s = now_s
        self._least = min(self._least, now_s * self._clock_rate_hz - unwrapped)

    def at_s(self, stamp: int, now_s: float) -> float:
        """When a packet with this stamp would have come; ``now_s`` before anything is known."""
        if self._stamp is None:
            return now_s
        return (unwrap(stamp, self._stamp, 32) + min(self._least, self._least_before)) / self._clock_rate_hz


class TrackClock:
    """Unwraps the stamps of a track to 64 bits that always rise, over changes of source and of its clock.

    A new clock (another source, or a stamp that cannot follow from the last) goes on where the old one would
    be by the time of arrival.
    """

    def __init__(self, clock_rate_hz: int) -> None:
        self._clock_rate_hz = clock_rate_hz
        self._offset: int | None = None  # of the source's unwrapped stamps to the track's
        self._source_stamp = 0
        self._track_stamp: int | None = None
        self._arrival_s = 0.0
        self.restarts = 0

    def new_source(self) -> None:
        """The next stamp belongs to another clock."""
        self._offset = None

    def place(self, stamp: int, now_s: float) -> int | None:
        """The track's stamp for a frame; None for one that does not rise."""
        last = self._track_stamp
        if self._offset is None:
            return self._anchor(stamp, now_s)
        unwrapped = unwrap(stamp, self._source_stamp, 32)
        placed = unwrapped + self._offset
        if last is not None:
            ahead_s = (placed - last) / self._clock_rate_hz
            if ahead_s < -CLOCK_BACK_S or ahead_s - (now_s - self._arrival_s) > CLOCK_AHEAD_S:
                self.restarts += 1
                return self._anchor(stamp, now_s)
            if placed <= last:
                return None
        self._source_stamp, self._track_stamp, self._arrival_s = unwrapped, placed, now_s
        return placed

    def locate(self, stamp: int) -> int | None:
        """The track's stamp for a stamp in a sender report; None before the first frame of that clock."""
        if self._offset is None:
            return None
        return unwrap(stamp, self._source_stamp, 32) + self._offset

    def _anchor(self, stamp: int, now_s: float) -> int:
        placed = stamp
        if self._track_stamp is not None:
            passed = round((now_s - self._arrival_s) * self._clock_rate_hz)
            placed = self._track_stamp + max(1, passed)
        self._offset = placed - stamp
        self._source_stamp, self._track_stamp, self._arrival_s = stamp, placed, now_s
        return placed
