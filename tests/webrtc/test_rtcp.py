"""RTCP in and out, against the stock library as the other side."""

from __future__ import annotations

import struct

from aiortc.rtp import (
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
)
from hypothesis import given
from hypothesis import strategies as st

from webrtc import rtcp


@given(st.sets(st.integers(0, 65_535), min_size=1, max_size=150))
def test_every_packet_asked_for_is_read_by_the_other_side(sequences: set[int]) -> None:
    """A NACK names exactly the packets missing."""
    (read,) = RtcpPacket.parse(rtcp.nack(1, 2, sorted(sequences)))
    assert isinstance(read, RtcpRtpfbPacket)
    assert (read.fmt, read.ssrc, read.media_ssrc) == (1, 1, 2)
    assert {each & 0xFFFF for each in read.lost} == sequences


def test_a_nack_over_the_wrap_names_both_sides_of_it() -> None:
    """Sequence numbers inside are unwrapped; sixteen bits go out."""
    (read,) = RtcpPacket.parse(rtcp.nack(1, 2, [65_534, 65_535, 65_536, 65_540]))
    assert isinstance(read, RtcpRtpfbPacket)
    assert [each & 0xFFFF for each in read.lost] == [65_534, 65_535, 0, 4]


def test_a_keyframe_request_is_a_picture_loss_indication() -> None:
    """RFC 4585, 6.3.1."""
    (read,) = RtcpPacket.parse(rtcp.picture_loss(1, 2))
    assert isinstance(read, RtcpPsfbPacket)
    assert (read.fmt, read.ssrc, read.media_ssrc, read.fci) == (1, 1, 2, b"")


def test_receiver_reports_are_read_by_the_other_side() -> None:
    """Every field, negative losses too; at most 31 sources."""
    block = rtcp.ReportBlock(7, 12, -3, 70_000, 5, 6, 8)
    (read,) = RtcpPacket.parse(rtcp.receiver_report(1, [block] * 40))
    assert isinstance(read, RtcpRrPacket)
    assert len(read.reports) == 31
    report = read.reports[0]
    assert (report.ssrc, report.fraction_lost, report.packets_lost) == (7, 12, -3)
    assert (report.highest_sequence, report.jitter, report.lsr, report.dlsr) == (70_000, 5, 6, 8)


def test_clocks_and_goodbyes_are_found_in_a_compound() -> None:
    """Among what we do not read; a report without a clock (zero) is none."""
    compound = (
        bytes(RtcpSrPacket(5, RtcpSenderInfo(3_900_000_000 << 32 | 1 << 31, 1234, 1, 77)))
        + bytes(RtcpSrPacket(6, RtcpSenderInfo(0, 1, 1, 1)))
        + bytes(RtcpSdesPacket())
        + bytes(RtcpByePacket([8, 9]))
    )
    clock, *goodbyes = rtcp.read_rtcp(compound)
    assert clock == (5, 3_900_000_000.5, 3_900_000_000 << 16 & 0xFFFFFFFF | 0x8000, 1234, 77)
    assert goodbyes == [(8,), (9,)]


@given(st.binary(max_size=100), st.integers(0, 31), st.integers(195, 210))
def test_any_bytes_are_read_or_left(body: bytes, count: int, kind: int) -> None:
    """A wrong length, a count beyond the packet: nothing raises."""
    for words in (len(body) // 4, 0, 65_535):
        list(rtcp.read_rtcp(struct.pack("!BBH", 0x80 | count, kind, words) + body))
    list(rtcp.read_rtcp(body))


def test_rtcp_is_told_from_rtp_by_its_second_byte() -> None:
    """RFC 5761, 4."""
    assert rtcp.is_rtcp(b"\x80\xc8")
    assert not rtcp.is_rtcp(b"\x80\x6f")
    assert not rtcp.is_rtcp(b"\x80\xef")
    assert not rtcp.is_rtcp(b"\x80")
