"""VP8 packets to frames, against a real encoder's frames and a stock sender's packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webrtc.media import video_clip
from tests.webrtc.packets import packet, packetized
from webrtc.vp8 import Vp8Assembler, read_descriptor

if TYPE_CHECKING:
    from webrtc.assembly import Picture

FRAME_BYTES = 1_000_000


class Collected:
    """What an assembler gave out."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.assembler = Vp8Assembler(lambda each, _packet, _now: self.pictures.append(each), FRAME_BYTES)


def test_frames_come_out_as_they_were_encoded() -> None:
    """Byte for byte, with the size in each keyframe."""
    clip = video_clip()
    out = Collected()
    for each in packetized(clip, 60):
        out.assembler.push(each, 0.0)
    assert [p.payload for p in out.pictures] == list(clip.frames[:60])
    assert [p.is_keyframe for p in out.pictures] == list(clip.keyframes[:60])
    assert {(p.width, p.height) for p in out.pictures if p.is_keyframe} == {(320, 180)}


def test_a_frame_without_marker_ends_with_its_timestamp() -> None:
    """Some senders leave the marker out; the next timestamp ends the frame too."""
    clip = video_clip()
    out = Collected()
    for each in packetized(clip, 10):
        out.assembler.push(each._replace(marker=False), 0.0)
    assert [p.payload for p in out.pictures] == list(clip.frames[:9])


@pytest.mark.parametrize("place", range(12))
def test_after_a_hole_nothing_is_shown_before_the_next_keyframe(place: int) -> None:
    """Whichever packet is lost: frames before it whole, then nothing up to a keyframe, then all."""
    clip = video_clip()
    packets = list(packetized(clip, 60))
    out = Collected()
    for number, each in enumerate(packets):
        if number == place:
            out.assembler.broken()
        else:
            out.assembler.push(each, 0.0)
    shown = [p.payload for p in out.pictures]
    later = [p.payload for p in out.pictures[-30:]]
    assert later == list(clip.frames[30:60])
    assert len(shown) < 60
    assert shown[:-30] == list(clip.frames[: len(shown) - 30])


def test_padding_changes_nothing() -> None:
    """Packets without payload probe the path and are no part of a frame."""
    clip = video_clip()
    out = Collected()
    for each in packetized(clip, 10):
        out.assembler.push(each, 0.0)
        out.assembler.push(each._replace(payload=b"", marker=False), 0.0)
    assert len(out.pictures) == 10


@pytest.mark.parametrize(
    ("descriptor", "size", "starts"),
    [
        ("10", 1, True),
        ("00", 1, False),
        ("11", 1, False),
        ("908011", 3, True),
        ("90808111", 4, True),
        ("90e08111aabb", 6, True),
        ("90f01122aa", 5, True),
        ("9040aa", 3, True),
        ("9020bb", 3, True),
        ("9010bb", 3, True),
        ("8000", 2, False),
    ],
)
def test_descriptors_of_every_shape_are_measured(descriptor: str, size: int, starts: bool) -> None:  # noqa: FBT001
    """RFC 7741, 4.2: X, I with 7 or 15 bits, L, T and K."""
    found = read_descriptor(bytes.fromhex(descriptor) + b"\x00" * 8)
    assert found == (size, starts)


@given(st.lists(st.tuples(st.binary(max_size=30), st.booleans(), st.integers(0, 3)), max_size=20))
def test_no_payload_makes_it_raise(packets: list[tuple[bytes, bool, int]]) -> None:
    """Any bytes are a frame, no frame, or a reason to wait for a keyframe."""
    out = Collected()
    for number, (payload, marker, timestamp) in enumerate(packets):
        out.assembler.push(packet(number, payload, marker=marker, timestamp=timestamp), 0.0)
    assert all(p.payload for p in out.pictures)


def test_a_frame_over_the_limit_is_dropped_and_its_memory_freed() -> None:
    """An endless frame costs no more than the limit."""
    out = Collected()
    for number in range(2000):
        out.assembler.push(packet(number, b"\x10" + bytes(1000), marker=False), 0.0)
        assert sum(map(len, out.assembler._parts)) <= FRAME_BYTES
    out.assembler.push(packet(2000, b"\x00a", marker=True), 0.0)
    assert out.pictures == []
    assert out.assembler.unusable == 1
