"""Sound in two channels as a file whose head is right although it is written before the sound is known.

The length follows from the call's clock, so the head can say it: a RIFF head for PCM (RFC 2361), and for MP3
the silent first frame in which encoders tell the number of frames and how much of the first is delay.
"""

import struct
from typing import Final

from vault.media.composing.job import (
    MP3_BIT_RATE,
    MP3_FRAME_BYTES,
    MP3_FRAME_SAMPLES,
    SOUND_RATE_HZ,
    mp3_frames,
)

CHANNELS: Final = 2
SAMPLE_BYTES: Final = 2
WAV_TYPE: Final = "audio/wav"
MP3_TYPE: Final = "audio/mpeg"
WAV_LIMIT_BYTES: Final = 0xFFFF_FFFF - 64  # RIFF tells lengths in 32 bits: six hours
_PCM: Final = 1
_DELAY: Final = 576  # samples the encoder puts before the first one; decoders know their own 529
_HEAD: Final = 0xFFFB_9404  # MPEG-1 layer III, 128 kbit/s, 48 kHz, stereo, original
_SIDE_BYTES: Final = 32
_TELLS: Final = 0b0011  # number of frames, number of bytes


def wav_bytes(samples: int) -> int:
    """How long the sound of a WAV file is."""
    return samples * CHANNELS * SAMPLE_BYTES


def wav_head(samples: int) -> bytes:
    """The 44 bytes before the sound."""
    frame = CHANNELS * SAMPLE_BYTES
    form = struct.pack(
        "<HHIIHH", _PCM, CHANNELS, SOUND_RATE_HZ, SOUND_RATE_HZ * frame, frame, 8 * SAMPLE_BYTES
    )
    data = wav_bytes(samples)
    return b"".join(
        (
            b"RIFF",
            struct.pack("<I", 4 + 8 + len(form) + 8 + data),
            b"WAVEfmt ",
            struct.pack("<I", len(form)),
            form,
            b"data",
            struct.pack("<I", data),
        )
    )


def mp3_bytes(samples: int) -> int:
    """How long the sound of an MP3 file is."""
    return mp3_frames(samples) * MP3_FRAME_BYTES


def mp3_head(samples: int) -> bytes:
    """The frame before the sound: the tag "Info", which says that the bit rate is constant."""
    frames = mp3_frames(samples)
    padding = max(0, min(0xFFF, frames * MP3_FRAME_SAMPLES - samples - _DELAY))
    told = b"Info" + struct.pack(">III", _TELLS, frames, (frames + 1) * MP3_FRAME_BYTES)
    encoder = b"Lavc" + bytes(5)
    rest = bytes((1, 0)) + bytes(8) + bytes((0, MP3_BIT_RATE // 1_000))
    delays = ((_DELAY << 12) | padding).to_bytes(3, "big")
    frame = struct.pack(">I", _HEAD) + bytes(_SIDE_BYTES) + told + encoder + rest + delays
    return frame.ljust(MP3_FRAME_BYTES, b"\0")
