"""Whether a packet begins a picture that can be decoded by itself, told without putting frames together."""

from __future__ import annotations

from webrtc.frames import Codec
from webrtc.h264 import FU_A, FU_HEADER_BYTES, IDR, SEQUENCE_PARAMETERS, STAP_A, nal_type, split_stap_a
from webrtc.vp8 import read_descriptor

STARTS = frozenset({SEQUENCE_PARAMETERS, IDR})


def starts_keyframe(codec: Codec, payload: bytes) -> bool:
    """Whether this payload holds the beginning of a keyframe; False for one that cannot be read."""
    if not payload:
        return False
    if codec is Codec.VP8:
        return _vp8(payload)
    return codec is Codec.H264 and _h264(payload)


def _vp8(payload: bytes) -> bool:
    """The first partition's first packet, whose frame header says key (RFC 7741, 4.3)."""
    descriptor = read_descriptor(payload)
    if descriptor is None or not descriptor.starts_frame or len(payload) <= descriptor.size_bytes:
        return False
    return not payload[descriptor.size_bytes] & 0x01


def _h264(payload: bytes) -> bool:
    """Parameter sets or an IDR slice: alone, in an aggregate, or its first piece (RFC 6184, 5.6 to 5.8)."""
    kind = nal_type(payload)
    if kind == STAP_A:
        return any(nal_type(unit) in STARTS for unit in split_stap_a(payload))
    if kind == FU_A:
        is_first = len(payload) >= FU_HEADER_BYTES and bool(payload[1] & 0x80)
        return is_first and payload[1] & 0x1F in STARTS
    return kind in STARTS
