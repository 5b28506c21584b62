"""A leg from offer to end, against stock aiortc publishers on loopback."""

from __future__ import annotations

import pytest

from tests.webrtc.legs import Memory, eventually, joined
from tests.webrtc.publisher import PublisherPlan


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
    assert stats.srtp_profile == "SRTP_AEAD_AES_256_GCM"
    if codec == "vp8":
        assert [f.payload for f in memory.of_kind("video")] == list(plan.video_media().frames[:60])
