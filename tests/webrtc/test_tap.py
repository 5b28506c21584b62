"""The media side of a leg under real media keys, without a network: routing, resends, any packet."""

from __future__ import annotations

import asyncio
import os
import random
import time
from pathlib import Path
from typing import Any

import pylibsrtp
import pytest
from aiortc.rtp import RtcpSenderInfo, RtcpSrPacket
from pylibsrtp import Policy, Session

from tests.webrtc.legs import Memory
from tests.webrtc.media import video_clip
from tests.webrtc.packets import packetized
from webrtc.frames import MediaKind, TrackEnd
from webrtc.limits import OfferLimits, TapLimits
from webrtc.rtcp_feedback import Estimate, read_viewer
from webrtc.sdp import read_offer
from webrtc.tap import LIFTS, UNLIMITED_BPS, Tap

OFFER = (Path(__file__).parent / "offers" / "chromium.sdp").read_text().replace("\n", "\r\n")
VIDEO_TYPE, RTX_TYPE, AUDIO_TYPE = 96, 97, 111


class KeyedTap:
    """A tap with keys of its own and the sender's end of them; `sent` is the RTCP it sent, decrypted."""

    def __init__(self, offer: str = OFFER, *, in_turn: bool = True) -> None:
        self.in_turn = in_turn  # the frames of each packet are given out at once, as a beat would
        key, back = os.urandom(44), os.urandom(44)
        self.sender = Session(policy(key, Policy.SSRC_ANY_OUTBOUND))
        returned = Session(policy(back, Policy.SSRC_ANY_INBOUND))
        self.sent: list[bytes] = []
        self.offer = read_offer(offer, OfferLimits())
        self.tap = Tap(
            self.offer, TapLimits(), lambda datagram: self.sent.append(returned.unprotect_rtcp(datagram))
        )
        self.tap.start(
            Session(policy(key, Policy.SSRC_ANY_INBOUND)), Session(policy(back, Policy.SSRC_ANY_OUTBOUND))
        )
        self.memory = Memory()
        self.tap.attach(self.memory)

    def take(self, plain: bytes, now_s: float = 1.0) -> None:
        """Encrypt a packet and let the tap take it."""
        protect = self.sender.protect_rtcp if 192 <= plain[1] <= 223 else self.sender.protect
        try:
            datagram = protect(plain)
        except pylibsrtp.Error:
            return  # what the cipher library itself refuses to send
        self.tap.take(datagram, now_s)
        if self.in_turn:
            self.tap.send_feedback()


def policy(key: bytes, direction: int) -> Policy:
    """A policy for AES-256-GCM."""
    return Policy(key=key, ssrc_type=direction, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_256_GCM)


def rtp(
    kind: int, sequence: int, ssrc: int, payload: bytes, *, timestamp: int = 0, marker: bool = True
) -> bytes:
    """One RTP packet without extensions."""
    head = bytes([0x80, kind | 0x80 * marker]) + (sequence & 0xFFFF).to_bytes(2, "big")
    return head + (timestamp & 0xFFFFFFFF).to_bytes(4, "big") + ssrc.to_bytes(4, "big") + payload


def with_mid(plain: bytes, mid: bytes) -> bytes:
    """The packet with its m-line's name, by the id of the recorded offer."""
    number = int(OFFER.split(" urn:ietf:params:rtp-hdrext:sdes:mid")[0].rsplit(":", 1)[1])
    element = bytes([number << 4 | len(mid) - 1]) + mid
    element += bytes(-len(element) % 4)
    return (
        bytes([plain[0] | 0x10])
        + plain[1:12]
        + b"\xbe\xde"
        + (len(element) // 4).to_bytes(2, "big")
        + element
        + plain[12:]
    )


def voice(number: int) -> bytes:
    """One frame of sound."""
    return rtp(AUDIO_TYPE, number, 501, b"\xf8\xff\xfe", timestamp=960 * number)


async def test_frames_are_given_out_together_with_the_times_they_came_at() -> None:
    """Packets wait for the beat, or until there are enough of them; each frame keeps its own arrival."""
    keyed = KeyedTap(in_turn=False)
    most = TapLimits().gathered_packets
    for number in range(most - 1):
        keyed.take(voice(number), 1 + 0.02 * number)
    assert keyed.memory.of_kind("audio") == []
    keyed.take(voice(most - 1), 1 + 0.02 * (most - 1))
    assert len(keyed.memory.of_kind("audio")) == most
    keyed.take(voice(most), 3.0)
    keyed.tap.send_feedback()
    arrivals = [frame.arrival_s for frame in keyed.memory.of_kind("audio")]
    assert arrivals == [*(1 + 0.02 * number for number in range(most)), 3.0]


async def test_what_is_gathered_at_the_end_is_given_out_and_at_a_pause_is_not() -> None:
    """The last tenth of a second belongs to the recording; what came before a pause is dropped with it."""
    keyed = KeyedTap(in_turn=False)
    keyed.take(voice(0))
    keyed.tap.detach()
    keyed.tap.attach(keyed.memory)
    keyed.take(voice(1))
    keyed.tap.end(TrackEnd.STOPPED)
    assert [frame.rtp_timestamp for frame in keyed.memory.of_kind("audio")] == [960]


async def test_after_a_pause_a_source_that_sends_nothing_is_asked_for_a_keyframe() -> None:
    """A shared screen on which nothing moves: no packet comes unless it is asked, once the pause is over."""
    keyed = KeyedTap()
    keyed.take(with_mid(rtp(VIDEO_TYPE, 0, 777, b"\x10\x00"), b"1"), time.monotonic() - 60)
    keyed.tap.detach()
    before = len(asked_for(keyed))
    keyed.tap.attach(keyed.memory, not_before_s=time.monotonic() + 0.2)
    await asyncio.sleep(0.05)
    assert len(asked_for(keyed)) == before
    async with asyncio.timeout(5):
        while len(asked_for(keyed)) == before:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.01)
    keyed.tap.attach(keyed.memory, not_before_s=time.monotonic() + 0.05)
    keyed.tap.detach()  # paused again: nothing is wanted now
    await asyncio.sleep(0.1)
    assert len(asked_for(keyed)) == before + 1
    keyed.tap.end(TrackEnd.STOPPED)


def asked_for(keyed: KeyedTap) -> list[bytes]:
    """The keyframes that were asked for (RFC 4585, 6.3.1)."""
    return [datagram for datagram in keyed.sent if datagram[1] == 206 and datagram[0] & 31 == 1]


async def test_a_hole_does_not_turn_the_order_round() -> None:
    """Packets gathered before a hole are frames before the loss is told, those after it afterwards."""
    keyed = KeyedTap(in_turn=False)
    keyed.take(voice(0), 1.0)
    keyed.take(voice(1), 1.02)
    keyed.take(voice(3), 1.06)
    assert [frame.rtp_timestamp for frame in keyed.memory.of_kind("audio")] == [0, 960]
    keyed.take(voice(4), 2.0)
    assert [packets for _, packets, _ in keyed.memory.losses] == [1]
    keyed.tap.send_feedback()
    assert [frame.rtp_timestamp for frame in keyed.memory.of_kind("audio")] == [0, 960, 2880, 3840]


class Viewer:
    """Somebody who watches and has told what its way can carry."""

    def __init__(self, estimate_bps: int | None) -> None:
        self.estimate_bps = estimate_bps

    def packet(self, *_: object) -> None:
        """Take no notice."""

    def sender_report(self, *_: object) -> None:
        """Take no notice."""

    def catch_up(self, *_: object) -> None:
        """Take no notice."""

    def source_ended(self) -> None:
        """Take no notice."""


async def test_the_sender_is_told_what_the_weakest_viewer_can_take() -> None:
    """REMB: the least of the estimates, of those who told one; nobody told any: no word of it."""
    keyed = KeyedTap()
    keyed.take(with_mid(rtp(VIDEO_TYPE, 1, 900, b"\x10\x00"), keyed.offer.accepted[1].mid.encode()))

    def told() -> list[int]:
        keyed.sent.clear()
        keyed.tap.send_report(2.0)
        words = [word for plain in keyed.sent for word in read_viewer(plain)]
        return [word.bps for word in words if isinstance(word, Estimate)]

    viewers = [Viewer(None), Viewer(700_000), Viewer(300_000)]
    for viewer, expected in zip(viewers, ([], [700_000], [300_000]), strict=True):
        keyed.tap.forward_to(viewer)
        assert told() == pytest.approx(expected, rel=0.01)
    keyed.tap.forget(viewers[2])
    assert told() == pytest.approx([700_000], rel=0.01)
    keyed.tap.forget(viewers[1])
    lifted = [told() for _ in range(LIFTS + 1)]
    assert lifted == [
        *[pytest.approx([UNLIMITED_BPS], rel=0.01)] * LIFTS,
        [],
    ]  # else the recording stays small


async def test_an_undeclared_source_is_routed_by_its_mid_then_by_payload_type() -> None:
    """RFC 8843, 9.2; a wrong mid with a known type still finds the one owner."""
    keyed = KeyedTap()
    keyed.take(with_mid(rtp(AUDIO_TYPE, 1, 501, b"opus"), b"0"))
    keyed.take(rtp(AUDIO_TYPE, 2, 501, b"opus", timestamp=960))
    keyed.take(with_mid(rtp(VIDEO_TYPE, 1, 502, b"\x10\x00"), b"none"))
    assert keyed.tap.counts.unrouted == 0
    assert len(keyed.memory.of_kind("audio")) == 2
    keyed.take(rtp(5, 1, 503, b"x"))
    assert keyed.tap.counts.unrouted == 1


async def test_a_resent_packet_fills_its_hole() -> None:
    """RTX by its payload type: the original number is in front of the payload."""
    keyed = KeyedTap()
    clip = video_clip(bit_rate=1_000_000)
    packets = list(packetized(clip, 10))
    for place, each in enumerate(packets):
        plain = rtp(
            VIDEO_TYPE, each.sequence, 600, each.payload, timestamp=each.timestamp, marker=each.marker
        )
        if place != 4:
            keyed.take(plain)
    assert any(plain[1] == 205 and plain[0] & 0x1F == 1 for plain in keyed.sent)
    lost = packets[4]
    payload = lost.sequence.to_bytes(2, "big") + lost.payload
    keyed.take(rtp(RTX_TYPE, 9, 601, payload, timestamp=lost.timestamp, marker=lost.marker))
    assert [f.payload for f in keyed.memory.of_kind("video")] == list(clip.frames[:10])


async def test_sources_beyond_the_limit_are_not_followed() -> None:
    """A peer cannot make us keep state for source after source."""
    keyed = KeyedTap()
    for ssrc in range(1000, 1100):
        keyed.take(rtp(AUDIO_TYPE, 1, ssrc, b"opus"))
    assert len(keyed.tap._by_ssrc) <= TapLimits().sources_per_leg
    assert keyed.tap.counts.unrouted + keyed.tap.counts.excess >= 80


async def test_sources_by_the_thousand_do_not_make_each_packet_dearer() -> None:
    """The cipher library looks through every source it ever saw: only a few are ever shown to it."""
    keyed = KeyedTap()
    keyed.take(voice(0))
    for ssrc in range(10_000, 11_000):
        keyed.take(rtp(AUDIO_TYPE, 1, ssrc, b"opus"))
        keyed.take(b"\x80\xc9\x00\x01" + ssrc.to_bytes(4, "big"))
    assert len(keyed.tap._known._known) == TapLimits().known_ssrcs
    keyed.take(voice(1))
    assert len(keyed.memory.of_kind("audio")) >= 2


async def test_a_report_of_payload_that_never_came_is_counted() -> None:
    """What the sender says it sent is held against what came; one that says it sends nothing is believed."""
    keyed = KeyedTap()
    (picture,) = [each for each in keyed.tap.receivers if each.info.kind is MediaKind.VIDEO]
    keyed.take(with_mid(rtp(VIDEO_TYPE, 0, 777, b"\x10\x00"), b"1"))
    told = []
    for stamp, (octets, came) in enumerate([(100, 0), (200, 1), (200, 0), (900, 0), (990, 0), (1_000, 1)]):
        if came:
            keyed.take(with_mid(rtp(VIDEO_TYPE, 1 + stamp, 777, b"\x10\x00"), b"1"), 2.0 + stamp)
        info = RtcpSenderInfo((3_900_000_000 + stamp) << 32, 90_000 * stamp, 1, octets)
        keyed.take(bytes(RtcpSrPacket(777, info)), 2.0 + stamp)
        told.append(picture.counts.vanished)
    assert told == [0, 0, 0, 1, 2, 2]


async def test_more_than_a_leg_needs_is_dropped_before_it_costs() -> None:
    """An authentic flood: the burst passes, then the pace; what is forged in a peer's name takes no share."""
    keyed = KeyedTap(in_turn=False)
    limits = TapLimits()
    for _ in range(3 * limits.packets_burst):
        keyed.tap.take(b"\x80\x6f" + os.urandom(40), 1.0)
    assert keyed.tap.counts.excess == 0
    for number in range(2 * limits.packets_burst):
        keyed.take(voice(number), 1.0)
    assert keyed.tap.counts.excess == limits.packets_burst
    keyed.tap._pace.top_up(10.0)
    keyed.tap._pace.top_up(10.1)
    for number in range(limits.packets_burst):
        keyed.take(voice(2 * limits.packets_burst + number), 1.1)
    passed = 2 * limits.packets_burst - keyed.tap.counts.excess
    assert passed == pytest.approx(limits.packets_per_s / 10, abs=2)


class Walked(dict[int, object]):
    """Counts how often it is walked through."""

    walks = 0

    def items(self) -> Any:
        """Count one walk."""
        self.walks += 1
        return super().items()


async def test_a_gap_does_not_make_each_packet_behind_it_dearer() -> None:
    """What is missing is asked for at once, and again by the clock: no packet walks through all of it."""
    keyed = KeyedTap(in_turn=False)
    gap, behind = 1_900, 1_000
    keyed.take(rtp(VIDEO_TYPE, 0, 601, b"\x10\x01"))
    receiver = next(each for each in keyed.tap.receivers if each.info.kind is MediaKind.VIDEO)
    walked = receiver._sequencer._missing = Walked()  # type: ignore[assignment]
    for number in range(behind):
        keyed.take(rtp(VIDEO_TYPE, gap + number, 601, b"\x10\x01", timestamp=3_000))
    assert (receiver.counts.nacks, walked.walks) == (gap - 1, 0)
    receiver.tick(1.1)
    assert (receiver.counts.nacks, walked.walks) == (2 * (gap - 1), 1)


async def test_a_source_that_returns_is_heard_again() -> None:
    """A, then B, then A: what of A was still under way changes nothing, what A sends anew is taken."""
    keyed = KeyedTap()
    for number, ssrc, at_s in ((1, 501, 1.0), (1, 502, 1.1), (2, 501, 1.2), (2, 502, 1.3), (3, 501, 3.0)):
        keyed.take(rtp(AUDIO_TYPE, number, ssrc, b"%d-%d" % (ssrc, number), timestamp=960 * number), at_s)
    frames = keyed.memory.of_kind("audio")
    assert [f.payload for f in frames] == [b"501-1", b"502-1", b"502-2", b"501-3"]
    stamps = [f.rtp_timestamp for f in frames]
    assert stamps == sorted(set(stamps))
    assert keyed.tap.receivers[0].counts.refused == 1


async def test_sources_that_alternate_for_ever_are_not_followed_for_ever() -> None:
    """Each change costs a keyframe: their number is bounded."""
    keyed = KeyedTap()
    most = TapLimits().source_changes
    for number in range(most * 2):
        keyed.take(rtp(AUDIO_TYPE, number, 501 + number % 2, b"opus", timestamp=number), 2.0 * number)
    counts = keyed.tap.receivers[0].counts
    assert counts.sources == most + 1
    assert counts.refused > 0


async def test_a_replayed_packet_is_not_taken_twice() -> None:
    """The same datagram again is refused by the cipher's replay window."""
    keyed = KeyedTap()
    datagram = keyed.sender.protect(rtp(AUDIO_TYPE, 1, 501, b"opus"))
    for _ in range(5):
        keyed.tap.take(datagram, 1.0)
    keyed.tap.send_feedback()
    assert len(keyed.memory.of_kind("audio")) == 1
    assert keyed.tap.counts.forged == 4


async def test_a_sleeping_voice_is_as_small_as_it_is() -> None:
    """DTX: packets of one byte, four times a second, are frames with their stamps."""
    keyed = KeyedTap()
    for number in range(8):
        keyed.take(rtp(AUDIO_TYPE, number, 501, b"\xf8", timestamp=12_000 * number), 1 + 0.25 * number)
    frames = keyed.memory.of_kind("audio")
    assert [f.rtp_timestamp for f in frames] == [12_000 * number for number in range(8)]
    assert keyed.memory.losses == []


async def test_media_before_the_keys_or_after_the_end_is_dropped() -> None:
    """Nothing is kept for later."""
    offer = read_offer(OFFER, OfferLimits())
    tap = Tap(offer, TapLimits(), lambda _: None)
    tap.take(b"\x80\x60" + bytes(100), 1.0)
    assert tap.counts.early == 1


@pytest.mark.parametrize("seed", range(4))
async def test_no_authentic_packet_raises_or_grows(seed: int) -> None:
    """P12: 5,000 packets of a hostile peer, RTP and RTCP, damaged in every way; memory stays bounded."""
    dice = random.Random(seed)
    keyed = KeyedTap()
    clip = list(packetized(video_clip(), 60))
    for number in range(5000):
        kind = dice.choice([VIDEO_TYPE, VIDEO_TYPE, RTX_TYPE, AUDIO_TYPE, dice.randrange(128)])
        base = dice.choice(clip).payload if dice.random() < 0.5 else os.urandom(dice.randrange(0, 60))
        sequence = number if dice.random() < 0.8 else dice.randrange(65_536)
        plain = bytearray(
            rtp(
                kind,
                sequence,
                dice.choice([1, 1, 1, 2, 3]),
                base,
                timestamp=dice.choice([number * 3000, number]),
            )
        )
        for _ in range(dice.randrange(3)):
            plain[dice.randrange(len(plain))] = dice.randrange(256)
        plain[0] = plain[0] & 0x3F | 0x80
        if dice.random() < 0.1:
            plain[1] = dice.randrange(192, 224)
        keyed.take(bytes(plain), number * 0.001)
    for receiver in keyed.tap.receivers:
        receiver.tick(1000.0)
        assert len(receiver._sequencer._held) <= TapLimits().held_video_packets
        assert not receiver._sequencer._missing or receiver.has_gap
    assert keyed.tap.counts.raised == 0
    keyed.tap.detach()
