"""First bytes of coded frames, against the encoders and the RFC's table."""

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webrtc.studio import opus_packets, pictures
from webrtc.bitstreams import h264_parameter_sets, opus_is_stereo, opus_units
from webrtc.frames import Codec


@pytest.mark.parametrize(
    ("first", "rest", "units"),
    [
        (0 << 3, b"", 4),
        (3 << 3, b"", 24),
        (11 << 3, b"", 24),
        (12 << 3, b"", 4),
        (15 << 3, b"", 8),
        (16 << 3, b"", 1),
        (31 << 3, b"", 8),
        (31 << 3 | 1, b"", 16),
        (31 << 3 | 2, b"", 16),
        (31 << 3 | 3, b"\x06", 48),
        (31 << 3 | 3, b"\xc3", 24),
    ],
)
def test_an_opus_packet_tells_its_length(first: int, rest: bytes, units: int) -> None:
    """RFC 6716, 3.1: ten milliseconds of SILK to six frames of CELT, in units of 2.5 ms."""
    assert opus_units(bytes((first,)) + rest) == units


def test_a_real_packet_of_20_ms_is_eight_units() -> None:
    """As libopus makes them for a browser's default, in mono."""
    assert {opus_units(payload) for payload, _ in opus_packets(20)} == {8}
    assert not any(opus_is_stereo(payload) for payload, _ in opus_packets(20))
    assert opus_is_stereo(b"\xfc")


@given(st.binary(min_size=1, max_size=4))
def test_any_packet_lasts_between_one_and_48_units(packet: bytes) -> None:
    """A hostile packet cannot stretch the file: 120 ms is the most (RFC 6716, 3.2.5)."""
    assert 1 <= opus_units(packet) <= 48


def test_parameter_sets_are_found_in_every_keyframe_and_nowhere_else() -> None:
    """What libx264 puts before a picture comes out whole."""
    found = [h264_parameter_sets(payload) for payload, _ in pictures(Codec.H264, 31, (160, 120), 30)]
    assert [at for at, sets in enumerate(found) if sets is not None] == [0, 30]
    assert found[0] == found[30]
    assert found[0] is not None
    assert [unit[0] & 31 for unit in (*found[0].sps, *found[0].pps)] == [7, 8]


def test_the_sets_found_are_those_a_decoder_needs() -> None:
    """FFmpeg decodes the rest of the stream with nothing but them."""
    coded = pictures(Codec.H264, 5, (160, 120), 30)
    sets = h264_parameter_sets(coded[0][0])
    assert sets is not None
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = b"".join(b"\0\0\0\1" + unit for unit in (*sets.sps, *sets.pps))
    idr = coded[0][0][sum(4 + len(unit) for unit in (*sets.sps, *sets.pps)) :]
    packets = [idr, *(payload for payload, _ in coded[1:])]
    annex_b = [b"\0\0\0\1" + payload[4:] for payload in packets]
    decoded = [frame for payload in annex_b for frame in decoder.decode(av.Packet(payload))]
    decoded += decoder.decode(None)
    assert [(frame.width, frame.height) for frame in decoded] == [(160, 120)] * 5


@given(st.binary(max_size=64))
def test_no_bytes_make_the_search_fail(payload: bytes) -> None:
    """Wrong lengths mean no parameter sets, never an exception or an empty set."""
    sets = h264_parameter_sets(payload)
    assert sets is None or (sets.sps and sets.pps and all(len(unit) >= 4 for unit in sets.sps))
