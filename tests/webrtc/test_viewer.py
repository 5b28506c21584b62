"""A viewer sees and hears a leg through us: whole, in time, repaired, and its wishes reach the sender."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from typing import TYPE_CHECKING

import pytest
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, unpack_remb_fci

from tests.servers.ports import free_port
from tests.servers.udp_proxy import UdpProxy, Weather, udp_proxy
from tests.webrtc.legs import LOOPBACK, Memory, eventually, joined
from tests.webrtc.publisher import ClipTrack, Publisher, PublisherPlan
from tests.webrtc.spectator import Spectator
from webrtc.errors import OfferFault, OfferRefusedError
from webrtc.lifecycle import CloseReason, PeerState
from webrtc.limits import PeerLimits
from webrtc.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiortc.rtp import AnyRtcpPacket

    from webrtc.peer import Peer

NARROW_BPS = 300_000


@contextlib.asynccontextmanager
async def watching(
    source: Peer, *, kinds: tuple[str, ...] = ("audio", "video")
) -> AsyncIterator[tuple[Viewer, Spectator, list[CloseReason]]]:
    """A viewer of a leg, connected to a stock receiver."""
    ends: list[CloseReason] = []
    viewer = Viewer(source, limits=PeerLimits(), ice=LOOPBACK, on_closed=ends.append)
    async with Spectator(kinds) as spectator:
        try:
            await spectator.accept(await viewer.answer(await spectator.offer()))
            await eventually(lambda: viewer.state is PeerState.CONNECTED)
            yield viewer, spectator, ends
        finally:
            await viewer.close()


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_a_viewer_decodes_what_a_leg_sends(codec: str) -> None:
    """Sound and picture arrive decodable, in the publisher's codec, while the recording gets each frame."""
    memory = Memory()
    async with (
        joined(PublisherPlan(video=codec), sink=memory) as (leg, _),
        watching(leg.peer) as (viewer, spectator, _),
    ):
        await eventually(lambda: len(spectator.frames["video"]) > 30 and len(spectator.frames["audio"]) > 60)
        frame = spectator.frames["video"][-1][1]
        assert (frame.width, frame.height) == (320, 180)
        assert len(memory.of_kind("video")) > 30
        stats = viewer.stats()
        assert stats is not None
        assert (stats.raised, stats.forged) == (0, 0)


async def test_a_leg_that_is_not_recorded_can_be_seen() -> None:
    """Forwarding needs no recording: where nobody takes frames, packets still pass."""
    async with joined() as (leg, _), watching(leg.peer) as (_, spectator, _):
        await eventually(lambda: len(spectator.frames["video"]) > 10)


async def test_three_viewers_see_one_leg_and_leave_one_by_one() -> None:
    """What one viewer does is nothing to the others, nor to the leg."""
    async with joined() as (leg, _), watching(leg.peer) as (_, first, _):
        async with (
            watching(leg.peer) as (_, second, _),
            watching(leg.peer, kinds=("audio",)) as (_, third, _),
        ):
            for each in (first, second):
                await each.has(video=6)
            await eventually(lambda: len(third.frames["audio"]) > 5)
            assert not third.frames["video"]
        seen = len(first.frames["video"])
        await eventually(lambda: len(first.frames["video"]) > seen + 10)
        assert leg.peer.state is PeerState.CONNECTED


async def test_a_late_viewer_asks_for_a_keyframe() -> None:
    """The picture starts at a keyframe that is asked for, however long ago the sender's last one was."""
    async with joined(PublisherPlan(keyframe_every=3000)) as (leg, publisher):
        await eventually(lambda: publisher.video is not None and publisher.video.sent > 45)
        asked = publisher.keyframe_requests
        async with watching(leg.peer):
            await eventually(lambda: publisher.keyframe_requests > asked)


async def test_what_a_viewer_misses_is_sent_again() -> None:
    """Every tenth packet is lost on the way to the viewer: it asks, and gets it from the history."""
    async with joined() as (leg, _), watching(leg.peer) as (viewer, spectator, _):
        count = 0

        def keep(_: bytes) -> bool:
            nonlocal count
            count += 1
            return count % 10 != 0

        spectator.lose(keep)
        seen = len(spectator.frames["video"])
        await eventually(lambda: len(spectator.frames["video"]) > seen + 60)
        stats = viewer.stats()
        assert stats is not None
        assert stats.resent > 5


async def test_a_viewer_is_told_the_senders_clock() -> None:
    """Sender reports pass, so sound and picture stay together; the answers tell the round trip."""
    async with joined() as (leg, _), watching(leg.peer) as (viewer, spectator, _):
        stats = viewer.stats()
        assert stats is not None
        await eventually(lambda: stats.round_trip_s is not None)
        assert 0 <= (stats.round_trip_s or 0) < 1
        async with asyncio.timeout(20):
            while await spectator.clocks() < 2:  # noqa: ASYNC110 - the library tells it to who asks
                await asyncio.sleep(0.1)


async def test_an_offer_that_sends_only_is_no_viewers() -> None:
    """Whoever wants to see must offer to receive; the refusal says so."""
    async with joined() as (leg, publisher):
        viewer = Viewer(leg.peer, limits=PeerLimits(), ice=LOOPBACK, on_closed=lambda _: None)
        offer = (await publisher.offer()).replace("a=sendrecv", "a=sendonly")
        with pytest.raises(OfferRefusedError, match="recvonly") as refused:
            await viewer.answer(offer)
        assert refused.value.code is OfferFault.NO_MEDIA


async def test_an_offer_without_the_legs_codec_is_refused() -> None:
    """One codec for all: a viewer that can take nothing else learns which one it needs."""
    async with joined(PublisherPlan(video="h264", audio=False)) as (leg, _), Spectator() as spectator:
        viewer = Viewer(leg.peer, limits=PeerLimits(), ice=LOOPBACK, on_closed=lambda _: None)
        offer = (await spectator.offer()).replace("H264/90000", "H265/90000")
        with pytest.raises(OfferRefusedError, match=r"H\.264") as refused:
            await viewer.answer(offer)
        assert refused.value.code is OfferFault.UNSUPPORTED_CODEC


async def test_a_viewer_that_leaves_is_forgotten() -> None:
    """After its end the leg gives it no packet, and tells why it ended once."""
    async with joined() as (leg, _), watching(leg.peer) as (viewer, spectator, ends):
        await eventually(lambda: len(spectator.frames["video"]) > 3)
        await spectator.pc.close()
        await eventually(lambda: ends)
        assert ends == [CloseReason.PEER_LEFT]
        assert leg.peer._viewers == []
        stats = viewer.stats()
        assert stats is not None
        sent = stats.packets
        await eventually(lambda: leg.peer.stats().tracks[0].packets > 0)
        assert stats.packets == sent


def obey(publisher: Publisher, light: PublisherPlan) -> None:
    """Let a sender that is told of a narrow line send the light picture from then on."""
    (sender,) = (each for each in publisher.connection.getSenders() if each.track is publisher.video)
    take = sender._handle_rtcp_packet

    async def noting(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            told_bps = unpack_remb_fci(packet.fci)[0]
            if told_bps <= NARROW_BPS and publisher.video is not None and light is not publisher.plan:
                publisher.plan = light
                publisher.video.show(light.video_media(), None)
        await take(packet)

    sender._handle_rtcp_packet = noting  # type: ignore[method-assign]


async def test_a_viewer_on_a_narrow_line_makes_the_sender_send_what_the_line_carries() -> None:
    """What it measures reaches the sender, whatever a viewer with room says; then the line loses nothing."""
    heavy = PublisherPlan(width=640, height=360, bit_rate=4 * NARROW_BPS)
    light = PublisherPlan(width=160, height=96, fps=15, bit_rate=NARROW_BPS // 4)
    light.video_media()
    async with (
        joined(heavy) as (leg, publisher),
        watching(leg.peer) as (_, at_ease, _),
        Spectator() as spectator,
    ):
        viewer = Viewer(leg.peer, limits=PeerLimits(), ice=LOOPBACK, on_closed=lambda _: None)
        answer = await viewer.answer(await spectator.offer())
        (port,) = set(re.findall(r" 127\.0\.0\.1 (\d+) typ host", answer))
        listen = free_port(socket.SOCK_DGRAM)
        with udp_proxy(("127.0.0.1", listen), ("127.0.0.1", int(port))) as proxy:
            await spectator.accept(answer.replace(f" {port} ", f" {listen} "))
            await spectator.has(video=10)
            proxy.weather = Weather(rate_bps=NARROW_BPS)
            obey(publisher, light)
            await eventually(lambda: publisher.plan is light, timeout_s=40)
            assert publisher.video is not None
            await nothing_is_lost(proxy, publisher.video, 2 * light.fps)
        await eventually(lambda: at_ease.frames["video"][-1][1].width == light.width)
        await viewer.close()


async def nothing_is_lost(proxy: UdpProxy, track: ClipTrack, pictures: int) -> None:
    """Wait until so many pictures were sent without a loss on the line."""
    lost, sent = proxy.counts["full"], track.sent
    async with asyncio.timeout(40):
        while track.sent < sent + pictures:
            await asyncio.sleep(0.05)
            if proxy.counts["full"] > lost:
                lost, sent = proxy.counts["full"], track.sent
