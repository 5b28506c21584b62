"""Frames in, fragments out: what the recorder seals about once a second.

The writer keeps frames as they came, in bounded number and size, and copies each once, when the fragment is
closed. Times come from the caller, so it needs neither a clock nor a task: the recorder asks `due` before
each frame and on a timer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from webrtc.fragment_format import (
    DEFAULT_LIMITS,
    MAX_AUDIO_LEVEL,
    MAX_RTP,
    MAX_TIME_US,
    TRACKS_PER_LEG,
    WHOLE_LEG,
    Event,
    Fragment,
    FragmentError,
    FragmentLimits,
    GapBegin,
    GapCause,
    GapEnd,
    Loss,
    SenderReport,
    StoredFrame,
    TrackEnded,
    frame_head,
    read_fragment,
    write_event,
    write_fragment,
    write_head,
)
from webrtc.frames import EncodedFrame, MediaKind, TrackInfo

__all__ = [
    "Event",
    "Fragment",
    "FragmentError",
    "FragmentLimits",
    "FragmentPace",
    "FragmentWriter",
    "GapBegin",
    "GapCause",
    "GapEnd",
    "Loss",
    "SenderReport",
    "StoredFrame",
    "TrackEnded",
    "read_fragment",
    "write_fragment",
]

_RTP_WRAP: Final = 1 << 32
_STEP_US: Final = 1000  # a gap takes that long at least: no clock makes a recording go back
_HEAD_BYTES: Final = 16 * 1024  # room kept for header and track table: 16 tracks of 72 bytes fit often


@dataclass(frozen=True, slots=True)
class FragmentPace:
    """When a fragment is closed: what is not closed is lost by a crash, what is closed costs an object."""

    early_s: float = 0.8  # from here on a coming video keyframe closes, so that it opens the next fragment
    usual_s: float = 1.0  # from here on the next audio frame (or any, if there is no audio) closes
    latest_s: float = 1.2  # from here on anything closes
    full_bytes: int = 1024 * 1024  # a burst closes early: the spool's objects stay small


@dataclass(frozen=True, slots=True)
class GoesOn:
    """A recording that another leg goes on with: its clock is the one of the legs before.

    `leg` counts them, `shift_us` puts this leg's arrival times on the recording's clock. `cause` says why
    there is a gap, which began at `since_us` of that clock; a first frame that would come before is moved.
    """

    first_number: int
    leg: int
    shift_us: int
    cause: GapCause
    since_us: int


@dataclass(slots=True)
class WriterCounts:
    """What the writer did not store, for the recorder's metrics. Numbers only ever rise."""

    over_limit: int = 0  # frames dropped because the fragment was full (nobody closed it)
    paused: int = 0  # frames dropped because capture was paused
    refused: int = 0  # frames that cannot be stored: empty, unknown track, values out of range


class FragmentWriter:
    """Collects one leg's frames and observations into fragments numbered from `first_number`.

    Not thread-safe: it lives on the media loop. No method raises for what a sender may do; a frame that does
    not fit is dropped, counted and declared as a loss. Memory is bounded by `limits.fragment_bytes`.
    """

    def __init__(
        self,
        *,
        first_number: int = 0,
        goes_on: GoesOn | None = None,
        limits: FragmentLimits = DEFAULT_LIMITS,
        pace: FragmentPace = FragmentPace(),
    ) -> None:
        self.counts = WriterCounts()
        self._limits = limits
        self._pace = pace
        self._number = goes_on.first_number if goes_on is not None else first_number
        self._base = goes_on.leg * TRACKS_PER_LEG if goes_on is not None else 0
        self._gap = goes_on
        self.shift_us = goes_on.shift_us if goes_on is not None else 0
        self.last_us = goes_on.since_us if goes_on is not None else 0
        self._live: dict[int, TrackInfo] = {}
        self._ended: set[int] = set()
        self._last_rtp: dict[int, int] = {}
        self._paused: dict[int, GapCause] = {}
        self._plain: list[bytes] = []  # joined once: growing one buffer copies a fragment many times
        self._plain_bytes = 0
        self._events = 0
        self._opened_us: int | None = None
        self._after_audio = False
        self._over: dict[int, int] = {}
        self._needs_keyframe: set[int] = set()

    @property
    def number(self) -> int:
        """The number the fragment under collection will have."""
        return self._number

    @property
    def is_empty(self) -> bool:
        """True while there is nothing worth an object of the spool."""
        return self._events == 0

    @property
    def plain_bytes(self) -> int:
        """Bytes held at the moment."""
        return self._plain_bytes

    def track_started(self, info: TrackInfo) -> None:
        """A track joins the leg. One over the limit is not recorded: its frames count as refused."""
        fits = len(self._live) < self._limits.tracks and 0 < info.id <= TRACKS_PER_LEG
        info = replace(info, id=info.id + self._base)
        fits = fits and info.id < _RTP_WRAP >> 16
        if fits and info.clock_rate_hz == info.codec.clock_rate_hz and self._label_fits(info.mid):
            self._live.setdefault(info.id, info)

    def track_ended(self, track_id: int, reason: str) -> None:
        """A track leaves the leg; it stays in the table of this fragment only."""
        track_id += self._base
        if track_id in self._live and track_id not in self._ended and self._label_fits(reason):
            self._add(TrackEnded(track_id, reason))
            self._ended.add(track_id)

    def frame(self, track_id: int, frame: EncodedFrame) -> bool:
        """Store one frame; False when it was dropped (`counts` says why)."""
        track_id += self._base
        if self._paused and (WHOLE_LEG in self._paused or track_id in self._paused):
            self.counts.paused += 1
            return False
        if not self._is_storable(track_id, frame):
            self.counts.refused += 1
            return False
        if self._gap is not None:
            self._go_on(self._gap, round(frame.arrival_s * 1e6))
        arrival_us = self._to_us(frame.arrival_s)
        if not self._admit(track_id, frame, arrival_us):
            self.counts.over_limit += 1
            self._over[track_id] = arrival_us
            return False
        if self._opened_us is None:
            self._opened_us = arrival_us
        self.last_us = arrival_us
        self._last_rtp[track_id] = frame.rtp_timestamp
        self._after_audio = frame.kind is MediaKind.AUDIO
        return True

    def lost(self, track_id: int, packets: int, at_s: float) -> None:
        """Packets of a track were given up."""
        track_id += self._base
        if track_id in self._live:
            self._open(self._to_us(at_s))
            self._add(Loss(track_id, min(max(packets, 0), _RTP_WRAP - 1), self._to_us(at_s)))

    def sender_report(self, track_id: int, ntp_s: float, rtp_timestamp: int) -> None:
        """The sender's clock. A 32-bit timestamp is unwrapped beside the track's last frame, if any."""
        track_id += self._base
        if track_id not in self._live or abs(rtp_timestamp) >= MAX_RTP:
            return
        last = self._last_rtp.get(track_id, rtp_timestamp)
        turns = round((last - rtp_timestamp) / _RTP_WRAP)
        self._add(SenderReport(track_id, _bounded_us(ntp_s * 1e6), rtp_timestamp + turns * _RTP_WRAP))

    def pause(self, at_s: float, *, track_id: int = WHOLE_LEG, cause: GapCause = GapCause.PAUSE) -> None:
        """From now on frames of the track (default: of all) are dropped unseen, until `resume`."""
        track_id = self._of_recording(track_id)
        if track_id not in self._paused:
            self._paused[track_id] = cause
            self._note(GapBegin(track_id, cause, self._to_us(at_s)))

    def resume(self, at_s: float, *, track_id: int = WHOLE_LEG) -> None:
        """Capture goes on. Ask the sender for a keyframe: video starts again with one."""
        track_id = self._of_recording(track_id)
        if self._paused.pop(track_id, None) is not None:
            self._note(GapEnd(track_id, self._to_us(at_s)))

    def due(self, now_s: float, *, upcoming: EncodedFrame | None = None) -> bool:
        """Whether to `close` now, before `upcoming` (if any); `now_s` is on the clock of `arrival_s`."""
        if self._opened_us is None:
            return self._events > self._limits.events // 2
        if self._plain_bytes >= self._pace.full_bytes or self._events > self._limits.events // 2:
            return True
        age_s = now_s - (self._opened_us - self.shift_us) / 1e6
        if age_s < self._pace.early_s or age_s >= self._pace.latest_s:
            return age_s >= self._pace.latest_s
        if upcoming is not None and upcoming.kind is MediaKind.VIDEO and upcoming.is_keyframe:
            return True
        if age_s < self._pace.usual_s:
            return False
        return self._after_audio or all(info.kind is not MediaKind.AUDIO for info in self._live.values())

    def close(self) -> bytes:
        """The plain fragment; the writer goes on with the next number and an empty buffer."""
        for track_id, at_us in self._over.items():
            self._append(write_event(Loss(track_id, 0, at_us)))
        tracks = [self._live[track_id] for track_id in sorted(self._live)]
        plain = b"".join((write_head(self._number, tracks, self._events), *self._plain))
        for track_id in self._ended:
            del self._live[track_id]
        self._ended.clear()
        self._over.clear()
        self._plain = []
        self._plain_bytes = 0
        self._events = 0
        self._opened_us = None
        self._number += 1
        return plain

    def _go_on(self, gap: GoesOn, own_us: int) -> None:
        """Declare the gap before this leg's first frame, which came at `own_us` of the leg's clock."""
        self._gap = None
        self.shift_us = max(self.shift_us, gap.since_us + _STEP_US - own_us)
        self._note(GapBegin(WHOLE_LEG, gap.cause, gap.since_us))
        self._note(GapEnd(WHOLE_LEG, own_us + self.shift_us))
        self._opened_us = own_us + self.shift_us

    def _of_recording(self, track_id: int) -> int:
        """Turn a track's number in the leg into the one it has in the recording."""
        return track_id if track_id == WHOLE_LEG else track_id + self._base

    def _to_us(self, time_s: float) -> int:
        return _bounded_us(time_s * 1e6 + self.shift_us)

    def _is_storable(self, track_id: int, frame: EncodedFrame) -> bool:
        info = self._live.get(track_id)
        return (
            info is not None
            and info.codec is frame.codec
            and track_id not in self._ended
            and 0 < len(frame.payload) <= self._limits.frame_bytes
            and -MAX_RTP < frame.rtp_timestamp < MAX_RTP
        )

    def _admit(self, track_id: int, frame: EncodedFrame, arrival_us: int) -> bool:
        """Store a frame if it fits; after a dropped one, a video track waits for a keyframe."""
        if track_id in self._needs_keyframe and not frame.is_keyframe:
            return False
        level = frame.audio_level
        head = frame_head(
            track_id,
            frame.rtp_timestamp,
            arrival_us,
            len(frame.payload),
            is_keyframe=frame.is_keyframe,
            size=_picture_size(frame.width, frame.height),
            audio_level=None if level is None else min(max(level, 0), MAX_AUDIO_LEVEL),
        )
        size_bytes = len(head) + len(frame.payload)
        if not self._fits(size_bytes):
            self._needs_keyframe.add(track_id)
            return False
        self._needs_keyframe.discard(track_id)
        self._plain += (head, frame.payload)
        self._plain_bytes += size_bytes
        self._events += 1
        return True

    def _fits(self, more_bytes: int) -> bool:
        """Whether so much may be appended; some room is left so that pauses and losses can always be told."""
        if self._events >= self._limits.events - 4 * self._limits.tracks:
            return False
        return self._plain_bytes + more_bytes + _HEAD_BYTES <= self._limits.fragment_bytes

    def _add(self, event: Event) -> None:
        """Append what was observed, if it fits."""
        plain = write_event(event)
        if self._fits(len(plain)):
            self._append(plain)

    def _note(self, event: GapBegin | GapEnd) -> None:
        """A pause is told even in a full fragment, as long as the reader would accept it."""
        self._open(event.at_us)
        if self._events < self._limits.events - self._limits.tracks:
            self._append(write_event(event))

    def _open(self, at_us: int) -> None:
        """The first event's time is the fragment's age: a pause is sealed soon even if no frame follows."""
        if self._opened_us is None:
            self._opened_us = at_us

    def _append(self, plain: bytes) -> None:
        self._plain.append(plain)
        self._plain_bytes += len(plain)
        self._events += 1

    def _label_fits(self, label: str) -> bool:
        try:
            return len(label.encode()) <= self._limits.label_bytes
        except UnicodeEncodeError:
            return False


def _bounded_us(time_us: float) -> int:
    return min(max(round(time_us), 0), MAX_TIME_US - 1)


def _picture_size(width: int | None, height: int | None) -> tuple[int, int] | None:
    if not width or not height:
        return None
    return min(width, 0xFFFF), min(height, 0xFFFF)
