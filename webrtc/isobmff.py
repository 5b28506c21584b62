"""Boxes of the ISO base media file format (ISO/IEC 14496-12): the bytes MP4 is made of."""

from __future__ import annotations

import struct
import sys
from itertools import groupby
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable

BOX_HEAD_BYTES: Final = 8
_LARGE: Final = 1 << 32
UNITY_MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
MAX_UINT32: Final = _LARGE - 1


def box(kind: bytes, *parts: bytes) -> bytes:
    """Size, four letters, contents."""
    body = b"".join(parts)
    return struct.pack(">I4s", BOX_HEAD_BYTES + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with version and flags."""
    return box(kind, (version << 24 | flags).to_bytes(4, "big"), *parts)


def table(kind: bytes, rows: int, body: bytes) -> bytes:
    """A box of version 0 that counts its rows."""
    return full_box(kind, 0, 0, rows.to_bytes(4, "big"), body)


def big_endian(values: array[int]) -> bytes:
    """An array's items in the byte order of the format."""
    if sys.byteorder == "little":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def run_lengths(values: Iterable[int]) -> list[tuple[int, int]]:
    """(how many, value) of each run of equal values."""
    return [(sum(1 for _ in run), value) for value, run in groupby(values)]


def mdat_head(body_bytes: int) -> bytes:
    """The head of the media box; with a 64-bit size where 32 bits are too few (4.2)."""
    if body_bytes + BOX_HEAD_BYTES < _LARGE:
        return struct.pack(">I4s", BOX_HEAD_BYTES + body_bytes, b"mdat")
    return struct.pack(">I4sQ", 1, b"mdat", 16 + body_bytes)
