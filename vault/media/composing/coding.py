"""Encoders inside the child, and their frames as the vault's own fragments.

The fragments go the way of a captured leg's: the parent seals and spools them, and the same writers make the
same seekable files of them (docs/adr/0001-fragments-hold-frames.md).
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
from av.video.frame import PictureType

from vault.media.composing.job import SOUND_RATE_HZ, Product
from webrtc.fragments import FragmentWriter
from webrtc.frames import Codec, EncodedFrame, TrackInfo

VIDEO_RATE_HZ: Final = 90_000
FRAMES_PER_S: Final = 30
BIT_RATE: Final = 1_500_000
SOUND_BIT_RATE: Final = 64_000
SOUND: Final = TrackInfo(1, Codec.OPUS.kind, Codec.OPUS, SOUND_RATE_HZ, "0")
OPTIONS: Final = {
    Product.VP8: {"deadline": "realtime", "cpu-used": "6", "lag-in-frames": "0", "auto-alt-ref": "0"},
    Product.H264: {"preset": "veryfast", "tune": "zerolatency", "profile": "main", "crf": "26"},
}
_START_CODE: Final = b"\0\0\1"
_NAL_TYPE: Final = 0x1F
_LEFT_OUT: Final = frozenset({6, 9})  # the encoder's advertisement, and delimiters that lengths replace


class Pictures:
    """The picture's encoder."""

    def __init__(self, product: Product, width: int, height: int) -> None:
        is_vp8 = product is Product.VP8
        codec = Codec.VP8 if is_vp8 else Codec.H264
        self.info = TrackInfo(2, codec.kind, codec, VIDEO_RATE_HZ, "1")
        encoder: Any = av.CodecContext.create("libvpx" if is_vp8 else "libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, VIDEO_RATE_HZ), Fraction(FRAMES_PER_S)
        encoder.bit_rate, encoder.thread_count = BIT_RATE, 1
        encoder.gop_size = 100 * FRAMES_PER_S  # keyframes come when they are asked for
        encoder.options = OPTIONS[product]
        self._encoder = encoder
        self._size = (width, height)

    def coded(self, frame: Any, at: int, *, key: bool) -> Iterator[EncodedFrame]:
        """Encode a picture; ``at`` counts in frames."""
        frame.pts = at * VIDEO_RATE_HZ // FRAMES_PER_S
        frame.time_base = self._encoder.time_base
        frame.pict_type = PictureType.I if key else PictureType.NONE
        yield from map(self._told, self._encoder.encode(frame))

    def rest(self) -> Iterator[EncodedFrame]:
        """What the encoder still holds."""
        yield from map(self._told, self._encoder.encode(None))

    def _told(self, packet: Any) -> EncodedFrame:
        payload = bytes(packet)
        if self.info.codec is Codec.H264:
            payload = with_lengths(payload)
        width, height = self._size if packet.is_keyframe else (None, None)
        arrival_s = packet.pts / VIDEO_RATE_HZ
        kind, codec = self.info.kind, self.info.codec
        return EncodedFrame(kind, codec, packet.pts, arrival_s, payload, packet.is_keyframe, width, height)


class Sounds:
    """The sound's encoder: Opus in packets of 20 ms."""

    SAMPLES: Final = 960

    def __init__(self) -> None:
        encoder: Any = av.CodecContext.create("libopus", "w")
        encoder.sample_rate, encoder.layout, encoder.format = SOUND_RATE_HZ, "mono", "s16"
        encoder.bit_rate = SOUND_BIT_RATE
        self._encoder = encoder
        self._number = 0

    def coded(self, frame: Any) -> Iterator[EncodedFrame]:
        """Encode 20 ms."""
        for packet in self._encoder.encode(frame):
            stamp = self._number * self.SAMPLES
            self._number += 1
            arrival_s = stamp / SOUND_RATE_HZ
            yield EncodedFrame(SOUND.kind, SOUND.codec, stamp, arrival_s, bytes(packet), is_keyframe=True)


class Fragments:
    """Encoded frames in the order of time, cut like a capture's."""

    def __init__(self, *tracks: TrackInfo) -> None:
        self._writer = FragmentWriter()
        for info in tracks:
            self._writer.track_started(info)

    def add(self, track: TrackInfo, frame: EncodedFrame) -> Iterator[bytes]:
        """Take a frame; yields the fragment that is complete now, if one is."""
        if self._writer.due(frame.arrival_s, upcoming=frame):
            yield self._writer.close()
        self._writer.frame(track.id, frame)

    def rest(self) -> Iterator[bytes]:
        """The last fragment."""
        if not self._writer.is_empty:
            yield self._writer.close()


def with_lengths(annex_b: bytes) -> bytes:
    """An access unit with start codes as one with lengths (ISO/IEC 14496-15)."""
    units = [unit.rstrip(b"\0") for unit in annex_b.split(_START_CODE)]
    kept = [unit for unit in units if unit and unit[0] & _NAL_TYPE not in _LEFT_OUT]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in kept)
