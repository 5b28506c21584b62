"""A store to look at: whoever has it reads and lists, and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.errors import RefusedError
from storage.store import ByteRange, Erasure, ObjectKey, ObjectStore, Placement, ProbeReport, StoredObject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from storage.store import Reading


class ReadOnlyStore(ObjectStore):
    """Another store without its writing half: `put`, `erase`, and `probe` that does both, are refused."""

    def __init__(self, inner: ObjectStore) -> None:
        self._inner = inner

    async def put(
        self,
        key: ObjectKey,
        body: bytes | AsyncIterator[bytes],  # noqa: ARG002  # the port's
        *,
        if_absent: bool = False,  # noqa: ARG002
    ) -> StoredObject:
        """Refuse."""
        raise _refused(key)

    def open(
        self, key: ObjectKey, byte_range: ByteRange | None = None, *, etag: str | None = None
    ) -> AbstractAsyncContextManager[Reading]:
        """Open an object; see `ObjectStore.open`."""
        return self._inner.open(key, byte_range, etag=etag)

    async def read(self, key: ObjectKey, byte_range: ByteRange | None = None, *, limit_bytes: int) -> bytes:
        """Return an object or a range; see `ObjectStore.read`."""
        return await self._inner.read(key, byte_range, limit_bytes=limit_bytes)

    async def head(self, key: ObjectKey) -> StoredObject:
        """Tell about an object; see `ObjectStore.head`."""
        return await self._inner.head(key)

    def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Give objects under a prefix; see `ObjectStore.list`."""
        return self._inner.list(prefix)

    async def erase(self, key: ObjectKey) -> Erasure:
        """Refuse."""
        raise _refused(key)

    async def remains(self, where: str) -> tuple[str, ...]:
        """Return what is still there; see `ObjectStore.remains`."""
        return await self._inner.remains(where)

    def hidden(self, *, older_s: float) -> AsyncIterator[tuple[ObjectKey, ...]]:
        """Give what a listing does not show; see `ObjectStore.hidden`."""
        return self._inner.hidden(older_s=older_s)

    async def placement(self) -> Placement:
        """Ask where the store lies; see `ObjectStore.placement`."""
        return await self._inner.placement()

    async def probe(self) -> ProbeReport:
        """Refuse: a probe writes and erases."""
        raise _refused("a probe")

    async def aclose(self) -> None:
        """Close the inner store."""
        await self._inner.aclose()


def _refused(what: str) -> RefusedError:
    return RefusedError(f"this store is only looked at; nothing is changed in it: {what}")
