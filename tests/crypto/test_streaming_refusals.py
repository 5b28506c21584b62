"""Altered storage is refused before an altered byte leaves: flip, cut, extend, swap, drop, splice."""

from collections.abc import Callable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import CryptoError, ParameterError, TamperedStreamError
from crypto.keys import DataKey
from crypto.segments import VAULT_SUITE, SegmentCipher
from crypto.streaming import (
    HEADER_BYTES,
    Layout,
    Opener,
    RangeOpener,
    media_associated_data,
    open_sealed,
    seal,
)

SEGMENT_BYTES = 64
KEY = DataKey(bytes(range(32)))
FIELDS: dict[str, str | int] = {
    "tenant": "01980000-0000-7000-8000-000000000001",
    "object_id": "01980000-0000-7000-8000-000000000002",
    "part": "media",
    "gen": 1,
    "segment_bytes": SEGMENT_BYTES,
}


def associated_data(**change: str | int) -> bytes:
    """The associated data of the test object, with a field or two changed."""
    return media_associated_data(**(FIELDS | change))  # type: ignore[arg-type]


AAD = associated_data()
PLAIN = bytes(number * 5 % 256 for number in range(8 + 48 * 4))  # five segments, the last one full
SEALED = seal(KEY, PLAIN, associated_data=AAD, segment_bytes=SEGMENT_BYTES)
BORDERS = [HEADER_BYTES, *range(64, len(SEALED) + 1, 64)]
SEGMENTS = [SEALED[start:stop] for start, stop in pairwise(BORDERS)]
HEADER = SEALED[:HEADER_BYTES]


def refused(
    sealed: bytes, *, aad: bytes = AAD, segment_bytes: int = SEGMENT_BYTES, key: DataKey = KEY
) -> bool:
    """Tell whether every way of reading refuses these bytes, and none lets an altered byte out."""
    outcomes = []
    for read in (_at_once, _piece_by_piece, _in_small_pieces):
        released: list[bytes] = []
        try:
            read(sealed, aad, segment_bytes, key, released)
        except TamperedStreamError:
            outcomes.append(PLAIN.startswith(b"".join(released)))
        else:
            outcomes.append(False)
    return all(outcomes)


def _at_once(sealed: bytes, aad: bytes, segment_bytes: int, key: DataKey, released: list[bytes]) -> None:
    released.append(open_sealed(key, sealed, associated_data=aad, segment_bytes=segment_bytes))


def _piece_by_piece(
    sealed: bytes, aad: bytes, segment_bytes: int, key: DataKey, released: list[bytes], step: int = 64
) -> None:
    opener = Opener(key, associated_data=aad, segment_bytes=segment_bytes)
    released.extend(opener.update(sealed[at : at + step]) for at in range(0, len(sealed), step))
    released.append(opener.finish())


def _in_small_pieces(
    sealed: bytes, aad: bytes, segment_bytes: int, key: DataKey, released: list[bytes]
) -> None:
    _piece_by_piece(sealed, aad, segment_bytes, key, released, step=13)


def test_the_untouched_stream_is_read() -> None:
    """The measure of all that follows: this test object opens, so a refusal means something."""
    assert len(SEGMENTS) == 5
    assert not refused(SEALED)
    assert open_sealed(KEY, SEALED, associated_data=AAD, segment_bytes=SEGMENT_BYTES) == PLAIN


@pytest.mark.parametrize("position", range(len(SEALED)))
def test_a_flipped_bit_anywhere_is_refused(position: int) -> None:
    """Header, text and tags: every byte counts."""
    altered = bytearray(SEALED)
    altered[position] ^= 1 << position % 8
    assert refused(bytes(altered))


@pytest.mark.slow
def test_ten_thousand_flipped_bits_are_all_refused(rounds: Callable[[int, int], int]) -> None:
    """Every bit of the header, and body bits at random places of a stream of several segments."""
    sealed = seal(KEY, PLAIN * 80, associated_data=AAD, segment_bytes=4_096)
    chosen = Random(4)
    body = [chosen.randrange(HEADER_BYTES * 8, len(sealed) * 8) for _ in range(rounds(10_000, 1_000_000))]
    for bit in [*range(HEADER_BYTES * 8), *body]:
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(TamperedStreamError):
            open_sealed(KEY, altered, associated_data=AAD, segment_bytes=4_096)


@pytest.mark.parametrize("length", range(len(SEALED)))
def test_a_cut_at_any_byte_is_refused(length: int) -> None:
    """Also on a segment border, where what is left is genuine: the last-flag is missing."""
    assert refused(SEALED[:length])


TAILS = {
    "a byte": b"\0",
    "a tag": bytes(16),
    "a tag and a byte": bytes(17),
    "twenty bytes": bytes(20),
    "the last segment again": SEGMENTS[-1],
    "the first segment again": SEGMENTS[0],
    "the whole stream again": SEALED,
}


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS.keys())
def test_bytes_appended_after_a_full_last_segment_are_refused(tail: bytes) -> None:
    """Tink for Python drops such a tail silently; here nothing may follow the end."""
    assert refused(SEALED + tail)


@pytest.mark.parametrize("tail", [b"\0", bytes(16), bytes(64)])
def test_bytes_appended_after_a_short_last_segment_are_refused(tail: bytes) -> None:
    """They change where the last segment ends."""
    assert refused(seal(KEY, PLAIN[:-3], associated_data=AAD, segment_bytes=64) + tail)


def _swap_two(segments: list[bytes]) -> list[bytes]:
    return [segments[0], segments[2], segments[1], *segments[3:]]


REARRANGED: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "two swapped": _swap_two,
    "last swapped with the one before": lambda segments: [*segments[:3], segments[4], segments[3]],
    "one dropped": lambda segments: [*segments[:2], *segments[3:]],
    "last dropped": lambda segments: segments[:-1],
    "first after header dropped": lambda segments: segments[1:],
    "one twice": lambda segments: [*segments[:2], segments[1], *segments[2:]],
    "last twice": lambda segments: [*segments, segments[-1]],
    "only the last": lambda segments: segments[-1:],
    "reversed": lambda segments: segments[::-1],
}


@pytest.mark.parametrize("name", REARRANGED)
def test_rearranged_segments_are_refused(name: str) -> None:
    """Each segment opens at its own place only."""
    assert refused(HEADER + b"".join(REARRANGED[name](SEGMENTS)))


@pytest.mark.parametrize("number", range(5))
def test_a_segment_of_another_stream_is_refused(number: int) -> None:
    """Splicing between two streams under one key fails: each has its own salt."""
    other = seal(KEY, PLAIN, associated_data=AAD, segment_bytes=SEGMENT_BYTES)
    spliced = bytearray(SEALED)
    start, stop = BORDERS[number], BORDERS[number + 1]
    spliced[start:stop] = other[start:stop]
    assert refused(bytes(spliced))
    assert refused(other[:HEADER_BYTES] + SEALED[HEADER_BYTES:])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenant", "01980000-0000-7000-8000-000000000003"),
        ("object_id", "01980000-0000-7000-8000-000000000003"),
        ("part", "thumb"),
        ("gen", 2),
        ("segment_bytes", 65),
    ],
)
def test_every_field_of_the_associated_data_binds(field: str, value: str | int) -> None:
    """A stream moved to another tenant, object, part or generation does not open."""
    assert refused(SEALED, aad=associated_data(**{field: value}))


@pytest.mark.parametrize("aad", [b"", AAD[:-1], AAD + b"\n", AAD.upper()])
def test_other_associated_data_is_refused(aad: bytes) -> None:
    """None, cut, extended or respelled."""
    assert refused(SEALED, aad=aad)


@pytest.mark.parametrize("segment_bytes", [57, 63, 65, 128, 4_096, 65_536])
def test_another_segment_size_is_refused(segment_bytes: int) -> None:
    """The size is a parameter of the key: read with another one, the tags are elsewhere."""
    assert refused(SEALED, segment_bytes=segment_bytes)


def test_another_key_is_refused() -> None:
    """Also one that differs in one bit only."""
    assert refused(SEALED, key=DataKey.generate())
    assert refused(SEALED, key=DataKey(bytes([1]) + bytes(range(1, 32))))


@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"\x28"])
@pytest.mark.parametrize("length", range(57))
def test_no_short_string_is_a_stream(length: int, fill: bytes) -> None:
    """Nothing of up to 56 bytes opens unless it was sealed."""
    assert refused(fill * length)


@pytest.mark.parametrize("segment_bytes", [57, 64])
def test_an_empty_last_segment_after_others_is_refused(segment_bytes: int) -> None:
    """Tink for Python reads this form, which no writer makes; two forms of one text are one too many."""
    header = VAULT_SUITE.new_header()
    cipher = SegmentCipher(KEY.reveal(), header, associated_data=AAD)
    first, last = bytearray(segment_bytes - HEADER_BYTES), bytearray(16)
    cipher.seal_into(0, PLAIN[: len(first) - 16], memoryview(first), is_last=False)
    cipher.seal_into(1, b"", memoryview(last), is_last=True)
    assert refused(header + first + last, segment_bytes=segment_bytes)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_range_of_an_altered_stream_is_never_served(data: st.DataObject) -> None:
    """Whatever range a player asks for: genuine bytes or an error."""
    altered = bytearray(SEALED)
    altered[data.draw(st.integers(HEADER_BYTES, len(SEALED) - 1))] ^= data.draw(st.integers(1, 255))
    start = data.draw(st.integers(0, len(PLAIN) - 1))
    stop = data.draw(st.integers(start + 1, len(PLAIN)))
    layout = Layout(len(SEALED), SEGMENT_BYTES)
    _, sealed_start, sealed_stop = layout.sealed_range(start, stop)
    ranges = RangeOpener(KEY, HEADER, associated_data=AAD, layout=layout)
    touched = bytes(altered[sealed_start:sealed_stop]) != SEALED[sealed_start:sealed_stop]
    try:
        plain = ranges.open_range(start, stop, bytes(altered[sealed_start:sealed_stop]))
    except TamperedStreamError:
        assert touched
    else:
        assert not touched
        assert plain == PLAIN[start:stop]


@settings(max_examples=300, deadline=None)
@given(sealed=st.binary(max_size=400), segment_bytes=st.integers(-5, 300))
def test_no_input_makes_reading_fail_otherwise(sealed: bytes, segment_bytes: int) -> None:
    """Arbitrary bytes end in one of our errors, never in another exception."""
    with pytest.raises(CryptoError):
        open_sealed(KEY, sealed, associated_data=AAD, segment_bytes=segment_bytes)
    with pytest.raises((TamperedStreamError, ParameterError)):
        _piece_by_piece(sealed, AAD, segment_bytes, KEY, [])
