"""The whole contract in memory: for tests and for trying things; nothing survives the process."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from storage.errors import AbsentError, ChangedError, ExistsError, RefusedError, TooLargeError
from storage.store import (
    REMAINS_MAX,
    ByteRange,
    Erasure,
    ObjectKey,
    ObjectStore,
    Placement,
    ProbeReport,
    Reading,
    StoredObject,
    Versioning,
    checked_prefix,
    collect,
    span,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BLOCK_BYTES: Final = 256 * 1024  # as the file store: what a test learns here holds there


@dataclass(frozen=True, slots=True)
class _Kept:
    stored: StoredObject
    body: bytes


class MemoryStore(ObjectStore):
    """Objects in a dict. `country` is what its placement claims, `limit_bytes` bounds one object."""

    def __init__(self, *, country: str | None = None, limit_bytes: int = 1024**3) -> None:
        self._country = country
        self._limit_bytes = limit_bytes
        self._kept: dict[ObjectKey, _Kept] = {}
        self._unfinished: dict[int, ObjectKey] = {}
        self._numbers = itertools.count(1)
        self._closed = False

    async def put(
        self, key: ObjectKey, body: bytes | AsyncIterator[bytes], *, if_absent: bool = False
    ) -> StoredObject:
        """Keep the bytes; see `ObjectStore.put`."""
        self._check_open()
        number = next(self._numbers)
        self._unfinished[number] = key
        try:
            whole = body if isinstance(body, bytes) else await self._gather(key, body)
        finally:
            was_erased = self._unfinished.pop(number, None) is None
        if was_erased:
            raise RefusedError(f"{key} was erased while it was written")
        if len(whole) > self._limit_bytes:
            raise TooLargeError(f"{key} is over {self._limit_bytes} bytes")
        if if_absent and key in self._kept:
            raise ExistsError(f"{key} is taken")
        stored = StoredObject(key, len(whole), str(number))
        self._kept[key] = _Kept(stored, whole)
        return StoredObject(key, len(whole), stored.etag, sha256=hashlib.sha256(whole).digest())

    async def _gather(self, key: ObjectKey, body: AsyncIterator[bytes]) -> bytes:
        whole = bytearray()
        async for some in body:
            whole += some
            if len(whole) > self._limit_bytes:
                raise TooLargeError(f"{key} is over {self._limit_bytes} bytes")
        return bytes(whole)

    @asynccontextmanager
    async def open(
        self, key: ObjectKey, byte_range: ByteRange | None = None, *, etag: str | None = None
    ) -> AsyncIterator[Reading]:
        """Open an object; see `ObjectStore.open`."""
        kept = self._current(key)
        if etag is not None and etag != kept.stored.etag:
            raise ChangedError(f"{key} is another object now")
        start, stop = span(byte_range, len(kept.body))
        yield Reading(kept.stored, self._blocks(kept, start, stop))

    async def _blocks(self, kept: _Kept, start: int, stop: int) -> AsyncIterator[bytes]:
        for at in range(start, stop, BLOCK_BYTES):
            if self._current(kept.stored.key) is not kept:
                raise ChangedError(f"{kept.stored.key} was replaced while it was read")
            yield kept.body[at : min(at + BLOCK_BYTES, stop)]
            await asyncio.sleep(0)  # a long reading must not keep the loop to itself

    async def read(self, key: ObjectKey, byte_range: ByteRange | None = None, *, limit_bytes: int) -> bytes:
        """Return an object or a range; see `ObjectStore.read`."""
        return await collect(self.open(key, byte_range), limit_bytes)

    async def head(self, key: ObjectKey) -> StoredObject:
        """Tell about an object; see `ObjectStore.head`."""
        return self._current(key).stored

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Give objects under a prefix; see `ObjectStore.list`."""
        self._check_open()
        checked_prefix(prefix)
        for key in sorted(key for key in self._kept if key.startswith(prefix)):
            if kept := self._kept.get(key):
                yield kept.stored

    async def erase(self, key: ObjectKey) -> Erasure:
        """Forget an object; see `ObjectStore.erase`."""
        self._check_open()
        unfinished = [number for number, its_key in self._unfinished.items() if its_key == key]
        for number in unfinished:
            del self._unfinished[number]
        deleted = 0 if self._kept.pop(key, None) is None else 1
        return Erasure(versions_deleted=deleted, uploads_aborted=len(unfinished))

    async def remains(self, where: str) -> tuple[str, ...]:
        """Return what is still there; see `ObjectStore.remains`."""
        self._check_open()
        is_prefix = not where or where.endswith("/")
        wanted = checked_prefix(where) if is_prefix else ObjectKey(where)
        words = [(key, f"object {key}") for key in self._kept]
        words += [(key, f"unfinished {key}") for key in self._unfinished.values()]
        found = [text for key, text in words if key == wanted or (is_prefix and key.startswith(wanted))]
        return tuple(sorted(found)[:REMAINS_MAX])

    async def hidden(self, *, older_s: float) -> AsyncIterator[tuple[ObjectKey, ...]]:  # noqa: ARG002  # the port's
        """Give nothing: there is one body of each key, and what was begun ends with the process."""
        self._check_open()
        for _ in ():
            yield ()

    async def placement(self) -> Placement:
        """Repeat what the maker declared: memory lies where the process runs."""
        self._check_open()
        return Placement("memory", "", self._country, "declared by the operator")

    async def probe(self) -> ProbeReport:
        """Tell what is true by construction."""
        self._check_open()
        return ProbeReport("memory", Versioning.OFF, object_lock=False, public=False)

    async def aclose(self) -> None:
        """Forget everything."""
        self._closed = True
        self._kept.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise RefusedError("the store is closed")

    def _current(self, key: ObjectKey) -> _Kept:
        self._check_open()
        try:
            return self._kept[key]
        except KeyError as cause:
            raise AbsentError(f"no object {key}") from cause
