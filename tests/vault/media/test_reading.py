"""Reading ranges of sealed parts: the same bytes as the plain file, or a refusal before any altered one."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from storage.errors import UnavailableError
from storage.memory import MemoryStore
from storage.store import ObjectKey
from tests.vault.media.workshop import Workshop, open_workshop, scene
from vault.db.tables import media, parts
from vault.errors import (
    ConflictError,
    DependencyError,
    ErasedError,
    KeyForgottenError,
    NotFoundError,
    RangeError,
    TamperedError,
)
from vault.media.capture import Begun
from vault.media.places import part_key
from vault.media.reading import HEADERS_KEPT, Reader, StoredPart
from vault.model import MediaState, Part, new_id

LONG = scene(24)  # four segments of 64 KiB


async def read(work: Workshop, stored: StoredPart, start: int, stop: int) -> bytes:
    """A range, whole."""
    return b"".join([bytes(block) async for block in work.reader.stream(stored, start, stop)])


def media_key(begun: Begun, part: Part = Part.MEDIA) -> ObjectKey:
    """Where a part lies."""
    return part_key(tenant_id=begun.tenant_id, media_id=begun.media_id, gen=1, part=part)


async def test_any_range_is_the_slice_of_the_plain_file(work: Workshop) -> None:
    """Random ranges, and the borders of every segment."""
    begun = await work.ready(LONG)
    plain = await work.plain(begun)
    stored = await work.reader.part(begun.media_id, Part.MEDIA)
    size = stored.size_bytes
    assert (size, stored.sealed_bytes > size) == (len(plain), True)
    borders = list(range(65_536 - 40 - 16, size, 65_536 - 16))
    assert borders
    dice = random.Random(11)
    ranges = [(at + d, min(size, at + d + n)) for at in borders for d in (-1, 0, 1) for n in (1, 2, 70_000)]
    for _ in range(150):
        start, stop = sorted(dice.sample(range(size + 1), 2))
        ranges.append((start, stop))
    ranges += [(0, size), (0, 1), (size - 1, size)]
    for start, stop in ranges:
        assert await read(work, stored, start, stop) == plain[start:stop], (start, stop)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_range_that_does_not_fit_is_refused_with_the_size(tmp_path: Path, data: st.DataObject) -> None:
    """Outside the part nothing is read, and the caller learns the size."""
    stored = StoredPart(
        tenant_id=new_id("ten"),
        media_id=new_id("rec"),
        gen=1,
        part=Part.MEDIA,
        object_key=ObjectKey("media/x"),
        size_bytes=data.draw(st.integers(0, 1_000)),
        sealed_bytes=1,
        segment_bytes=65_536,
        content_type="video/webm",
    )
    start, stop = data.draw(st.integers(-10, 1_010)), data.draw(st.integers(-10, 1_010))
    if 0 <= start < stop <= stored.size_bytes:
        return

    async def asked() -> None:
        reader = Reader(None, None, None)  # type: ignore[arg-type]  # never reached
        with pytest.raises(RangeError) as refused:
            await anext(reader.stream(stored, start, stop))
        assert refused.value.size_bytes == stored.size_bytes

    asyncio.run(asked())


Spoil = Callable[[Workshop, Begun, bytes], Awaitable[object]]


async def _put(work: Workshop, begun: Begun, sealed: bytes) -> None:
    await work.ground.store.put(media_key(begun), sealed)


def _flip(at: Callable[[int], int]) -> Spoil:
    async def spoil(work: Workshop, begun: Begun, sealed: bytes) -> None:
        place = at(len(sealed))
        await _put(work, begun, sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :])

    return spoil


async def _truncate(work: Workshop, begun: Begun, sealed: bytes) -> None:
    await _put(work, begun, sealed[:-1])


async def _cut_to_segments(work: Workshop, begun: Begun, sealed: bytes) -> None:
    await _put(work, begun, sealed[: 2 * 65_536])


async def _extend(work: Workshop, begun: Begun, sealed: bytes) -> None:
    await _put(work, begun, sealed + b"\0" * 100)


async def _swap_segments(work: Workshop, begun: Begun, sealed: bytes) -> None:
    size = 65_536
    await _put(
        work,
        begun,
        sealed[:size] + sealed[2 * size : 3 * size] + sealed[size : 2 * size] + sealed[3 * size :],
    )


async def _repeat_segment(work: Workshop, begun: Begun, sealed: bytes) -> None:
    size = 65_536
    await _put(work, begun, sealed[: 2 * size] + sealed[size : 2 * size] + sealed[3 * size :])


async def _splice(work: Workshop, begun: Begun, sealed: bytes) -> None:
    other = await work.ready(LONG)
    stolen = await work.ground.store.read(media_key(other), limit_bytes=1 << 30)
    await _put(work, begun, stolen[: len(sealed)])


async def _another_part(work: Workshop, begun: Begun, _sealed: bytes) -> None:
    await _put(work, begun, await work.ground.store.read(media_key(begun, Part.THUMB), limit_bytes=1 << 30))


async def _empty(work: Workshop, begun: Begun, _sealed: bytes) -> None:
    await _put(work, begun, b"")


async def _missing(work: Workshop, begun: Begun, _sealed: bytes) -> None:
    await work.ground.store.erase(media_key(begun))


SPOILT: dict[str, Spoil] = {
    "the first byte": _flip(lambda _: 0),
    "a byte of the salt": _flip(lambda _: 5),
    "a byte of the nonce prefix": _flip(lambda _: 37),
    "a byte of the first segment": _flip(lambda _: 100),
    "a byte in the middle": _flip(lambda size: size // 2),
    "the last byte": _flip(lambda size: size - 1),
    "one byte cut off": _truncate,
    "cut at a segment": _cut_to_segments,
    "extended": _extend,
    "two segments change places": _swap_segments,
    "a segment twice": _repeat_segment,
    "another recording's bytes": _splice,
    "another part's bytes": _another_part,
    "nothing at all": _empty,
    "the object is missing": _missing,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
async def test_no_altered_byte_ever_leaves(work: Workshop, spoil: Spoil) -> None:
    """P4: what was read before the fault is genuine, then an error; nothing after it."""
    begun = await work.ready(LONG)
    plain = await work.plain(begun)
    sealed = await work.ground.store.read(media_key(begun), limit_bytes=1 << 30)
    assert len(sealed) > 3 * 65_536
    await spoil(work, begun, sealed)
    reader = (await work.reborn()).reader
    stored = await reader.part(begun.media_id, Part.MEDIA)
    got = b""
    try:
        async for block in reader.stream(stored, 0, stored.size_bytes):
            got += block
    except TamperedError:
        assert plain.startswith(got)
        assert len(got) < len(plain)
    else:
        # Bytes behind the sealed length are never asked for.
        assert spoil is _extend
        assert got == plain


async def test_a_repaired_object_plays_again(work: Workshop) -> None:
    """A header that was read while it was damaged is not kept."""
    begun = await work.ready()
    sealed = await work.ground.store.read(media_key(begun), limit_bytes=1 << 30)
    await _put(work, begun, bytes([sealed[0]]) + bytes([sealed[1] ^ 1]) + sealed[2:])
    stored = await work.reader.part(begun.media_id, Part.MEDIA)
    with pytest.raises(TamperedError):
        await work.reader.read(stored)
    await _put(work, begun, sealed)
    assert await work.reader.read(stored) == await work.plain(begun)


@pytest.mark.parametrize("column", ["sealed_bytes", "plain_bytes", "segment_bytes", "object_key"])
async def test_an_edited_row_serves_nothing_altered(work: Workshop, column: str) -> None:
    """The main database is not believed: length and place are bound by key and tags."""
    begun, other = await work.ready(LONG), await work.ready(LONG)
    plain = await work.plain(begun)
    values = {
        "sealed_bytes": 65_536,
        "plain_bytes": 1_000,
        "segment_bytes": 4_096,
        "object_key": str(media_key(other)),
    }
    async with work.database.write() as connection:
        await connection.execute(
            update(parts)
            .where(parts.c.media_id == begun.media_id, parts.c.part == "media")
            .values({column: values[column]})
        )
    got = b""
    try:
        stored = await work.reader.part(begun.media_id, Part.MEDIA)
        got = await read(work, stored, 0, stored.size_bytes)
    except TamperedError:
        pass
    assert plain.startswith(got)


@pytest.mark.parametrize(
    ("state", "error"),
    [
        (MediaState.CAPTURING, ConflictError),
        (MediaState.FINISHING, ConflictError),
        (MediaState.LOST, ConflictError),
        (MediaState.ERASING, ErasedError),
        (MediaState.ERASED, ErasedError),
    ],
)
async def test_only_what_is_ready_is_read(
    any_work: Workshop, state: MediaState, error: type[Exception]
) -> None:
    """The row is looked up each time."""
    begun = await any_work.ready()
    async with any_work.database.write() as connection:
        await connection.execute(update(media).values(state=state.value))
    with pytest.raises(error):
        await any_work.reader.part(begun.media_id, Part.MEDIA)
    with pytest.raises(NotFoundError):
        await any_work.reader.part(new_id("rec"), Part.MEDIA)


async def test_a_part_that_was_not_made_is_missing(work: Workshop) -> None:
    """A call without a picture has no poster, and says so."""
    begun = await work.ready(scene(2, codec="none"))
    with pytest.raises(NotFoundError):
        await work.reader.part(begun.media_id, Part.THUMB)
    wave = await work.reader.part(begun.media_id, Part.WAVE)
    assert await work.reader.read(wave) == await work.plain(begun, Part.WAVE)


async def test_a_forgotten_key_opens_nothing_that_was_looked_up_before(work: Workshop) -> None:
    """A reader that holds a part from before the erasure gets no byte."""
    begun = await work.ready()
    stored = await work.reader.part(begun.media_id, Part.MEDIA)
    await work.keys.forget(object_id=begun.media_id)
    with pytest.raises(KeyForgottenError):
        await work.reader.read(stored)


async def test_a_store_that_is_away_is_a_decision_the_caller_can_take(tmp_path: Path) -> None:
    """Not an erasure, not a forgery: try again."""

    class Away(MemoryStore):
        away = False

        def _check_open(self) -> None:
            if self.away:
                raise UnavailableError("away")
            super()._check_open()

    store = Away(country="FR")
    async with open_workshop(tmp_path, store=store) as work:
        begun = await work.ready()
        stored = await work.reader.part(begun.media_id, Part.MEDIA)
        store.away = True
        with pytest.raises(DependencyError):
            await work.reader.read(stored)
        store.away = False


async def test_headers_are_kept_for_a_thousand_parts_and_no_more(work: Workshop) -> None:
    """Memory is bounded, whatever is played."""
    begun = await work.ready()
    stored = await work.reader.part(begun.media_id, Part.MEDIA)
    for number in range(HEADERS_KEPT + 5):
        work.reader._headers[ObjectKey(f"media/{number}")] = bytes(40)
    await work.reader.read(stored)
    assert len(work.reader._headers) == HEADERS_KEPT
    await work.reader.read(stored)
    assert stored.etag == f"{begun.media_id}-1-media"
