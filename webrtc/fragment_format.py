"""Fragment format 1: about a second of one leg's encoded frames, as bytes that describe themselves.

A fragment holds frames and observations, not container bytes: the exact place of a frame on the clock is only
known when later sender reports have come (docs/adr/0001-fragments-hold-frames.md). Every number is big endian
and every value has one spelling, so whatever `read_fragment` accepts `write_fragment` turns into the same
bytes. The byte layout is told in docs/FORMAT.md, "Spool fragments".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias

from webrtc.errors import WebrtcError
from webrtc.frames import Codec, TrackInfo

MAGIC: Final = b"CVFR"
VERSION: Final = 1
WHOLE_LEG: Final = 0  # the track number of an event that concerns every track
TRACKS_PER_LEG: Final = 16  # leg n of a recording has the track numbers from 16n + 1 to 16n + 16

_HEADER: Final = struct.Struct(">4sBBHII")  # magic, version, tracks, zero, number, events
_TRACK: Final = struct.Struct(">HBIB")  # id, codec, clock rate in Hz, bytes of mid
_EVENT: Final = struct.Struct(">BH")  # type, track
_FRAME: Final = struct.Struct(">Bqq")  # flags, RTP timestamp, arrival in us
_SIZE: Final = struct.Struct(">HH")  # width, height in pixels
_LENGTH: Final = struct.Struct(">I")  # bytes of payload
# A frame's head in one piece, written eighty times a second: with neither, one or both of the optional
# values, which stand in the order size, audio level.
_PLAIN_HEAD: Final = struct.Struct(">BHBqqI")
_LEVEL_HEAD: Final = struct.Struct(">BHBqqBI")
_SIZE_HEAD: Final = struct.Struct(">BHBqqHHI")
_FULL_HEAD: Final = struct.Struct(">BHBqqHHBI")
_REPORT: Final = struct.Struct(">qq")  # NTP in us, RTP timestamp
_LOSS: Final = struct.Struct(">Iq")  # packets, time in us
_GAP_BEGIN: Final = struct.Struct(">Bq")  # cause, time in us
_TIME: Final = struct.Struct(">q")  # time in us

_KEYFRAME, _HAS_SIZE, _HAS_LEVEL = 1, 2, 4
_ALL_FLAGS: Final = 7
_CODEC_NUMBERS: Final = {Codec.VP8: 1, Codec.H264: 2, Codec.OPUS: 3}
_CODECS: Final = {number: codec for codec, number in _CODEC_NUMBERS.items()}


class FragmentError(WebrtcError):
    """Bytes are not a fragment of a version and size we know: skip the object, declare a gap."""


@dataclass(frozen=True, slots=True)
class FragmentLimits:
    """What one fragment may hold; the reader refuses more, the writer drops and declares more."""

    fragment_bytes: int = 8 * 1024 * 1024  # memory of one leg; less would drop a burst of big keyframes
    frame_bytes: int = 4 * 1024 * 1024  # no browser's keyframe comes near; more is an attack on memory
    events: int = 8192  # ten times a busy second (audio at 2.5 ms, video at 60 fps, reports)
    tracks: int = TRACKS_PER_LEG  # a call has 2; screen share and re-negotiation add some
    label_bytes: int = 64  # mid (RFC 8843 tokens are 1 to 3 bytes in browsers) and reason of an end


DEFAULT_LIMITS: Final = FragmentLimits()
MAX_TIME_US: Final = 1 << 53  # 285 years of a monotonic clock: exact as a float, far from overflow
MAX_AUDIO_LEVEL: Final = 127  # -dBov (RFC 6464, 3)
MAX_RTP: Final = 1 << 60  # unwrapped timestamps stay below 2^50 in any real call


class GapCause(IntEnum):
    """Why a leg or a track has no media for a while; the number is what the fragment stores."""

    PAUSE = 1  # capture was paused on purpose (secure pause, consent withdrawn)
    MUTE = 2  # the sender sent nothing
    LOSS = 3  # packets did not arrive
    CRASH = 4  # fragments are missing: the process died or an object is gone
    RECONNECT = 5  # the line was lost, and another leg of the same sender goes on
    RESTART = 6  # the same across a restart of the recorder


def leg_of(track_id: int) -> int:
    """Tell which leg of the recording a track came by, counted from 0."""
    return (track_id - 1) // TRACKS_PER_LEG


class StoredFrame(NamedTuple):
    """One encoded frame: RTP timestamp unwrapped, arrival in us of the recording's monotonic clock."""

    track_id: int
    rtp_timestamp: int
    arrival_us: int
    payload: bytes
    is_keyframe: bool
    size: tuple[int, int] | None  # width, height in pixels
    audio_level: int | None  # -dBov, 0 to 127


class SenderReport(NamedTuple):
    """The sender's clock (us since 1900) stood at `ntp_us` when the track stood at `rtp_timestamp`."""

    track_id: int
    ntp_us: int
    rtp_timestamp: int


class Loss(NamedTuple):
    """So many packets (0: only frames) of a track were given up at this time."""

    track_id: int
    packets: int
    at_us: int


class TrackEnded(NamedTuple):
    """No later frame of the track exists."""

    track_id: int
    reason: str


class GapBegin(NamedTuple):
    """Capture of a track, or of the whole leg, stops on purpose."""

    track_id: int
    cause: GapCause
    at_us: int


class GapEnd(NamedTuple):
    """Capture goes on after a `GapBegin` of the same track."""

    track_id: int
    at_us: int


Event: TypeAlias = StoredFrame | SenderReport | Loss | TrackEnded | GapBegin | GapEnd


class Fragment(NamedTuple):
    """One fragment: its place in the leg, its tracks (rising ids), its events in order of capture."""

    number: int
    tracks: tuple[TrackInfo, ...]
    events: tuple[Event, ...]

    @property
    def frames(self) -> list[StoredFrame]:
        """The frames alone, in order of capture."""
        return [event for event in self.events if type(event) is StoredFrame]


def write_event(event: Event) -> bytes:
    """The bytes of one event. Values must be within the limits; `struct.error` otherwise."""
    if isinstance(event, StoredFrame):
        return _write_frame(event)
    track = event.track_id
    match event:
        case SenderReport():
            return _EVENT.pack(2, track) + _REPORT.pack(event.ntp_us, event.rtp_timestamp)
        case Loss():
            return _EVENT.pack(3, track) + _LOSS.pack(event.packets, event.at_us)
        case TrackEnded():
            reason = event.reason.encode()
            return _EVENT.pack(4, track) + bytes((len(reason),)) + reason
        case GapBegin():
            return _EVENT.pack(5, track) + _GAP_BEGIN.pack(event.cause, event.at_us)
        case GapEnd():
            return _EVENT.pack(6, track) + _TIME.pack(event.at_us)


def _write_frame(frame: StoredFrame) -> bytes:
    return (
        frame_head(
            frame.track_id,
            frame.rtp_timestamp,
            frame.arrival_us,
            len(frame.payload),
            is_keyframe=frame.is_keyframe,
            size=frame.size,
            audio_level=frame.audio_level,
        )
        + frame.payload
    )


def frame_head(
    track_id: int,
    rtp_timestamp: int,
    arrival_us: int,
    payload_bytes: int,
    *,
    is_keyframe: bool,
    size: tuple[int, int] | None,
    audio_level: int | None,
) -> bytes:
    """What stands before a frame's payload; the arguments are as in `StoredFrame`."""
    flags = _KEYFRAME if is_keyframe else 0
    if size is None:
        if audio_level is None:
            return _PLAIN_HEAD.pack(1, track_id, flags, rtp_timestamp, arrival_us, payload_bytes)
        flags |= _HAS_LEVEL
        return _LEVEL_HEAD.pack(1, track_id, flags, rtp_timestamp, arrival_us, audio_level, payload_bytes)
    flags |= _HAS_SIZE
    if audio_level is None:
        return _SIZE_HEAD.pack(1, track_id, flags, rtp_timestamp, arrival_us, *size, payload_bytes)
    flags |= _HAS_LEVEL
    return _FULL_HEAD.pack(1, track_id, flags, rtp_timestamp, arrival_us, *size, audio_level, payload_bytes)


def write_head(number: int, tracks: list[TrackInfo], events: int) -> bytes:
    """Header and track table of a fragment; `tracks` in rising order of id."""
    parts = [_HEADER.pack(MAGIC, VERSION, len(tracks), 0, number, events)]
    for info in tracks:
        mid = info.mid.encode()
        parts += (_TRACK.pack(info.id, _CODEC_NUMBERS[info.codec], info.clock_rate_hz, len(mid)), mid)
    return b"".join(parts)


def write_fragment(fragment: Fragment) -> bytes:
    """The one byte form of a fragment."""
    head = write_head(fragment.number, list(fragment.tracks), len(fragment.events))
    return head + b"".join(write_event(event) for event in fragment.events)


def read_fragment(plain: bytes, limits: FragmentLimits = DEFAULT_LIMITS) -> Fragment:
    """Parse one plain fragment. Raises `FragmentError`, and nothing else, if it is not format 1."""
    if len(plain) > limits.fragment_bytes:
        raise FragmentError(f"a fragment of {len(plain)} bytes is over the limit of {limits.fragment_bytes}")
    try:
        return _Reader(plain, limits).fragment()
    except (struct.error, IndexError) as cause:
        raise FragmentError("the fragment ends in the middle of a value") from cause
    except UnicodeDecodeError as cause:
        raise FragmentError("a label of the fragment is not UTF-8") from cause


def _check(what: str, *, ok: bool) -> None:
    if not ok:
        raise FragmentError(f"the fragment is not valid: {what}")


class _Reader:
    """A cursor over the bytes of one fragment."""

    def __init__(self, plain: bytes, limits: FragmentLimits) -> None:
        self._plain = plain
        self._limits = limits
        self._at = 0
        self._ids: set[int] = set()

    def _take(self, layout: struct.Struct) -> tuple[int, ...]:
        values: tuple[int, ...] = layout.unpack_from(self._plain, self._at)
        self._at += layout.size
        return values

    def _bytes(self, length: int) -> bytes:
        value = self._plain[self._at : self._at + length]
        _check("a value is cut short", ok=len(value) == length)
        self._at += length
        return value

    def _label(self, length: int) -> str:
        _check("a label is too long", ok=length <= self._limits.label_bytes)
        return self._bytes(length).decode()

    def _time(self, at_us: int) -> int:
        _check("a time is out of range", ok=0 <= at_us < MAX_TIME_US)
        return at_us

    def _rtp(self, stamp: int) -> int:
        _check("a timestamp is out of range", ok=-MAX_RTP < stamp < MAX_RTP)
        return stamp

    def fragment(self) -> Fragment:
        magic, version, tracks, zero, number, events = _HEADER.unpack_from(self._plain, 0)
        self._at = _HEADER.size
        _check("it does not begin with the magic", ok=magic == MAGIC)
        _check(f"version {version} is unknown", ok=version == VERSION)
        _check("reserved bits are set", ok=zero == 0)
        _check("too many tracks", ok=tracks <= self._limits.tracks)
        _check("too many events", ok=events <= self._limits.events)
        table = tuple(self._track() for _ in range(tracks))
        ids = [info.id for info in table]
        _check("track ids do not rise from 1", ok=ids == sorted(set(ids)) and WHOLE_LEG not in ids)
        self._ids = set(ids)
        parsed = tuple(self._event() for _ in range(events))
        _check("bytes follow the last event", ok=self._at == len(self._plain))
        return Fragment(number, table, parsed)

    def _track(self) -> TrackInfo:
        track_id, codec_number, clock_rate_hz, length = self._take(_TRACK)
        codec = _CODECS.get(codec_number)
        if codec is None:
            raise FragmentError(f"the fragment is not valid: codec {codec_number} is unknown")
        _check("a clock rate does not fit its codec", ok=clock_rate_hz == codec.clock_rate_hz)
        return TrackInfo(track_id, codec.kind, codec, clock_rate_hz, self._label(length))

    def _event(self) -> Event:
        kind, track = self._take(_EVENT)
        may_be_leg = kind in {5, 6} and track == WHOLE_LEG
        _check("an event of an unknown track", ok=track in self._ids or may_be_leg)
        match kind:
            case 1:
                return self._frame(track)
            case 2:
                ntp_us, stamp = self._take(_REPORT)
                return SenderReport(track, self._time(ntp_us), self._rtp(stamp))
            case 3:
                packets, at_us = self._take(_LOSS)
                return Loss(track, packets, self._time(at_us))
            case 4:
                return TrackEnded(track, self._label(self._bytes(1)[0]))
            case 5:
                cause, at_us = self._take(_GAP_BEGIN)
                _check("a gap of unknown cause", ok=cause in set(GapCause))
                return GapBegin(track, GapCause(cause), self._time(at_us))
            case 6:
                return GapEnd(track, self._time(self._take(_TIME)[0]))
        raise FragmentError(f"the fragment is not valid: event type {kind} is unknown")

    def _frame(self, track: int) -> StoredFrame:
        flags, stamp, arrival_us = self._take(_FRAME)
        _check("a frame has unknown flags", ok=flags <= _ALL_FLAGS)
        size = self._size() if flags & _HAS_SIZE else None
        level = self._bytes(1)[0] if flags & _HAS_LEVEL else None
        _check("an audio level is out of range", ok=level is None or level <= MAX_AUDIO_LEVEL)
        (length,) = self._take(_LENGTH)
        _check("a frame is empty or too long", ok=0 < length <= self._limits.frame_bytes)
        self._rtp(stamp)
        self._time(arrival_us)
        payload = self._bytes(length)
        return StoredFrame(track, stamp, arrival_us, payload, bool(flags & _KEYFRAME), size, level)

    def _size(self) -> tuple[int, int]:
        width, height = self._take(_SIZE)
        _check("a picture has no area", ok=width > 0 and height > 0)
        return width, height
