"""What a viewer's RTCP asks and tells, and the sender reports and estimates we write.

RFC 4585 (NACK, PLI), RFC 5104, 4.3.1 (FIR), RFC 3550, 6.4 (reports), draft-alvestrand-rmcat-remb-03 (REMB).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from webrtc.rtcp import (
    BLP_BITS,
    GENERIC_NACK,
    HEADER,
    NTP_FRACTION,
    PAYLOAD_FEEDBACK,
    PICTURE_LOSS,
    RECEIVER_REPORT,
    REPORT_BLOCK,
    SENDER_INFO,
    SENDER_REPORT,
    TRANSPORT_FEEDBACK,
    VERSION_BITS,
    ReportBlock,
    SenderClock,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCE_DESCRIPTION: Final = 202  # RFC 3550, 12.1
CNAME: Final = 1  # RFC 3550, 6.5.1
FULL_INTRA: Final = 4  # RFC 5104, 4.3.1
APPLICATION_LAYER: Final = 15  # RFC 4585, 6.4
REMB: Final = b"REMB"
FEEDBACK_HEADER: Final = struct.Struct("!LL")  # who speaks, about whom
NACK_PAIR: Final = struct.Struct("!HH")
SENDER_REPORT_BYTES: Final = 24  # source, clock, packets and bytes; the blocks follow
SSRC_BYTES: Final = 4
REMB_HEADER_BYTES: Final = 16  # both sources, the name, count and estimate
MAX_NACKED: Final = 256  # of one packet: what it may make us do; a second of picture has 130
MANTISSA_BITS: Final = 18


class Nacked(NamedTuple):
    """Packets of a source of ours that did not arrive."""

    ssrc: int
    sequences: Sequence[int]


class KeyframeWanted(NamedTuple):
    """A viewer cannot go on without a keyframe."""

    ssrc: int


class Estimate(NamedTuple):
    """What the way to a viewer can carry, in bits per second."""

    bps: int


ViewerWord = Nacked | KeyframeWanted | Estimate | ReportBlock


def read_viewer(plain: bytes) -> Iterator[ViewerWord]:
    """What concerns a sender in a compound packet; a broken tail is left unread."""
    at = 0
    while at + HEADER.size <= len(plain):
        flags, kind, words = HEADER.unpack_from(plain, at)
        body, end = at + HEADER.size, at + HEADER.size + 4 * words
        if flags & 0xC0 != VERSION_BITS or end > len(plain):
            return
        count = flags & 0x1F
        if kind in {SENDER_REPORT, RECEIVER_REPORT}:
            start = body + (SENDER_REPORT_BYTES if kind == SENDER_REPORT else SSRC_BYTES)
            yield from _report_blocks(plain[start:end], count)
        elif kind == TRANSPORT_FEEDBACK and count == GENERIC_NACK:
            yield from _nacked(plain[body:end])
        elif kind == PAYLOAD_FEEDBACK:
            yield from _payload_feedback(plain[body:end], count)
        at = end


def _report_blocks(body: bytes, count: int) -> Iterator[ReportBlock]:
    for place in range(min(count, len(body) // REPORT_BLOCK.size)):
        ssrc, losses, highest, jitter, last, since = REPORT_BLOCK.unpack_from(body, place * REPORT_BLOCK.size)
        lost = (losses & 0xFFFFFF) - ((losses & 0x800000) << 1)
        yield ReportBlock(ssrc, losses >> 24, lost, highest, jitter, last, since)


def _nacked(body: bytes) -> Iterator[Nacked]:
    if len(body) < FEEDBACK_HEADER.size:
        return
    _, ssrc = FEEDBACK_HEADER.unpack_from(body)
    sequences: list[int] = []
    for at in range(FEEDBACK_HEADER.size, len(body) - NACK_PAIR.size + 1, NACK_PAIR.size):
        first, mask = NACK_PAIR.unpack_from(body, at)
        sequences.append(first)
        sequences += [first + 1 + bit & 0xFFFF for bit in range(BLP_BITS) if mask >> bit & 1]
        if len(sequences) >= MAX_NACKED:
            break
    yield Nacked(ssrc, sequences[:MAX_NACKED])


def _payload_feedback(body: bytes, form: int) -> Iterator[KeyframeWanted | Estimate]:
    if len(body) < FEEDBACK_HEADER.size:
        return
    if form == PICTURE_LOSS:
        yield KeyframeWanted(FEEDBACK_HEADER.unpack_from(body)[1])
    elif form == FULL_INTRA:
        for at in range(FEEDBACK_HEADER.size, len(body) - 7, 8):
            yield KeyframeWanted(int.from_bytes(body[at : at + 4], "big"))
    elif form == APPLICATION_LAYER and body[8:12] == REMB and len(body) >= REMB_HEADER_BYTES:
        packed = int.from_bytes(body[13:16], "big")
        yield Estimate((packed & 0x3FFFF) << (packed >> MANTISSA_BITS))


def sender_report(clock: SenderClock, *, packets: int, payload_bytes: int, cname: str) -> bytes:
    """A report of our source `clock.ssrc` and its name: what a viewer keeps sound and picture together by."""
    ntp = round(clock.ntp_s * NTP_FRACTION) & 0xFFFFFFFFFFFFFFFF
    info = SENDER_INFO.pack(
        clock.ssrc,
        ntp,
        clock.rtp_timestamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        payload_bytes & 0xFFFFFFFF,
    )
    name = cname.encode()
    chunk = clock.ssrc.to_bytes(4, "big") + bytes((CNAME, len(name))) + name
    chunk += b"\x00" * (4 - len(chunk) % 4)
    return (
        HEADER.pack(VERSION_BITS, SENDER_REPORT, len(info) // 4)
        + info
        + HEADER.pack(VERSION_BITS | 1, SOURCE_DESCRIPTION, len(chunk) // 4)
        + chunk
    )


def remb(ssrc: int, sources: Sequence[int], bps: int) -> bytes:
    """Tell the sender of `sources` what its viewers can take, in bits per second."""
    exponent = max(0, bps.bit_length() - MANTISSA_BITS)
    packed = exponent << MANTISSA_BITS | bps >> exponent
    body = FEEDBACK_HEADER.pack(ssrc, 0) + REMB + bytes((len(sources),)) + packed.to_bytes(3, "big")
    body += b"".join(each.to_bytes(4, "big") for each in sources)
    return HEADER.pack(VERSION_BITS | APPLICATION_LAYER, PAYLOAD_FEEDBACK, len(body) // 4) + body
