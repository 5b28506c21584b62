"""Sealing and opening as the vault uses it: whole streams, and any range of them."""

import copy

import pytest
import tink
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import ParameterError, RangeError, TamperedStreamError
from crypto.keys import DataKey
from crypto.segments import VAULT_SUITE
from crypto.streaming import (
    DEFAULT_SEGMENT_BYTES,
    HEADER_BYTES,
    Layout,
    Opener,
    RangeOpener,
    Sealer,
    media_associated_data,
    open_sealed,
    seal,
)
from tests.crypto.reference_tink import TinkStream

TENANT = "01980000-0000-7000-8000-000000000001"
OBJECT = "01980000-0000-7000-8000-000000000002"
KEY = DataKey(bytes(range(32)))
AAD = media_associated_data(tenant=TENANT, object_id=OBJECT, part="media", gen=1, segment_bytes=64)
PLAIN = bytes(number * 7 % 256 for number in range(1_000))
SEALED = seal(KEY, PLAIN, associated_data=AAD, segment_bytes=64)
LAYOUT = Layout(len(SEALED), 64)


def opener() -> RangeOpener:
    """A range opener of the stream above."""
    return RangeOpener(KEY, SEALED[:HEADER_BYTES], associated_data=AAD, layout=LAYOUT)


def test_associated_data_is_the_documented_lines() -> None:
    """ASCII, one line feed after each line, no text of a user (FORMAT.md, Associated data)."""
    assert AAD == (
        b"vault-media/1\n"
        b"tenant=01980000-0000-7000-8000-000000000001\n"
        b"object=01980000-0000-7000-8000-000000000002\n"
        b"part=media\n"
        b"gen=1\n"
        b"seg=64\n"
    )


@pytest.mark.parametrize(
    "change",
    [{"tenant": "x"}, {"object_id": "x"}, {"part": "a\nb"}, {"gen": -1}, {"segment_bytes": 1 << 31}],
)
def test_associated_data_refuses_other_values(change: dict[str, str | int]) -> None:
    """A value that could forge a line, or has two spellings, is refused."""
    fields = {"tenant": TENANT, "object_id": OBJECT, "part": "media", "gen": 1, "segment_bytes": 64} | change
    with pytest.raises(ParameterError):
        media_associated_data(**fields)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(plain=st.binary(max_size=700), step=st.integers(1, 300))
def test_piece_by_piece_and_at_once_are_the_same(plain: bytes, step: int) -> None:
    """`Sealer` makes what `open_sealed` opens, `Opener` opens what `seal` makes."""
    sealer = Sealer(KEY, associated_data=AAD, segment_bytes=64)
    sealed = b"".join([sealer.update(plain[at : at + step]) for at in range(0, len(plain), step)])
    assert open_sealed(KEY, sealed + sealer.finish(), associated_data=AAD, segment_bytes=64) == plain
    sealed = seal(KEY, plain, associated_data=AAD, segment_bytes=64)
    reader = Opener(KEY, associated_data=AAD, segment_bytes=64)
    opened = b"".join([reader.update(sealed[at : at + step]) for at in range(0, len(sealed), step)])
    assert opened + reader.finish() == plain


def test_the_default_segment_is_64_kib_and_tink_agrees() -> None:
    """What a vault stores is an ordinary Tink stream of AES256-GCM-HKDF with 64 KiB segments."""
    plain = bytes(3 * DEFAULT_SEGMENT_BYTES)
    stream = TinkStream(KEY.reveal(), VAULT_SUITE, 65_536)
    assert stream.open(seal(KEY, plain, associated_data=AAD), AAD) == plain
    assert open_sealed(KEY, stream.seal(plain, AAD), associated_data=AAD) == plain
    keyset = stream.json_keyset()
    assert '"typeUrl":"type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"' in keyset.replace(
        " ", ""
    )


def test_two_seals_of_one_text_share_nothing() -> None:
    """A fresh salt and nonce prefix each time: equal recordings cannot be recognised."""
    again = seal(KEY, PLAIN, associated_data=AAD, segment_bytes=64)
    assert again[:HEADER_BYTES] != SEALED[:HEADER_BYTES]
    assert again[HEADER_BYTES:] != SEALED[HEADER_BYTES:]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_range_equals_the_same_slice_of_the_plain_file(data: st.DataObject) -> None:
    """A seek returns exactly the bytes asked for, and its segments open into given memory as well."""
    start = data.draw(st.integers(0, len(PLAIN) - 1))
    stop = data.draw(st.integers(start + 1, len(PLAIN)))
    first, sealed_start, sealed_stop = LAYOUT.sealed_range(start, stop)
    fetched = SEALED[sealed_start:sealed_stop]
    assert opener().open_range(start, stop, fetched) == PLAIN[start:stop]
    whole = opener().open_segments(first, fetched)
    assert PLAIN[start:stop] in whole
    room = bytearray(b"." * (len(whole) + 3))
    assert opener().open_segments_into(first, memoryview(fetched), memoryview(room)) == len(whole)
    assert room == whole + b"..."


def test_too_little_room_is_refused_before_anything_is_opened() -> None:
    """The caller's memory is written to the end or not at all."""
    room = bytearray(100)
    with pytest.raises(ParameterError):
        opener().open_segments_into(1, memoryview(SEALED)[64:256], memoryview(room))
    assert not any(room)


@pytest.mark.parametrize("at", [70, 140, 255])
def test_memory_that_was_given_holds_nothing_of_an_altered_run(at: int) -> None:
    """Neither what was genuine before the altered segment nor what the library left of it."""
    altered = bytearray(SEALED[64:256])
    altered[at - 64] ^= 1
    room = bytearray(3 * 48)
    with pytest.raises(TamperedStreamError):
        opener().open_segments_into(1, memoryview(altered), memoryview(room))
    assert not any(room)


@pytest.mark.parametrize(("start", "stop"), [(0, 2), (999, 1_000), (500, 1_000), (0, 1_000), (7, 8), (8, 56)])
def test_the_ranges_that_players_ask_for(start: int, stop: int) -> None:
    """`bytes=0-1`, the last byte, a suffix, everything, and segment borders."""
    _, sealed_start, sealed_stop = LAYOUT.sealed_range(start, stop)
    assert opener().open_range(start, stop, SEALED[sealed_start:sealed_stop]) == PLAIN[start:stop]


def test_ranges_open_what_tink_has_sealed() -> None:
    """Random access needs nothing of ours in the stream."""
    sealed = TinkStream(KEY.reveal(), VAULT_SUITE, 64).seal(PLAIN, AAD)
    layout = Layout(len(sealed), 64)
    ranges = RangeOpener(KEY, sealed[:HEADER_BYTES], associated_data=AAD, layout=layout)
    for start in range(0, len(PLAIN), 37):
        stop = min(len(PLAIN), start + 113)
        _, sealed_start, sealed_stop = layout.sealed_range(start, stop)
        assert ranges.open_range(start, stop, sealed[sealed_start:sealed_stop]) == PLAIN[start:stop]


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (1_000, 1_001), (0, 1_001), (-1, 3)])
def test_a_range_beyond_the_end_is_refused(start: int, stop: int) -> None:
    """The caller answers 416."""
    with pytest.raises(RangeError):
        opener().open_range(start, stop, SEALED[HEADER_BYTES:])


@pytest.mark.parametrize(
    ("first", "start", "stop"),
    [(0, 40, 63), (0, 41, 64), (1, 64, 127), (1, 64, 64), (-1, 40, 64), (99, 64, 128), (1, 128, 192)],
)
def test_bytes_that_are_not_the_named_segments_are_refused(first: int, start: int, stop: int) -> None:
    """A store that returns too little, too much or another place cannot slip anything in."""
    with pytest.raises(TamperedStreamError):
        opener().open_segments(first, SEALED[start:stop])


def test_a_store_that_returns_another_length_is_refused() -> None:
    """One byte or one whole segment less or more than asked for is not served."""
    _, start, stop = LAYOUT.sealed_range(100, 300)
    for fetched in (SEALED[start : stop - 1], SEALED[start : stop + 1], SEALED[start : stop - 64], b""):
        with pytest.raises(TamperedStreamError):
            opener().open_range(100, 300, fetched)


def test_a_wrong_length_claim_opens_nothing_at_the_end() -> None:
    """A layout that was shortened to hide the end fails at its own last segment."""
    shorter = Layout(len(SEALED) - 64, 64)
    ranges = RangeOpener(KEY, SEALED[:HEADER_BYTES], associated_data=AAD, layout=shorter)
    stop = shorter.plain_bytes
    _, sealed_start, sealed_stop = shorter.sealed_range(stop - 1, stop)
    with pytest.raises(TamperedStreamError):
        ranges.open_range(stop - 1, stop, SEALED[sealed_start:sealed_stop])


def test_an_opener_that_never_saw_a_header_refuses_to_finish() -> None:
    """A file of fewer than 40 bytes is no stream, not an empty one."""
    for length in (0, 1, 39):
        reader = Opener(KEY, associated_data=AAD, segment_bytes=64)
        assert reader.update(SEALED[:length]) == b""
        with pytest.raises(TamperedStreamError):
            reader.finish()


def test_an_illegal_segment_size_is_refused_at_once() -> None:
    """Both directions say so before the first byte."""
    for kind in (Sealer, Opener):
        with pytest.raises(ParameterError):
            kind(KEY, associated_data=AAD, segment_bytes=56)
    with pytest.raises(ParameterError):
        open_sealed(KEY, SEALED, associated_data=AAD, segment_bytes=56)


def test_a_running_opener_cannot_be_copied() -> None:
    """It holds a key."""
    with pytest.raises(TypeError):
        copy.copy(Opener(KEY, associated_data=AAD))


def test_tink_refuses_our_stream_under_another_context() -> None:
    """Associated data binds in Tink as well: the stream is not merely readable, it is bound."""
    stream = TinkStream(KEY.reveal(), VAULT_SUITE, 64)
    with pytest.raises((tink.TinkError, OSError)):
        stream.open(SEALED, AAD + b"x")
