"""An outsider cannot end or degrade a call, before it is connected or after."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from typing import TYPE_CHECKING

import pylibsrtp
import pytest
from aioice import stun

from tests.webrtc.legs import LOOPBACK, Leg, Memory, eventually, joined
from tests.webrtc.publisher import Publisher, PublisherPlan
from tests.webrtc.strangers import Stranger, binding_request, client_hello, port_of, ufrag_of
from webrtc.lifecycle import CloseReason, PeerState
from webrtc.limits import PeerLimits

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = PublisherPlan(video_frames=30, audio_frames=50)


def port_of_leg(leg: Leg) -> int:
    """Where a leg listens."""
    return leg.connection.local_candidates[0].port


async def all_arrives(memory: Memory, publisher: Publisher) -> None:
    """Wait until each planned frame is there; fail with TimeoutError if not."""
    await publisher.finished()
    plan = publisher.plan
    await eventually(
        lambda: (
            len(memory.of_kind("video")) == plan.video_frames
            and len(memory.of_kind("audio")) == plan.audio_frames
        ),
        timeout_s=15,
    )


def empty() -> bytes:
    """Nothing at all."""
    return b""


def noise() -> bytes:
    """Random bytes of random length, of every family."""
    return os.urandom(random.randrange(1, 1400))


def false_media() -> bytes:
    """RTP under no key."""
    return b"\x80\x60" + os.urandom(200)


def false_rtcp() -> bytes:
    """RTCP under no key."""
    return b"\x80\xc8" + os.urandom(60)


def alert() -> bytes:
    """A DTLS close alert in the clear."""
    return bytes.fromhex("15fefd00000000000000000002 0100".replace(" ", ""))


@pytest.mark.parametrize(
    "make", [empty, noise, false_media, false_rtcp, alert, client_hello, binding_request]
)
async def test_no_datagram_of_a_stranger_ends_a_call(make: Callable[[], bytes]) -> None:
    """F1: one empty datagram ends a call of the bare library; here nothing a stranger sends does."""
    memory = Memory()
    async with joined(SECOND, sink=memory) as (leg, publisher):
        with Stranger(port_of_leg(leg)) as stranger:
            for _ in range(50):
                stranger.send(make())
                await asyncio.sleep(0)
            await all_arrives(memory, publisher)
        assert leg.peer.state is PeerState.CONNECTED
        assert leg.peer.stats().contained == 0
    assert leg.closed == [CloseReason.HANGUP]


@pytest.mark.parametrize("make", [client_hello, empty, noise, alert])
async def test_a_stranger_who_is_first_does_not_win_the_handshake(make: Callable[[], bytes]) -> None:
    """F2: a ClientHello sent before and during the real handshake makes the bare library's call fail."""
    memory = Memory()
    leg = Leg(PeerLimits(), LOOPBACK)
    leg.peer.attach(memory)
    SECOND.video_media()
    async with Publisher(SECOND) as publisher:
        answer = await leg.peer.answer(await publisher.offer())
        with Stranger(port_of(answer)) as stranger:
            stranger.flood(make, per_s=500)
            await asyncio.sleep(0.1)
            await publisher.accept(answer)
            await publisher.connected()
            await all_arrives(memory, publisher)
            assert stranger.sent > 50
    await leg.peer.close()
    assert leg.peer.stats().srtp_profile == "SRTP_AEAD_AES_256_GCM"


async def test_what_strangers_send_before_the_handshake_is_not_kept() -> None:
    """F3: the bare library queues it without bound, 2.4 kB of memory for each 1.4 kB."""
    leg = Leg(PeerLimits(), LOOPBACK)
    async with Publisher(SECOND) as publisher:
        answer = await leg.peer.answer(await publisher.offer())
        connection = leg.connection
        with Stranger(port_of(answer)) as stranger:
            for first in (b"\x16", b"\x80", b"\x17"):
                for _ in range(2000):
                    stranger.send(first + bytes(1399))
                    await asyncio.sleep(0)
            await eventually(lambda: sum(connection.guard.counts.values()) > 3000)
        assert connection._queue.qsize() == 0
        assert not connection.guard._held
        assert connection.guard.dropped > 3000
        await leg.peer.close()


@pytest.mark.parametrize("names_us", [False, True])
async def test_a_flood_of_unauthenticated_checks_has_no_effect(names_us: bool) -> None:  # noqa: FBT001
    """F5, P12: at 3,000 checks per second no frame is lost and few are answered, known name or not."""
    memory = Memory()
    plan = PublisherPlan(video_frames=90, audio_frames=150)
    leg = Leg(PeerLimits(), LOOPBACK)
    leg.peer.attach(memory)
    plan.video_media()
    async with Publisher(plan) as publisher:
        answer = await leg.peer.answer(await publisher.offer())
        name = f"{ufrag_of(answer)}:abcd" if names_us else None
        with Stranger(port_of(answer)) as stranger:
            await publisher.accept(answer)
            await publisher.connected()
            stranger.flood(lambda: binding_request(name), per_s=3000)
            await all_arrives(memory, publisher)
            sent, answered = stranger.sent, len(stranger.answers())
    await leg.peer.close()
    assert sent > 3000
    assert answered < (250 if names_us else 40)
    assert memory.losses == []


async def test_a_flood_before_the_call_does_not_keep_it_from_connecting() -> None:
    """The budget for strangers is apart from the one of checks that name us."""
    leg = Leg(PeerLimits(), LOOPBACK)
    async with Publisher(SECOND) as publisher:
        answer = await leg.peer.answer(await publisher.offer())
        with Stranger(port_of(answer)) as stranger:
            stranger.flood(binding_request, per_s=3000)
            await asyncio.sleep(0.2)
            await publisher.accept(answer)
            await publisher.connected(timeout_s=5)
        await leg.peer.close()


async def test_a_forged_packet_changes_no_frame() -> None:
    """Packets with a flipped bit, sent from the peer's own address, are dropped by their tag."""
    memory = Memory()
    forged = {"count": 0}

    def also_forged(datagram: bytes) -> list[bytes]:
        forged["count"] += 1
        place = forged["count"] * 7 % (len(datagram) - 12) + 12
        return [datagram[:place] + bytes([datagram[place] ^ 0x10]) + datagram[place + 1 :], datagram]

    async with joined(SECOND, sink=memory, prepare=lambda publisher: publisher.filter_media(also_forged)) as (
        leg,
        publisher,
    ):
        await all_arrives(memory, publisher)
        stats = leg.peer.stats()
    assert [f.payload for f in memory.of_kind("video")] == list(SECOND.video_media().frames[:30])
    assert stats.forged >= forged["count"] - 5
    assert stats.contained == 0


async def test_an_authentic_but_malformed_packet_does_not_end_the_call() -> None:
    """What is under the keys but broken (RTP, payload, extension) is dropped; the call goes on."""
    memory = Memory()
    last: dict[bytes, bytes] = {}

    def look(datagram: bytes) -> list[bytes]:
        last[datagram[8:12]] = datagram
        return [datagram]

    async with joined(
        PublisherPlan(), sink=memory, prepare=lambda publisher: publisher.filter_media(look)
    ) as (leg, publisher):
        await eventually(lambda: len(memory.of_kind("video")) > 5)
        ssrc = publisher.connection.getSenders()[1]._ssrc.to_bytes(4, "big")

        def header(flags: int) -> bytes:
            sequence = int.from_bytes(last[ssrc][2:4], "big") + 1
            return bytes([flags, 0x61]) + (sequence & 0xFFFF).to_bytes(2, "big") + os.urandom(4) + ssrc

        tails = [b"", b"\x80", b"\xff\xff", b"\x90\x80\x80", os.urandom(1100), b"\x01" * 30]
        for flags in (0x80, 0x90, 0xA0, 0x8F, 0xB1):
            for tail in [*tails, b"\xbe\xde\xff\xff", b"\xbe\xde\x00\x01\x3f\xff\xff\xff", b"\xff" * 8]:
                with contextlib.suppress(pylibsrtp.Error):  # what the cipher library itself refuses to send
                    await publisher.dtls._send_rtp(header(flags) + tail)
        for rtcp in (b"\x80\xc8\x00\x01" + ssrc, b"\x9f\xcb\x00\x07" + ssrc, b"\x80\xc8\xff\xff" + ssrc):
            await publisher.dtls._send_rtp(rtcp)
        seen = len(memory.of_kind("audio"))
        await eventually(lambda: len(memory.of_kind("audio")) > seen + 20)
        await eventually(lambda: memory.of_kind("video")[-1].arrival_s > time.monotonic() - 0.2)
        assert leg.peer.state is PeerState.CONNECTED
        assert leg.peer.stats().contained == 0


async def test_a_peer_with_many_addresses_gets_no_more_pairs_than_the_limit() -> None:
    """An authentic peer that checks from many ports cannot make us check each of them."""
    leg = Leg(PeerLimits(), LOOPBACK)
    async with Publisher(SECOND) as publisher:
        await leg.peer.answer(await publisher.offer())
        connection = leg.connection
        limit = PeerLimits().guard.pairs
        for port in range(20_000, 20_000 + 3 * limit):
            connection.check_incoming(authentic_check(), ("127.0.0.1", port), connection._protocols[0])
        for host in ("169.254.169.254", "224.0.0.1", "0.0.0.0"):  # noqa: S104 - as a source
            connection.check_incoming(authentic_check(), (host, 9), connection._protocols[0])
        assert len(connection._check_list) <= limit
        assert not any(pair.remote_addr[0] != "127.0.0.1" for pair in connection._check_list)
        await leg.peer.close()


def authentic_check() -> stun.Message:
    """What the library hands on after it verified a check."""
    check = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    check.attributes["PRIORITY"] = 1
    return check


async def test_bad_datagrams_by_the_thousand_lose_no_call(rounds: Callable[[int, int], int]) -> None:
    """P12: noise of every family, from strangers and under the peer's own address; a million under soak."""
    dice = random.Random(7)
    memory = Memory()
    async with joined(PublisherPlan(), sink=memory) as (leg, _publisher):
        connection = leg.connection
        await eventually(lambda: len(memory.of_kind("video")) > 5)
        protocol, peer = connection._protocols[0], connection._nominated[1].remote_addr
        heads = [b"", b"\x00\x01", b"\x01\x01"]
        heads += [b"\x16\xfe\xfd", b"\x15\xfe\xfd", b"\x17\xfe\xfd", b"\x80", b"\x80\xc8"]
        for number in range(rounds(20_000, 1_000_000)):
            body = dice.randbytes(dice.randrange(120))
            cookie = b"\x00\x10\x21\x12\xa4\x42" if number % 3 == 0 else b""
            source = peer if number % 2 else ("127.0.0.1", dice.randrange(1, 65_536))
            protocol.datagram_received(dice.choice(heads) + cookie + body, source)
            if number % 20 == 0:
                await asyncio.sleep(0)
        seen = len(memory.of_kind("video")), len(memory.of_kind("audio"))
        await eventually(
            lambda: (
                len(memory.of_kind("video")) > seen[0] + 20 and len(memory.of_kind("audio")) > seen[1] + 30
            )
        )
        assert leg.peer.state is PeerState.CONNECTED
        stats = leg.peer.stats()
    assert stats.forged > 1000
    assert leg.closed == [CloseReason.HANGUP]
