"""A process that dies at its n-th durable step: wrappers around store, databases and provider that count."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from storage.store import Erasure, ObjectKey, ObjectStore, Placement, ProbeReport, Reading, StoredObject
from vault.db.engine import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.store import ByteRange


class Crash(BaseException):
    """The process is gone: no `except Exception` of the program may notice."""


class Wire:
    """Counts durable steps and dies at the n-th: by `Crash`, or with `kills` by a real SIGKILL."""

    def __init__(self, dies_at: int | None = None, *, kills: bool = False) -> None:
        self.dies_at = dies_at
        self.kills = kills
        self.steps: list[str] = []

    def step(self, name: str) -> None:
        """One step is about to be taken, or was just taken."""
        self.steps.append(name)
        if self.dies_at is not None and len(self.steps) >= self.dies_at:
            if self.kills:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Crash(name)


class WiredDatabase(Database):
    """A database whose transactions and checkpoints are steps: before they begin, after they are durable."""

    def __init__(self, inner: Database, wire: Wire, name: str) -> None:
        super().__init__(inner._reader, inner._writer, dialect=inner.dialect)
        self._wire = wire
        self._name = name

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Count, write, count."""
        self._wire.step(f"before a write to {self._name}")
        async with super().write() as connection:
            yield connection
        self._wire.step(f"after a write to {self._name}")

    async def forget_traces(self, *tables: str) -> bool:
        """Count, truncate, count."""
        self._wire.step(f"before the log of {self._name} is truncated")
        done = await super().forget_traces(*tables)
        self._wire.step(f"after the log of {self._name} is truncated")
        return done


class WiredStore(ObjectStore):
    """A store whose calls are steps; `body` counts inside a streamed put as well."""

    def __init__(self, inner: ObjectStore, wire: Wire) -> None:
        self._inner = inner
        self._wire = wire

    async def put(
        self, key: ObjectKey, body: bytes | AsyncIterator[bytes], *, if_absent: bool = False
    ) -> StoredObject:
        """Count, put, count."""
        self._wire.step(f"before put {_kind(key)}")
        stored = await self._inner.put(key, self._body(key, body), if_absent=if_absent)
        self._wire.step(f"after put {_kind(key)}")
        return stored

    def _body(self, key: ObjectKey, body: bytes | AsyncIterator[bytes]) -> bytes | AsyncIterator[bytes]:
        return body if isinstance(body, bytes) else self._blocks(key, body)

    async def _blocks(self, key: ObjectKey, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for block in body:
            self._wire.step(f"inside put {_kind(key)}")
            yield block

    def open(
        self, key: ObjectKey, byte_range: ByteRange | None = None, *, etag: str | None = None
    ) -> AbstractAsyncContextManager[Reading]:
        """Count and open."""
        self._wire.step(f"before open {_kind(key)}")
        return self._inner.open(key, byte_range, etag=etag)

    async def read(self, key: ObjectKey, byte_range: ByteRange | None = None, *, limit_bytes: int) -> bytes:
        """Count and read."""
        self._wire.step(f"before read {_kind(key)}")
        return await self._inner.read(key, byte_range, limit_bytes=limit_bytes)

    async def head(self, key: ObjectKey) -> StoredObject:
        """Pass through."""
        return await self._inner.head(key)

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Count and list."""
        self._wire.step("before list")
        async for stored in self._inner.list(prefix):
            yield stored

    async def erase(self, key: ObjectKey) -> Erasure:
        """Count, erase, count."""
        self._wire.step(f"before erase {_kind(key)}")
        gone = await self._inner.erase(key)
        self._wire.step(f"after erase {_kind(key)}")
        return gone

    async def remains(self, where: str) -> tuple[str, ...]:
        """Count and ask."""
        self._wire.step("before remains")
        return await self._inner.remains(where)

    def hidden(self, *, older_s: float) -> AsyncIterator[tuple[ObjectKey, ...]]:
        """Pass through."""
        return self._inner.hidden(older_s=older_s)

    async def placement(self) -> Placement:
        """Pass through."""
        return await self._inner.placement()

    async def probe(self) -> ProbeReport:
        """Pass through."""
        return await self._inner.probe()

    async def aclose(self) -> None:
        """Pass through."""
        await self._inner.aclose()


def _kind(key: ObjectKey) -> str:
    return key.split("/", 1)[0]
