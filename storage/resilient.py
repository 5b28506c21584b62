"""Time limits, retries and a breaker around any store.

What is tried again: only `UnavailableError`, and only where a repetition cannot do harm. A body in one piece
is put again; a stream cannot be wound back, so its put fails with the first error (the S3 store sends single
parts again by itself). A reading that breaks off goes on where it was, of the same object.

A time limit cancels the call. A cancelled put still waits for its request to end (the contract), so it may
take the inner store's own limits longer.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from storage.breaker import Breaker
from storage.errors import ExistsError, StorageError, UnavailableError
from storage.retrying import Patience, retried
from storage.store import (
    ByteRange,
    Erasure,
    ObjectKey,
    ObjectStore,
    Placement,
    ProbeReport,
    Reading,
    StoredObject,
    collect,
    span,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ResilienceLimits:
    """How long, how often, and when to leave a store alone."""

    timeout_s: float = 30.0  # one attempt, or one step of a reading; above the S3 store's own 25 s
    patience: Patience = field(default_factory=Patience)
    failures_to_open: int = 8  # two calls with all their attempts; lower: one lost packet stops everybody
    rest_s: float = 2.0  # longer than the patience: calls fail though the store is back; shorter: no rest


class ResilientStore(ObjectStore):
    """A store with patience; the contract is the inner store's."""

    def __init__(
        self,
        inner: ObjectStore,
        limits: ResilienceLimits | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._limits = limits or ResilienceLimits()
        self._breaker = Breaker(
            failures_to_open=self._limits.failures_to_open, rest_s=self._limits.rest_s, monotonic=monotonic
        )

    async def _once(self, call: Callable[[], Awaitable[T]], timeout_s: float | None) -> T:
        """Make one attempt, let the breaker know how it went."""
        self._breaker.check()
        try:
            async with asyncio.timeout(timeout_s) as limit:
                result = await call()
        except TimeoutError as cause:
            if not limit.expired():
                raise  # the body's own
            self._breaker.failed()
            raise UnavailableError(f"the store did not answer in {timeout_s} s") from cause
        except UnavailableError:
            self._breaker.failed()
            raise
        except StorageError:
            self._breaker.succeeded()
            raise
        self._breaker.succeeded()
        return result

    async def _often(self, call: Callable[[int], Awaitable[T]]) -> T:
        """Make attempts until one ends well, or with an error that stays."""
        timeout_s = self._limits.timeout_s
        return await retried(
            lambda failures: self._once(lambda: call(failures), timeout_s), self._limits.patience
        )

    async def put(
        self, key: ObjectKey, body: bytes | AsyncIterator[bytes], *, if_absent: bool = False
    ) -> StoredObject:
        """Store an object; a stream gets one attempt without a limit, its maker sets the pace."""
        if not isinstance(body, bytes):
            return await self._once(lambda: self._inner.put(key, body, if_absent=if_absent), None)

        async def attempt(failures: int) -> StoredObject:
            try:
                return await self._inner.put(key, body, if_absent=if_absent)
            except ExistsError:
                # After a lost answer the object in the way may be our own.
                if failures and (own := await self._own(key, body)):
                    return own
                raise

        return await self._often(attempt)

    async def _own(self, key: ObjectKey, body: bytes) -> StoredObject | None:
        stored = await self._inner.head(key)
        if stored.size_bytes != len(body) or await self._inner.read(key, limit_bytes=len(body)) != body:
            return None
        return replace(stored, sha256=hashlib.sha256(body).digest())

    @asynccontextmanager
    async def open(
        self, key: ObjectKey, byte_range: ByteRange | None = None, *, etag: str | None = None
    ) -> AsyncIterator[Reading]:
        """Open an object; a reading that breaks off is resumed."""
        async with AsyncExitStack() as opened:

            async def enter(wanted: ByteRange | None, of: str | None) -> Reading:
                await opened.aclose()  # what was open before broke
                return await opened.enter_async_context(self._inner.open(key, wanted, etag=of))

            first = await self._often(lambda _: enter(byte_range, etag))
            yield ResumedReading(first, byte_range, enter, self._often)

    async def read(self, key: ObjectKey, byte_range: ByteRange | None = None, *, limit_bytes: int) -> bytes:
        """Return an object or a range; see `ObjectStore.read`."""
        return await collect(self.open(key, byte_range), limit_bytes)

    async def head(self, key: ObjectKey) -> StoredObject:
        """Tell about an object; see `ObjectStore.head`."""
        return await self._often(lambda _: self._inner.head(key))

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Give objects under a prefix; one that breaks off begins again behind the last key given."""
        last = ""
        listing: AsyncIterator[StoredObject] | None = None

        async def step(_failures: int) -> StoredObject | None:
            nonlocal listing
            if listing is None:
                listing = self._inner.list(prefix)
            try:
                while (found := await anext(listing, None)) is not None and found.key <= last:
                    pass
            except BaseException:
                listing = None
                raise
            return found

        while (found := await self._often(step)) is not None:
            last = found.key
            yield found

    async def erase(self, key: ObjectKey) -> Erasure:
        """Erase; the counts are of the attempt that ended well."""
        return await self._often(lambda _: self._inner.erase(key))

    async def remains(self, where: str) -> tuple[str, ...]:
        """Return what is still there; see `ObjectStore.remains`."""
        return await self._often(lambda _: self._inner.remains(where))

    async def hidden(self, *, older_s: float) -> AsyncIterator[tuple[ObjectKey, ...]]:
        """Give what a listing does not show; one that breaks off does not go on: who asks asks anew."""
        pages = self._inner.hidden(older_s=older_s)
        while (page := await self._once(lambda: anext(pages, None), self._limits.timeout_s)) is not None:
            yield page

    async def placement(self) -> Placement:
        """Ask where the store lies; see `ObjectStore.placement`."""
        return await self._often(lambda _: self._inner.placement())

    async def probe(self) -> ProbeReport:
        """Try the store; see `ObjectStore.probe`."""
        return await self._often(lambda _: self._inner.probe())

    async def aclose(self) -> None:
        """Close the inner store."""
        await self._inner.aclose()


class ResumedReading(Reading):
    """A reading that goes on where it was, of the same object, when it breaks off."""

    def __init__(
        self,
        first: Reading,
        byte_range: ByteRange | None,
        enter: Callable[[ByteRange | None, str | None], Awaitable[Reading]],
        often: Callable[[Callable[[int], Awaitable[Any]]], Awaitable[Any]],
    ) -> None:
        super().__init__(first.stored, self)
        self._current: Reading | None = first
        self._at, self._end = span(byte_range, first.stored.size_bytes)
        self._enter = enter
        self._often = often

    async def __anext__(self) -> bytes:
        """Return the next bytes; see `Reading`."""
        if self._at >= self._end:
            raise StopAsyncIteration
        some: bytes = await self._step(lambda reading: anext(reading, b""))
        if not some:
            raise StopAsyncIteration
        self._at += len(some)
        return some

    async def pour(self, size_bytes: int, buffer: memoryview, each: Callable[[int], None]) -> None:
        """Read on through the buffer; see `Reading.pour`."""
        stop = min(self._at + size_bytes, self._end)

        def counted(filled: int) -> None:
            self._at += filled  # what was taken is not asked for again
            each(filled)

        await self._step(lambda reading: reading.pour(stop - self._at, buffer, counted))

    async def _step(self, read_on: Callable[[Reading], Awaitable[T]]) -> T:
        async def attempt(_failures: int) -> T:
            if self._current is None:
                self._current = await self._enter(ByteRange(self._at, self._end), self.stored.etag)
            try:
                return await read_on(self._current)
            except BaseException:
                self._current = None
                raise

        result: T = await self._often(attempt)
        return result
