"""EBML elements (RFC 8794): the bytes Matroska and WebM are made of."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_DOUBLE: Final = struct.Struct(">d")
_LONG_SIZE_MARK: Final = 1 << 56  # the length marker of an eight-byte size (RFC 8794, 4.1)


def size_of(length: int) -> bytes:
    """An element size in as few bytes as hold it; all ones means unknown and is never written."""
    for width in range(1, 9):
        if length < (1 << 7 * width) - 1:
            return (length | 1 << 7 * width).to_bytes(width, "big")
    raise ValueError("an EBML size has at most 56 bits")


def long_size(length: int) -> bytes:
    """An element size in eight bytes, so that its own length does not depend on its value."""
    return (_LONG_SIZE_MARK | length).to_bytes(8, "big")


def element(ident: bytes, body: bytes) -> bytes:
    """Id, size, body."""
    return ident + size_of(len(body)) + body


def master(ident: bytes, children: Iterable[bytes]) -> bytes:
    """An element that holds elements."""
    return element(ident, b"".join(children))


def number(ident: bytes, value: int) -> bytes:
    """An unsigned integer in as few bytes as hold it, at least one."""
    return element(ident, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def fixed_number(ident: bytes, value: int) -> bytes:
    """An unsigned integer in eight bytes, for positions known only after the layout."""
    return element(ident, value.to_bytes(8, "big"))


def real(ident: bytes, value: float) -> bytes:
    """A float of eight bytes."""
    return element(ident, _DOUBLE.pack(value))


def text(ident: bytes, value: str) -> bytes:
    """A string in UTF-8."""
    return element(ident, value.encode())
