"""Many legs on one port: each gets its own datagrams, strangers get nothing, nothing stays behind."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.ports import free_port
from tests.webrtc.legs import LOOPBACK, Leg, Memory, eventually
from tests.webrtc.publisher import Publisher, PublisherPlan
from tests.webrtc.strangers import Stranger, binding_request, client_hello, port_of, ufrag_of
from webrtc.errors import NoAddressError
from webrtc.guard import Verdict
from webrtc.lifecycle import CloseReason, PeerState
from webrtc.limits import PeerLimits
from webrtc.peer import Peer
from webrtc.udpmux import UdpMux, name_in_check

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from webrtc.ice import GuardedProtocol

PLAN = PublisherPlan(video_frames=30, audio_frames=50)


@contextlib.asynccontextmanager
async def opened(*addresses: str) -> AsyncIterator[UdpMux]:
    """A mux on a free loopback port, of each address."""
    mux = UdpMux(addresses or ["127.0.0.1"], 0)
    await mux.open()
    try:
        yield mux
    finally:
        mux.close()


class MuxedLeg(Leg):
    """A leg on the shared port."""

    def __init__(self, mux: UdpMux, limits: PeerLimits | None = None) -> None:
        super().__init__(limits or PeerLimits(), LOOPBACK)
        self.peer = Peer(limits=limits or PeerLimits(), ice=LOOPBACK, on_closed=self.closed.append, mux=mux)
        self.memory = Memory()
        self.peer.attach(self.memory)


def has_arrived(memory: Memory) -> bool:
    """Whether every planned frame is there."""
    return (len(memory.of_kind("video")), len(memory.of_kind("audio"))) == (30, 50)


async def test_legs_share_a_port_and_each_gets_its_own_frames() -> None:
    """Three calls at once on one port: every frame of each arrives at its own leg."""
    PLAN.video_media()
    async with opened() as mux, contextlib.AsyncExitStack() as stack:
        legs: list[MuxedLeg] = []
        publishers: list[Publisher] = []
        ports: set[int] = set()
        for _ in range(3):
            leg, publisher = MuxedLeg(mux), await stack.enter_async_context(Publisher(PLAN))
            answer = await leg.peer.answer(await publisher.offer())
            ports.add(port_of(answer))
            await publisher.accept(answer)
            legs.append(leg)
            publishers.append(publisher)
        for leg, publisher in zip(legs, publishers, strict=True):
            await publisher.connected()
            await publisher.finished()
            await eventually(partial(has_arrived, leg.memory))
            assert [f.payload for f in leg.memory.of_kind("video")] == list(PLAN.video_media().frames[:30])
        assert len(ports) == 1
        assert mux.legs == 3
        await legs[0].peer.close()
        assert mux.legs == 2
        assert legs[1].peer.state is PeerState.CONNECTED
        for leg in legs[1:]:
            await leg.peer.close()
        assert mux.legs == 0
        assert not mux._ports[0]._claimants
        assert not mux._ports[0]._owners


@pytest.mark.parametrize("chosen", ["127.0.0.1", "127.0.0.2"])
async def test_a_peer_may_settle_on_any_of_our_addresses(chosen: str) -> None:
    """One source checks two of our addresses; what it sends to the one it likes best arrives."""
    PLAN.video_media()
    async with opened("127.0.0.1", "127.0.0.2") as mux, Publisher(PLAN) as publisher:
        leg = MuxedLeg(mux)
        answer = await leg.peer.answer(await publisher.offer())
        agent = publisher.dtls.transport._connection
        checked = agent.check_complete

        def likes_only(pair: Any) -> None:
            if pair.remote_addr[0] != chosen:
                pair.nominated = False
            checked(pair)

        agent.check_complete = likes_only
        await publisher.accept(answer)
        await publisher.connected()
        assert agent._nominated[1].remote_addr[0] == chosen
        await publisher.finished()
        await eventually(partial(has_arrived, leg.memory))
        await leg.peer.close()
    assert leg.closed == [CloseReason.HANGUP]


async def test_strangers_reach_no_leg() -> None:
    """What names no leg and comes from no peer is dropped at the port; the call goes on."""
    PLAN.video_media()
    async with opened() as mux, Publisher(PLAN) as publisher:
        leg = MuxedLeg(mux)
        answer = await leg.peer.answer(await publisher.offer())
        with Stranger(port_of(answer)) as stranger:
            await publisher.accept(answer)
            noise = partial(os.urandom, 300)
            makers: list[Callable[[], bytes]] = [bytes, client_hello, binding_request, noise]
            for make in makers:
                for _ in range(20):
                    stranger.send(make())
            stranger.send(binding_request(f"{ufrag_of(answer)}x:abcd"))
            await publisher.connected()
            await publisher.finished()
            await eventually(lambda: len(leg.memory.of_kind("video")) == 30)
            await eventually(lambda: mux.unclaimed >= 81)
            assert stranger.answers() == []
        await leg.peer.close()
    assert leg.closed == [CloseReason.HANGUP]


async def test_a_forged_source_takes_nothing_from_its_owner() -> None:
    """A leg that claims another's address by checks with a forged source gets none of its media."""
    PLAN.video_media()
    async with opened() as mux, Publisher(PLAN) as publisher, Publisher(PLAN) as other:
        leg, thief = MuxedLeg(mux), MuxedLeg(mux)
        answer = await leg.peer.answer(await publisher.offer())
        await thief.peer.answer(await other.offer())
        thieves = cast("GuardedProtocol", next(iter(thief.connection._protocols)))
        for pair in publisher.dtls.transport._connection._protocols:
            mux.claim(("127.0.0.1", pair.transport.get_extra_info("sockname")[1]), thieves)
        await publisher.accept(answer)
        await publisher.connected()
        for source in list(mux._ports[0]._owners):
            mux.claim(source, thieves)
        await publisher.finished()
        await eventually(partial(has_arrived, leg.memory))
        media = thief.connection.guard.counts
        assert media[Verdict.MEDIA] == media[Verdict.STRANGER] == 0
        await thief.peer.close()
        await leg.peer.close()


async def test_a_vanished_peer_gives_its_share_back() -> None:
    """The end of a leg, whatever its reason, frees its name and addresses."""
    async with opened() as mux, Publisher(PublisherPlan(video=None)) as publisher:
        leg = MuxedLeg(mux, PeerLimits(stalled_after_s=0.3, dead_after_s=0.8))
        await publisher.accept(await leg.peer.answer(await publisher.offer()))
        await publisher.connected()
        await publisher.vanish()
        await eventually(lambda: leg.closed)
        assert mux.legs == 0
    assert leg.closed == [CloseReason.SILENT]


async def test_a_taken_port_is_told() -> None:
    """The error says what to choose anew, and nothing stays open."""
    port = free_port()
    first = UdpMux(["127.0.0.1"], port)
    await first.open()
    with pytest.raises(NoAddressError, match=str(port)):
        await UdpMux(["127.0.0.1"], port).open()
    first.close()


async def test_a_closed_mux_answers_nobody() -> None:
    """Without a port there is no answer to give."""
    mux = UdpMux([], 0)
    leg = MuxedLeg(mux)
    async with Publisher(PLAN) as publisher:
        with pytest.raises(NoAddressError):
            await leg.peer.answer(await publisher.offer())


@given(st.binary(max_size=80))
def test_any_bytes_have_a_name_or_none(datagram: bytes) -> None:
    """Lengths that point outside make nothing raise or loop."""
    name_in_check(datagram)
    name_in_check(b"\x00\x01\x00\x10\x21\x12\xa4\x42" + datagram)


def test_the_name_is_what_stands_before_the_colon() -> None:
    """RFC 8445, 7.2.2."""
    assert name_in_check(binding_request("ours:theirs")) == "ours"
    assert name_in_check(binding_request()) is None
    assert name_in_check(binding_request("ours:theirs", kind=0x0101)) is None
