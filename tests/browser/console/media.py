"""Real media for the console's tests: a WebM a browser plays and seeks, its poster and its peaks."""

import io
import math
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import Image

FRAMES_PER_S = 10
SAMPLES_PER_S = 48_000
PEAKS_PER_S = 20


def picture(at_s: float, width: int = 640, height: int = 360) -> np.ndarray:
    """One frame, height x width x 3 bytes: a dim room and a light that wanders, so that frames differ."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    centre_x, centre_y = width * (0.5 + 0.25 * math.sin(at_s / 3)), height * 0.45
    glow = np.exp(-(((x - centre_x) / 120) ** 2 + ((y - centre_y) / 100) ** 2))
    base = np.stack([40 + 20 * y / height, 62 + 25 * y / height, 66 + 30 * x / width], axis=-1)
    lit: np.ndarray = np.clip(base + glow[..., None] * np.array([190, 150, 110]), 0, 255)
    return lit.astype(np.uint8)


def make_webm(path: Path, duration_s: int, *, with_video: bool = True) -> Path:
    """Write a WebM with Opus sound and, unless told otherwise, VP8 video; seekable."""
    with av.open(str(path), "w", format="webm") as out:
        sound = out.add_stream("libopus", rate=SAMPLES_PER_S, layout="mono")
        sight = out.add_stream("libvpx", rate=FRAMES_PER_S) if with_video else None
        if isinstance(sight, VideoStream):
            sight.width, sight.height, sight.pix_fmt = 640, 360, "yuv420p"
            sight.options = {"deadline": "realtime", "cpu-used": "8", "g": "10"}
            for index in range(duration_s * FRAMES_PER_S):
                frame = av.VideoFrame.from_ndarray(picture(index / FRAMES_PER_S), format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, FRAMES_PER_S)
                out.mux(sight.encode(frame))
            out.mux(sight.encode(None))
        if isinstance(sound, AudioStream):
            _speak(out, sound, duration_s)
    return path


def _speak(out: av.container.OutputContainer, sound: AudioStream, duration_s: int) -> None:
    """Encode a quiet tone."""
    block = SAMPLES_PER_S // 50
    for index in range(duration_s * 50):
        at = (np.arange(block) + index * block) / SAMPLES_PER_S
        samples = (0.1 * np.sin(2 * np.pi * 330 * at)).astype(np.float32)[None, :]
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
        frame.sample_rate, frame.pts = SAMPLES_PER_S, index * block
        out.mux(sound.encode(frame))
    out.mux(sound.encode(None))


def poster() -> bytes:
    """A JPEG of an early frame."""
    held = io.BytesIO()
    Image.fromarray(picture(4.0)).save(held, "JPEG", quality=85)
    return held.getvalue()


def peaks(duration_s: int) -> list[int]:
    """Peaks as of two people talking in turns: bursts, pauses, one silence."""
    values = []
    for index in range(duration_s * PEAKS_PER_S):
        at_s = index / PEAKS_PER_S
        turn = max(0.0, math.sin(at_s * 0.9)) ** 0.5
        syllable = 0.55 + 0.45 * math.sin(at_s * 11) * math.cos(at_s * 7.3)
        values.append(round(255 * min(1.0, 0.06 + turn * syllable)))
    return values
