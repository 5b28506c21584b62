"""Opening a range block by block: bounded memory that is used again, and never an unproven byte."""

import random

import pytest

from crypto.errors import RangeError, TamperedStreamError
from crypto.keys import DataKey
from crypto.streaming import HEADER_BYTES, Layout, RangeOpener, seal
from storage.memory import MemoryStore
from storage.store import ObjectKey
from vault.media.opening import BLOCK_BYTES, FIRST_BYTES, SEALED_BYTES, Opening

KEY = DataKey.from_bytes(bytes(range(32)))
PLACE = ObjectKey("media/x")
SEGMENT = 65_536
PLAIN = random.Random(1).randbytes(5 * BLOCK_BYTES + 77)
SEALED = seal(KEY, PLAIN, associated_data=b"a", segment_bytes=SEGMENT)


def opening(start: int, stop: int, *, sealed: bytes = SEALED, segment_bytes: int = SEGMENT) -> Opening:
    """A range of a stream."""
    layout = Layout(len(sealed), segment_bytes)
    return Opening(RangeOpener(KEY, sealed[:HEADER_BYTES], associated_data=b"a", layout=layout), start, stop)


async def blocks(of: Opening, sealed: bytes = SEALED) -> list[bytes]:
    """Its blocks, copied as they come."""
    store = MemoryStore(country="FR")
    await store.put(PLACE, sealed)
    async with store.open(PLACE, of.sealed) as reading:
        return [bytes(block) async for block in of.blocks(reading)]


def memory_bytes(of: Opening) -> int:
    """What it holds."""
    return of._buffer.nbytes + of._plain.nbytes


@pytest.mark.parametrize("start", [0, 1, SEGMENT - 57, SEGMENT - 56, 3 * BLOCK_BYTES + 5])
@pytest.mark.parametrize("size_bytes", [1, SEGMENT, FIRST_BYTES, BLOCK_BYTES + 1, len(PLAIN)])
async def test_the_blocks_are_the_range(start: int, size_bytes: int) -> None:
    """Wherever it begins and ends: every byte once and in order."""
    stop = min(len(PLAIN), start + size_bytes)
    assert b"".join(await blocks(opening(start, stop))) == PLAIN[start:stop]


async def test_the_first_block_is_small_and_the_others_are_large() -> None:
    """A player waits for the first after a seek; for the others, turns of a thread are what costs."""
    sizes = [len(block) for block in await blocks(opening(0, len(PLAIN)))]
    assert sizes[0] <= FIRST_BYTES
    assert all(BLOCK_BYTES - 16 * 16 - SEGMENT <= size <= BLOCK_BYTES for size in sizes[1:-1])
    assert len(sizes) == 6


async def test_memory_is_bounded_and_used_again() -> None:
    """However long the range: one buffer of sealed bytes and one block; a short range takes less."""
    whole = opening(0, len(PLAIN))
    assert memory_bytes(whole) == SEALED_BYTES + BLOCK_BYTES
    store = MemoryStore(country="FR")
    await store.put(PLACE, SEALED)
    async with store.open(PLACE, whole.sealed) as reading:
        assert {id(block.obj) async for block in whole.blocks(reading)} == {id(whole._plain.obj)}
    assert memory_bytes(opening(70_000, 70_001)) == 2 * SEGMENT


async def test_a_segment_larger_than_a_block_is_a_block() -> None:
    """The format allows them; memory is then a segment's."""
    size = 2 * BLOCK_BYTES
    sealed = seal(KEY, PLAIN, associated_data=b"a", segment_bytes=size)
    assert (
        b"".join(await blocks(opening(9, len(PLAIN), sealed=sealed, segment_bytes=size), sealed)) == PLAIN[9:]
    )


@pytest.mark.parametrize("size_bytes", [41, SEGMENT, BLOCK_BYTES, BLOCK_BYTES + FIRST_BYTES, len(SEALED) - 1])
async def test_an_object_that_was_cut_breaks_off(size_bytes: int) -> None:
    """Between segments, inside one, or before the last byte: an error, not a shorter recording."""
    with pytest.raises(TamperedStreamError):
        await blocks(opening(0, len(PLAIN)), SEALED[:size_bytes])


async def test_a_range_outside_is_refused() -> None:
    """The caller answers 416."""
    for start, stop in ((0, 0), (5, 4), (0, len(PLAIN) + 1)):
        with pytest.raises(RangeError):
            opening(start, stop)
