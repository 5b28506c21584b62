"""Where a picture begins that can be decoded by itself, told from single packets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webrtc.media import video_clip
from tests.webrtc.packets import packetized
from webrtc.frames import Codec
from webrtc.keyframes import starts_keyframe


@pytest.mark.parametrize("codec", [Codec.VP8, Codec.H264])
def test_each_keyframe_of_a_clip_is_found_and_nothing_else(codec: Codec) -> None:
    """As a stock sender packs it: the frames whose packets begin a keyframe are the encoder's keyframes."""
    clip = video_clip(codec.value)
    frames: dict[int, bool] = {}
    for packet in packetized(clip, 90):
        is_start = starts_keyframe(codec, packet.payload)
        frames[packet.timestamp] = frames.get(packet.timestamp, False) or is_start
    assert list(frames.values()) == list(clip.keyframes[:90])


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("67", True),  # parameter sets alone
        ("65b8", True),  # an IDR slice
        ("61e0", False),
        ("7c85b8", True),  # FU-A, first piece of an IDR slice
        ("7c05b8", False),  # a later piece
        ("7c81b8", False),  # first piece of another slice
        ("7c", False),
        ("78000167000168", True),  # an aggregate with parameter sets
        ("780001410001410001", False),  # a length that points outside
    ],
)
def test_h264_is_told_by_its_units(payload: str, expected: bool) -> None:  # noqa: FBT001
    """RFC 6184, 5.6 to 5.8."""
    assert starts_keyframe(Codec.H264, bytes.fromhex(payload)) is expected


@given(st.sampled_from(list(Codec)), st.binary(max_size=40))
def test_any_payload_is_judged(codec: Codec, payload: bytes) -> None:
    """Nothing raises; sound has no keyframes."""
    judged = starts_keyframe(codec, payload)
    assert isinstance(judged, bool)
    assert not (judged and codec is Codec.OPUS)
