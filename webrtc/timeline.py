"""RTP timestamps, arrival times and sender reports of one leg's tracks, put on one media clock.

How a frame gets its place:

(1) A track's frames fall into *stretches* of at most two seconds, fewer where arrival and timestamps part.
    Inside one, frames are exactly as far apart as their RTP timestamps say.
(2) A *jump* (new SSRC, restarted encoder: the timestamp goes back, or leaves the arrival times by more than
    `jump_us`) begins a new run; nothing before it says anything about what comes after.
    The same holds where the sender's RTP clock stood still for a while: arrival and reports show it alike.
    A recording that another leg went on with has one there, too (`TrackClock.renew`).
(3) Each stretch has an arrival offset: the least (arrival - RTP) of the next ten seconds, which is the frame
    that waited least in the network. It moves only when it is off by more than `arrival_band_us`, so network
    delay does not bend the clock, and a sender's wrong clock cannot wander away.
(4) Sender reports say exactly how a track's RTP time lies on the sender's clock (RFC 3550, 6.4.1). Per run
    their median is followed with a band of 1 ms. One number for each leg, taken from its first reported
    track, puts the sender's clock on the arrival clock; so tracks with reports are exact to each other, and
    others lie beside them by arrival. A report that contradicts arrival by more than `trust_us` is not
    believed.

All of it is known only when the call is over, which is why fragments keep timestamps and not places.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from itertools import islice, pairwise
from statistics import median
from typing import Final

_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class TimelineLimits:
    """How far the observations may disagree before the timeline takes one side. All in microseconds."""

    stretch_us: int = 2_000_000  # shorter: corrections chase jitter; longer: they come late
    least_stretch_us: int = 200_000  # a hostile sender cannot make more of them: memory and time stay bounded
    lookahead_us: int = 10_000_000  # whose least delay counts: a stall below it is not a new clock
    evidence_us: int = 1_000_000  # what is seen for less proves no small change of a clock
    jump_us: int = 10_000_000  # a burst after a stall stays below it; a new SSRC is minutes off
    nudge_us: int = 10_000  # a timestamp that far back or repeated is a sender's slip, not a new clock
    arrival_band_us: int = 100_000  # lips and voice part visibly above it; network delay moves less
    report_band_us: int = 1_000  # browsers' reports scatter by 0.7 ms; following that would be jitter
    report_step_us: int = 100_000  # the sender set its wall clock: not a movement of the media
    trust_us: int = 2_000_000  # also bounds how far tracks part, so how much a writer must hold back
    leg_band_us: int = 500_000  # sender's clock against ours: moves all tracks together, so it may be wide


DEFAULT_TIMELINE: Final = TimelineLimits()


@dataclass(slots=True)
class Stretch:
    """Frames from `start` on that share one offset; times in us."""

    start: int
    begun_us: int  # arrival of the first frame
    least_us: int  # least arrival minus RTP time
    is_jump: bool
    leg: int = 0  # of the recording: another one may have another sender's clock


class TrackClock:
    """What one track tells about its clock, gathered frame by frame in constant time each."""

    def __init__(self, rate_hz: int, limits: TimelineLimits) -> None:
        self.rate_hz = rate_hz
        self.rtp = array("q")
        self.stretches: list[Stretch] = []
        self.reports: list[tuple[int, int]] = []  # (frames before it, NTP us minus RTP us)
        self.last_arrival_us = 0
        self._reported_us = self._jumped_us = -limits.jump_us
        self._leg = 0
        self._renewed = False  # the next frame is the first of another leg
        self._early: tuple[int, int] | None = None  # the last report that fitted no frame yet: NTP us, stamp
        self._limits = limits
        self._nudge = limits.nudge_us * rate_hz // _US

    def renew(self, leg: int) -> None:
        """Another leg goes on with the track: its timestamps have nothing to do with those before."""
        self._leg = leg
        self._renewed = bool(self.rtp)
        self._early = None

    def observe(self, rtp_timestamp: int, arrival_us: int) -> bool:
        """Take one frame; False if its timestamp did not rise, so that it was moved behind the last."""
        is_jump, parts, nudged = self._renewed, False, False
        if self.rtp and not self._renewed:
            moved = rtp_timestamp - self.rtp[-1]
            if -self._nudge <= moved <= 0:
                nudged = True
                rtp_timestamp -= moved - 1
                moved = 1
            apart_us = abs(moved * _US // self.rate_hz - (arrival_us - self.last_arrival_us))
            is_jump = moved < 0 or apart_us > self._limits.jump_us
            parts = apart_us > self._limits.arrival_band_us
            if is_jump and arrival_us - self._jumped_us < self._limits.least_stretch_us:
                is_jump, nudged, rtp_timestamp = False, True, self.rtp[-1] + 1
        if is_jump:
            self._jumped_us = arrival_us
        self._renewed = False
        self._stretch(rtp_timestamp, arrival_us, is_jump=is_jump, parts=parts)
        self.rtp.append(rtp_timestamp)
        self.last_arrival_us = arrival_us
        if self._early is not None and (is_jump or len(self.rtp) == 1):
            early, self._early = self._early, None
            self.report(*early)
        return not nudged

    def _stretch(self, rtp_timestamp: int, arrival_us: int, *, is_jump: bool, parts: bool) -> None:
        """Steps (1) and (2): begin a stretch with this frame, or count it into the last."""
        offset_us = arrival_us - rtp_timestamp * _US // self.rate_hz
        last = self.stretches[-1] if self.stretches else None
        enough_us = self._limits.least_stretch_us if parts else self._limits.stretch_us
        if last is None or is_jump or arrival_us - last.begun_us >= enough_us:
            starts = is_jump or last is None
            self.stretches.append(Stretch(len(self.rtp), arrival_us, offset_us, starts, self._leg))
        elif offset_us < last.least_us:
            last.least_us = offset_us

    def report(self, ntp_us: int, rtp_timestamp: int) -> None:
        """Take a sender report. One far from the last frame may belong to a stream that is about to begin."""
        if ntp_us == 0:
            return
        is_near = bool(self.rtp) and not self._renewed
        if not is_near or abs(rtp_timestamp - self.rtp[-1]) * _US // self.rate_hz > self._limits.jump_us:
            self._early = (ntp_us, rtp_timestamp)
        elif self.last_arrival_us - self._reported_us >= self._limits.least_stretch_us:
            self._reported_us = self.last_arrival_us
            self.reports.append((len(self.rtp), ntp_us - rtp_timestamp * _US // self.rate_hz))


@dataclass(frozen=True, slots=True)
class _Offsets:
    """Per stretch of one track: RTP to arrival clock, and RTP to the sender's clock where it is known."""

    arrival_us: list[int]
    sender_us: list[int | None]


@dataclass(frozen=True, slots=True)
class PlacedTrack:
    """A track on the leg's clock: strictly rising ticks of its own RTP rate since the leg's zero."""

    ticks: array[int]
    is_exact: bool  # placed by sender reports throughout


@dataclass(frozen=True, slots=True)
class Placement:
    """All tracks of a leg on one clock. `zero_us` is the zero of it on the arrival clock."""

    zero_us: int
    tracks: list[PlacedTrack]


def place(clocks: list[TrackClock], limits: TimelineLimits) -> Placement:
    """Put the tracks on one clock whose zero is the first frame. Tracks without frames stay empty."""
    offsets = [_offsets(clock, limits) for clock in clocks]
    leg = _LegClock(clocks, offsets, limits)
    placed = [leg.place(clock, found) for clock, found in zip(clocks, offsets, strict=True)]
    starts = [
        clock.rtp[0] * _US // clock.rate_hz + shifts[0]
        for clock, (shifts, _) in zip(clocks, placed, strict=True)
        if clock.rtp
    ]
    zero_us = min(starts, default=0)
    tracks = [
        PlacedTrack(_ticks(clock, shifts, zero_us), is_exact)
        for clock, (shifts, is_exact) in zip(clocks, placed, strict=True)
    ]
    return Placement(zero_us, tracks)


def _offsets(clock: TrackClock, limits: TimelineLimits) -> _Offsets:
    least = _least_offsets(clock, limits)
    return _Offsets(_arrival_offsets(clock, least, limits), _sender_offsets(clock, least, limits))


def _least_offsets(clock: TrackClock, limits: TimelineLimits) -> list[int]:
    """For each stretch the offset of the frame that waited least, in it and some time after it."""
    offsets: list[int] = []
    for at, stretch in enumerate(clock.stretches):
        least_us, until_us = stretch.least_us, clock.last_arrival_us
        for later in islice(clock.stretches, at + 1, None):
            if later.is_jump or later.begun_us - stretch.begun_us > limits.lookahead_us:
                until_us = later.begun_us
                break
            least_us = min(least_us, later.least_us)
        if offsets and not stretch.is_jump and until_us - stretch.begun_us < limits.evidence_us:
            # The last frames of a run: a moderate delay of theirs is the network's, not a new clock.
            late_us = least_us - offsets[-1]
            least_us -= late_us if 0 < late_us <= limits.leg_band_us else 0
        offsets.append(least_us)
    return offsets


def _arrival_offsets(clock: TrackClock, least: list[int], limits: TimelineLimits) -> list[int]:
    """Step (3): the offset of each stretch by arrival."""
    offsets: list[int] = []
    for stretch, least_us in zip(clock.stretches, least, strict=True):
        moved = not offsets or stretch.is_jump or abs(least_us - offsets[-1]) > limits.arrival_band_us
        offsets.append(least_us if moved else offsets[-1])
    return offsets


def _sender_offsets(clock: TrackClock, least: list[int], limits: TimelineLimits) -> list[int | None]:
    """Step (4), first half: RTP to sender's clock for each stretch, None in runs without a report."""
    found: list[int | None] = [None] * len(clock.stretches)
    places = [at for at, _ in clock.reports]
    starts = [stretch.start for stretch in clock.stretches]
    jumps = [at for at, stretch in enumerate(clock.stretches) if stretch.is_jump]
    edges = {*jumps, len(found)}
    for begin, end in pairwise([*jumps, len(found)]):
        stop = starts[end] if end < len(found) else len(clock.rtp)
        inside = clock.reports[bisect_right(places, starts[begin]) : bisect_right(places, stop)]
        told = [(bisect_right(starts, at - 1) - 1, value) for at, value in inside]
        edges |= _clock_stops(told, least, (begin, end), limits)
    for begin, end in pairwise(sorted(edges)):
        stop = starts[end] if end < len(found) else len(clock.rtp)
        reports = clock.reports[bisect_right(places, starts[begin]) : bisect_right(places, stop)]
        if reports:
            found[begin:end] = _followed(clock.stretches[begin:end], reports, limits)
    return found


def _clock_stops(
    told: list[tuple[int, int]], least: list[int], run: tuple[int, int], limits: TimelineLimits
) -> set[int]:
    """Stretches before which the sender's RTP clock stood still; `told` is (stretch, offset) per report.

    Chromium's does while a microphone is taken away: the timestamps go on as if no time had passed. Arrival
    shows it, and the next report; where none follows, arrival alone is believed.
    """
    if not told:
        return set()
    first, last = told[0][0], told[-1][0]
    band_us = limits.arrival_band_us
    before = [at for at in range(run[0], first) if abs(least[at] - least[first]) > band_us]
    after = [at for at in range(last + 1, run[1]) if abs(least[at] - least[last]) > band_us]
    stops = {*(at + 1 for at in before[-1:]), *after[:1]}
    for (one, value), (two, later) in pairwise(told):
        step_us = later - value
        if (
            abs(step_us) > limits.report_step_us
            and abs(least[two] - least[one] - step_us) < abs(step_us) // 2
        ):
            stops.add(max(range(one + 1, two + 1), key=lambda at: abs(least[at] - least[at - 1])))
    return stops


def _followed(
    stretches: list[Stretch], reports: list[tuple[int, int]], limits: TimelineLimits
) -> list[int | None]:
    """The reports' median, followed with a band, for each stretch of one run."""
    values = _without_steps([value for _, value in reports], limits.report_step_us)
    smooth = [round(median(values[max(0, at - 2) : at + 3])) for at in range(len(values))]
    places = [at for at, _ in reports]
    current = smooth[0]
    followed: list[int | None] = []
    for stretch in stretches:
        latest = smooth[max(0, bisect_right(places, stretch.start) - 1)]
        if abs(latest - current) > limits.report_band_us:
            current = latest
        followed.append(current)
    return followed


def _without_steps(values: list[int], step_us: int) -> list[int]:
    """Take steps of the sender's wall clock out: they move no sound and no picture."""
    base = 0
    even: list[int] = []
    for value in values:
        if even and abs(value - base - even[-1]) > step_us:
            base = value - even[-1]
        even.append(value - base)
    return even


class _LegClock:
    """Step (4), second half: the sender's clock on the arrival clock, one value for all tracks."""

    def __init__(self, clocks: list[TrackClock], offsets: list[_Offsets], limits: TimelineLimits) -> None:
        self._limits = limits
        self._from: list[tuple[int, int]] = []  # leg of the recording, arrival
        self._shift_us: list[int] = []
        for clock, found in zip(clocks, offsets, strict=True):
            if any(value is not None for value in found.sender_us):
                self._follow(clock, found)
                break

    def _follow(self, clock: TrackClock, found: _Offsets) -> None:
        for stretch, arrival_us, sender_us in zip(
            clock.stretches, found.arrival_us, found.sender_us, strict=True
        ):
            if sender_us is None:
                continue
            shift_us = arrival_us - sender_us
            is_first = not self._from or self._from[-1][0] != stretch.leg
            if is_first or abs(shift_us - self._shift_us[-1]) > self._limits.leg_band_us:
                self._from.append((stretch.leg, stretch.begun_us))
                self._shift_us.append(shift_us)

    def place(self, clock: TrackClock, found: _Offsets) -> tuple[list[int], bool]:
        """RTP to leg clock for each stretch, and whether reports placed all of them."""
        shifts: list[int] = []
        is_exact = bool(self._shift_us)
        for stretch, arrival_us, sender_us in zip(
            clock.stretches, found.arrival_us, found.sender_us, strict=True
        ):
            exact_us = None
            shift_us = self._shift_of(stretch)
            if sender_us is not None and shift_us is not None:
                exact_us = sender_us + shift_us
            if exact_us is None or abs(exact_us - arrival_us) > self._limits.trust_us:
                is_exact = False
                exact_us = arrival_us
            shifts.append(exact_us)
        return shifts, is_exact

    def _shift_of(self, stretch: Stretch) -> int | None:
        """From the sender's clock to ours when a stretch began; None where its leg never told."""
        after = bisect_right(self._from, (stretch.leg, stretch.begun_us))
        near = [at for at in (after - 1, after) if 0 <= at < len(self._from)]
        return next((self._shift_us[at] for at in near if self._from[at][0] == stretch.leg), None)


def _ticks(clock: TrackClock, shifts: list[int], zero_us: int) -> array[int]:
    """Ticks since zero, strictly rising: where a correction goes back, frames wait one tick each."""
    ticks = array("q")
    starts = [stretch.start for stretch in clock.stretches]
    last = -1
    for (start, stop), shift_us in zip(pairwise([*starts, len(clock.rtp)]), shifts, strict=True):
        shift = round((shift_us - zero_us) * clock.rate_hz / _US)
        rest = clock.rtp[start:stop]
        at = 0
        while at < len(rest) and rest[at] + shift <= last:
            last += 1
            ticks.append(last)
            at += 1
        ticks.extend(array("q", [stamp + shift for stamp in rest[at:]]))
        last = ticks[-1]
    return ticks
