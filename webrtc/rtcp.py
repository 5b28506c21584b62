"""RTCP as we read and write it: sender reports and goodbyes in; receiver reports, NACK and PLI out."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HEADER: Final = struct.Struct("!BBH")
SENDER_INFO: Final = struct.Struct("!LQLLL")
REPORT_BLOCK: Final = struct.Struct("!LLLLLL")

# Packet types (RFC 3550, 12.1; RFC 4585, 6.1).
SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
GOODBYE: Final = 203
TRANSPORT_FEEDBACK: Final = 205
PAYLOAD_FEEDBACK: Final = 206
FIRST_TYPE, LAST_TYPE = 192, 223  # RFC 5761, 4: the second byte of RTCP is in this range, of RTP never

GENERIC_NACK: Final = 1
TRANSPORT_CC: Final = 15
PICTURE_LOSS: Final = 1

VERSION_BITS: Final = 2 << 6
NACKS_PER_PACKET: Final = 200  # pairs of 4 bytes: stays under 1,200 bytes
BLP_BITS: Final = 16
MAX_REPORTS: Final = 31  # a 5-bit count
NTP_FRACTION: Final = 1 << 32


class SenderClock(NamedTuple):
    """What a sender report tells: at `ntp_s` (since 1900) the source stood at `rtp_timestamp` (32 bits)."""

    ssrc: int
    ntp_s: float
    ntp_middle: int  # the middle 32 bits of the NTP stamp, for the receiver report
    rtp_timestamp: int
    payload_bytes: int = 0  # that it has sent so far, modulo 2**32, without padding


class Goodbye(NamedTuple):
    """A source says it stops (RFC 3550, 6.6)."""

    ssrc: int


class ReportBlock(NamedTuple):
    """One source in a receiver report (RFC 3550, 6.4.1). `fraction_lost` is of 256."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter: int
    last_report: int
    since_last_report: int


def is_rtcp(datagram: bytes) -> bool:
    """Whether an SRTP datagram is RTCP (RFC 5761, 4)."""
    return len(datagram) > 1 and FIRST_TYPE <= datagram[1] <= LAST_TYPE


def read_rtcp(plain: bytes) -> Iterator[SenderClock | Goodbye]:
    """What concerns us in a compound packet; a broken tail is left unread."""
    at = 0
    while at + HEADER.size <= len(plain):
        flags, kind, words = HEADER.unpack_from(plain, at)
        end = at + HEADER.size + 4 * words
        if flags & 0xC0 != VERSION_BITS or end > len(plain):
            return
        body = at + HEADER.size
        if kind == SENDER_REPORT and end - body >= SENDER_INFO.size:
            ssrc, ntp, rtp_timestamp, _, sent = SENDER_INFO.unpack_from(plain, body)
            if ntp:  # RFC 3550, 6.4.1: zero means the sender has no clock
                yield SenderClock(ssrc, ntp / NTP_FRACTION, ntp >> 16 & 0xFFFFFFFF, rtp_timestamp, sent)
        elif kind == GOODBYE:
            for place in range(min(flags & 0x1F, (end - body) // 4)):
                yield Goodbye(int.from_bytes(plain[body + 4 * place : body + 4 * place + 4], "big"))
        at = end


def _packet(count: int, kind: int, body: bytes) -> bytes:
    return HEADER.pack(VERSION_BITS | count, kind, len(body) // 4) + body


def receiver_report(ssrc: int, blocks: Sequence[ReportBlock]) -> bytes:
    """Write a receiver report from `ssrc` on up to 31 sources."""
    body = ssrc.to_bytes(4, "big")
    for block in blocks[:MAX_REPORTS]:
        lost = max(-(1 << 23), min(block.lost, (1 << 23) - 1)) & 0xFFFFFF
        body += REPORT_BLOCK.pack(
            block.ssrc,
            block.fraction_lost << 24 | lost,
            block.highest_sequence & 0xFFFFFFFF,
            block.jitter & 0xFFFFFFFF,
            block.last_report,
            block.since_last_report & 0xFFFFFFFF,
        )
    return _packet(min(len(blocks), MAX_REPORTS), RECEIVER_REPORT, body)


def nack(ssrc: int, media_ssrc: int, sequences: Sequence[int]) -> bytes:
    """Ask for packets again (RFC 4585, 6.2.1). `sequences` rise; only their low 16 bits go out."""
    pairs: list[tuple[int, int]] = []
    for sequence in sequences:
        ahead = sequence - pairs[-1][0] - 1 if pairs else BLP_BITS
        if 0 <= ahead < BLP_BITS:
            first, mask = pairs[-1]
            pairs[-1] = (first, mask | 1 << ahead)
        else:
            pairs.append((sequence, 0))
    body = struct.pack("!LL", ssrc, media_ssrc)
    for first, mask in pairs[:NACKS_PER_PACKET]:
        body += struct.pack("!HH", first & 0xFFFF, mask)
    return _packet(GENERIC_NACK, TRANSPORT_FEEDBACK, body)


def picture_loss(ssrc: int, media_ssrc: int) -> bytes:
    """Ask for a keyframe (RFC 4585, 6.3.1)."""
    return _packet(PICTURE_LOSS, PAYLOAD_FEEDBACK, struct.pack("!LL", ssrc, media_ssrc))
