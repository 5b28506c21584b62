"""Every parser of the network side against valid inputs that were cut, flipped and spliced.

By default some thousand inputs for each, under `make soak` a million. Properties: nothing but the declared
refusal is raised, and no input costs more than a blink.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.webrtc.media import video_clip
from tests.webrtc.packets import packet, packetized
from tests.webrtc.strangers import binding_request, client_hello
from webrtc.errors import FragmentRefusedError, OfferRefusedError
from webrtc.frames import Codec
from webrtc.guard import DatagramGuard
from webrtc.h264 import H264Assembler
from webrtc.keyframes import starts_keyframe
from webrtc.limits import GuardLimits, OfferLimits, TapLimits
from webrtc.rtcp import ReportBlock, nack, picture_loss, read_rtcp, receiver_report
from webrtc.rtcp_feedback import read_viewer, remb
from webrtc.rtp import ExtensionIds, parse_rtp
from webrtc.sdp import read_offer
from webrtc.trickle import read_fragment
from webrtc.udpmux import name_in_check
from webrtc.vp8 import Vp8Assembler

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
OFFERS = [path.read_bytes().replace(b"\n", b"\r\n") for path in Path(__file__).parent.glob("offers/*.sdp")]
REPORT = receiver_report(7, [ReportBlock(9, 12, 3, 70_000, 40, 5, 6)])
RTCP = [REPORT, nack(1, 2, range(100, 400, 7)), picture_loss(1, 2), remb(1, [2, 3], 500_000), REPORT * 3]
EXTENDED = bytes.fromhex("90600001000000010000000abede000210ff00002011223322aabbcc") + bytes(30)
RTP = [EXTENDED, b"\x80\x60" + bytes(60), b"\x8f\xe0" + bytes(100), b"\xb0\x60" + bytes(40)]
CHECKS = [binding_request(), binding_request("abcdefgh:wxyz"), client_hello(), *RTP]
SLOW_S = 0.5  # of one input; on an idle machine the dearest takes a hundredth
GATE = read_offer(OFFERS[0].decode(), OfferLimits())


def _frames(codec: Codec) -> Callable[[bytes], None]:
    make = Vp8Assembler if codec is Codec.VP8 else H264Assembler

    def push(payload: bytes) -> None:
        assembler = make(lambda *_: None, TapLimits().frame_bytes)
        half = len(payload) // 2
        for number, part in enumerate((payload, payload[:half], payload[half:])):
            assembler.push(packet(number, part, timestamp=number // 2, marker=number != 1), 1.0)
            starts_keyframe(codec, part)

    return push


def _offer(text: bytes) -> None:
    try:
        read_offer(text.decode(errors="replace"), OfferLimits())
    except OfferRefusedError:
        return


def _fragment(text: bytes) -> None:
    try:
        read_fragment(text.decode(errors="replace"), GATE, OfferLimits())
    except FragmentRefusedError:
        return


def _guard(datagram: bytes) -> None:
    DatagramGuard(GuardLimits(), ufrag="abcdefgh").judge(datagram, ("192.0.2.1", 9), now_s=1.0)
    name_in_check(datagram)


def _payloads(codec: str) -> list[bytes]:
    return [each.payload for each in packetized(video_clip(codec, bit_rate=300_000), 8)]


PARSERS: dict[str, tuple[Callable[[bytes], object], Callable[[], list[bytes]]]] = {
    "RTP": (lambda plain: parse_rtp(plain, ExtensionIds(1, 2, 3, 4)), lambda: RTP),
    "RTCP of a sender": (lambda plain: list(read_rtcp(plain)), lambda: RTCP),
    "RTCP of a viewer": (lambda plain: list(read_viewer(plain)), lambda: RTCP),
    "STUN and the rest": (_guard, lambda: CHECKS),
    "SDP": (_offer, lambda: OFFERS),
    "trickled fragments": (_fragment, lambda: OFFERS),
    "VP8": (_frames(Codec.VP8), lambda: _payloads("vp8")),
    "H.264": (_frames(Codec.H264), lambda: _payloads("h264")),
}


def mutated(dice: random.Random, corpus: list[bytes]) -> bytes:
    """One of the corpus, changed in a few places."""
    found = bytearray(dice.choice(corpus))
    for _ in range(dice.randrange(1, 6)):
        at = dice.randrange(len(found) + 1)
        match dice.randrange(5):
            case 0 if found:
                found[at - 1] ^= 1 << dice.randrange(8)
            case 1:
                del found[at:]
            case 2:
                found[at:at] = dice.choice((b"\x00", b"\xff", b"\x7f\xff", b"\r\n", dice.randbytes(4)))
            case 3:
                other = dice.choice(corpus)
                found[at:] = other[dice.randrange(len(other)) :]
            case _:
                found[at : at + dice.randrange(20)] = b""
    return bytes(found)


@pytest.mark.parametrize("name", PARSERS)
def test_no_mutation_makes_a_parser_raise_or_ponder(name: str, rounds: Callable[[int, int], int]) -> None:
    """P12: what comes from the network is read, left, or refused in words; never an error, never a stall."""
    parse, corpus_of = PARSERS[name]
    corpus, seed = corpus_of(), random.randrange(1 << 32)
    dice = random.Random(seed)
    for _ in range(rounds(1_500, 1_000_000)):
        given = mutated(dice, corpus)
        began_s = time.process_time()
        try:
            parse(given)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {given.hex()}") from error
        assert time.process_time() - began_s < SLOW_S, f"seed {seed}: {given.hex()}"
