"""Pass 1 over a leg's fragments: everything a container's header needs, and what the manifest declares.

The index keeps about 22 bytes per frame, so an hour of audio and video takes 6 MB however big
the media is. Both passes take the same frames because both ask the same `FrameGate`.
"""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from webrtc.bitstreams import OPUS_UNIT, ParameterSets, h264_parameter_sets, opus_is_stereo, opus_units
from webrtc.errors import WebrtcError
from webrtc.fragment_format import (
    WHOLE_LEG,
    Event,
    Fragment,
    GapBegin,
    GapCause,
    GapEnd,
    Loss,
    SenderReport,
    StoredFrame,
    TrackEnded,
    leg_of,
)
from webrtc.frames import Codec, MediaKind, TrackInfo
from webrtc.timeline import DEFAULT_TIMELINE, TimelineLimits, TrackClock, place

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_FLAG: Final = 0x80  # beside it the low bits hold an Opus packet's length in units of 2.5 ms
_DTX_BYTES: Final = 2  # RFC 7587, 3.1.3: a packet of at most two bytes says that silence follows


class ContainerError(WebrtcError):
    """Base of what can go wrong between fragments and a file."""


class EmptyRecordingError(ContainerError):
    """No track has a frame that can be played: keep the manifest, make no file."""


class FragmentOrderError(ContainerError):
    """A fragment came twice or out of order: sort the spool by number and begin again."""


class RecordingTooLongError(ContainerError):
    """The leg has more frames than one file may hold: close the recording and begin a new one."""


@dataclass(frozen=True, slots=True)
class IndexLimits:
    """What one file may hold."""

    frames: int = 4_000_000  # ten hours of audio and video, 90 MB of index; then memory matters
    notes: int = 10_000  # gaps, losses, size changes listed per track; further ones are only counted


@dataclass(slots=True)
class SizeChange:
    """From frame `at` on the picture has this size and, for H.264, these parameter sets."""

    at: int
    width: int
    height: int
    sets: ParameterSets | None


class IndexedTrack:
    """One track as pass 1 saw it; `ticks` is filled when the index is finished."""

    def __init__(self, info: TrackInfo, limits: TimelineLimits) -> None:
        self.info = info
        self.clock = TrackClock(info.clock_rate_hz, limits)
        self.sizes = array("I")
        self.flags = array("B")
        self.ticks = array("q")
        self.is_exact = False
        self.pictures: list[SizeChange] = []
        self.marks: dict[int, GapCause] = {}  # why frames before this one are missing, where told
        self.losses: list[tuple[int, int]] = []  # (frames before it, packets)
        self.packets_lost = 0
        self.is_stereo = False
        self.ended: str | None = None
        self.repeated = 0
        self.digest = hashlib.sha256()
        self.legs: list[tuple[int, int]] = [
            (leg_of(info.id), 0)
        ]  # each leg it came by, and from which frame on

    def renew(self, leg: int) -> None:
        """Another leg of the recording goes on with this track."""
        self.legs.append((leg, len(self)))
        self.clock.renew(leg)
        self.ended = None

    def mark(self, cause: GapCause) -> None:
        """Note why frames are missing before the next one; a pause explains more than what came with it."""
        if self.marks.get(len(self)) is not GapCause.PAUSE:
            self.marks[len(self)] = cause

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def is_audio(self) -> bool:
        """True for Opus."""
        return self.info.kind is MediaKind.AUDIO

    def is_key(self, at: int) -> bool:
        """Whether a player can start with this frame."""
        return bool(self.flags[at] & KEY_FLAG)

    def duration_ticks(self, at: int) -> int:
        """How long a frame is shown or sounds: by the packet for Opus, up to the next frame for video."""
        if self.is_audio:
            return (self.flags[at] & ~KEY_FLAG) * OPUS_UNIT
        if at + 1 < len(self.ticks):
            return self.ticks[at + 1] - self.ticks[at]
        # The last picture has no next one: it lasts as long as the one before, from 1/30 s to 1 s.
        before = self.ticks[at] - self.ticks[at - 1] if at else 0
        return min(max(before, self.info.clock_rate_hz // 30), self.info.clock_rate_hz)

    @property
    def end_ticks(self) -> int:
        """Where the last frame ends."""
        return self.ticks[-1] + self.duration_ticks(len(self) - 1)

    def ms(self, ticks: int) -> int:
        """Ticks of this track in whole milliseconds, rounded to the nearest."""
        rate = self.info.clock_rate_hz
        return (ticks * 1000 + rate // 2) // rate


class FrameGate:
    """Which frames of the fragments go into the file: those a decoder can use.

    Video begins with a keyframe (for H.264 one with its parameter sets), and again after each hole: what lies
    between would only show broken pictures. Both passes hold one and feed it the same fragments.
    """

    def __init__(self) -> None:
        self.dropped: dict[int, int] = {}
        self._open: set[int] = set()  # video tracks whose last keyframe still serves
        self._with_sets: set[int] = set()  # H.264 tracks whose parameter sets are known
        self._tracks: dict[int, TrackInfo] = {}
        self._next_number: int | None = None

    def enter(self, fragment: Fragment) -> bool:
        """Begin a fragment; True if fragments before it are missing. Raises `FragmentOrderError`."""
        if self._next_number is not None and fragment.number < self._next_number:
            raise FragmentOrderError(f"fragment {fragment.number} came after {self._next_number - 1}")
        missing = self._next_number is not None and fragment.number > self._next_number
        if missing:
            self._open.clear()
        self._next_number = fragment.number + 1
        for info in fragment.tracks:
            self._tracks.setdefault(info.id, info)
        return missing

    def admit(self, frame: StoredFrame) -> bool:
        """Whether this frame is kept."""
        info = self._tracks[frame.track_id]
        if info.kind is MediaKind.AUDIO or (frame.track_id in self._open and not frame.is_keyframe):
            return True
        if frame.is_keyframe and frame.size is not None and self._has_sets(info, frame):
            self._open.add(frame.track_id)
            return True
        self.dropped[frame.track_id] = self.dropped.get(frame.track_id, 0) + 1
        return False

    def note(self, event: Event) -> None:
        """Where an event says that frames are missing, video of the track (or of all) awaits a keyframe."""
        if isinstance(event, GapBegin | Loss):
            if event.track_id == WHOLE_LEG:
                self._open.clear()
            self._open.discard(event.track_id)

    def _has_sets(self, info: TrackInfo, frame: StoredFrame) -> bool:
        if info.codec is Codec.H264 and info.id not in self._with_sets:
            if h264_parameter_sets(frame.payload) is None:
                return False
            self._with_sets.add(info.id)
        return True


class MediaIndex:
    """Feed it a leg's fragments in order (`add`), then `finish` once; writers and the report read it."""

    def __init__(
        self,
        *,
        limits: IndexLimits = IndexLimits(),
        timeline: TimelineLimits = DEFAULT_TIMELINE,
    ) -> None:
        self.limits = limits
        self.zero_us = 0
        self.first_us: int | None = None  # arrival of the first frame of all, kept or not
        self.crashed = False
        self.open_gaps: dict[int, GapBegin] = {}
        self.pauses: list[tuple[int, int | None]] = []  # of the whole leg, on the clock of arrival
        self.gate = FrameGate()
        self._timeline = timeline
        self._all: list[IndexedTrack] = []
        self._by_id: dict[int, IndexedTrack] = {}  # by each number it had; every leg brings its own
        self._frames = 0
        self._video_codec: Codec | None = None
        self._tracks: tuple[IndexedTrack, ...] = ()

    def add(self, fragment: Fragment) -> None:
        """Take the next fragment. Raises `FragmentOrderError`, `RecordingTooLongError`."""
        missing = self.gate.enter(fragment)
        for info in fragment.tracks:
            track = self._by_id.get(info.id)
            if track is None:  # one without a frame yet is known, though it counts none
                track = self._join(info)
            if missing:
                track.mark(GapCause.CRASH)
        for event in fragment.events:
            if type(event) is StoredFrame:
                if self.first_us is None:
                    self.first_us = event.arrival_us
                if self.gate.admit(event):
                    self._keep(event)
            else:
                self._note(event)

    def _join(self, info: TrackInfo) -> IndexedTrack:
        """Find the track that this one goes on with: of an earlier leg, in the same codec; or begin one."""
        leg = leg_of(info.id)
        found = (track for track in self._all if track.info.codec is info.codec and track.legs[-1][0] < leg)
        track = next(found, None)
        if track is None:
            track = IndexedTrack(info, self._timeline)
            self._all.append(track)
        else:
            track.renew(leg)
        self._by_id[info.id] = track
        return track

    def _keep(self, frame: StoredFrame) -> None:
        track = self._by_id[frame.track_id]
        if self._frames >= self.limits.frames:
            raise RecordingTooLongError(f"more than {self.limits.frames} frames in one leg")
        self._frames += 1
        payload = frame.payload
        if not track.clock.observe(frame.rtp_timestamp, frame.arrival_us):
            track.repeated += 1  # kept all the same: dropping a frame would break those that build on it
        if track.is_audio:
            track.flags.append(KEY_FLAG | opus_units(payload))
            track.is_stereo = track.is_stereo or opus_is_stereo(payload)
        else:
            if frame.is_keyframe and frame.size is not None:
                self._picture(track, frame, frame.size)
            track.flags.append(KEY_FLAG if frame.is_keyframe else 0)
            self._video_codec = self._video_codec or track.info.codec
        track.sizes.append(len(payload))
        track.digest.update(payload)

    def _picture(self, track: IndexedTrack, frame: StoredFrame, size: tuple[int, int]) -> None:
        last = track.pictures[-1] if track.pictures else None
        sets = h264_parameter_sets(frame.payload) if track.info.codec is Codec.H264 else None
        if sets is None and last is not None:
            sets = last.sets
        changed = last is None or (last.width, last.height) != size or last.sets != sets
        if changed and len(track.pictures) < self.limits.notes:
            track.pictures.append(SizeChange(len(track), *size, sets))

    def _note(self, event: Event) -> None:
        self.gate.note(event)
        match event:
            case SenderReport():
                self._by_id[event.track_id].clock.report(event.ntp_us, event.rtp_timestamp)
            case Loss():
                self._lose(self._by_id[event.track_id], event)
            case TrackEnded():
                self._by_id[event.track_id].ended = event.reason
            case GapBegin():
                self._begin_gap(event)
            case GapEnd():
                self.open_gaps.pop(self._first_id(event.track_id), None)
                if event.track_id == WHOLE_LEG and self.pauses and self.pauses[-1][1] is None:
                    self.pauses[-1] = (self.pauses[-1][0], event.at_us)

    def _begin_gap(self, gap: GapBegin) -> None:
        if gap.cause in {GapCause.RECONNECT, GapCause.RESTART}:
            self.open_gaps.clear()  # what the leg before had stopped, this one begins without
        self.open_gaps[self._first_id(gap.track_id)] = gap
        if gap.track_id == WHOLE_LEG and gap.cause is GapCause.PAUSE:
            self.pauses.append((gap.at_us, None))
        for track in self._all:
            if gap.track_id == WHOLE_LEG or self._by_id[gap.track_id] is track:
                track.mark(gap.cause)

    def _first_id(self, track_id: int) -> int:
        return WHOLE_LEG if track_id == WHOLE_LEG else self._by_id[track_id].info.id

    def _lose(self, track: IndexedTrack, loss: Loss) -> None:
        track.packets_lost += loss.packets
        track.marks.setdefault(len(track), GapCause.LOSS)
        if len(track.losses) < self.limits.notes:
            track.losses.append((len(track), loss.packets))

    def finish(self, *, crashed: bool = False) -> None:
        """Put all frames on the leg's clock. `crashed`: the leg's end is not known to have been stored.

        Takes about 0.3 us per frame. Raises `EmptyRecordingError`.
        """
        self.crashed = crashed
        chosen = [
            track
            for track in self._all
            if len(track) and (track.is_audio or track.info.codec is self._video_codec)
        ]
        if not chosen:
            raise EmptyRecordingError("no frame of the leg can be played")
        chosen.sort(key=lambda track: (not track.is_audio, track.info.id))
        placement = place([track.clock for track in chosen], self._timeline)
        self.zero_us = placement.zero_us
        for track, placed in zip(chosen, placement.tracks, strict=True):
            track.ticks = placed.ticks
            track.is_exact = placed.is_exact
            track.clock.rtp = array("q")  # not needed any more, and as big as the ticks
        self._tracks = tuple(chosen)

    @property
    def tracks(self) -> tuple[IndexedTrack, ...]:
        """Tracks of the file: audio first, then video, each by id. Empty before `finish`."""
        return self._tracks

    @property
    def video_codec(self) -> Codec | None:
        """The codec of the first picture; video tracks of another codec do not enter the file."""
        return self._video_codec

    @property
    def left_out(self) -> tuple[IndexedTrack, ...]:
        """Tracks with frames that are not in the file."""
        return tuple(track for track in self._all if len(track) and track not in self._tracks)

    @property
    def slots(self) -> dict[int, int]:
        """Where the frames of each track number stand in `tracks`; those of no file are not in it."""
        places = {id(track): slot for slot, track in enumerate(self._tracks)}
        return {number: places[id(track)] for number, track in self._by_id.items() if id(track) in places}

    def is_silence(self, track: IndexedTrack, at: int) -> bool:
        """Whether the frame before `at` announced that the sender would say nothing for a while (DTX)."""
        return track.is_audio and at > 0 and track.sizes[at - 1] <= _DTX_BYTES


class FrameFeed:
    """Pass 2: the kept frames of the fragments, given back in the order a container wants them.

    `order` names the slot (place in `index.tracks`) of each frame of the file in turn. A frame waits here
    until those before it have come; the timeline bounds how far tracks part, and so the wait.
    """

    def __init__(self, index: MediaIndex, order: Iterator[int]) -> None:
        self._slots = index.slots
        self._waiting: list[list[bytes]] = [[] for _ in index.tracks]
        self._taken = [0] * len(index.tracks)
        self._order = order
        self._next = next(order, None)
        self._gate = FrameGate()

    def push(self, fragment: Fragment) -> Iterator[tuple[int, bytes]]:
        """Take a fragment; yields (slot, payload) for each frame whose turn has come."""
        self._gate.enter(fragment)
        for event in fragment.events:
            if type(event) is StoredFrame:
                slot = self._slots.get(event.track_id)
                if self._gate.admit(event) and slot is not None:
                    self._waiting[slot].append(event.payload)
            else:
                self._gate.note(event)
        return self._ready()

    def _ready(self) -> Iterator[tuple[int, bytes]]:
        while self._next is not None:
            slot = self._next
            queue, at = self._waiting[slot], self._taken[slot]
            if at == len(queue):
                break
            self._next = next(self._order, None)
            payload = queue[at]
            self._taken[slot] = at + 1
            yield slot, payload
        for slot, queue in enumerate(self._waiting):
            del queue[: self._taken[slot]]
            self._taken[slot] = 0

    @property
    def is_drained(self) -> bool:
        """True when every frame of the index has been given out."""
        return self._next is None
