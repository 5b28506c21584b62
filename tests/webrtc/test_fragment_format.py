"""Fragment format 1: one byte form, strict reading (docs/FORMAT.md, Spool fragments)."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webrtc.fragment_format import (
    MAX_RTP,
    MAX_TIME_US,
    Event,
    Fragment,
    FragmentError,
    FragmentLimits,
    GapBegin,
    GapCause,
    GapEnd,
    Loss,
    SenderReport,
    StoredFrame,
    TrackEnded,
    read_fragment,
    write_fragment,
)
from webrtc.frames import Codec, TrackInfo

VECTORS = Path(__file__).parent / "vectors"

times = st.integers(0, MAX_TIME_US - 1)
stamps = st.integers(1 - MAX_RTP, MAX_RTP - 1)
labels = st.text(max_size=16)


def events_of(ids: list[int]) -> st.SearchStrategy[Event]:
    """Any event of one of these tracks."""
    track = st.sampled_from(ids)
    side = st.integers(1, 0xFFFF)
    whole = st.sampled_from([0, *ids])
    size = st.none() | st.tuples(side, side)
    level = st.none() | st.integers(0, 127)
    payload = st.binary(min_size=1, max_size=64)
    return st.one_of(
        st.builds(StoredFrame, track, stamps, times, payload, st.booleans(), size, level),
        st.builds(SenderReport, track, times, stamps),
        st.builds(Loss, track, st.integers(0, 2**32 - 1), times),
        st.builds(TrackEnded, track, labels),
        st.builds(GapBegin, whole, st.sampled_from(GapCause), times),
        st.builds(GapEnd, whole, times),
    )


@st.composite
def fragments(draw: st.DrawFn) -> Fragment:
    """Any fragment the format can hold."""
    ids = sorted(draw(st.sets(st.integers(1, 0xFFFF), min_size=1, max_size=4)))
    codecs = [draw(st.sampled_from(Codec)) for _ in ids]
    tracks = tuple(
        TrackInfo(number, codec.kind, codec, codec.clock_rate_hz, draw(labels))
        for number, codec in zip(ids, codecs, strict=True)
    )
    events = tuple(draw(st.lists(events_of(ids), max_size=20)))
    return Fragment(draw(st.integers(0, 2**32 - 1)), tracks, events)


@given(fragments())
def test_what_is_written_reads_back_the_same(fragment: Fragment) -> None:
    """Nothing of a fragment is lost on the way through its bytes."""
    assert read_fragment(write_fragment(fragment)) == fragment


@given(fragments(), st.data())
def test_whatever_parses_writes_back_to_the_same_bytes(fragment: Fragment, data: st.DataObject) -> None:
    """Every value has one spelling: damaged bytes are refused, or they are another fragment's true form."""
    plain = bytearray(write_fragment(fragment))
    for _ in range(data.draw(st.integers(1, 4))):
        plain[data.draw(st.integers(0, len(plain) - 1))] = data.draw(st.integers(0, 255))
    try:
        parsed = read_fragment(bytes(plain))
    except FragmentError:
        return
    assert write_fragment(parsed) == bytes(plain)


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: b"CVFR\x01" + rest))
def test_no_bytes_raise_anything_but_a_fragment_error(plain: bytes) -> None:
    """A reader of the spool has one error to expect."""
    try:
        parsed = read_fragment(plain)
    except FragmentError:
        return
    assert write_fragment(parsed) == plain


@given(fragments(), st.data())
def test_a_fragment_cut_short_or_long_is_refused(fragment: Fragment, data: st.DataObject) -> None:
    """The end is where the counts say, not where the bytes stop."""
    plain = write_fragment(fragment)
    with pytest.raises(FragmentError):
        read_fragment(plain[: data.draw(st.integers(0, len(plain) - 1))])
    with pytest.raises(FragmentError):
        read_fragment(plain + b"\0")


def test_the_published_vector_is_written_and_read_exactly() -> None:
    """Format 1 never changes: what one release sealed, every later one reads."""
    told = json.loads((VECTORS / "fragment-1-call.json").read_text())
    plain = (VECTORS / "fragment-1-call.bin").read_bytes()
    parsed = read_fragment(plain)
    assert write_fragment(parsed) == plain
    assert parsed.number == told["number"]
    assert [[info.id, info.codec.value, info.clock_rate_hz, info.mid] for info in parsed.tracks] == told[
        "tracks"
    ]
    seen = [[type(event).__name__, *map(plainly, event)] for event in parsed.events]
    assert seen == told["events"]


def plainly(value: object) -> object:
    """A field as the vector tells it."""
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize(
    "case", json.loads((VECTORS / "fragment-1-refused.json").read_text()), ids=lambda case: case["why"]
)
def test_each_published_wrong_fragment_is_refused(case: dict[str, str]) -> None:
    """Each rule of the format has a fragment that breaks just it, and the error names the rule."""
    with pytest.raises(FragmentError, match=case["error"]):
        read_fragment(bytes.fromhex(case["hex"]))


def test_limits_are_refused_before_memory_is_taken() -> None:
    """A hostile object costs no more than its own bytes."""
    info = TrackInfo(1, Codec.OPUS.kind, Codec.OPUS, 48_000, "0")
    frame = StoredFrame(1, 0, 0, b"12345", is_keyframe=True, size=None, audio_level=None)
    plain = write_fragment(Fragment(0, (info,), (frame, frame)))
    for limits in (
        FragmentLimits(fragment_bytes=len(plain) - 1),
        FragmentLimits(frame_bytes=4),
        FragmentLimits(events=1),
        FragmentLimits(tracks=0),
        FragmentLimits(label_bytes=0),
    ):
        with pytest.raises(FragmentError):
            read_fragment(plain, limits)
