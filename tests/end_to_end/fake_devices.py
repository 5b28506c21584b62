"""A camera that shows red on the left and blue on the right, and a microphone that hears 440 Hz.

Chromium plays these files as its devices, so that what comes out of a recording can be told from noise.
"""

import io
import math
import struct
import wave
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, FPS = 640, 360, 30
TONE_HZ = 440.0
RATE_HZ = 48_000
# BT.601 limited range of pure red and pure blue, as 8-bit Y, Cb, Cr.
RED, BLUE = (81, 90, 240), (41, 240, 110)


@dataclass(frozen=True)
class Devices:
    """Files for --use-file-for-fake-video-capture and --use-file-for-fake-audio-capture."""

    video: Path
    audio: Path

    @property
    def arguments(self) -> list[str]:
        """Chromium's switches for them."""
        return [
            f"--use-file-for-fake-video-capture={self.video}",
            f"--use-file-for-fake-audio-capture={self.audio}",
        ]


def make_devices(folder: Path) -> Devices:
    """Write both files into a folder."""
    devices = Devices(folder / "camera.y4m", folder / "microphone.wav")
    halves = [np.full((HEIGHT, WIDTH // 2), RED[0]), np.full((HEIGHT, WIDTH // 2), BLUE[0])]
    planes = [np.hstack(halves).astype(np.uint8).tobytes()]
    for channel in (1, 2):
        left = np.full((HEIGHT // 2, WIDTH // 4), RED[channel])
        right = np.full((HEIGHT // 2, WIDTH // 4), BLUE[channel])
        planes.append(np.hstack([left, right]).astype(np.uint8).tobytes())
    frame = b"FRAME\n" + b"".join(planes)
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode()
    devices.video.write_bytes(head + frame * FPS)
    samples = (int(12_000 * math.sin(2 * math.pi * TONE_HZ * n / RATE_HZ)) for n in range(RATE_HZ))
    with wave.open(str(devices.audio), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return devices


@dataclass(frozen=True)
class Seen:
    """What a recording decodes to."""

    frames: int
    samples_s: float
    duration_s: float
    left: tuple[int, int, int]
    right: tuple[int, int, int]
    tone_hz: float
    loudest: float


def decode(recording: bytes) -> Seen:
    """Decode a whole recording: mean colours of the halves, the strongest tone, counts."""
    frames, left, right = 0, np.zeros(3), np.zeros(3)
    sound: list[np.ndarray] = []
    with av.open(io.BytesIO(recording), "r") as container:
        duration_s = (container.duration or 0) / 1e6
        for frame in (frame for packet in container.demux() for frame in packet.decode()):
            if isinstance(frame, av.VideoFrame):
                image = frame.to_ndarray(format="rgb24")
                middle = image.shape[1] // 2
                frames += 1
                left += image[:, : middle - 20].mean(axis=(0, 1))
                right += image[:, middle + 20 :].mean(axis=(0, 1))
            elif isinstance(frame, av.AudioFrame):
                sound.append(frame.to_ndarray().astype(np.float64)[0])
    heard = np.concatenate(sound) if sound else np.zeros(RATE_HZ)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    return Seen(
        frames=frames,
        samples_s=len(heard) / RATE_HZ,
        duration_s=duration_s,
        left=_colour(left, frames),
        right=_colour(right, frames),
        tone_hz=float(np.argmax(spectrum) * RATE_HZ / len(heard)),
        loudest=float(np.abs(heard).max()),
    )


def _colour(total: "np.ndarray", frames: int) -> tuple[int, int, int]:
    red, green, blue = (total / max(frames, 1)).astype(int)
    return int(red), int(green), int(blue)


def is_what_was_shown(seen: Seen) -> bool:
    """Whether the picture is red on the left and blue on the right, and the sound is the tone."""
    left, right = seen.left, seen.right
    coloured = left[0] - left[2] > 80 and right[2] - right[0] > 80
    return coloured and abs(seen.tone_hz - TONE_HZ) < 5
