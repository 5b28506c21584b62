"""Forwarding under real media keys, without a network: what goes out, once or again, what is asked for."""

from __future__ import annotations

import itertools
import os
import random
from typing import TYPE_CHECKING

import pylibsrtp
import pytest
from aiortc import RTCPeerConnection
from aiortc.rtp import HeaderExtensionsMap, RtcpPacket, RtcpSrPacket, RtpPacket
from hypothesis import given
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from tests.webrtc.packets import packet
from tests.webrtc.test_tap import policy
from webrtc.forward import Forwarder
from webrtc.frames import Codec, MediaKind, TrackInfo
from webrtc.limits import ForwardLimits, OfferLimits
from webrtc.offer import OUR_SIDE_SENDS
from webrtc.rtcp import ReportBlock as Block
from webrtc.rtcp import SenderClock, nack, picture_loss, receiver_report
from webrtc.rtcp_feedback import remb
from webrtc.sdp import read_offer

if TYPE_CHECKING:
    from webrtc.offer import Offer

VIDEO = TrackInfo(1, MediaKind.VIDEO, Codec.VP8, 90_000, "0")
AUDIO = TrackInfo(2, MediaKind.AUDIO, Codec.OPUS, 48_000, "1")
KEYFRAME, DELTA = b"\x10\x00" + bytes(20), b"\x10\x01" + bytes(20)


@pytest.fixture(scope="module")
def offer() -> Offer:
    """A stock viewer's offer, read by the gate."""
    import asyncio

    async def make() -> str:
        connection = RTCPeerConnection()
        for kind in ("audio", "video"):
            connection.addTransceiver(kind, direction="recvonly")
        await connection.setLocalDescription(await connection.createOffer())
        sdp: str = connection.localDescription.sdp
        await connection.close()
        return sdp

    return read_offer(asyncio.run(make()), OfferLimits(), side=OUR_SIDE_SENDS)


class Source:
    """A leg that counts what is asked of it."""

    def __init__(self) -> None:
        self.asked = 0

    def request_keyframe(self) -> None:
        """Count."""
        self.asked += 1


class Keyed:
    """A forwarder under keys, its viewer's end of them, and everything it sent, decrypted."""

    def __init__(self, offer: Offer, limits: ForwardLimits | None = None) -> None:
        key, back = os.urandom(44), os.urandom(44)
        self.source, self.ended = Source(), 0
        self.datagrams: list[bytes] = []
        self.offer = offer
        self.viewer = Session(policy(back, Policy.SSRC_ANY_OUTBOUND))
        self._reader = Session(policy(key, Policy.SSRC_ANY_INBOUND))
        self.forwarder = Forwarder(
            offer, limits or ForwardLimits(), self.datagrams.append, self.source, self._source_ended
        )
        outbound = policy(key, Policy.SSRC_ANY_OUTBOUND)
        outbound.window_size = 1024
        self.forwarder.start(Session(policy(back, Policy.SSRC_ANY_INBOUND)), Session(outbound))

    def _source_ended(self) -> None:
        self.ended += 1

    def sent(self) -> list[RtpPacket]:
        """The media sent since this was asked last, read by the stock library."""
        ids = HeaderExtensionsMap()
        ids._HeaderExtensionsMap__ids.abs_send_time = self.offer.extensions.abs_send_time  # type: ignore[attr-defined]
        found = [RtpPacket.parse(self._reader.unprotect(each), ids) for each in self.datagrams]
        self.datagrams.clear()
        return found

    def reports(self) -> list[RtcpSrPacket]:
        """The sender reports sent since this was asked last."""
        found = [RtcpPacket.parse(self._reader.unprotect_rtcp(each))[0] for each in self.datagrams]
        self.datagrams.clear()
        return [each for each in found if isinstance(each, RtcpSrPacket)]

    def says(self, plain: bytes, now_s: float = 1.0) -> None:
        """Let the viewer say something."""
        self.forwarder.take(self.viewer.protect_rtcp(plain), now_s)


def test_the_payload_passes_and_the_header_is_ours(offer: Offer) -> None:
    """Own source, own payload type; number, time and marker as they follow from the sender's."""
    keyed = Keyed(offer)
    for number in range(3):
        each = packet(65_534 + number, DELTA + bytes([number]), timestamp=3_000 * number, marker=number == 2)
        keyed.forwarder.packet(VIDEO, each, 1.0 + number / 30)
    track = keyed.forwarder.tracks[MediaKind.VIDEO]
    sent = keyed.sent()
    assert [each.payload for each in sent] == [DELTA + bytes([number]) for number in range(3)]
    assert {(each.ssrc, each.payload_type) for each in sent} == {(track.ssrc, track.media.payload_type)}
    assert [each.marker for each in sent] == [0, 0, 1]
    first = sent[0]
    assert [each.sequence_number - first.sequence_number & 0xFFFF for each in sent] == [0, 1, 2]
    assert [each.timestamp - first.timestamp & 0xFFFFFFFF for each in sent] == [0, 3_000, 6_000]


def test_each_packet_tells_when_it_left(offer: Offer) -> None:
    """abs-send-time in 6.18 fixed point, so that the viewer can estimate its way."""
    assert offer.extensions.abs_send_time
    keyed = Keyed(offer)
    for now_s in (1.0, 63.5, 64.25):
        keyed.forwarder.packet(AUDIO, packet(int(now_s)), now_s)
    told = [each.extensions.abs_send_time for each in keyed.sent()]
    assert told == [1 << 18, int(63.5 * (1 << 18)), 1 << 16]


def test_what_comes_late_is_passed_on_and_what_comes_twice_is_not(offer: Offer) -> None:
    """Order is the viewer's business; a number goes out under one content only (RFC 7714, 11)."""
    keyed = Keyed(offer)
    for number in (10, 12, 11, 11, 9, 13):
        keyed.forwarder.packet(AUDIO, packet(number, timestamp=960 * number), 1.0)
    sent = keyed.sent()
    base = sent[0].sequence_number - 10
    assert [each.sequence_number - base for each in sent] == [10, 12, 11, 9, 13]
    stamps = sent[0].timestamp - 9_600
    assert [(each.timestamp - stamps) & 0xFFFFFFFF for each in sent] == [960 * n for n in (10, 12, 11, 9, 13)]
    assert keyed.forwarder.counts.raised == 0


@given(
    st.lists(
        st.tuples(
            st.integers(1, 1 << 31),
            st.integers(0, 65_535),
            st.integers(0, (1 << 32) - 1),
            st.floats(0.001, 30.0),
        ),
        min_size=2,
        max_size=12,
        unique_by=lambda each: each[0],
    )
)
def test_a_change_of_source_keeps_number_and_time_rising(
    offer: Offer, changes: list[tuple[int, int, int, float]]
) -> None:
    """Whatever the new source's numbers are: ours go on by one, our clock by the time that passed."""
    keyed = Keyed(offer)
    now_s = 1.0
    moments = []
    for ssrc, first, stamp, pause_s in changes:
        now_s += pause_s
        for step in range(3):
            moments.append(now_s)
            each = packet(first + step, timestamp=stamp + 960 * step, ssrc=ssrc)
            keyed.forwarder.packet(AUDIO, each, now_s)
            now_s += 0.02
    sent = keyed.sent()
    assert len({each.ssrc for each in sent}) == 1
    for (before, before_s), (after, after_s) in itertools.pairwise(zip(sent, moments, strict=True)):
        assert after.sequence_number - before.sequence_number & 0xFFFF == 1
        passed = (after.timestamp - before.timestamp & 0xFFFFFFFF) / 48_000
        assert passed == pytest.approx(after_s - before_s, abs=0.001)


def test_what_was_lost_is_sent_again_as_it_was(offer: Offer) -> None:
    """The very datagram, so that a repeat tells nothing new about the key."""
    keyed = Keyed(offer)
    for number in range(5):
        keyed.forwarder.packet(VIDEO, packet(number), 1.0)
    datagrams = list(keyed.datagrams)
    sequences = [each.sequence_number for each in keyed.sent()]
    ssrc = keyed.forwarder.tracks[MediaKind.VIDEO].ssrc
    keyed.says(nack(1, ssrc, [sequences[1], sequences[3]]))
    assert keyed.datagrams == [datagrams[1], datagrams[3]]
    keyed.says(nack(1, ssrc ^ 1, sequences))
    assert (len(keyed.datagrams), keyed.forwarder.counts.resent) == (2, 2)


@given(st.lists(st.integers(0, 65_535), max_size=400), st.integers(4, 64))
def test_no_number_goes_out_twice(offer: Offer, numbers: list[int], history: int) -> None:
    """Whatever a sender does with its numbers: under one key no two packets have the same."""
    keyed = Keyed(offer, ForwardLimits(history_packets=history))
    base, around = 30_000, [each % 97 for each in numbers]
    for place, number in enumerate([*around, *numbers, *around]):
        keyed.forwarder.packet(AUDIO, packet(base + number, bytes([place % 251])), 1.0)
    count = len(keyed.datagrams)
    assert len(keyed.sent()) == count  # the viewer's end refuses a repeat
    assert len(keyed.forwarder.tracks[MediaKind.AUDIO]._sent) <= history


def test_a_sender_that_begins_anew_is_followed(offer: Offer) -> None:
    """Far from where it was, two in a row, with the same source (RFC 3550, A.1); one stray packet is not."""
    keyed = Keyed(offer)
    for number in (100, 101, 40_000, 102, 20_000, 20_001, 20_002):
        keyed.forwarder.packet(AUDIO, packet(number, bytes([number & 0xFF])), 1.0)
    sent = keyed.sent()
    assert [each.payload[0] for each in sent] == [n & 0xFF for n in (100, 101, 102, 20_001, 20_002)]
    numbers = [each.sequence_number for each in sent]
    assert numbers == list(range(numbers[0], numbers[0] + 5))


def test_the_history_is_bounded(offer: Offer) -> None:
    """The newest are kept, however much is sent; the end forgets them all."""
    keyed = Keyed(offer, ForwardLimits(history_packets=16))
    track = keyed.forwarder.tracks[MediaKind.VIDEO]
    for number in range(70_000):
        keyed.forwarder.packet(VIDEO, packet(number % 65_536), 1.0)
    assert len(track._sent) == 16
    assert all(track.again(track._last_sequence - back & 0xFFFF) is not None for back in range(16))
    assert track.again(track._last_sequence - 16 & 0xFFFF) is None
    keyed.forwarder.end(None)  # type: ignore[arg-type]
    assert not track._sent


def test_resends_have_a_budget(offer: Offer) -> None:
    """A viewer that asks for everything again and again gets its share, and the others theirs."""
    limits = ForwardLimits(resends_per_s=10, resends_burst=20)
    keyed = Keyed(offer, limits)
    for number in range(100):
        keyed.forwarder.packet(VIDEO, packet(number), 1.0)
    sequences = sorted(each.sequence_number for each in keyed.sent())
    for _ in range(10):
        keyed.says(nack(1, keyed.forwarder.tracks[MediaKind.VIDEO].ssrc, sequences), 1.0)
    assert keyed.forwarder.counts.resent == 20
    keyed.says(nack(1, keyed.forwarder.tracks[MediaKind.VIDEO].ssrc, sequences), 2.0)
    assert keyed.forwarder.counts.resent == 30
    assert keyed.forwarder.counts.not_resent > 900


def test_a_picture_is_asked_for_until_it_begins(offer: Offer) -> None:
    """At the start and at each wish of the viewer; a request that was lost is repeated while packets come."""
    keyed = Keyed(offer)
    assert keyed.source.asked == 1
    for number in range(30):
        keyed.forwarder.packet(VIDEO, packet(number, DELTA), 10.0 + number / 30)
    assert keyed.source.asked == 1 + 4
    keyed.forwarder.packet(VIDEO, packet(30, KEYFRAME), 11.0)
    for number in range(31, 90):
        keyed.forwarder.packet(VIDEO, packet(number, DELTA), 10.0 + number / 30)
    assert keyed.source.asked == 5
    keyed.says(picture_loss(1, keyed.forwarder.tracks[MediaKind.VIDEO].ssrc), 14.0)
    keyed.forwarder.packet(VIDEO, packet(90, DELTA), 14.4)
    assert keyed.source.asked == 7
    assert keyed.forwarder.counts.keyframe_requests == 1


def test_a_viewer_that_asks_without_end_gets_a_keyframe_a_second(offer: Offer) -> None:
    """PLI storm: the sender is asked for the burst, then at the pace, whoever asks how often."""
    keyed = Keyed(offer)
    limits = ForwardLimits()
    keyed.forwarder.packet(VIDEO, packet(0, KEYFRAME), 1.0)
    keyed.source.asked = 0
    ssrc = keyed.forwarder.tracks[MediaKind.VIDEO].ssrc
    for number in range(1, 200):
        keyed.says(picture_loss(1, ssrc), 1.0 + number / 20)
        keyed.forwarder.packet(VIDEO, packet(number, KEYFRAME), 1.0 + number / 20)
    assert limits.keyframes_burst <= keyed.source.asked <= limits.keyframes_burst + 10


def test_a_viewer_that_says_too_much_is_not_listened_to(offer: Offer) -> None:
    """RTCP by the thousand: what is over the pace is dropped undecrypted, and time gives the pace back."""
    keyed = Keyed(offer)
    limits = ForwardLimits()
    for _ in range(2 * limits.words_burst):
        keyed.says(remb(1, [2], 400_000))
    counts = keyed.forwarder.counts
    assert counts.excess == limits.words_burst
    keyed.forwarder._pace.top_up(10.0)
    keyed.forwarder._pace.top_up(11.0)
    keyed.says(remb(1, [2], 500_000))
    assert keyed.forwarder.estimate_bps == pytest.approx(500_000, rel=0.01)


def test_a_viewer_under_many_names_costs_no_more(offer: Offer) -> None:
    """Each name would be a state of libsrtp's, and a step more for each packet."""
    keyed = Keyed(offer)
    for name in range(1, 200):
        keyed.says(remb(name, [2], 400_000))
    assert len(keyed.forwarder._known._known) == ForwardLimits().known_ssrcs


def test_a_viewer_who_comes_late_learns_the_clocks_at_once(offer: Offer) -> None:
    """A sound's next report may be five seconds away; the last one says the same. Once told, no more."""
    keyed = Keyed(offer)
    clock = SenderClock(9, 3_900_000_000.25, 77, 5_960)
    keyed.forwarder.catch_up(AUDIO, clock, 1.0)  # nothing of the track has passed yet
    assert keyed.reports() == []
    keyed.forwarder.packet(AUDIO, packet(1, timestamp=5_000, ssrc=9), 1.0)
    (sent,) = keyed.sent()
    for _ in range(2):
        keyed.forwarder.catch_up(AUDIO, clock, 1.5)
    (report,) = keyed.reports()
    assert report.sender_info.rtp_timestamp - sent.timestamp & 0xFFFFFFFF == 960


def test_the_clock_of_the_source_is_passed_on_with_its_shift(offer: Offer) -> None:
    """The same instant on our stamps: sound and picture stay together, however late either came."""
    keyed = Keyed(offer)
    keyed.forwarder.packet(AUDIO, packet(1, timestamp=5_000, ssrc=9), 1.0)
    (sent,) = keyed.sent()
    keyed.forwarder.sender_report(AUDIO, SenderClock(9, 3_900_000_000.25, 77, 5_960), 1.5)
    keyed.forwarder.sender_report(AUDIO, SenderClock(8, 1.0, 78, 1), 1.5)  # another source's
    (report,) = keyed.reports()
    assert report.ssrc == sent.ssrc
    assert report.sender_info.rtp_timestamp - sent.timestamp & 0xFFFFFFFF == 960
    assert report.sender_info.ntp_timestamp / (1 << 32) == pytest.approx(3_900_000_000.25, abs=1e-3)
    assert (report.sender_info.packet_count, report.sender_info.octet_count) == (1, 1)


def test_what_the_viewer_reports_is_kept_by_kind(offer: Offer) -> None:
    """Loss, jitter in seconds, and the round trip from the report that was answered."""
    keyed = Keyed(offer)
    keyed.forwarder.packet(AUDIO, packet(1, ssrc=9), 1.0)
    keyed.sent()
    keyed.forwarder.sender_report(AUDIO, SenderClock(9, 1.0, 77, 1), 2.0)
    ssrc = keyed.forwarder.tracks[MediaKind.AUDIO].ssrc
    keyed.says(receiver_report(1, [Block(ssrc, 64, 3, 9, 480, 77, 6_554)]), 2.3)
    counts = keyed.forwarder.counts
    assert counts.heard[MediaKind.AUDIO].fraction_lost == 0.25
    assert counts.heard[MediaKind.AUDIO].lost == 3
    assert counts.heard[MediaKind.AUDIO].jitter_s == 0.01
    assert counts.round_trip_s == pytest.approx(0.2, abs=0.001)


def test_an_estimate_has_a_floor(offer: Offer) -> None:
    """No viewer starves the sender for all."""
    keyed = Keyed(offer)
    assert keyed.forwarder.estimate_bps is None
    for bps, kept in ((2_000_000, 2_000_000), (1, ForwardLimits().least_bps)):
        keyed.says(remb(1, [2], bps))
        assert keyed.forwarder.estimate_bps == kept


def test_a_second_track_of_a_kind_is_not_mixed_in(offer: Offer) -> None:
    """One source of ours carries one track; another codec is nothing the viewer agreed to."""
    keyed = Keyed(offer)
    keyed.forwarder.packet(VIDEO, packet(1), 1.0)
    keyed.forwarder.packet(other(5), packet(2), 1.0)
    keyed.forwarder.packet(other(6, Codec.H264), packet(3), 1.0)
    assert len(keyed.sent()) == 1


def other(number: int, codec: Codec = Codec.VP8) -> TrackInfo:
    """Another video track."""
    return TrackInfo(number, MediaKind.VIDEO, codec, 90_000, str(number))


def test_the_end_of_the_source_is_told(offer: Offer) -> None:
    """And after our own end nothing goes out, whatever still comes in."""
    keyed = Keyed(offer)
    keyed.forwarder.source_ended()
    assert keyed.ended == 1
    keyed.forwarder.end(None)  # type: ignore[arg-type]
    keyed.forwarder.packet(AUDIO, packet(1), 1.0)
    keyed.forwarder.sender_report(AUDIO, SenderClock(1, 1.0, 7, 1), 1.0)
    assert keyed.datagrams == []


def test_a_viewer_that_cannot_be_reached_costs_nobody_else(offer: Offer) -> None:
    """A send that raises is counted; the leg it sees does not hear of it."""
    keyed = Keyed(offer)

    def broken(_: bytes) -> None:
        raise OSError("no way")

    keyed.forwarder._send_datagram = broken
    for number in range(3):
        keyed.forwarder.packet(AUDIO, packet(number), 1.0)
    assert keyed.forwarder.counts.raised == 3


def test_bad_feedback_by_the_thousand_changes_nothing(offer: Offer) -> None:
    """F-class: what is not under the keys is dropped, what is under them and broken is left."""
    dice = random.Random(11)
    keyed = Keyed(offer, ForwardLimits(words_burst=20_000))
    keyed.forwarder.packet(AUDIO, packet(1), 1.0)
    keyed.sent()
    for number in range(10_000):
        body = dice.randbytes(dice.randrange(1, 90))
        if number % 2:
            keyed.forwarder.take(bytes([0x80, dice.randrange(192, 224)]) + body, 1.0)
        else:
            head = bytes([0x80 | dice.randrange(32), dice.randrange(200, 208), 0, dice.randrange(24)])
            try:
                keyed.says(head + bytes(4) + body)
            except pylibsrtp.Error:
                continue  # what the cipher library itself refuses to send
    assert keyed.forwarder.counts.forged > 4_000
    assert keyed.forwarder.counts.raised == 0
    keyed.datagrams.clear()
    keyed.forwarder.packet(AUDIO, packet(2), 1.1)
    assert len(keyed.sent()) == 1
