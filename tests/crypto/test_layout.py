"""The arithmetic of sealed streams, held against a stream that is really cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import ParameterError, RangeError, TamperedStreamError
from crypto.layout import HEADER_BYTES, MAX_SEGMENTS, TAG_BYTES, Layout


def cut(plain_bytes: int, segment_bytes: int) -> list[tuple[int, int]]:
    """The plain ranges of the segments, cut one by one as a writer would."""
    capacity = segment_bytes - TAG_BYTES
    ranges = [(0, min(plain_bytes, capacity - HEADER_BYTES))]
    while ranges[-1][1] < plain_bytes:
        start = ranges[-1][1]
        ranges.append((start, min(plain_bytes, start + capacity)))
    return ranges


@settings(max_examples=200, deadline=None)
@given(plain_bytes=st.integers(0, 5_000), segment_bytes=st.integers(57, 400))
def test_the_arithmetic_agrees_with_cutting_by_hand(plain_bytes: int, segment_bytes: int) -> None:
    """Sizes, counts and borders follow from the length alone."""
    ranges = cut(plain_bytes, segment_bytes)
    layout = Layout.for_plain(plain_bytes, segment_bytes)
    assert layout.sealed_bytes == HEADER_BYTES + plain_bytes + TAG_BYTES * len(ranges)
    assert (layout.segments, layout.plain_bytes) == (len(ranges), plain_bytes)
    for index, (start, stop) in enumerate(ranges):
        assert layout.plain_start(index) == start
        assert layout.sealed_start(index) == (index * segment_bytes or HEADER_BYTES)
        assert layout.sealed_stop(index) == layout.sealed_start(index) + stop - start + TAG_BYTES
        if stop > start:
            assert layout.segment_of(start) == layout.segment_of(stop - 1) == index


def test_a_range_names_exactly_the_segments_it_touches() -> None:
    """A seek fetches whole segments and no more (FORMAT.md, Random access)."""
    layout = Layout.for_plain(200, 64)  # segments hold 8, 48, 48, 48, 48 plain bytes
    assert layout.sealed_range(0, 2) == (0, 40, 64)
    assert layout.sealed_range(7, 9) == (0, 40, 128)
    assert layout.sealed_range(8, 9) == (1, 64, 128)
    assert layout.sealed_range(199, 200) == (4, 256, 320)
    assert layout.sealed_range(0, 200) == (0, 40, 320)


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (5, 5), (6, 5), (-1, 5), (0, 201), (200, 201)])
def test_a_range_outside_the_stream_is_refused(start: int, stop: int) -> None:
    """The caller answers 416; nothing is read."""
    with pytest.raises(RangeError):
        Layout.for_plain(200, 64).sealed_range(start, stop)


@pytest.mark.parametrize("sealed_bytes", [-1, *range(56), *range(65, 81), *range(129, 145)])
def test_a_length_no_stream_has_is_refused(sealed_bytes: int) -> None:
    """Too short for a header and a tag, or a last segment that is empty or less than its tag."""
    with pytest.raises(TamperedStreamError):
        Layout(sealed_bytes, 64)


@pytest.mark.parametrize("sealed_bytes", [56, 57, 64, 81, 128, 145])
def test_every_other_length_is_possible(sealed_bytes: int) -> None:
    """The empty stream, the smallest, and both sides of each border."""
    layout = Layout(sealed_bytes, 64)
    assert Layout.for_plain(layout.plain_bytes, 64) == layout


@pytest.mark.parametrize("segment_bytes", [-5, 0, 16, 56, 1 << 31])
def test_an_illegal_segment_size_is_refused(segment_bytes: int) -> None:
    """Segment 0 must hold a byte beside the header; Tink's parameter has 31 bits."""
    with pytest.raises(ParameterError):
        Layout(56, segment_bytes)
    with pytest.raises(ParameterError):
        Layout.for_plain(10, segment_bytes)


def test_the_counter_bounds_the_number_of_segments() -> None:
    """The last value of the 32-bit counter is never used."""
    assert Layout(MAX_SEGMENTS * 64, 64).segments == MAX_SEGMENTS
    with pytest.raises(TamperedStreamError):
        Layout(MAX_SEGMENTS * 64 + 17, 64)
