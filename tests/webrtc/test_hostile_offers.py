"""What an offer can do to the machine it is sent to: nothing but be refused or answered."""

from __future__ import annotations

import asyncio
import re
import socket
import time

import pytest

from tests.webrtc.legs import LOOPBACK, Leg
from tests.webrtc.publisher import Publisher, PublisherPlan
from webrtc.errors import OfferFault, OfferRefusedError
from webrtc.limits import PeerLimits

CANDIDATE = "a=candidate:1 1 udp 2130706431 {host} {port} typ host\r\n"


async def offer_of_stock() -> str:
    """An honest offer."""
    async with Publisher(PublisherPlan()) as publisher:
        return await publisher.offer()


async def refusal_of(offer: str) -> OfferFault:
    """Why a fresh leg refuses an offer; it must do so at once and leave nothing behind."""
    leg = Leg(PeerLimits(), LOOPBACK)
    began_s = time.process_time()
    with pytest.raises(OfferRefusedError) as refused:
        await leg.peer.answer(offer)
    assert time.process_time() - began_s < 0.25
    assert leg.peer._parts is None
    await leg.peer.close()
    assert leg.closed == []
    return refused.value.code


async def test_ten_thousand_candidates_are_refused_at_once() -> None:
    """F7: the bare library accepts them and blocks the loop for ten seconds."""
    offer = await offer_of_stock()
    many = "".join(CANDIDATE.format(host=f"10.0.{n >> 8}.{n & 255}", port=9) for n in range(10_000))
    assert await refusal_of(offer + many) is OfferFault.TOO_LARGE
    some = "".join(CANDIDATE.format(host="10.0.0.1", port=n) for n in range(1, 70))
    assert await refusal_of(offer + some) is OfferFault.TOO_MANY_CANDIDATES


async def test_an_address_named_in_an_offer_gets_no_packet() -> None:
    """F7: the bare library probes whatever address an offer names, so an offer could scan the inside."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(0)
        named = CANDIDATE.format(host="127.0.0.1", port=listener.getsockname()[1])
        metadata = CANDIDATE.format(host="169.254.169.254", port=80)
        leg = Leg(PeerLimits(), LOOPBACK)
        async with Publisher(PublisherPlan()) as publisher:
            offer = await publisher.offer()
            answer = await leg.peer.answer(offer + named + metadata + "a=end-of-candidates\r\n")
            await leg.peer.trickle(f"a=mid:0\r\n{named}{metadata}a=end-of-candidates\r\n")
            await asyncio.sleep(0.5)
            with pytest.raises(BlockingIOError):
                listener.recv(2048)
            await publisher.accept(answer)
            await publisher.connected()
        await leg.peer.close()


async def test_offers_without_a_fingerprint_are_refused() -> None:
    """F7: media without an authenticated key is not taken."""
    offer = await offer_of_stock()
    bare = re.sub(r"a=fingerprint:.*\r\n", "", offer)
    assert await refusal_of(bare) is OfferFault.FINGERPRINT_REQUIRED
    weak = re.sub(
        r"a=fingerprint:sha-256 .*\r\n", "a=fingerprint:sha-1 " + ":".join(["AB"] * 20) + "\r\n", offer
    )
    weak = re.sub(r"a=fingerprint:sha-(384|512) .*\r\n", "", weak)
    assert await refusal_of(weak) is OfferFault.WEAK_FINGERPRINT


@pytest.mark.parametrize(
    "text", ["", "\x00" * 5000, "v=0", "v=0\r\nm=audio", "hello", "v=0\r\n" + "a=x\r\n" * 2000]
)
async def test_what_is_no_offer_is_refused(text: str) -> None:
    """F7: the bare library accepts an empty description and one of NULs."""
    assert await refusal_of(text) in {OfferFault.MALFORMED, OfferFault.NO_MEDIA, OfferFault.TOO_LARGE}
