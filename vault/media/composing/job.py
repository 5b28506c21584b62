"""What a composing child is asked to make; times in whole milliseconds on the call's clock."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

SOUND_RATE_HZ: Final = 48_000
MS_SAMPLES: Final = SOUND_RATE_HZ // 1_000
MP3_FRAME_SAMPLES: Final = 1_152  # MPEG-1 layer III
MP3_FRAME_BYTES: Final = 384  # of 128 kbit/s at 48 kHz: whole, so no frame is ever padded
MP3_BIT_RATE: Final = 128_000


class Product(StrEnum):
    """What comes out of the child."""

    VP8 = "vp8"  # fragments: one composed picture and one mixed sound, for a WebM file
    H264 = "h264"  # the same for an MP4 file
    PCM = "pcm"  # 16-bit little-endian samples: visitor left, agents right
    MP3 = "mp3"  # frames of MP3_FRAME_BYTES, channels as above


@dataclass(frozen=True, slots=True)
class Input:
    """One recording: where it begins on the call's clock, whose it is, and where it declares a gap.

    ``gaps`` are on the call's clock. ``seat`` counts the people of the call, the visitor first; whoever's
    screen it is, a screen has the seat None.
    """

    media_type: str
    offset_ms: int
    duration_ms: int
    is_visitor: bool
    seat: int | None
    gaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A whole composition: from 0 to ``duration_ms`` of the call's clock."""

    product: Product
    duration_ms: int
    inputs: tuple[Input, ...]

    @property
    def seats(self) -> int:
        """How many people have a place in the picture."""
        return 1 + max((one.seat for one in self.inputs if one.seat is not None), default=-1)

    @property
    def has_screen(self) -> bool:
        """Tell whether somebody shared a screen."""
        return any(one.seat is None for one in self.inputs)

    @property
    def samples(self) -> int:
        """How many samples of each channel the sound has."""
        return self.duration_ms * MS_SAMPLES

    def write(self) -> bytes:
        """Write it for the pipe."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def read(cls, plain: bytes) -> "Job":
        """Read what ``write`` wrote."""
        told: dict[str, Any] = json.loads(plain)
        inputs = tuple(
            Input(**(one | {"gaps": tuple((start, stop) for start, stop in one["gaps"])}))
            for one in told["inputs"]
        )
        return cls(Product(told["product"]), told["duration_ms"], inputs)


def mp3_frames(samples: int) -> int:
    """How many MP3 frames so many samples make: the encoder's look-ahead costs one more."""
    return -(-samples // MP3_FRAME_SAMPLES) + 1
