"""Cameras that show two known colours and microphones that hear a known tone, another pair for each person.

Chromium plays these files as its devices, so that what comes out of a recording or at the other end
can be told from noise, and one person from the other.
"""

import io
import json
import math
import struct
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT, FPS = 640, 360, 15
RATE_HZ = 48_000
NEAR = 90  # of 255: how far a codec may move a colour
NEAR_HZ = 5.0
LEAST_LOUD = 0.005  # of full scale


@dataclass(frozen=True)
class Colour:
    """A pure colour: as 8-bit Y, Cb, Cr in BT.601's limited range, and as it is seen."""

    ycbcr: tuple[int, int, int]
    rgb: tuple[int, int, int]


RED = Colour((81, 90, 240), (255, 0, 0))
BLUE = Colour((41, 240, 110), (0, 0, 255))
GREEN = Colour((145, 54, 34), (0, 255, 0))
WHITE = Colour((235, 128, 128), (255, 255, 255))


@dataclass(frozen=True)
class Look:
    """What one person's devices show and hear."""

    name: str
    left: Colour
    right: Colour
    tone_hz: float

    def matches(self, left: Sequence[float], right: Sequence[float], tone_hz: float) -> bool:
        """Whether the mean colours of the halves and the strongest tone are this person's."""
        return self.is_seen(left, right) and abs(tone_hz - self.tone_hz) < NEAR_HZ

    def is_seen(self, left: Sequence[float], right: Sequence[float]) -> bool:
        """Whether the mean colours of the halves are this person's."""
        wanted = (*self.left.rgb, *self.right.rgb)
        return all(abs(seen - want) < NEAR for seen, want in zip((*left, *right), wanted, strict=True))


VISITOR = Look("visitor", RED, BLUE, 440.0)
AGENT = Look("agent", GREEN, WHITE, 1000.0)


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


def make_devices(folder: Path, look: Look = VISITOR) -> Devices:
    """Write both files of a person into a folder."""
    devices = Devices(folder / f"{look.name}.y4m", folder / f"{look.name}.wav")
    one, other = look.left.ycbcr, look.right.ycbcr
    halves = [np.full((HEIGHT, WIDTH // 2), one[0]), np.full((HEIGHT, WIDTH // 2), other[0])]
    planes = [np.hstack(halves).astype(np.uint8).tobytes()]
    for channel in (1, 2):
        left = np.full((HEIGHT // 2, WIDTH // 4), one[channel])
        right = np.full((HEIGHT // 2, WIDTH // 4), other[channel])
        planes.append(np.hstack([left, right]).astype(np.uint8).tobytes())
    frame = b"FRAME\n" + b"".join(planes)
    head = f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode()
    devices.video.write_bytes(head + frame * FPS)
    samples = (int(12_000 * math.sin(2 * math.pi * look.tone_hz * n / RATE_HZ)) for n in range(RATE_HZ))
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
        samples_s=sum(map(len, sound)) / RATE_HZ,
        duration_s=duration_s,
        left=_colour(left, frames),
        right=_colour(right, frames),
        tone_hz=float(np.argmax(spectrum) * RATE_HZ / len(heard)),
        loudest=float(np.abs(heard).max()),
    )


def pictures_between(recording: bytes, from_ms: float, to_ms: float) -> int:
    """How many pictures of a recording can be decoded in a part of its time."""
    with av.open(io.BytesIO(recording), "r") as container:
        times_s = [frame.time or 0.0 for frame in container.decode(video=0)]
    return sum(from_ms <= round(time_s * 1000) + 1 <= to_ms + 1 for time_s in times_s)


def _colour(total: "np.ndarray", frames: int) -> tuple[int, int, int]:
    red, green, blue = (total / max(frames, 1)).astype(int)
    return int(red), int(green), int(blue)


def is_what_was_shown(seen: Seen, look: Look = VISITOR) -> bool:
    """Whether picture and sound are those of this person's devices."""
    return look.matches(seen.left, seen.right, seen.tone_hz)


def camera_script(look: Look) -> str:
    """The script that gives a page this person's camera, for a browser that plays no files."""
    told = {
        "left": f"rgb{look.left.rgb}",
        "right": f"rgb{look.right.rgb}",
        "width": WIDTH,
        "height": HEIGHT,
        "fps": FPS,
    }
    return Path(__file__).with_name("coded_camera.js").read_text().replace("LOOK", json.dumps(told))


def in_tune(recorded: bytes, tone_hz: float) -> tuple[float, float]:
    """How long a piece of sound is, and the share of its moments in which this tone is the strongest."""
    heard, rate_hz = _sound(recorded)
    moment = rate_hz // 10
    moments = [heard[at : at + moment] for at in range(0, len(heard) - moment + 1, moment)]
    hits = sum(_is_tone(each, rate_hz, tone_hz) for each in moments)
    return len(heard) / rate_hz, hits / max(1, len(moments))


def _sound(recorded: bytes) -> tuple["np.ndarray", int]:
    pieces, rate_hz = [np.zeros(0)], RATE_HZ
    with av.open(io.BytesIO(recorded), "r") as container:
        for frame in container.decode(audio=0):
            pieces.append(frame.to_ndarray().astype(np.float64)[0])
            rate_hz = frame.sample_rate
    return np.concatenate(pieces), rate_hz


def _is_tone(moment: "np.ndarray", rate_hz: int, tone_hz: float) -> bool:
    """Whether a moment is loud enough to be heard and nearest to the tone."""
    spectrum = np.abs(np.fft.rfft(moment * np.hanning(len(moment))))
    found_hz = float(np.argmax(spectrum) * rate_hz / len(moment))
    return float(np.abs(moment).max()) > LEAST_LOUD and abs(found_hz - tone_hz) <= 2 * rate_hz / len(moment)
