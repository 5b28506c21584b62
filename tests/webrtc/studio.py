"""Real encoded media for the tests: VP8, H.264 and Opus from FFmpeg's encoders, sent as a browser would."""

from __future__ import annotations

import json
import math
import subprocess
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from webrtc.fragments import FragmentWriter, read_fragment
from webrtc.frames import Codec, EncodedFrame, TrackInfo
from webrtc.media_index import MediaIndex
from webrtc.webm import WebmWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from webrtc.fragments import Fragment

Coded = tuple[tuple[bytes, bool], ...]

AUDIO = TrackInfo(1, Codec.OPUS.kind, Codec.OPUS, 48_000, "0")
VP8 = TrackInfo(2, Codec.VP8.kind, Codec.VP8, 90_000, "1")
H264 = TrackInfo(2, Codec.H264.kind, Codec.H264, 90_000, "1")
ATTACHED_S = 1000.0  # the monotonic clock when the scenes begin
NTP_S = 3_900_000_000.0  # the sender's clock at the same moment


@dataclass
class Sent:
    """One frame of a track."""

    info: TrackInfo
    frame: EncodedFrame


Moment = tuple[float, int, "Sent | Callable[[FragmentWriter], object]"]


@dataclass
class Scene:
    """What a sender sends: frames in order of arrival, and what else the writer is told between them."""

    sent: list[Sent] = field(default_factory=list)
    notes: list[tuple[float, Callable[[FragmentWriter], object]]] = field(default_factory=list)

    def add(self, *more: list[Sent]) -> Scene:
        """Another track, or more of the same."""
        for some in more:
            self.sent += some
        return self

    def note(self, at_s: float, tell: Callable[[FragmentWriter], object]) -> Scene:
        """Something the writer is told so many seconds after the scene began."""
        self.notes.append((ATTACHED_S + at_s, tell))
        return self

    def plain_fragments(self) -> list[bytes]:
        """The scene through a FragmentWriter, closed as the recorder closes."""
        writer = FragmentWriter()
        for info in {sent.info.id: sent.info for sent in self.sent}.values():
            writer.track_started(info)
        plains: list[bytes] = []
        moments: list[Moment] = [(sent.frame.arrival_s, 1, sent) for sent in self.sent]
        moments += [(at_s, 0, tell) for at_s, tell in self.notes]
        for now_s, _, what in sorted(moments, key=lambda moment: moment[:2]):
            if not isinstance(what, Sent):
                what(writer)
                continue
            if writer.due(now_s, upcoming=what.frame):
                plains.append(writer.close())
            writer.frame(what.info.id, what.frame)
        if not writer.is_empty:
            plains.append(writer.close())
        return plains

    def fragments(self) -> list[Fragment]:
        """The same, read back."""
        return [read_fragment(plain) for plain in self.plain_fragments()]


def audio(
    seconds: float, *, from_s: float = 0.0, rtp: int = 3_000_000_000, delay_s: float = 0.02
) -> list[Sent]:
    """A 440 Hz tone in Opus packets of 20 ms; the first at `from_s` into the scene, each `delay_s` late."""
    return [
        Sent(AUDIO, _sound(payload, rtp + at * 960, ATTACHED_S + from_s + at * 0.02 + delay_s))
        for at, (payload, _) in enumerate(opus_packets(round(seconds * 50)))
    ]


def _sound(payload: bytes, rtp: int, arrival_s: float) -> EncodedFrame:
    return EncodedFrame(AUDIO.kind, Codec.OPUS, rtp, arrival_s, payload, is_keyframe=True, audio_level=20)


def video(  # each argument is one thing a test varies
    seconds: float,
    *,
    info: TrackInfo = VP8,
    size: tuple[int, int] = (160, 120),
    from_s: float = 0.0,
    rtp: int = 4_000_000_000,
    delay_s: float = 0.03,
    key_every: int = 30,
) -> list[Sent]:
    """A moving picture at 30 frames a second, with a keyframe every `key_every` frames."""
    sent: list[Sent] = []
    for at, (payload, key) in enumerate(pictures(info.codec, round(seconds * 30), size, key_every)):
        arrival_s = ATTACHED_S + from_s + at / 30 + delay_s
        width, height = size if key else (None, None)
        stamp = rtp + at * 3000
        sent.append(
            Sent(info, EncodedFrame(info.kind, info.codec, stamp, arrival_s, payload, key, width, height))
        )
    return sent


def report(info: TrackInfo, at_s: float, rtp: int, *, ntp_s: float | None = None) -> Callable[..., None]:
    """A sender report: at `ntp_s` into the scene (by default `at_s`) the track stood at `rtp`."""
    true_s = at_s if ntp_s is None else ntp_s
    return lambda writer: writer.sender_report(info.id, NTP_S + true_s, rtp)


def pts_of(packet: av.Packet[Any]) -> int:
    """The time stamp of a packet of a file; each has one."""
    assert packet.pts is not None
    return packet.pts


@cache
def opus_packets(packets: int) -> Coded:
    """So many mono packets of 20 ms at 32 kbit/s."""
    encoder: Any = av.CodecContext.create("libopus", "w")
    encoder.sample_rate = 48_000
    encoder.layout = "mono"
    encoder.format = "flt"
    encoder.bit_rate = 32_000
    coded: list[tuple[bytes, bool]] = []
    for at in range(packets + 1):
        wave = np.sin(2 * math.pi * 440 * (np.arange(960) + at * 960) / 48_000).astype(np.float32) * 0.5
        sound = av.AudioFrame.from_ndarray(wave.reshape(1, -1), format="flt", layout="mono")
        sound.sample_rate = 48_000
        sound.pts = at * 960
        coded += [(bytes(packet), True) for packet in encoder.encode(sound)]
    return tuple(coded[:packets])


@cache
def pictures(codec: Codec, count: int, size: tuple[int, int], key_every: int) -> Coded:
    """So many pictures: grey that steps every second, and a white line that falls by one row each time."""
    encoder: Any = av.CodecContext.create("libvpx" if codec is Codec.VP8 else "libx264", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, 90_000)
    encoder.framerate = Fraction(30, 1)
    encoder.gop_size = key_every
    encoder.bit_rate = 200_000
    encoder.options = (
        {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        if codec is Codec.VP8
        else {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "sc_threshold": "0"}
    )
    coded: list[tuple[bytes, bool]] = []
    for at in range(count):
        image = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
        image[: size[1]] = grey_at(at)
        image[at % size[1], :] = 235
        picture = av.VideoFrame.from_ndarray(image, format="yuv420p")
        picture.pts = at * 3000
        picture.time_base = Fraction(1, 90_000)
        coded += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(picture)]
    coded += [(bytes(packet), packet.is_keyframe) for packet in encoder.encode(None)]
    return tuple((avcc(payload) if codec is Codec.H264 else payload, key) for payload, key in coded)


def grey_at(picture: int) -> int:
    """The brightness of a picture: it tells the second."""
    return 40 + picture // 30 * 20 % 180


def avcc(annex_b: bytes) -> bytes:
    """An access unit with start codes as one with lengths; SEI (the encoder's advertisement) left out."""
    units = [unit.rstrip(b"\0") for unit in annex_b.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")]
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in units if unit and unit[0] & 31 != 6)


def index_of(fragments: list[Fragment], *, crashed: bool = False) -> MediaIndex:
    """Pass 1."""
    index = MediaIndex()
    for fragment in fragments:
        index.add(fragment)
    index.finish(crashed=crashed)
    return index


def file_of(fragments: list[Fragment], make: Callable[[MediaIndex], Any] = WebmWriter) -> bytes:
    """Both passes."""
    writer = make(index_of(fragments))
    parts = list(writer.header())
    for fragment in fragments:
        parts += writer.body(fragment)
    writer.finish()
    plain = b"".join(parts)
    assert len(plain) == writer.size_bytes
    return plain


def probe(path: Path) -> dict[str, Any]:
    """Ffprobe's reading of a file: every frame decoded, packets listed. Fails on any complaint."""
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-show_format", "-show_packets"]
    done = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=True, timeout=60)
    assert done.stderr == b"", done.stderr.decode()
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def frame_counts(seen: dict[str, Any]) -> dict[str, int]:
    """Decoded frames by codec."""
    return {stream["codec_name"]: int(stream["nb_read_frames"]) for stream in seen["streams"]}


def stamps_s(path: Path, kind: str) -> list[float]:
    """Presentation times of one kind of packet as PyAV reads them."""
    with av.open(str(path)) as media:
        stream = next(stream for stream in media.streams if stream.type == kind)
        return [float(p.pts * p.time_base) for p in media.demux(stream) if p.pts is not None and p.size]
