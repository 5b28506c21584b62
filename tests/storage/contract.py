"""The contract of `storage.store` as tests. A store passes when a class of its own inherits this one.

The class gives a fixture ``store``: empty, and closed afterwards. ``large_bytes`` is a size that stores keep
in more than one piece.
"""

import asyncio
import hashlib
import random
import threading
import time
from collections.abc import AsyncIterator
from typing import Self

import pytest

from storage.errors import (
    AbsentError,
    BadKeyError,
    ChangedError,
    ExistsError,
    OutOfRangeError,
    RefusedError,
    TooLargeError,
)
from storage.store import ByteRange, ObjectKey, ObjectStore, StoredObject

KEY = ObjectKey("calls/1/leg.webm")
SMALL = b"sealed bytes"


def some_bytes(size_bytes: int, seed: int = 1) -> bytes:
    """Return bytes that look like ciphertext, the same for the same seed."""
    return random.Random(seed).randbytes(size_bytes)


async def in_pieces(whole: bytes, size_bytes: int = 100_003) -> AsyncIterator[bytes]:
    """Give bytes as a stream, in pieces that fit no boundary."""
    for at in range(0, len(whole), size_bytes):
        yield whole[at : at + size_bytes]
        await asyncio.sleep(0)


async def keys(listing: AsyncIterator[StoredObject]) -> list[str]:
    """Return the keys of a listing."""
    return [str(stored.key) async for stored in listing]


def look_away(_filled: int) -> None:
    """Look at nothing that was poured."""


def percentile_90(values: list[float]) -> float:
    """Return the value that nine of ten do not exceed."""
    return sorted(values)[int((len(values) - 1) * 0.9)]


class MachineLag:
    """How late a thread that does nothing wakes up: what the machine itself adds, whatever the store does."""

    def __init__(self) -> None:
        self._lags_s: list[float] = [0.0]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="machine-lag")

    def _watch(self) -> None:
        while not self._stop.is_set():
            started_s = time.perf_counter()
            self._stop.wait(0.005)
            self._lags_s.append(max(0.0, time.perf_counter() - started_s - 0.005))

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def late_s(self) -> float:
        """Return the longest delay seen."""
        return max(self._lags_s)


class BodyError(Exception):
    """What a body's maker raises in these tests."""


class ObjectStoreContract:
    """What every store does."""

    large_bytes = 12 * 1024 * 1024 + 17
    if_absent_is_a_lock = True
    copies = 1  # of each object, when its put has returned

    @pytest.mark.parametrize("size_bytes", [0, 1, 65_536, 1024 * 1024 + 1, 3 * 1024 * 1024])
    async def test_bytes_come_back_as_they_were_put(self, store: ObjectStore, size_bytes: int) -> None:
        """Put is all: size and digest are told, and reading gives the same bytes."""
        whole = some_bytes(size_bytes)
        stored = await store.put(KEY, whole)
        assert (stored.key, stored.size_bytes) == (KEY, size_bytes)
        assert stored.sha256 == hashlib.sha256(whole).digest()
        assert await store.read(KEY, limit_bytes=size_bytes) == whole
        head = await store.head(KEY)
        assert (head.key, head.size_bytes, head.etag) == (KEY, size_bytes, stored.etag)

    async def test_a_stream_comes_back_as_it_was_put(self, store: ObjectStore) -> None:
        """A body of many pieces is one object, digested while it passes."""
        whole = some_bytes(self.large_bytes)
        stored = await store.put(KEY, in_pieces(whole))
        assert (stored.size_bytes, stored.sha256) == (len(whole), hashlib.sha256(whole).digest())
        assert await store.read(KEY, limit_bytes=len(whole)) == whole
        assert (await store.head(KEY)).etag == stored.etag

    async def test_a_large_body_in_one_piece_comes_back(self, store: ObjectStore) -> None:
        """Bytes may be larger than the store's own pieces."""
        whole = some_bytes(self.large_bytes, seed=2)
        stored = await store.put(KEY, whole)
        assert stored.sha256 == hashlib.sha256(whole).digest()
        assert await store.read(KEY, limit_bytes=len(whole)) == whole

    async def test_an_empty_stream_is_an_empty_object(self, store: ObjectStore) -> None:
        """No bytes are a body too."""
        assert (await store.put(KEY, in_pieces(b""))).size_bytes == 0
        assert await store.read(KEY, limit_bytes=0) == b""

    @pytest.mark.parametrize(
        ("start", "stop"),
        [(0, 1), (0, None), (1, 2), (100, 70_000), (1_500_000, 1_500_001), (2_999_999, None), (5, 9_999_999)],
    )
    async def test_a_range_is_cut_out_exactly(self, store: ObjectStore, start: int, stop: int | None) -> None:
        """Ranges are half open; a stop behind the end means the end."""
        whole = some_bytes(3_000_000)
        await store.put(KEY, whole)
        async with store.open(KEY, ByteRange(start, stop)) as reading:
            assert reading.stored.size_bytes == len(whole)
            assert b"".join([some async for some in reading]) == whole[start:stop]

    async def test_a_range_behind_the_end_tells_the_size(self, store: ObjectStore) -> None:
        """A start at or behind the end is OutOfRangeError, with the size to ask inside of."""
        await store.put(KEY, SMALL)
        for start in (len(SMALL), len(SMALL) + 1, 10**9):
            with pytest.raises(OutOfRangeError) as refused:
                await store.read(KEY, ByteRange(start), limit_bytes=100)
            assert refused.value.size_bytes == len(SMALL)

    async def test_an_empty_object_has_no_ranges(self, store: ObjectStore) -> None:
        """An empty object can only be read whole."""
        await store.put(KEY, b"")
        with pytest.raises(OutOfRangeError):
            await store.read(KEY, ByteRange(0), limit_bytes=10)

    async def test_what_was_never_put_is_absent(self, store: ObjectStore) -> None:
        """Head, read and open say AbsentError; nothing is listed and nothing remains."""
        with pytest.raises(AbsentError):
            await store.head(KEY)
        with pytest.raises(AbsentError):
            await store.read(KEY, limit_bytes=1)
        with pytest.raises(AbsentError):
            async with store.open(KEY, ByteRange(0, 1)):
                pass
        assert await keys(store.list()) == []
        assert await store.remains("") == ()

    async def test_a_second_put_replaces_the_first(self, store: ObjectStore) -> None:
        """The current object is the last one put, under another etag."""
        first = await store.put(KEY, b"first")
        second = await store.put(KEY, b"second")
        assert first.etag != second.etag
        assert await store.read(KEY, limit_bytes=10) == b"second"
        assert await keys(store.list()) == [KEY]

    @pytest.mark.parametrize("is_large", [False, True])
    async def test_if_absent_refuses_a_taken_key(self, store: ObjectStore, *, is_large: bool) -> None:
        """With if_absent a taken key is ExistsError, and the object there stays as it was."""
        body = some_bytes(self.large_bytes) if is_large else b"new"
        stored = await store.put(KEY, SMALL, if_absent=True)
        with pytest.raises(ExistsError):
            await store.put(KEY, body, if_absent=True)
        assert (await store.head(KEY)).etag == stored.etag
        assert await store.remains(KEY) == await store.remains("")
        assert len(await store.remains("")) == 1

    async def test_one_of_many_racing_for_a_new_key_wins(self, store: ObjectStore) -> None:
        """With if_absent, twelve writers at once make one object, where the engine makes it a lock."""
        racing = [store.put(KEY, b"%d" % n, if_absent=True) for n in range(12)]
        ended = await asyncio.gather(*racing, return_exceptions=True)
        losers = [one for one in ended if isinstance(one, ExistsError)]
        assert len(losers) == 11 if self.if_absent_is_a_lock else len(losers) < 12

    @pytest.mark.parametrize("before_bytes", [0, 1000, 11 * 1024 * 1024])
    async def test_a_body_that_raises_leaves_nothing(self, store: ObjectStore, before_bytes: int) -> None:
        """Put is nothing, when the body raises: its own error comes out and no trace stays."""

        async def failing() -> AsyncIterator[bytes]:
            async for piece in in_pieces(some_bytes(before_bytes)):
                yield piece
            raise BodyError

        with pytest.raises(BodyError):
            await store.put(KEY, failing())
        assert await store.remains("") == ()

    @pytest.mark.parametrize("before_bytes", [0, 1000, 11 * 1024 * 1024])
    async def test_a_cancelled_put_leaves_nothing(self, store: ObjectStore, before_bytes: int) -> None:
        """Put is nothing, when its caller is cancelled while the body waits."""
        waiting = asyncio.Event()

        async def stalling() -> AsyncIterator[bytes]:
            async for piece in in_pieces(some_bytes(before_bytes)):
                yield piece
            waiting.set()
            await asyncio.sleep(3600)

        putting = asyncio.create_task(store.put(KEY, stalling()), name="put")
        await waiting.wait()
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        assert await store.remains("") == ()

    async def test_a_put_cancelled_at_any_moment_is_all_or_nothing(self, store: ObjectStore) -> None:
        """When put was cancelled nothing is stored; when it returned, all is."""
        whole = some_bytes(300_000)
        for n in range(12):
            key = ObjectKey(f"cancelled/{n}")
            putting = asyncio.create_task(store.put(key, whole), name="put")
            await asyncio.sleep(n * 0.0015)
            putting.cancel()
            ended = (await asyncio.gather(putting, return_exceptions=True))[0]
            if isinstance(ended, StoredObject):
                assert await store.read(key, limit_bytes=len(whole)) == whole
            else:
                assert isinstance(ended, asyncio.CancelledError)
                assert await store.remains(key) == ()

    async def test_listing_goes_in_the_order_of_keys(self, store: ObjectStore) -> None:
        """List gives every object under the prefix, in key order, also an object beside its own folder."""
        names = ["a", "a-b", "a.b", "a/b", "a/b/c", "a/c", "a0", "ab/c", "b"]
        for name in reversed(names):
            await store.put(ObjectKey(name), name.encode())
        assert await keys(store.list()) == names
        assert await keys(store.list("a/")) == ["a/b", "a/b/c", "a/c"]
        assert await keys(store.list("a/b/")) == ["a/b/c"]
        assert await keys(store.list("c/")) == []
        assert [stored.size_bytes async for stored in store.list("a/")] == [3, 5, 3]

    @pytest.mark.parametrize("prefix", ["a", "/", "a//", "../", "A/"])
    async def test_a_prefix_ends_with_a_slash(self, store: ObjectStore, prefix: str) -> None:
        """``legs/1`` must never mean ``legs/10`` as well."""
        with pytest.raises(BadKeyError):
            await keys(store.list(prefix))

    async def test_erase_deletes_all_there_is_and_nothing_else(self, store: ObjectStore) -> None:
        """Every version goes; keys that begin alike stay."""
        for body in (b"one", b"two", b"three"):
            await store.put(KEY, body)
        neighbours = [ObjectKey(f"{KEY}.more"), ObjectKey("calls/1/leg"), ObjectKey("calls/10/leg.webm")]
        for neighbour in neighbours:
            await store.put(neighbour, SMALL)
        erasure = await store.erase(KEY)
        assert erasure.versions_deleted in {self.copies, 3 * self.copies}
        assert await store.remains(KEY) == ()
        with pytest.raises(AbsentError):
            await store.head(KEY)
        assert len(await store.remains("")) == len(neighbours)
        for neighbour in neighbours:
            assert await store.read(neighbour, limit_bytes=100) == SMALL

    async def test_erasing_twice_is_success(self, store: ObjectStore) -> None:
        """Erasing what is absent is success with zeros."""
        await store.put(KEY, SMALL)
        await store.erase(KEY)
        erasure = await store.erase(KEY)
        assert (erasure.versions_deleted, erasure.markers_deleted, erasure.uploads_aborted) == (0, 0, 0)

    async def test_a_key_can_be_used_again_after_erasure(self, store: ObjectStore) -> None:
        """Erase leaves no tombstone in the way."""
        await store.put(KEY, SMALL)
        await store.erase(KEY)
        await store.put(KEY, b"again", if_absent=True)
        assert await store.read(KEY, limit_bytes=5) == b"again"

    async def test_erasure_ends_a_put_under_way(self, store: ObjectStore) -> None:
        """What is being put is named by its key while it lasts; erased, it does not appear afterwards."""
        half, go_on = asyncio.Event(), asyncio.Event()

        async def paused() -> AsyncIterator[bytes]:
            async for piece in in_pieces(some_bytes(self.large_bytes)):
                yield piece
            half.set()
            await go_on.wait()
            yield SMALL

        putting = asyncio.create_task(store.put(KEY, paused()), name="put")
        await half.wait()
        await self.settle(store)
        for where in (KEY, f"{KEY.rpartition('/')[0]}/", ""):
            assert {ObjectKey(line.split(" ")[1]) for line in await store.remains(where)} == {KEY}
        await store.erase(KEY)
        go_on.set()
        with pytest.raises(RefusedError):
            await putting
        assert await store.remains("") == ()

    async def settle(self, store: ObjectStore) -> None:
        """Wait until the put above is visible to erase as unfinished."""
        for _ in range(1_000):
            if await store.remains(KEY):
                return
            await asyncio.sleep(0.01)
        pytest.fail("the put under way did not become visible")

    async def test_an_erased_object_ends_its_reading(self, store: ObjectStore) -> None:
        """A reading under way stops with AbsentError soon after the erasure."""
        await store.put(KEY, some_bytes(self.large_bytes))
        async with store.open(KEY) as reading:
            await anext(reading)
            await store.erase(KEY)
            with pytest.raises(AbsentError):
                _ = [some async for some in reading]

    async def test_a_replaced_object_ends_its_reading(self, store: ObjectStore) -> None:
        """A reading never mixes two objects."""
        await store.put(KEY, some_bytes(self.large_bytes, seed=1))
        async with store.open(KEY) as reading:
            await anext(reading)
            await store.put(KEY, some_bytes(self.large_bytes, seed=2))
            with pytest.raises(ChangedError):
                _ = [some async for some in reading]

    async def test_a_reading_can_be_held_to_an_etag(self, store: ObjectStore) -> None:
        """With an etag, only that very object is opened."""
        first = await store.put(KEY, b"first")
        async with store.open(KEY, etag=first.etag) as reading:
            assert [some async for some in reading] == [b"first"]
        await store.put(KEY, b"other")
        with pytest.raises(ChangedError):
            async with store.open(KEY, etag=first.etag):
                pass

    async def test_a_reading_may_be_left_early(self, store: ObjectStore) -> None:
        """Who stops reading costs nothing further."""
        whole = some_bytes(self.large_bytes)
        await store.put(KEY, whole)
        for _ in range(20):
            async with store.open(KEY) as reading:
                assert whole.startswith(await anext(reading))

    @pytest.mark.parametrize("byte_range", [None, ByteRange(70_000, 400_000)])
    async def test_pouring_gives_the_bytes_that_iterating_gives(
        self, store: ObjectStore, byte_range: ByteRange | None
    ) -> None:
        """Through a buffer of any size, in turns with iterating, to the end and not beyond."""
        whole = some_bytes(self.large_bytes)
        await store.put(KEY, whole)
        wanted = whole[byte_range.start : byte_range.stop] if byte_range else whole
        buffer, got, sizes = bytearray(30_011), bytearray(), list[int]()

        def each(filled: int) -> None:
            got.extend(buffer[:filled])
            sizes.append(filled)

        async with store.open(KEY, byte_range) as reading:
            await reading.pour(100_000, memoryview(buffer), each)
            assert sizes == [30_011, 30_011, 30_011, 9_967]
            got += await anext(reading)
            await reading.pour(len(whole), memoryview(buffer), each)
            await reading.pour(1, memoryview(buffer), each)
        assert bytes(got) == wanted

    async def test_what_is_poured_is_looked_at_beside_the_loop(self, store: ObjectStore) -> None:
        """It may take its time; what it raises comes out, and ends the pouring."""
        await store.put(KEY, some_bytes(self.large_bytes))
        threads: list[int] = []

        def each(_filled: int) -> None:
            threads.append(threading.get_ident())
            raise ZeroDivisionError

        async with store.open(KEY) as reading:
            with pytest.raises(ZeroDivisionError):
                await reading.pour(self.large_bytes, memoryview(bytearray(9)), each)
        assert len(threads) == 1
        assert threads != [threading.get_ident()]

    async def test_a_cancelled_pouring_is_over(self, store: ObjectStore) -> None:
        """The memory is the caller's again: nothing looks at it or writes into it afterwards."""
        await store.put(KEY, some_bytes(self.large_bytes))
        begun, go_on = threading.Event(), threading.Event()
        done: list[int] = []

        def each(filled: int) -> None:
            begun.set()
            go_on.wait(10)
            done.append(filled)

        async with store.open(KEY) as reading:
            pouring = asyncio.create_task(
                reading.pour(1_000, memoryview(bytearray(1_000)), each), name="pour"
            )
            await asyncio.to_thread(begun.wait, 10)
            pouring.cancel()
            await asyncio.sleep(0.02)
            assert not pouring.done()
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await pouring
            assert done == [1_000]

    async def test_an_erased_object_ends_its_pouring(self, store: ObjectStore) -> None:
        """As it ends iterating."""
        await store.put(KEY, some_bytes(self.large_bytes))
        async with store.open(KEY) as reading:
            await anext(reading)
            await store.erase(KEY)
            with pytest.raises(AbsentError):
                await reading.pour(self.large_bytes, memoryview(bytearray(100_000)), look_away)

    async def test_reading_stops_at_the_limit(self, store: ObjectStore) -> None:
        """More than the caller allows is TooLargeError; exactly as much is not."""
        await store.put(KEY, SMALL)
        with pytest.raises(TooLargeError):
            await store.read(KEY, limit_bytes=len(SMALL) - 1)
        assert await store.read(KEY, ByteRange(0, 3), limit_bytes=3) == SMALL[:3]

    async def test_many_at_once_do_not_mix(self, store: ObjectStore) -> None:
        """Any number of tasks may use a store."""

        async def there_and_back(n: int) -> None:
            key = ObjectKey(f"many/{n}")
            whole = some_bytes(10_000 + n, seed=n)
            await store.put(key, whole)
            assert await store.read(key, limit_bytes=len(whole)) == whole
            assert (await store.erase(key)).versions_deleted == self.copies

        async with asyncio.TaskGroup() as tasks:
            for n in range(40):
                tasks.create_task(there_and_back(n), name=f"many-{n}")
        assert await store.remains("") == ()

    async def test_the_event_loop_goes_on_meanwhile(self, store: ObjectStore) -> None:
        """Work that blocks is done elsewhere: a timer of 5 ms keeps ticking through puts, reads, erasures."""
        bodies = [some_bytes(500_000, seed=n) for n in range(8)]
        lags_s: list[float] = []

        async def tick() -> None:
            while True:
                started_s = time.perf_counter()
                await asyncio.sleep(0.005)
                lags_s.append(time.perf_counter() - started_s - 0.005)

        async def work(n: int) -> None:
            key = ObjectKey(f"busy/{n}")
            for _ in range(3):
                await store.put(key, bodies[n])
                await store.read(key, limit_bytes=500_000)
            await store.erase(key)

        ticking = asyncio.create_task(tick(), name="tick")
        with MachineLag() as machine:
            await asyncio.gather(*(work(n) for n in range(8)))
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        # A store that blocks delays every tick by its requests; a busy machine delays threads as well.
        allowed_s = 0.1 + 5 * machine.late_s()
        assert not lags_s or percentile_90(lags_s) < allowed_s, (percentile_90(lags_s), allowed_s)

    async def test_probes_at_once_do_not_disturb_each_other(self, store: ObjectStore) -> None:
        """A server starts while commands run beside it: each looks at an object of its own."""
        await asyncio.gather(*(store.probe() for _ in range(8)))

    async def test_the_probe_leaves_nothing(self, store: ObjectStore) -> None:
        """Probing tries the store with an object that is erased again."""
        await store.probe()
        assert await store.remains("") == ()

    async def test_a_closed_store_refuses(self, store: ObjectStore) -> None:
        """Closing may be repeated; everything after it is RefusedError."""
        await store.put(KEY, SMALL)
        await store.aclose()
        await store.aclose()
        with pytest.raises(RefusedError):
            await store.put(KEY, SMALL)
        with pytest.raises(RefusedError):
            await store.read(KEY, limit_bytes=100)
        with pytest.raises(RefusedError):
            await store.erase(KEY)
