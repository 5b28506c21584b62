"""H.264 packets to access units in AVCC form, against a real encoder and a stock sender."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webrtc.media import read_number, video_clip
from tests.webrtc.packets import packet, packetized
from webrtc.h264 import H264Assembler, avcc, nal_type, split_stap_a
from webrtc.h264_parameters import picture_size

if TYPE_CHECKING:
    from webrtc.assembly import Picture


def units_of(payload: bytes) -> list[bytes]:
    """The NAL units of an AVCC payload; every byte must belong to one."""
    units, at = [], 0
    while at < len(payload):
        size = int.from_bytes(payload[at : at + 4], "big")
        units.append(payload[at + 4 : at + 4 + size])
        at += 4 + size
    assert at == len(payload)
    return units


def units_of_annex_b(payload: bytes) -> list[bytes]:
    """The NAL units of a byte stream."""
    return [
        unit for unit in payload.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01") if unit
    ]


class Collected:
    """What an assembler gave out."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self.assembler = H264Assembler(lambda each, _packet, _now: self.pictures.append(each), 1_000_000)


def test_access_units_come_out_with_the_units_that_went_in() -> None:
    """Single units, aggregates and fragments give back the encoder's NAL units; keyframes tell their size."""
    clip = video_clip("h264", bit_rate=1_000_000)
    out = Collected()
    packets = list(packetized(clip, 60))
    assert {nal_type(p.payload) for p in packets} >= {24, 28}
    for each in packets:
        out.assembler.push(each, 0.0)
    assert [units_of(p.payload) for p in out.pictures] == [units_of_annex_b(f) for f in clip.frames[:60]]
    keyframes = [p for p in out.pictures if p.is_keyframe]
    assert len(keyframes) == 2
    assert {(p.width, p.height) for p in keyframes} == {(320, 180)}


def test_what_comes_out_decodes_to_the_pictures_that_were_sent() -> None:
    """A decoder reads each picture's number in order."""
    clip = video_clip("h264")
    out = Collected()
    for each in packetized(clip, 30):
        out.assembler.push(each, 0.0)
    decoder = av.CodecContext.create("h264", "r")
    found = []
    for shown in out.pictures:
        stream = b"".join(b"\x00\x00\x00\x01" + unit for unit in units_of(shown.payload))
        found += [read_number(frame) for frame in decoder.decode(av.Packet(stream))]
    found += [read_number(frame) for frame in decoder.decode(None)]
    assert found == list(range(30))


def test_a_keyframe_without_parameters_gets_the_last_ones() -> None:
    """A sender may tell SPS and PPS once, alone or ahead; every keyframe of ours can be decoded by itself."""
    clip = video_clip("h264")
    units = units_of_annex_b(clip.frames[0])
    parameters = [u for u in units if nal_type(u) in {7, 8}]
    slices = [u for u in units if nal_type(u) == 5]
    out = Collected()
    for number, unit in enumerate(parameters):
        out.assembler.push(packet(number, unit, timestamp=1), 0.0)
    out.assembler.push(packet(2, slices[0], timestamp=2), 0.0)
    assert units_of(out.pictures[0].payload) == [*parameters, slices[0]]
    assert out.pictures[0].is_keyframe


def test_a_keyframe_that_nobody_can_decode_is_none() -> None:
    """Without any SPS an IDR picture is not shown."""
    clip = video_clip("h264")
    out = Collected()
    out.assembler.push(packet(0, b"\x09\xf0", timestamp=1, marker=False), 0.0)
    idr = next(u for u in units_of_annex_b(clip.frames[0]) if nal_type(u) == 5)
    out.assembler.push(packet(1, idr, timestamp=1), 0.0)
    assert out.pictures == []


@pytest.mark.parametrize("place", range(8))
def test_after_a_hole_nothing_is_shown_before_the_next_keyframe(place: int) -> None:
    """Whichever packet is lost, what is shown is whole and starts at a keyframe."""
    clip = video_clip("h264", bit_rate=1_000_000)
    out = Collected()
    for number, each in enumerate(packetized(clip, 60)):
        if number == place:
            out.assembler.broken()
        else:
            out.assembler.push(each, 0.0)
    expected = [units_of_annex_b(frame) for frame in clip.frames[:60]]
    shown = [units_of(p.payload) for p in out.pictures]
    assert shown[-30:] == expected[30:]
    assert shown[:-30] == expected[: len(shown) - 30]


@pytest.mark.parametrize(
    ("width", "height", "profile"),
    [
        (320, 180, "baseline"),
        (1280, 720, "main"),
        (1920, 1080, "high"),
        (642, 362, "high"),
        (176, 144, "baseline"),
        (320, 180, "high444"),
        (320, 180, "high10"),
    ],
)
def test_the_size_is_read_from_every_profile(width: int, height: int, profile: str) -> None:
    """Cropping and chroma formats count (7.4.2.1.1)."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt = {"high444": "yuv444p", "high10": "yuv420p10le"}.get(profile, "yuv420p")
    encoder.time_base, encoder.framerate = Fraction(1), Fraction(1)
    encoder.options = {"preset": "ultrafast", "profile": profile}
    frame = av.VideoFrame(width, height, "yuv420p").reformat(format=encoder.pix_fmt)
    frame.pts = 0
    stream = b"".join(bytes(each) for each in [*encoder.encode(frame), *encoder.encode(None)])
    parameters = next(u for u in units_of_annex_b(stream) if nal_type(u) == 7)
    assert picture_size(parameters) == (width, height)


@given(st.binary(max_size=80))
def test_any_parameter_set_is_read_or_not(unit: bytes) -> None:
    """No bytes make the reader raise or loop."""
    size = picture_size(b"\x67" + unit)
    assert size is None or all(0 < side <= 16_384 for side in size)


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=30), st.booleans(), st.integers(0, 3)), max_size=20))
def test_no_payload_makes_it_raise(packets: list[tuple[bytes, bool, int]]) -> None:
    """Any bytes are a frame, no frame, or a reason to wait for a keyframe; units stay well formed."""
    out = Collected()
    for number, (payload, marker, timestamp) in enumerate(packets):
        out.assembler.push(packet(number, payload, marker=marker, timestamp=timestamp), 0.0)
    for picture in out.pictures:
        units_of(picture.payload)


def test_aggregates_that_point_outside_are_none() -> None:
    """RFC 6184, 5.7.1: a length is of the unit after it."""
    assert split_stap_a(b"\x18\x00\x02ab\x00\x01c") == [b"ab", b"c"]
    assert split_stap_a(b"\x18\x00\x09ab") == []
    assert split_stap_a(b"\x18\x00\x00") == []
    assert avcc([b"ab", b"c"]) == b"\x00\x00\x00\x02ab\x00\x00\x00\x01c"
