"""What the containers must know of a coded frame, read from its first bytes. Nothing is decoded here."""

from __future__ import annotations

from typing import Final, NamedTuple

OPUS_RATE_HZ: Final = 48_000
OPUS_PRE_SKIP: Final = 312  # samples libopus looks ahead (6.5 ms); every browser encodes with it
OPUS_UNIT: Final = 120  # samples in 2.5 ms, the shortest Opus frame
_OPUS_MAX_UNITS: Final = 48  # RFC 6716, 3.2.5, R5: a packet holds at most 120 ms

# RFC 6716, table 2: samples per frame at 48 kHz for each group of four (two for hybrid) configurations.
_SILK: Final = (480, 960, 1920, 2880)
_HYBRID: Final = (480, 960)
_CELT: Final = (120, 240, 480, 960)

_NAL_TYPE_MASK: Final = 0x1F
_NAL_IDR, _NAL_SPS, _NAL_PPS = 5, 7, 8
_NAL_LENGTH_BYTES: Final = 4
_SPS_HEAD_BYTES: Final = 4  # NAL header, profile, constraints, level
_HYBRID_FIRST, _CELT_FIRST = 12, 16
_COUNTED: Final = 3  # codes 1 and 2 are two frames; this one tells its count in the second byte


def opus_units(packet: bytes) -> int:
    """How long an Opus packet sounds, in units of 2.5 ms, 1 to 48 (RFC 6716, 3.1 and 3.2).

    A packet that breaks the rules counts as one frame of its kind: it is kept, and the decoder judges it.
    """
    config = packet[0] >> 3
    if config < _HYBRID_FIRST:
        samples = _SILK[config & 3]
    elif config < _CELT_FIRST:
        samples = _HYBRID[config & 1]
    else:
        samples = _CELT[config & 3]
    code = packet[0] & 3
    if code == 0:
        frames = 1
    elif code != _COUNTED:
        frames = 2
    else:
        frames = packet[1] & 0x3F if len(packet) > 1 else 1
    units = max(frames, 1) * samples // OPUS_UNIT
    return units if units <= _OPUS_MAX_UNITS else samples // OPUS_UNIT


def opus_is_stereo(packet: bytes) -> bool:
    """The s bit of the first byte (RFC 6716, 3.1)."""
    return bool(packet[0] & 4)


class ParameterSets(NamedTuple):
    """The H.264 sets a decoder needs before the first picture: NAL units without length or start code."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]


def h264_parameter_sets(payload: bytes) -> ParameterSets | None:
    """The parameter sets of an AVCC access unit; None if it has not both kinds or its lengths are wrong."""
    sps: list[bytes] = []
    pps: list[bytes] = []
    at = 0
    while at < len(payload):
        start = at + _NAL_LENGTH_BYTES
        at = start + int.from_bytes(payload[at:start], "big")
        if at > len(payload) or at == start:
            return None
        nal_type = payload[start] & _NAL_TYPE_MASK
        if nal_type == _NAL_SPS and at - start >= _SPS_HEAD_BYTES:
            sps.append(payload[start:at])
        elif nal_type == _NAL_PPS:
            pps.append(payload[start:at])
        elif nal_type <= _NAL_IDR:
            break  # parameter sets come before the picture; no need to walk its slices
    return ParameterSets(tuple(sps), tuple(pps)) if sps and pps else None
