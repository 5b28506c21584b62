"""VP8 packets to frames: the payload descriptor of RFC 7741, 4.2 and the frame header of RFC 6386, 9.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from webrtc.assembly import Picture, PictureAssembler

if TYPE_CHECKING:
    from webrtc.rtp import RtpPacket

START_CODE: Final = b"\x9d\x01\x2a"  # RFC 6386, 9.1: bytes 3 to 5 of a keyframe
KEYFRAME_HEADER_BYTES: Final = 10
SIZE_MASK: Final = 0x3FFF  # the two bits above are a scaling hint


class Descriptor(NamedTuple):
    """The part of the descriptor we need: its length and whether a frame begins after it."""

    size_bytes: int
    starts_frame: bool


def read_descriptor(payload: bytes) -> Descriptor | None:
    """Measure the payload descriptor, or None if the packet ends inside it."""
    size = 1
    first = payload[0]
    if first & 0x80:  # X: an extension byte follows
        if len(payload) < 2:  # noqa: PLR2004 - both bytes
            return None
        extension = payload[1]
        size = 2
        if extension & 0x80:  # I: a picture id of one or two bytes
            if len(payload) <= size:
                return None
            size += 2 if payload[size] & 0x80 else 1
        if extension & 0x40:  # L: TL0PICIDX
            size += 1
        if extension & 0x30:  # T or K
            size += 1
    if len(payload) < size:
        return None
    # S is set and the partition index is 0 in the first packet of a frame only.
    return Descriptor(size, bool(first & 0x10) and not first & 0x07)


class Vp8Assembler(PictureAssembler):
    """Puts the VP8 frames of one source together."""

    def _starts(self, packet: RtpPacket) -> bool:
        descriptor = read_descriptor(packet.payload)
        return descriptor is not None and descriptor.starts_frame

    def _add(self, packet: RtpPacket) -> bool:
        descriptor = read_descriptor(packet.payload)
        if descriptor is None:
            return False
        self._parts.append(packet.payload[descriptor.size_bytes :])
        return True

    def _picture(self, parts: list[bytes | bytearray]) -> Picture | None:
        plain = b"".join(parts)
        if not plain:
            return None
        if plain[0] & 0x01:
            return Picture(plain, is_keyframe=False, width=None, height=None)
        if len(plain) < KEYFRAME_HEADER_BYTES or plain[3:6] != START_CODE:
            return None
        width = int.from_bytes(plain[6:8], "little") & SIZE_MASK
        height = int.from_bytes(plain[8:10], "little") & SIZE_MASK
        return Picture(plain, is_keyframe=True, width=width, height=height)
