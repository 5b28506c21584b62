"""H.264 packets to access units in AVCC form (RFC 6184, packetization mode 1: single unit, STAP-A, FU-A)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from webrtc.assembly import Picture, PictureAssembler
from webrtc.h264_parameters import picture_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from webrtc.rtp import RtpPacket

# NAL unit types (ITU-T H.264, table 7-1; RFC 6184, table 1).
SLICE_FIRST, IDR = 1, 5
SEQUENCE_PARAMETERS: Final = 7
PICTURE_PARAMETERS: Final = 8
ACCESS_UNIT_DELIMITER: Final = 9
SINGLE_LAST: Final = 23
STAP_A: Final = 24
FU_A: Final = 28

UNIT_LENGTH_BYTES: Final = 4
STAP_LENGTH_BYTES: Final = 2
FU_HEADER_BYTES: Final = 2
KEPT_PARAMETER_SETS: Final = 16  # one SPS and its PPS; encoders of calls use two


def nal_type(unit: bytes | bytearray) -> int:
    """The type of a NAL unit, from its first byte."""
    return unit[0] & 0x1F


class H264Assembler(PictureAssembler):
    """Puts the access units of one source together; a keyframe always carries its parameter sets."""

    def __init__(self, emit: Callable[[Picture, RtpPacket, float], None], frame_bytes: int) -> None:
        super().__init__(emit, frame_bytes)
        self._parameter_sets: list[bytes | bytearray] = []

    def _starts(self, packet: RtpPacket) -> bool:
        units: list[bytes | bytearray] = [packet.payload]
        if nal_type(packet.payload) == STAP_A:
            units = split_stap_a(packet.payload) or units
        return nal_type(units[0]) in {SEQUENCE_PARAMETERS, ACCESS_UNIT_DELIMITER}

    def _add(self, packet: RtpPacket) -> bool:
        payload = packet.payload
        kind = nal_type(payload)
        if SLICE_FIRST <= kind <= SINGLE_LAST:
            self._parts.append(payload)
            return True
        if kind == STAP_A:
            units = split_stap_a(payload)
            self._parts.extend(units)
            return bool(units)
        return kind == FU_A and len(payload) > FU_HEADER_BYTES and self._join(payload)

    def _join(self, payload: bytes) -> bool:
        """Add one piece of a fragmented unit (RFC 6184, 5.8); a piece without its first is malformed."""
        indicator, header = payload[0], payload[1]
        if header & 0x80:
            self._parts.append(bytearray([indicator & 0xE0 | header & 0x1F]) + payload[FU_HEADER_BYTES:])
            return True
        if not self._parts or not isinstance(self._parts[-1], bytearray):
            return False
        self._parts[-1] += payload[FU_HEADER_BYTES:]
        return True

    def _picture(self, parts: list[bytes | bytearray]) -> Picture | None:
        kinds = [nal_type(unit) for unit in parts]
        self._keep_parameters(parts, kinds)
        if not any(SLICE_FIRST <= kind <= IDR for kind in kinds):
            return None  # parameter sets that came alone: kept for the next keyframe
        if IDR not in kinds:
            return Picture(avcc(parts), is_keyframe=False, width=None, height=None)
        if SEQUENCE_PARAMETERS not in kinds:
            parts = self._parameter_sets + parts
        sets = [bytes(unit) for unit in parts if nal_type(unit) == SEQUENCE_PARAMETERS]
        size = picture_size(sets[0]) if sets else None
        if size is None:
            return None  # an IDR picture without readable parameters cannot be decoded by anyone
        return Picture(avcc(parts), is_keyframe=True, width=size[0], height=size[1])

    def _keep_parameters(self, units: list[bytes | bytearray], kinds: list[int]) -> None:
        if SEQUENCE_PARAMETERS in kinds:
            self._parameter_sets = []
        for unit, kind in zip(units, kinds, strict=True):
            is_new = kind in {SEQUENCE_PARAMETERS, PICTURE_PARAMETERS} and unit not in self._parameter_sets
            if is_new and len(self._parameter_sets) < KEPT_PARAMETER_SETS:
                self._parameter_sets.append(unit)


def split_stap_a(payload: bytes) -> list[bytes | bytearray]:
    """The units of an aggregation packet (RFC 6184, 5.7.1), or nothing if a length points outside."""
    units: list[bytes | bytearray] = []
    at = 1
    while at < len(payload):
        start = at + STAP_LENGTH_BYTES
        at = start + int.from_bytes(payload[at:start], "big")
        if at > len(payload) or at <= start:
            return []
        units.append(payload[start:at])
    return units


def avcc(units: list[bytes | bytearray]) -> bytes:
    """NAL units with 4-byte big-endian lengths (ISO/IEC 14496-15, 5.3.4.2)."""
    plain = bytearray()
    for unit in units:
        plain += len(unit).to_bytes(UNIT_LENGTH_BYTES, "big") + unit
    return bytes(plain)
