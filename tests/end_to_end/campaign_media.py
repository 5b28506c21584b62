"""Media whose every frame is known and unlike any other: what was sent can be counted in what was kept."""

import fractions
import functools
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import av
import numpy as np

from tests.webrtc.media import AUDIO_CLOCK_HZ, OPUS_FRAME_SAMPLES, Clip, video_clip
from tests.webrtc.publisher import PublisherPlan

CLIP_S = 30  # a call of a campaign is shorter, so no frame is sent twice
WIDTH, HEIGHT, FPS = 160, 96, 15
FRAME_S = {"audio": OPUS_FRAME_SAMPLES / AUDIO_CLOCK_HZ, "video": 1 / FPS}


@functools.cache
def noise_clip(*, seconds: int = CLIP_S) -> Clip:
    """Encode noise as Opus in frames of 20 ms: no two are alike."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.format, encoder.layout = AUDIO_CLOCK_HZ, "s16", "stereo"
    encoder.time_base = fractions.Fraction(1, AUDIO_CLOCK_HZ)
    encoder.bit_rate = 32_000
    random = np.random.default_rng(7)
    packets = []
    for number in range(seconds * AUDIO_CLOCK_HZ // OPUS_FRAME_SAMPLES):
        noise = random.integers(-8000, 8000, (1, 2 * OPUS_FRAME_SAMPLES), np.int16)
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="stereo")
        frame.sample_rate, frame.pts = AUDIO_CLOCK_HZ, number * OPUS_FRAME_SAMPLES
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    frames = tuple(bytes(packet) for packet in packets)
    return Clip("audio", "opus", AUDIO_CLOCK_HZ, OPUS_FRAME_SAMPLES, frames, (True,) * len(frames))


@dataclass(frozen=True)
class CampaignPlan(PublisherPlan):
    """A small picture and noise, 30 s of each without repetition."""

    width: int = WIDTH
    height: int = HEIGHT
    fps: int = FPS
    bit_rate: int = 150_000
    keyframe_every: int = FPS

    def video_media(self) -> Clip:
        """A picture that tells its number."""
        return video_clip(
            self.video or "vp8",
            width=self.width,
            height=self.height,
            fps=self.fps,
            seconds=CLIP_S,
            bit_rate=self.bit_rate,
            keyframe_every=self.keyframe_every,
        )

    def audio_media(self) -> Clip:
        """Noise."""
        return noise_clip()


PLAN = CampaignPlan()
H264_PLAN = CampaignPlan(video="h264")
_START_CODE = re.compile(rb"\x00\x00\x00?\x01")
_SLICES = frozenset({1, 5})  # NAL unit types that are pictures (H.264, table 7-1)


def _slices(units: Iterable[bytes]) -> bytes:
    """What of an H.264 frame is the same in every packaging."""
    return b"".join(unit for unit in units if unit and unit[0] & 31 in _SLICES)


def _lengths(frame: bytes) -> Iterator[bytes]:
    """The NAL units of a frame in MP4, each behind its length."""
    while frame:
        size = int.from_bytes(frame[:4], "big")
        yield frame[4 : 4 + size]
        frame = frame[4 + size :]


@functools.cache
def _numbers(codec: str) -> dict[bytes, list[int]]:
    """The numbers of each frame: H.264 makes a few alike, of a picture that hardly moves."""
    clip = noise_clip() if codec == "opus" else CampaignPlan(video=codec).video_media()
    numbers: dict[bytes, list[int]] = {}
    for number, frame in enumerate(clip.frames):
        numbers.setdefault(_slices(_START_CODE.split(frame)) if codec == "h264" else frame, []).append(number)
    return numbers


def _next(alike: list[int], last: int) -> int:
    """The number of a frame that follows the last one, where that can be."""
    return next((number for number in alike if number > last), alike[0])


@dataclass(frozen=True)
class Kept:
    """Which frames of one track are in a file."""

    first: int
    last: int
    missing: int  # between the first and the last


def kept_frames(recording: bytes) -> dict[str, Kept]:
    """Decode a recording to its end and name the frames it holds; raises where it does not play."""
    numbers: dict[str, list[int]] = {}
    decoded: Counter[str] = Counter()
    with av.open(io.BytesIO(recording), "r") as container:
        for packet in container.demux():
            kind = str(packet.stream.type)
            codec = packet.stream.codec_context.codec.canonical_name
            if packet.size:
                frame = _slices(_lengths(bytes(packet))) if codec == "h264" else bytes(packet)
                of = numbers.setdefault(kind, [])
                of.append(_next(_numbers(codec)[frame], of[-1] if of else -1))
            decoded[kind] += len(packet.decode())
    for kind, of in numbers.items():
        if decoded[kind] < len(of) or of != sorted(of):
            raise ValueError(f"{decoded[kind]} of {len(of)} frames of the {kind} track play in order")
    return {kind: Kept(min(of), max(of), max(of) - min(of) + 1 - len(of)) for kind, of in numbers.items()}
