"""A leg from offer to end, against stock aiortc publishers on loopback."""

from __future__ import annotations

import asyncio
import gc
import itertools
import re
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from tests.webrtc.legs import LOOPBACK, Leg, Memory, eventually, joined
from tests.webrtc.media import video_clip
from tests.webrtc.publisher import Publisher, PublisherPlan
from tests.webrtc.strangers import port_of
from webrtc.errors import (
    FragmentRefusedError,
    IceRestartRefusedError,
    NoAddressError,
    OfferRefusedError,
    PeerClosedError,
    RenegotiationRefusedError,
)
from webrtc.frames import Codec
from webrtc.lifecycle import CloseReason, PeerState
from webrtc.limits import IceSettings, PeerLimits

if TYPE_CHECKING:
    from webrtc.frames import EncodedFrame


@pytest.mark.parametrize("codec", ["vp8", "h264"])
async def test_every_frame_sent_arrives_once_and_whole(codec: str) -> None:
    """Frame counts and bytes are exact, audio and video, from the first keyframe to the last frame."""
    memory = Memory()
    plan = PublisherPlan(video=codec, video_frames=60, audio_frames=100)
    async with joined(plan, sink=memory) as (leg, publisher):
        await publisher.finished()
        await eventually(lambda: len(memory.of_kind("video")) >= 60 and len(memory.of_kind("audio")) >= 100)
        stats = leg.peer.stats()
    assert len(memory.of_kind("video")) == 60
    assert len(memory.of_kind("audio")) == 100
    assert {info.codec for info in memory.tracks.values()} == {Codec.OPUS, Codec(codec)}
    assert stats.srtp_profile == "SRTP_AEAD_AES_256_GCM"
    assert "GCM" in stats.dtls_suite
    keyframes = [f for f in memory.of_kind("video") if f.is_keyframe]
    assert len(keyframes) == 2
    assert all((f.width, f.height) == (320, 180) for f in keyframes)
    if codec == "vp8":
        assert [f.payload for f in memory.of_kind("video")] == list(plan.video_media().frames[:60])
    assert list(memory.ended.values()) == ["stopped", "stopped"]


async def test_video_and_audio_alone_are_calls_too() -> None:
    """A call without a camera has one m-line and one track."""
    memory = Memory()
    plan = PublisherPlan(video=None, audio_frames=30)
    async with joined(plan, sink=memory) as (_, publisher):
        await publisher.finished()
        await eventually(lambda: len(memory.of_kind("audio")) == 30)
    assert len(memory.tracks) == 1


async def test_an_aes_cm_peer_is_served_and_an_aes_gcm_peer_gets_gcm_in_either_role() -> None:
    """AEAD comes first; as DTLS client, to an offer that is passive, we still agree on GCM."""
    async with Publisher(PublisherPlan()) as publisher:
        publisher.dtls._set_role("server")
        leg = Leg(PeerLimits(), LOOPBACK)
        offer = (await publisher.offer()).replace("a=setup:actpass", "a=setup:passive")
        answer = await leg.peer.answer(offer)
        assert "a=setup:active" in answer
        await publisher.accept(answer)
        await publisher.connected()
        await eventually(lambda: leg.peer.state is PeerState.CONNECTED)
        assert "GCM" in leg.peer.stats().srtp_profile
        await leg.peer.close()


# who takes the frames


async def test_without_a_taker_media_costs_no_memory() -> None:
    """F6: a track nobody reads grows by 14 MB/s in the bare library; here it makes no frame at all."""
    plan = PublisherPlan(width=640, height=360, bit_rate=2_500_000)
    async with joined(plan) as (leg, _publisher):
        await asyncio.sleep(1.0)
        gc.collect()
        tracemalloc.start()
        before, packets = tracemalloc.get_traced_memory()[0], leg.peer.stats().tracks[1].packets
        await asyncio.sleep(2.5)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        stats = leg.peer.stats()
    assert stats.tracks[1].packets - packets > 200
    assert sum(track.frames for track in stats.tracks) == 0
    assert grown < 300_000


async def test_a_taker_that_comes_late_starts_at_a_keyframe_it_asked_for() -> None:
    """Attaching asks the sender for a keyframe and shows nothing before one."""
    memory = Memory()
    async with joined(PublisherPlan(keyframe_every=30)) as (leg, publisher):
        await asyncio.sleep(0.4)
        leg.peer.attach(memory)
        await eventually(lambda: memory.of_kind("video"))
        assert memory.of_kind("video")[0].is_keyframe
        assert publisher.keyframe_requests >= 1


async def test_a_pause_lets_nothing_through_and_keeps_the_tracks() -> None:
    """P11: from detach on not one frame passes; coming back continues the same tracks at a keyframe."""
    memory = Memory()
    async with joined(sink=memory) as (leg, _):
        await eventually(lambda: len(memory.of_kind("video")) > 5 and memory.of_kind("audio"))
        leg.peer.detach()
        seen = {track: len(frames) for track, frames in memory.frames.items()}
        await asyncio.sleep(0.5)
        assert {track: len(frames) for track, frames in memory.frames.items()} == seen
        leg.peer.attach(memory)
        await eventually(lambda: all(len(memory.frames[track]) > count for track, count in seen.items()))
        resumed = next(memory.frames[t][n] for t, n in seen.items() if memory.tracks[t].kind == "video")
        assert resumed.is_keyframe
    assert len(memory.tracks) == 2


async def test_a_taker_that_raises_does_not_end_the_call() -> None:
    """What the taker raises is counted and contained."""

    class Broken(Memory):
        def frame(self, track_id: int, frame: EncodedFrame) -> None:
            super().frame(track_id, frame)
            raise RuntimeError("a full disk")

    memory = Broken()
    async with joined(PublisherPlan(video_frames=30, audio_frames=50), sink=memory) as (leg, publisher):
        await publisher.finished()
        await eventually(lambda: len(memory.of_kind("video")) == 30 and len(memory.of_kind("audio")) == 50)
        assert leg.peer.state is PeerState.CONNECTED
        assert leg.peer.stats().sink_errors == 80


# what happens to media


async def test_the_sender_clock_places_a_late_camera_where_it_belongs() -> None:
    """A track that starts 0.8 s later is 0.8 s later by the sender's clock and by arrival."""
    memory = Memory()
    async with joined(PublisherPlan(video_delay_s=0.8), sink=memory) as (_leg, _publisher):
        await eventually(lambda: len(memory.reports) == 2 and all(memory.reports.values()))

    def starts_at(kind: str) -> tuple[float, float]:
        info = next(i for i in memory.tracks.values() if i.kind == kind)
        first = memory.frames[info.id][0]
        ntp_s, stamp = memory.reports[info.id][-1]
        return ntp_s - (stamp - first.rtp_timestamp) / info.clock_rate_hz, first.arrival_s

    (audio_ntp, audio_arrival), (video_ntp, video_arrival) = starts_at("audio"), starts_at("video")
    assert video_arrival - audio_arrival == pytest.approx(0.8, abs=0.15)
    assert video_ntp - audio_ntp == pytest.approx(video_arrival - audio_arrival, abs=0.1)


async def test_a_mute_gap_is_a_gap_in_the_stamps() -> None:
    """While a track is off no packets come; when it returns its clock has gone on."""
    memory = Memory()
    async with joined(sink=memory) as (leg, publisher):
        await eventually(lambda: len(memory.of_kind("audio")) > 20)
        assert publisher.audio is not None
        publisher.audio.paused = True
        await asyncio.sleep(0.6)
        publisher.audio.paused = False
        before = len(memory.of_kind("audio"))
        await eventually(lambda: len(memory.of_kind("audio")) > before + 20)
        assert leg.peer.state is PeerState.CONNECTED
    stamps = [f.rtp_timestamp for f in memory.of_kind("audio")]
    steps = sorted({b - a for a, b in itertools.pairwise(stamps)})
    assert steps[0] == 960
    assert 0.4 < steps[-1] / 48_000 < 0.9
    assert not memory.losses


async def test_a_change_of_resolution_goes_through() -> None:
    """Each keyframe tells its size; a change in mid-call is no error and the track goes on."""
    memory = Memory()
    video_clip(width=480, height=270)
    async with joined(PublisherPlan(video_frames=30, audio=False), sink=memory) as (_, publisher):
        await publisher.finished()
        assert publisher.video is not None
        publisher.video.show(video_clip(width=480, height=270), 30)
        await eventually(lambda: len(memory.of_kind("video")) == 60)
    keyframes = [(f.width, f.height) for f in memory.of_kind("video") if f.is_keyframe]
    assert keyframes == [(320, 180), (480, 270)]
    assert len(memory.tracks) == 1


async def test_a_new_source_continues_the_track() -> None:
    """When a sender changes its SSRC the track goes on: same id, stamps that rise by the time that passed."""
    memory = Memory()
    async with joined(sink=memory) as (leg, publisher):
        await eventually(lambda: len(memory.of_kind("video")) > 10 and len(memory.of_kind("audio")) > 10)
        for sender in publisher.connection.getSenders():
            sender._ssrc = (sender._ssrc + 12_345) & 0xFFFFFFFF
        await eventually(lambda: all(track.sources == 2 for track in leg.peer.stats().tracks))
        seen = len(memory.of_kind("audio"))
        await eventually(lambda: len(memory.of_kind("audio")) > seen + 20 and memory.of_kind("video")[-1])
        video_seen = len(memory.of_kind("video"))
        await eventually(lambda: len(memory.of_kind("video")) > video_seen + 5)
    assert len(memory.tracks) == 2
    for kind, clock_hz in (("audio", 48_000), ("video", 90_000)):
        frames = memory.of_kind(kind)
        passed_s = frames[-1].arrival_s - frames[0].arrival_s
        assert (frames[-1].rtp_timestamp - frames[0].rtp_timestamp) / clock_hz == pytest.approx(
            passed_s, abs=0.2
        )
        assert all(b.rtp_timestamp > a.rtp_timestamp for a, b in itertools.pairwise(frames))


# the end


async def test_a_peer_that_says_goodbye_ends_the_leg_at_once() -> None:
    """A DTLS close is seen at once, not by its silence, and told once."""
    memory = Memory()
    async with joined(sink=memory) as (leg, publisher):
        await eventually(lambda: memory.of_kind("audio"))
        await publisher.close()
        await eventually(lambda: leg.closed, timeout_s=4)
        assert leg.peer.state is PeerState.CLOSED
    assert leg.closed == [CloseReason.PEER_LEFT]
    assert set(memory.ended.values()) == {"transport"}


async def test_a_peer_that_vanishes_is_stalled_then_ended() -> None:
    """A killed browser sends nothing: flagged first, ended after the limit, told once."""
    limits = PeerLimits(stalled_after_s=0.5, dead_after_s=1.2)
    async with joined(limits=limits) as (leg, publisher):
        await publisher.vanish()
        await eventually(lambda: leg.peer.is_stalled, timeout_s=5)
        assert leg.closed == []
        await eventually(lambda: leg.closed, timeout_s=8)
    assert leg.closed == [CloseReason.SILENT]


async def test_a_silent_but_living_peer_is_kept() -> None:
    """With every track off, ICE consent checks alone keep a leg."""
    limits = PeerLimits(stalled_after_s=7.0, dead_after_s=8.0)
    async with joined(PublisherPlan(), limits=limits) as (leg, publisher):
        assert publisher.audio is not None
        assert publisher.video is not None
        publisher.audio.paused = publisher.video.paused = True
        for sender in publisher.connection.getSenders():
            sender._RTCRtpSender__rtcp_task.cancel()  # type: ignore[attr-defined]  # a private name, mangled
        await asyncio.sleep(8.6)
        assert leg.peer.state is PeerState.CONNECTED
        assert not leg.peer.is_stalled


async def test_a_peer_that_never_handshakes_is_ended_at_the_deadline() -> None:
    """F8: with the bare library such a leg is still connecting after 90 s."""
    leg = Leg(PeerLimits(setup_timeout_s=0.8), LOOPBACK)
    async with Publisher(PublisherPlan()) as publisher:

        async def no_handshake(_parameters: object) -> None:
            await asyncio.sleep(60)

        publisher.dtls.start = no_handshake
        began_s = time.monotonic()
        await publisher.accept(await leg.peer.answer(await publisher.offer()))
        await eventually(lambda: leg.closed, timeout_s=8)
    assert leg.closed == [CloseReason.SETUP_TIMEOUT]
    assert time.monotonic() - began_s < 6


async def test_a_peer_that_never_comes_is_ended_at_the_deadline() -> None:
    """An answer that nobody uses holds its port no longer than the deadline."""
    leg = Leg(PeerLimits(setup_timeout_s=0.3), LOOPBACK)
    async with Publisher(PublisherPlan()) as publisher:
        await leg.peer.answer(await publisher.offer())
        await eventually(lambda: leg.closed, timeout_s=2)
    assert leg.closed == [CloseReason.SETUP_TIMEOUT]


async def test_a_certificate_that_is_not_the_offered_one_ends_the_leg_with_nothing_taken() -> None:
    """The fingerprint of the offer decides: not a byte of media of another key is taken, no track is told."""
    memory = Memory()
    leg = Leg(PeerLimits(), LOOPBACK)
    leg.peer.attach(memory)
    async with Publisher(PublisherPlan()) as publisher:
        offer = re.sub(
            r"a=fingerprint:(sha-256) \S+",
            r"a=fingerprint:\1 " + ":".join(["AB"] * 32),
            await publisher.offer(),
        )
        await publisher.accept(await leg.peer.answer(offer))
        await eventually(lambda: leg.closed, timeout_s=5)
    assert leg.closed == [CloseReason.HANDSHAKE_FAILED]
    assert not memory.tracks
    assert sum(track.packets for track in leg.peer.stats().tracks) == 0


@pytest.mark.parametrize("moment", ["before", "answered", "connected"])
async def test_closing_is_bounded_and_told_once(moment: str) -> None:
    """Close at any moment, twice at the same time: one reason, no task, no port left."""
    leg = Leg(PeerLimits(), LOOPBACK)
    async with Publisher(PublisherPlan()) as publisher:
        if moment != "before":
            answer = await leg.peer.answer(await publisher.offer())
            if moment == "connected":
                await publisher.accept(answer)
                await publisher.connected()
        async with asyncio.timeout(3):
            await asyncio.gather(leg.peer.close(), leg.peer.close(CloseReason.SHUTDOWN))
        assert leg.peer.state is PeerState.CLOSED
        await leg.peer.close()
    assert leg.closed == ([] if moment == "before" else [CloseReason.HANGUP])
    await asyncio.sleep(0.05)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("leg")]


async def test_a_leg_closed_while_it_is_answered_has_no_answer_and_no_port() -> None:
    """The caller may go away in the middle of signalling."""
    async with Publisher(PublisherPlan()) as publisher:
        offer = await publisher.offer()
        leg = Leg(PeerLimits(), LOOPBACK)
        answering = asyncio.create_task(leg.peer.answer(offer), name="answering")
        await asyncio.sleep(0)
        await leg.peer.close()
        with pytest.raises(PeerClosedError):
            await answering
        assert leg.closed == []
        assert leg.connection._protocols == []


async def test_a_listener_that_raises_is_contained() -> None:
    """The leg is closed whatever its owner does with the news."""

    def broken(_reason: CloseReason) -> None:
        raise RuntimeError("a defect")

    leg = Leg(PeerLimits(setup_timeout_s=0.1), LOOPBACK)
    leg.peer._on_closed = broken
    async with Publisher(PublisherPlan()) as publisher:
        await leg.peer.answer(await publisher.offer())
        await eventually(lambda: leg.peer.state is PeerState.CLOSED)
        await leg.peer.close()


async def test_legs_leave_nothing_behind() -> None:
    """After the end no peer, socket or task of a leg survives a collection."""
    for _ in range(3):
        async with joined(PublisherPlan(video=None, audio_frames=5)):
            pass
    await asyncio.sleep(0.1)
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each).__name__ in {"GuardedConnection", "Tap"}]


# signalling after the answer


async def test_a_second_offer_is_refused() -> None:
    """One offer per leg; the leg goes on."""
    async with joined(PublisherPlan(video=None)) as (leg, publisher):
        with pytest.raises(RenegotiationRefusedError):
            await leg.peer.answer(await publisher.offer())
        assert leg.peer.state is PeerState.CONNECTED


async def test_a_refused_leg_takes_no_other_call_back() -> None:
    """A leg whose offer was refused never began: closing it tells nobody, an answer may be tried again."""
    leg = Leg(PeerLimits(), LOOPBACK)
    with pytest.raises(OfferRefusedError):
        await leg.peer.answer("v=0")
    await leg.peer.close()
    assert leg.closed == []
    assert leg.peer.stats().tracks == ()


async def test_trickled_candidates_are_accepted_counted_and_not_needed() -> None:
    """PATCH: candidates and their end are fine, new credentials and floods are refused, the leg goes on."""
    async with joined(PublisherPlan(video=None)) as (leg, _):
        candidate = "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n"
        await leg.peer.trickle(f"m=audio 9 RTP/AVP 0\r\na=mid:0\r\n{candidate}a=end-of-candidates\r\n")
        with pytest.raises(IceRestartRefusedError):
            await leg.peer.trickle("a=ice-ufrag:newname\r\na=ice-pwd:" + "x" * 22)
        await leg.peer.trickle(candidate * 63)
        with pytest.raises(FragmentRefusedError):
            await leg.peer.trickle(candidate)
        assert leg.peer.state is PeerState.CONNECTED
    with pytest.raises(FragmentRefusedError):
        await leg.peer.trickle("a=end-of-candidates")


# where legs listen


async def test_the_answer_shows_the_announced_address_and_a_port_of_the_range() -> None:
    """Behind a 1:1 NAT the public address is told; ports stay in the range that is open."""
    ice = IceSettings(addresses=("127.0.0.1",), announced=("203.0.113.7",), ports=(42_000, 42_063))
    leg = Leg(PeerLimits(), ice)
    async with Publisher(PublisherPlan()) as publisher:
        answer = await leg.peer.answer(await publisher.offer())
        assert 42_000 <= port_of(answer) <= 42_063
        assert "203.0.113.7" in answer
        assert "127.0.0.1" not in answer
        await publisher.accept(answer.replace("203.0.113.7", "127.0.0.1"))
        await publisher.connected()
        await leg.peer.close()


async def test_a_full_port_range_is_told_and_leaves_nothing_open() -> None:
    """Without a port there is no answer; the leg is closed and the error says what to check."""
    ice = IceSettings(addresses=("127.0.0.1",), ports=(42_100, 42_100))
    first, second = Leg(PeerLimits(), ice), Leg(PeerLimits(), ice)
    async with Publisher(PublisherPlan()) as publisher:
        offer = await publisher.offer()
        await first.peer.answer(offer)
        with pytest.raises(NoAddressError):
            await second.peer.answer(offer)
        assert second.peer.state is PeerState.CLOSED
        await first.peer.close()
        await second.peer.close()
    assert second.closed == []
