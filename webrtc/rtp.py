"""RTP packets as received: header, the three header extensions we use, payload (RFC 3550, 5.1; RFC 8285)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple

HEADER: Final = struct.Struct("!BBHLL")
EXTENSION_HEADER: Final = struct.Struct("!HH")

ONE_BYTE_PROFILE: Final = 0xBEDE  # RFC 8285, 4.2
TWO_BYTE_PROFILE: Final = 0x1000  # RFC 8285, 4.3, with the application bits masked off
RTP_VERSION: Final = 2

MID_URI: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"  # RFC 8843, 15
AUDIO_LEVEL_URI: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"  # RFC 6464
ABS_SEND_TIME_URI: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_CC_URI: Final = (
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"  # its section 2
)


@dataclass(frozen=True, slots=True)
class ExtensionIds:
    """Which id each header extension got in the answer; 0 means not agreed."""

    mid: int = 0
    audio_level: int = 0
    transport_cc: int = 0
    abs_send_time: int = 0


class RtpPacket(NamedTuple):
    """One packet. `audio_level` is in -dBov, `transport_sequence` counts packets of the whole leg."""

    ssrc: int
    payload_type: int
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    audio_level: int | None
    transport_sequence: int | None
    mid: bytes | None


def parse_rtp(plain: bytes, ids: ExtensionIds) -> RtpPacket | None:
    """Parse a decrypted packet, or None for one that breaks RFC 3550."""
    if len(plain) < HEADER.size:
        return None
    flags, marked_type, sequence, timestamp, ssrc = HEADER.unpack_from(plain)
    if flags >> 6 != RTP_VERSION:
        return None
    start = HEADER.size + 4 * (flags & 0x0F)
    level = transport_sequence = mid = None
    if flags & 0x10:
        if len(plain) < start + EXTENSION_HEADER.size:
            return None
        profile, words = EXTENSION_HEADER.unpack_from(plain, start)
        first, start = start + EXTENSION_HEADER.size, start + EXTENSION_HEADER.size + 4 * words
        if start > len(plain):
            return None
        level, transport_sequence, mid = _extensions(plain, first, start, profile, ids)
    end = len(plain)
    if flags & 0x20 and end > start:
        end -= plain[-1]
    if end < start:
        return None
    return RtpPacket(
        ssrc,
        marked_type & 0x7F,
        sequence,
        timestamp,
        bool(marked_type & 0x80),
        plain[start:end],
        level,
        transport_sequence,
        mid,
    )


def _extensions(
    plain: bytes, at: int, end: int, profile: int, ids: ExtensionIds
) -> tuple[int | None, int | None, bytes | None]:
    """Read the extensions we know; a broken list ends where it breaks (RFC 8285, 4.1.2 lets us ignore it)."""
    level = transport_sequence = mid = None
    one_byte = profile == ONE_BYTE_PROFILE
    if not one_byte and profile & 0xFFF0 != TWO_BYTE_PROFILE:
        return None, None, None
    while at < end:
        head = plain[at]
        at += 1
        if head == 0:
            continue
        if one_byte:
            name, size = head >> 4, (head & 0x0F) + 1
        elif at < end:
            name, size = head, plain[at]
            at += 1
        else:
            break
        if at + size > end:
            break
        if name == ids.transport_cc and size >= 2:  # noqa: PLR2004 - a 16-bit counter
            transport_sequence = plain[at] << 8 | plain[at + 1]
        elif name == ids.audio_level and size:
            level = plain[at] & 0x7F
        elif name == ids.mid:
            mid = plain[at : at + size]
        at += size
    return level, transport_sequence, mid


def unwrap(value: int, reference: int, bits: int) -> int:
    """The number nearest to `reference` whose low `bits` are `value`: a wrapping counter made whole."""
    modulus = 1 << bits
    distance = (value - reference) & (modulus - 1)
    if distance >= modulus >> 1:
        distance -= modulus
    return reference + distance
