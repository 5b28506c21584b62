"""Time limits, retries and the breaker."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from storage.errors import AbsentError, ExistsError, UnavailableError
from storage.memory import MemoryStore
from storage.resilient import ResilienceLimits, ResilientStore
from storage.retrying import Patience
from storage.store import ByteRange, ObjectKey, ObjectStore
from tests.storage.contract import KEY, SMALL, ObjectStoreContract, in_pieces, keys, some_bytes
from tests.storage.flaky import FlakyStore, Trouble

QUICK = ResilienceLimits(timeout_s=0.2, patience=Patience(attempts=4, first_wait_s=0.001), rest_s=0.1)


class TestResilientStore(ObjectStoreContract):
    """A store with patience around it keeps the contract."""

    @pytest.fixture
    async def store(self) -> AsyncIterator[ObjectStore]:
        """The memory store, wrapped."""
        store = ResilientStore(MemoryStore())
        yield store
        await store.aclose()


class TestFlakyStore(ObjectStoreContract):
    """The failing store of these tests keeps the contract while nothing fails."""

    @pytest.fixture
    async def store(self) -> AsyncIterator[ObjectStore]:
        """A flaky store without troubles."""
        store = FlakyStore()
        yield store
        await store.aclose()


@pytest.mark.parametrize("trouble", [Trouble.BEFORE, Trouble.AFTER, Trouble.HANG])
async def test_a_put_in_one_piece_is_tried_again(trouble: Trouble) -> None:
    """Whatever time heals does not reach the caller."""
    inner = FlakyStore(trouble, trouble)
    store = ResilientStore(inner, QUICK)
    await store.put(KEY, SMALL)
    assert inner.calls == 3
    assert await store.read(KEY, limit_bytes=100) == SMALL


async def test_a_streams_put_is_not_tried_again() -> None:
    """A stream cannot be wound back: its first error is the caller's."""
    inner = FlakyStore(Trouble.BEFORE)
    store = ResilientStore(inner, QUICK)
    with pytest.raises(UnavailableError):
        await store.put(KEY, in_pieces(SMALL))
    assert inner.calls == 1


async def test_a_stream_may_take_longer_than_one_attempt() -> None:
    """The maker of a stream sets the pace; no time limit cuts it off."""

    async def slow() -> AsyncIterator[bytes]:
        yield SMALL
        await asyncio.sleep(0.3)
        yield SMALL

    store = ResilientStore(MemoryStore(), QUICK)
    assert (await store.put(KEY, slow())).size_bytes == 2 * len(SMALL)


async def test_a_bodys_own_timeout_is_not_the_stores() -> None:
    """A TimeoutError of the body comes out as it is."""

    async def impatient() -> AsyncIterator[bytes]:
        yield SMALL
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await ResilientStore(MemoryStore(), QUICK).put(KEY, impatient())


async def test_the_own_object_is_known_after_a_lost_answer() -> None:
    """With if_absent, an object in the way that is equal to what a failed attempt put is success."""
    store = ResilientStore(FlakyStore(Trouble.AFTER), QUICK)
    assert (await store.put(KEY, SMALL, if_absent=True)).sha256 is not None


async def test_another_ones_object_stays_in_the_way() -> None:
    """With if_absent, another object is ExistsError also after a failed attempt."""
    inner = FlakyStore()
    await inner.put(KEY, b"of another")
    inner.troubles = [Trouble.BEFORE]
    with pytest.raises(ExistsError):
        await ResilientStore(inner, QUICK).put(KEY, SMALL, if_absent=True)


async def test_what_stays_wrong_is_not_tried_again() -> None:
    """Only UnavailableError is repeated."""
    inner = FlakyStore()
    with pytest.raises(AbsentError):
        await ResilientStore(inner, QUICK).head(KEY)
    assert inner.calls == 1


async def test_a_hanging_store_is_unavailable_in_time() -> None:
    """All attempts together take attempts times the limit and the waits, no more."""
    inner = FlakyStore(*[Trouble.HANG] * 10)
    started_s = time.perf_counter()
    with pytest.raises(UnavailableError):
        await ResilientStore(inner, QUICK).head(KEY)
    assert inner.calls == 4
    assert time.perf_counter() - started_s < 3


@pytest.mark.parametrize("byte_range", [None, ByteRange(100_000), ByteRange(300_000, 1_200_000)])
async def test_a_reading_that_breaks_off_goes_on(byte_range: ByteRange | None) -> None:
    """Every byte comes once and in order, wherever the reading broke."""
    inner = FlakyStore()
    whole = some_bytes(1_500_000)
    await inner.put(KEY, whole)
    inner.break_reading_after = [0, 1, 2, 0, 1]
    got = await ResilientStore(inner, QUICK).read(KEY, byte_range, limit_bytes=len(whole))
    assert got == (whole[byte_range.start : byte_range.stop] if byte_range else whole)
    assert inner.break_reading_after == []


async def test_a_pouring_that_breaks_off_goes_on() -> None:
    """What was taken is not poured again, what was not is."""
    inner = FlakyStore()
    whole = some_bytes(1_500_000)
    await inner.put(KEY, whole)
    inner.break_reading_after = [0, 1, 2, 0, 1]
    buffer, got = memoryview(bytearray(100_000)), bytearray()
    async with ResilientStore(inner, QUICK).open(KEY, ByteRange(5, 1_400_000)) as reading:
        for _ in range(3):
            await reading.pour(500_000, buffer, lambda filled: got.extend(buffer[:filled]))
    assert bytes(got) == whole[5:1_400_000]
    assert inner.break_reading_after == []


async def test_a_listing_that_breaks_off_goes_on() -> None:
    """Every object is given once and in order."""
    inner = FlakyStore()
    names = [f"k/{n}" for n in range(5)]
    for name in names:
        await inner.put(ObjectKey(name), SMALL)
    inner.troubles = [Trouble.AFTER, Trouble.BEFORE, Trouble.AFTER]
    assert await keys(ResilientStore(inner, QUICK).list("k/")) == names


async def test_a_dead_store_is_left_alone() -> None:
    """After failures in a row calls fail without reaching the store; after the rest one tries."""
    now_s = 100.0
    inner = FlakyStore(*[Trouble.BEFORE] * 100)
    limits = ResilienceLimits(patience=Patience(attempts=1), failures_to_open=3, rest_s=10)
    store = ResilientStore(inner, limits, monotonic=lambda: now_s)
    for _ in range(10):
        with pytest.raises(UnavailableError):
            await store.head(KEY)
    assert inner.calls == 3
    now_s += 10.1
    with pytest.raises(UnavailableError):
        await store.head(KEY)
    with pytest.raises(UnavailableError):
        await store.head(KEY)
    assert inner.calls == 4
    now_s += 10.1
    inner.troubles = []
    with pytest.raises(AbsentError):
        await store.head(KEY)
    with pytest.raises(AbsentError):
        await store.head(KEY)
    assert inner.calls == 6
