"""Encoded media for tests and benchmarks, made once per process: a picture that tells its number, and a tone.

Each frame of the picture carries its number as 16 black or white blocks in the top row, so a decoder of what
was recorded can name the frames it got. The tone is 440 Hz.
"""

from __future__ import annotations

import fractions
import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.stream import Stream

NUMBER_BITS = 16
TONE_HZ = 440
OPUS_FRAME_SAMPLES = 960  # 20 ms
VIDEO_CLOCK_HZ = 90_000
AUDIO_CLOCK_HZ = 48_000


@dataclass(frozen=True)
class Clip:
    """Encoded frames to be sent in a loop; `ticks` is the time between them in units of `clock_hz`."""

    kind: str
    codec: str
    clock_hz: int
    ticks: int
    frames: tuple[bytes, ...]
    keyframes: tuple[bool, ...]

    def packets(self, count: int | None = None, *, first_pts: int = 0) -> Iterator[av.Packet[Stream]]:
        """The clip again and again as packets with rising stamps, `count` of them or for ever."""
        number = 0
        while count is None or number < count:
            packet = av.Packet(self.frames[number % len(self.frames)])
            packet.pts = packet.dts = first_pts + number * self.ticks
            packet.time_base = fractions.Fraction(1, self.clock_hz)
            packet.is_keyframe = self.keyframes[number % len(self.frames)]
            yield packet
            number += 1


def picture(number: int, width: int, height: int) -> av.VideoFrame:
    """A moving gradient with `number` written in blocks along the top."""
    rows, columns = np.mgrid[0:height, 0:width]
    luma = ((rows + columns + 5 * number) % 200 + 20).astype(np.uint8)
    block = width // NUMBER_BITS
    for bit in range(NUMBER_BITS):
        luma[:block, bit * block : (bit + 1) * block] = 235 if number >> bit & 1 else 16
    planes = np.full((height + height // 2, width), 128, dtype=np.uint8)
    planes[:height] = luma
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def read_number(frame: av.VideoFrame) -> int:
    """The number a decoded picture tells."""
    luma = frame.to_ndarray(format="yuv420p")
    block = frame.width // NUMBER_BITS
    middle = block // 2
    return sum((luma[middle, bit * block + middle] > 125) << bit for bit in range(NUMBER_BITS))


ENCODER_OPTIONS = {
    "vp8": {"deadline": "realtime", "cpu-used": "8", "error-resilient": "1", "lag-in-frames": "0"},
    "h264": {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "profile": "baseline",
        "x264-params": "scenecut=0",
    },
}


@functools.cache
def video_clip(
    codec: str = "vp8",
    *,
    width: int = 320,
    height: int = 180,
    fps: int = 30,
    seconds: int = 4,
    bit_rate: int = 300_000,
    keyframe_every: int = 30,
) -> Clip:
    """Encode `seconds` of the picture as vp8 (frames) or h264 (Annex B, which the stock sender wants)."""
    encoder = av.CodecContext.create("libvpx" if codec == "vp8" else "libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate = fractions.Fraction(fps)
    encoder.time_base = fractions.Fraction(1, fps)
    encoder.bit_rate = bit_rate
    encoder.gop_size = keyframe_every
    encoder.options = ENCODER_OPTIONS[codec]
    packets = []
    for number in range(fps * seconds):
        frame = picture(number, width, height)
        frame.pts = number
        if number % keyframe_every == 0:
            frame.pict_type = av.video.frame.PictureType.I
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return Clip(
        "video",
        codec,
        VIDEO_CLOCK_HZ,
        VIDEO_CLOCK_HZ // fps,
        tuple(bytes(packet) for packet in packets),
        tuple(packet.is_keyframe for packet in packets),
    )


@functools.cache
def audio_clip(*, seconds: int = 2, tone_hz: int = TONE_HZ) -> Clip:
    """Encode `seconds` of the tone as Opus in frames of 20 ms."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.format, encoder.layout = AUDIO_CLOCK_HZ, "s16", "stereo"
    encoder.time_base = fractions.Fraction(1, AUDIO_CLOCK_HZ)
    encoder.bit_rate = 32_000
    packets = []
    for number in range(seconds * AUDIO_CLOCK_HZ // OPUS_FRAME_SAMPLES):
        at = np.arange(number * OPUS_FRAME_SAMPLES, (number + 1) * OPUS_FRAME_SAMPLES)
        tone = (8000 * np.sin(2 * math.pi * tone_hz * at / AUDIO_CLOCK_HZ)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2)[None, :], format="s16", layout="stereo")
        frame.sample_rate, frame.pts = AUDIO_CLOCK_HZ, number * OPUS_FRAME_SAMPLES
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    return Clip(
        "audio",
        "opus",
        AUDIO_CLOCK_HZ,
        OPUS_FRAME_SAMPLES,
        tuple(bytes(packet) for packet in packets),
        (True,) * len(packets),
    )
