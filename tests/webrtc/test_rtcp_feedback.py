"""What a viewer's RTCP says, byte by byte and against the stock library; and ours, read by that library."""

from __future__ import annotations

import struct

import pytest
from aiortc.rtp import (
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)
from hypothesis import given
from hypothesis import strategies as st

from webrtc.rtcp import ReportBlock, SenderClock, nack, picture_loss, read_rtcp, receiver_report
from webrtc.rtcp_feedback import (
    MAX_NACKED,
    Estimate,
    KeyframeWanted,
    Nacked,
    read_viewer,
    remb,
    sender_report,
)

WORDS = (Nacked, KeyframeWanted, Estimate, ReportBlock)
# RFC 4585, 6.2.1: from 0x01020304 about 0x0a0b0c0d, packet 100 and, by its bitmask, 101 and 116.
NACK_BYTES = bytes.fromhex("81cd0003 01020304 0a0b0c0d 00648001".replace(" ", ""))
# RFC 4585, 6.3.1.
PLI_BYTES = bytes.fromhex("81ce0002 01020304 0a0b0c0d".replace(" ", ""))
# RFC 5104, 4.3.1: about two sources, with their sequence numbers.
FIR_BYTES = bytes.fromhex("84ce0006 01020304 00000000 0a0b0c0d 05000000 0a0b0c0e 06000000".replace(" ", ""))
# draft-alvestrand-rmcat-remb-03, 2.2: 250,000 bit/s is mantissa 250,000, exponent 0.
REMB_BYTES = bytes.fromhex("8fce0005 01020304 00000000 52454d42 0103d090 0a0b0c0d".replace(" ", ""))


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        (NACK_BYTES, [Nacked(0x0A0B0C0D, [100, 101, 116])]),
        (PLI_BYTES, [KeyframeWanted(0x0A0B0C0D)]),
        (FIR_BYTES, [KeyframeWanted(0x0A0B0C0D), KeyframeWanted(0x0A0B0C0E)]),
        (REMB_BYTES, [Estimate(250_000)]),
    ],
)
def test_each_word_is_read_from_the_bytes_of_its_rfc(plain: bytes, said: list[object]) -> None:
    """Byte-exact examples, alone and behind a report in a compound."""
    assert list(read_viewer(plain)) == said
    assert list(read_viewer(bytes(RtcpRrPacket(1)) + bytes(RtcpSdesPacket()) + plain)) == said


def test_what_we_ask_of_senders_is_what_we_read_of_viewers() -> None:
    """The two halves speak the same language."""
    assert list(read_viewer(nack(1, 2, [7, 9, 40]))) == [Nacked(2, [7, 9, 40])]
    assert list(read_viewer(picture_loss(1, 2))) == [KeyframeWanted(2)]
    block = ReportBlock(7, 12, -3, 70_000, 5, 6, 8)
    assert list(read_viewer(receiver_report(1, [block, block]))) == [block, block]


def test_a_stock_viewers_report_is_read_whole() -> None:
    """Each field, a negative loss too; in a receiver report and in a sender's."""
    stock = RtcpReceiverInfo(
        ssrc=5, fraction_lost=64, packets_lost=-2, highest_sequence=9, jitter=3, lsr=4, dlsr=6
    )
    assert list(read_viewer(bytes(RtcpRrPacket(1, [stock])))) == [ReportBlock(5, 64, -2, 9, 3, 4, 6)]


@given(st.integers(0, (1 << 18) - 1), st.integers(0, 20))
def test_an_estimate_comes_back_as_it_was_written(mantissa: int, exponent: int) -> None:
    """What eighteen bits can hold is exact."""
    bps = mantissa << exponent
    assert list(read_viewer(remb(1, [2, 3], bps))) == [Estimate(bps)]


@given(st.integers(1, 10**9))
def test_an_estimate_is_never_told_higher_than_it_is(bps: int) -> None:
    """It is rounded down, by less than a part in a hundred thousand; the stock library reads the same."""
    (said,) = read_viewer(remb(1, [2], bps))
    assert isinstance(said, Estimate)
    assert bps * (1 - 1e-5) <= said.bps <= bps
    (read,) = RtcpPacket.parse(remb(1, [2], bps))
    assert isinstance(read, RtcpPsfbPacket)
    assert unpack_remb_fci(read.fci) == (said.bps, [2])


@given(st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 32) - 1), st.integers(0, 1 << 40))
def test_a_sender_report_is_read_by_the_other_side(ssrc: int, stamp: int, packets: int) -> None:
    """Clock, counts and the name that ties sound to picture; every count wraps at 32 bits."""
    clock = SenderClock(ssrc, 3_900_000_000.5, 0, stamp, 7)
    report, names = RtcpPacket.parse(sender_report(clock, packets=packets, payload_bytes=7, cname="ab12"))
    assert isinstance(report, RtcpSrPacket)
    assert (report.ssrc, report.sender_info.rtp_timestamp) == (ssrc, stamp)
    assert report.sender_info.packet_count == packets & 0xFFFFFFFF
    assert report.sender_info.octet_count == 7
    assert isinstance(names, RtcpSdesPacket)
    assert [(chunk.ssrc, chunk.items) for chunk in names.chunks] == [(ssrc, [(1, b"ab12")])]
    (read,) = read_rtcp(sender_report(clock, packets=packets, payload_bytes=7, cname="ab12"))
    assert read == clock._replace(ntp_middle=read.ntp_middle)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "abcd", "x" * 24])
def test_a_name_of_any_length_ends_on_a_word(name: str) -> None:
    """RFC 3550, 6.5: a chunk ends with at least one null and on a 32-bit boundary."""
    plain = sender_report(SenderClock(1, 1.0, 0, 2), packets=0, payload_bytes=0, cname=name)
    assert len(plain) % 4 == 0
    assert RtcpPacket.parse(plain)[1].chunks[0].items == [(1, name.encode())]  # type: ignore[union-attr]


def test_one_packet_asks_for_no_more_than_the_limit() -> None:
    """A NACK of every sequence number there is costs us a bounded list."""
    pairs = b"".join(struct.pack("!HH", first & 0xFFFF, 0xFFFF) for first in range(0, 1 << 16, 17))
    plain = struct.pack("!BBHLL", 0x81, 205, 2 + len(pairs) // 4, 1, 2) + pairs
    (said,) = read_viewer(plain)
    assert isinstance(said, Nacked)
    assert len(said.sequences) == MAX_NACKED


def test_what_is_about_something_else_says_nothing() -> None:
    """Transport feedback, an unknown application message, a REMB cut short."""
    assert list(read_viewer(bytes(RtcpRtpfbPacket(fmt=15, ssrc=1, media_ssrc=2)))) == []
    assert list(read_viewer(bytes(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=2, fci=b"XXXX" * 3)))) == []
    assert list(read_viewer(bytes(RtcpPsfbPacket(fmt=15, ssrc=1, media_ssrc=2, fci=b"REMB")))) == []


@given(st.binary(max_size=160), st.integers(0, 31), st.integers(198, 208))
def test_any_bytes_are_read_or_left(body: bytes, count: int, kind: int) -> None:
    """A wrong length, a count beyond the packet, a tail cut off: only words come out, nothing raises."""
    for words in (len(body) // 4, 0, 1, 65_535):
        plain = struct.pack("!BBH", 0x80 | count, kind, words) + body
        assert all(isinstance(word, WORDS) for word in read_viewer(plain))
    assert all(isinstance(word, WORDS) for word in read_viewer(body))


@given(
    st.sampled_from([NACK_BYTES, PLI_BYTES, FIR_BYTES, REMB_BYTES]),
    st.integers(0, 40),
    st.integers(0, 255),
    st.integers(0, 40),
)
def test_a_spoilt_packet_raises_nothing(plain: bytes, place: int, value: int, cut: int) -> None:
    """Every byte changed to every value, cut anywhere."""
    spoilt = bytearray(plain)
    spoilt[place % len(spoilt)] = value
    for word in read_viewer(bytes(spoilt)[: len(spoilt) - cut % len(spoilt)]):
        assert isinstance(word, WORDS)
