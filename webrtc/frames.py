"""The neutral form of media between the network half and the writers: whole encoded frames, never decoded.

One `EncodedFrame` is what one RTP timestamp of one track carried, without RTP framing. Payload shapes:

* VP8: the frame as RFC 6386 defines it (the RFC 7741 payload descriptor is stripped).
* H.264: an access unit in AVCC form: each NAL unit after its length as 4 bytes, big endian. SPS and PPS
  stay in the payload of the keyframe they came with. Never Annex B: nobody needs to guess the format.
* Opus: one Opus packet (RFC 6716, 3), so 2.5 to 120 ms of sound.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol


class MediaKind(StrEnum):
    """What a track carries."""

    AUDIO = "audio"
    VIDEO = "video"


BOTH_KINDS: Final = frozenset(MediaKind)


class Codec(StrEnum):
    """The codecs the vault accepts; the SDP gate refuses every other."""

    VP8 = "vp8"
    H264 = "h264"
    OPUS = "opus"

    @property
    def kind(self) -> MediaKind:
        """The kind of track this codec belongs to."""
        return MediaKind.AUDIO if self is Codec.OPUS else MediaKind.VIDEO

    @property
    def clock_rate_hz(self) -> int:
        """Ticks per second of the RTP timestamp (RFC 7587, 4.1; RFC 7741, 4.1; RFC 6184, 5.1)."""
        return CLOCK_RATES_HZ[self]


CLOCK_RATES_HZ: Final = {Codec.VP8: 90_000, Codec.H264: 90_000, Codec.OPUS: 48_000}


class TrackEnd(StrEnum):
    """Why a track ended. An RTCP BYE is no end: the source may start again (a camera switched off)."""

    TRANSPORT = "transport"  # the connection under it is gone
    STOPPED = "stopped"  # we closed the leg


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """One track of a leg, told once before its first frame.

    `id` counts from 1 in the leg and is never used again; `mid` is the m-line it came by.
    """

    id: int
    kind: MediaKind
    codec: Codec
    clock_rate_hz: int
    mid: str


@dataclass(slots=True)  # not frozen: eighty a second and call, and freezing trebles what making one costs
class EncodedFrame:
    """One encoded frame in the order of its RTP timestamps; nobody changes one.

    `rtp_timestamp` is unwrapped to 64 bits (it never steps from 2^32-1 to 0) in units of the track's clock.
    `arrival_s` is the monotonic time of the packet that completed the frame. `width` and `height` are told
    with keyframes of VP8 and of H.264, else None. `audio_level` is RFC 6464's, in -dBov: 0 (loudest) to
    127 (silence).
    """

    kind: MediaKind
    codec: Codec
    rtp_timestamp: int
    arrival_s: float
    payload: bytes
    is_keyframe: bool
    width: int | None = None
    height: int | None = None
    audio_level: int | None = None


class FrameSink(Protocol):
    """Where a leg's frames go. Called on the media loop: never blocks, never raises.

    What raises all the same is contained and counted by the caller; the call goes on.
    """

    def track_started(self, info: TrackInfo) -> None:
        """A track begins; its frames follow."""

    def frame(self, track_id: int, frame: EncodedFrame) -> None:
        """One frame, in order. An Opus frame is always a keyframe."""

    def lost(self, track_id: int, packets: int, at_s: float) -> None:
        """So many RTP packets were given up at this monotonic time; 0 when only frames were unusable."""

    def sender_report(self, track_id: int, ntp_s: float, rtp_timestamp: int) -> None:
        """The sender's clock: at `ntp_s` (seconds since 1900) the track stood at the unwrapped stamp."""

    def track_ended(self, track_id: int, reason: str) -> None:
        """No frame of this track follows; `reason` is a `TrackEnd` value."""
