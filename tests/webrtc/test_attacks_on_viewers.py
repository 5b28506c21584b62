"""An outsider, or a viewer gone bad, cannot end or degrade a call that is forwarded: F1 to F8 once more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pylibsrtp
import pytest

from tests.webrtc.legs import LOOPBACK, Leg, Memory, eventually, joined
from tests.webrtc.publisher import PublisherPlan
from tests.webrtc.spectator import Spectator
from tests.webrtc.strangers import Stranger, binding_request, client_hello, port_of
from tests.webrtc.test_attacks import alert, empty, false_media, false_rtcp, noise
from webrtc.errors import OfferRefusedError
from webrtc.lifecycle import CloseReason, PeerState
from webrtc.limits import IceSettings, PeerLimits
from webrtc.udpmux import UdpMux
from webrtc.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from webrtc.ice import GuardedConnection


@dataclass
class Show:
    """A leg, a viewer of it, and what both parties have."""

    leg: Leg
    memory: Memory
    viewer: Viewer
    spectator: Spectator
    ends: list[CloseReason] = field(default_factory=list)

    @property
    def connection(self) -> GuardedConnection:
        """The viewer's ICE connection on our side."""
        assert self.viewer._parts is not None
        return self.viewer._parts.gatherer.connection

    async def goes_on(self) -> None:
        """Fail with TimeoutError unless sound and picture still pass to the viewer and to the recording."""
        seen = {kind: len(frames) for kind, frames in self.spectator.frames.items()}
        kept = len(self.memory.of_kind("video"))
        await eventually(
            lambda: (
                len(self.spectator.frames["video"]) > seen["video"] + 20
                and len(self.spectator.frames["audio"]) > seen["audio"] + 30
                and len(self.memory.of_kind("video")) > kept + 20
            )
        )
        assert self.viewer.state is self.leg.peer.state is PeerState.CONNECTED
        assert self.leg.peer.stats().contained == 0
        assert self.connection.contained == 0


@contextlib.asynccontextmanager
async def shown(
    *, while_connecting: Callable[[Stranger], None] | None = None, limits: PeerLimits | None = None
) -> AsyncIterator[Show]:
    """A leg that is recorded and watched."""
    memory = Memory()
    async with joined(PublisherPlan(), sink=memory) as (leg, _), Spectator() as spectator:
        show = Show(
            leg,
            memory,
            Viewer(leg.peer, limits=limits or PeerLimits(), ice=LOOPBACK, on_closed=lambda _: None),
            spectator,
        )
        try:
            answer = await show.viewer.answer(await spectator.offer())
            with Stranger(port_of(answer)) as stranger:
                if while_connecting is not None:
                    while_connecting(stranger)
                    await asyncio.sleep(0.1)
                await spectator.accept(answer)
                await eventually(lambda: show.viewer.state is PeerState.CONNECTED)
            await eventually(lambda: len(spectator.frames["video"]) > 5)
            yield show
        finally:
            await show.viewer.close()


@pytest.mark.parametrize(
    "make", [empty, noise, false_media, false_rtcp, alert, client_hello, binding_request]
)
async def test_no_datagram_of_a_stranger_ends_what_is_seen(make: Callable[[], bytes]) -> None:
    """F1 at the viewer's port."""
    async with shown() as show:
        with Stranger(show.connection.local_candidates[0].port) as stranger:
            for _ in range(50):
                stranger.send(make())
                await asyncio.sleep(0)
            await show.goes_on()


@pytest.mark.parametrize("make", [client_hello, empty, noise, alert])
async def test_a_stranger_who_is_first_does_not_win_the_viewers_handshake(make: Callable[[], bytes]) -> None:
    """F2: the viewer connects all the same."""
    async with shown(while_connecting=lambda stranger: stranger.flood(make, per_s=500)) as show:
        await show.goes_on()


async def test_what_strangers_send_before_a_viewer_connects_is_not_kept() -> None:
    """F3: nothing is queued, nothing is held."""
    async with joined(PublisherPlan()) as (leg, _), Spectator() as spectator:
        viewer = Viewer(leg.peer, limits=PeerLimits(), ice=LOOPBACK, on_closed=lambda _: None)
        answer = await viewer.answer(await spectator.offer())
        assert viewer._parts is not None
        connection = viewer._parts.gatherer.connection
        with Stranger(port_of(answer)) as stranger:
            for first in (b"\x16", b"\x80", b"\x17"):
                for _ in range(1000):
                    stranger.send(first + bytes(1399))
                    await asyncio.sleep(0)
            await eventually(lambda: connection.guard.dropped > 1500)
        assert connection._queue.qsize() == 0
        assert not connection.guard._held
        await viewer.close()


async def test_a_flood_of_checks_at_the_viewer_has_no_effect() -> None:
    """F5, P12: at 3,000 unauthenticated checks per second sound and picture pass."""
    async with shown() as show:
        with Stranger(show.connection.local_candidates[0].port) as stranger:
            stranger.flood(binding_request, per_s=3000)
            await show.goes_on()
            assert len(stranger.answers()) < 40


async def test_a_leg_that_nobody_records_or_watches_any_more_keeps_nothing() -> None:
    """F6: when the last viewer is gone, packets are counted and dropped."""
    async with joined(PublisherPlan()) as (leg, _), Spectator() as spectator:
        viewer = Viewer(leg.peer, limits=PeerLimits(), ice=LOOPBACK, on_closed=lambda _: None)
        await spectator.accept(await viewer.answer(await spectator.offer()))
        await eventually(lambda: spectator.frames["video"])
        await viewer.close()
        assert leg.peer._parts is not None
        tap = leg.peer._parts.media
        assert not tap.outlet.is_wanted
        assert all(not receiver._listening for receiver in tap.receivers)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda sdp: sdp + "\0",
        lambda sdp: sdp.replace("a=fingerprint", "a=nothing"),
        lambda sdp: sdp + "a=candidate:1 1 udp 1 169.254.169.254 9 typ host\r\n" * 10_000,
        lambda sdp: sdp + "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\n" * 40,
    ],
)
async def test_a_viewers_hostile_offer_binds_nothing(spoil: Callable[[str], str]) -> None:
    """F7: refused by the gate in no time; the leg it wanted to see knows nothing of it."""
    async with joined(PublisherPlan()) as (leg, _), Spectator() as spectator:
        viewer = Viewer(leg.peer, limits=PeerLimits(), ice=LOOPBACK, on_closed=lambda _: None)
        with pytest.raises(OfferRefusedError):
            await viewer.answer(spoil(await spectator.offer()))
        assert viewer._parts is None
        assert leg.peer._viewers == []


async def test_a_viewer_that_never_speaks_dtls_ends_at_the_deadline() -> None:
    """F8, and the leg it wanted to see forgets it."""
    ends: list[CloseReason] = []
    async with joined(PublisherPlan()) as (leg, _), Spectator() as spectator:
        limits = PeerLimits(setup_timeout_s=0.3)
        viewer = Viewer(leg.peer, limits=limits, ice=LOOPBACK, on_closed=ends.append)
        await viewer.answer(await spectator.offer())
        await eventually(lambda: ends)
        assert ends == [CloseReason.SETUP_TIMEOUT]
        assert leg.peer._viewers == []


async def test_bad_datagrams_by_the_thousand_lose_no_viewer(rounds: Callable[[int, int], int]) -> None:
    """P12: from strangers and under the viewer's own address, at the viewer's side and at the leg's."""
    dice = random.Random(9)
    async with shown() as show:
        heads = [
            b"",
            b"\x00\x01",
            b"\x01\x01",
            b"\x16\xfe\xfd",
            b"\x15\xfe\xfd",
            b"\x17\xfe\xfd",
            b"\x80\xc9",
        ]
        targets = [
            (each._protocols[0], each._nominated[1].remote_addr)
            for each in (show.connection, show.leg.connection)
        ]
        for number in range(rounds(10_000, 1_000_000)):
            protocol, peer = targets[number % 2]
            cookie = b"\x00\x10\x21\x12\xa4\x42" if number % 3 == 0 else b""
            source = peer if number % 4 > 1 else ("127.0.0.1", dice.randrange(1, 65_536))
            protocol.datagram_received(
                dice.choice(heads) + cookie + dice.randbytes(dice.randrange(120)), source
            )
            if number % 20 == 0:
                await asyncio.sleep(0)
        await show.goes_on()
        stats = show.viewer.stats()
        assert stats is not None
        assert stats.forged > 300
        assert stats.raised == 0


async def test_an_authentic_viewer_with_bad_words_is_borne() -> None:
    """What is under the keys but broken, or asks for too much, ends nothing and is answered in bounds."""
    async with shown() as show:
        dtls = show.spectator.pc.getTransceivers()[0].receiver.transport
        for _ in range(300):
            body = os.urandom(4 * random.randrange(1, 20))
            kind = random.choice([200, 201, 203, 205, 206])
            plain = bytes([0x80 | random.randrange(32), kind]) + (len(body) // 4).to_bytes(2, "big") + body
            with contextlib.suppress(pylibsrtp.Error):
                await dtls._send_rtp(plain)
        await show.goes_on()
        stats = show.viewer.stats()
        assert stats is not None
        assert stats.raised == 0


async def test_a_viewer_that_stops_reading_costs_no_memory_and_no_leg() -> None:
    """It goes silent: what it missed stays within the history, and after a while it is given up."""
    async with shown(limits=PeerLimits(stalled_after_s=0.5, dead_after_s=1.5)) as show:
        ice = show.spectator.pc.getTransceivers()[0].receiver.transport.transport
        for protocol in ice._connection._protocols:
            protocol.transport.abort()
        forwarder = show.viewer._parts.media if show.viewer._parts else None
        assert forwarder is not None
        limit = PeerLimits().forward.history_packets
        for _ in range(20):
            assert all(len(track._sent) <= limit for track in forwarder.tracks.values())
            await asyncio.sleep(0.05)
        await eventually(lambda: show.viewer.state is PeerState.CLOSED)
        assert all(not track._sent for track in forwarder.tracks.values())
        assert show.leg.peer._viewers == []
        assert show.leg.peer.state is PeerState.CONNECTED


async def test_a_viewer_on_the_shared_port_hears_its_own_leg_only() -> None:
    """Two calls on one port: each viewer gets the packets of the leg it watches."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mux = UdpMux(["127.0.0.1"], port)
    await mux.open()
    small = PublisherPlan(width=160, height=96, bit_rate=100_000)
    try:
        async with (
            joined(PublisherPlan()) as (first, _),
            joined(small) as (second, _),
            Spectator() as of_first,
            Spectator() as of_second,
        ):
            viewers = []
            for leg, spectator in ((first, of_first), (second, of_second)):
                viewer = Viewer(
                    leg.peer, limits=PeerLimits(), ice=IceSettings(), on_closed=lambda _: None, mux=mux
                )
                await spectator.accept(await viewer.answer(await spectator.offer()))
                viewers.append(viewer)
            for spectator, width in ((of_first, 320), (of_second, 160)):
                await spectator.has(video=21)
                assert {frame.width for _, frame in spectator.frames["video"]} == {width}
            for viewer in viewers:
                await viewer.close()
            assert mux.legs == 0
    finally:
        mux.close()
