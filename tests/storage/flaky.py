"""A store that fails on purpose: the memory store with a list of things to go wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto

from storage.errors import UnavailableError
from storage.memory import MemoryStore
from storage.store import ByteRange, ObjectKey, Placement, Reading, StoredObject


class Trouble(Enum):
    """What goes wrong with one call."""

    NONE = auto()
    BEFORE = auto()  # nothing was done
    AFTER = auto()  # it was done, and the answer was lost
    HANG = auto()  # no answer at all


class FlakyStore(MemoryStore):
    """Keeps the contract, except for the calls listed in `troubles`, which go wrong one after the other."""

    def __init__(self, *troubles: Trouble) -> None:
        super().__init__(country="FR")
        self.troubles = list(troubles)
        self.break_reading_after: list[int] = []
        self.calls = 0

    async def _trouble(self) -> Trouble:
        self.calls += 1
        trouble = self.troubles.pop(0) if self.troubles else Trouble.NONE
        if trouble is Trouble.BEFORE:
            raise UnavailableError("made to fail")
        if trouble is Trouble.HANG:
            await asyncio.sleep(3600)
        return trouble

    async def put(
        self, key: ObjectKey, body: bytes | AsyncIterator[bytes], *, if_absent: bool = False
    ) -> StoredObject:
        """Store, or not, or say nothing of it."""
        trouble = await self._trouble()
        stored = await super().put(key, body, if_absent=if_absent)
        if trouble is Trouble.AFTER:
            raise UnavailableError("made to lose the answer")
        return stored

    @asynccontextmanager
    async def open(
        self, key: ObjectKey, byte_range: ByteRange | None = None, *, etag: str | None = None
    ) -> AsyncIterator[Reading]:
        """Open, or break off after some blocks."""
        await self._trouble()
        blocks_left = self.break_reading_after.pop(0) if self.break_reading_after else None
        async with super().open(key, byte_range, etag=etag) as reading:
            yield Reading(reading.stored, self._some(reading, blocks_left))

    async def _some(self, reading: Reading, blocks_left: int | None) -> AsyncIterator[bytes]:
        async for block in reading:
            if blocks_left == 0:
                raise UnavailableError("made to break off")
            if blocks_left is not None:
                blocks_left -= 1
            yield block

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """List, or break off behind the first object."""
        trouble = await self._trouble()
        async for stored in super().list(prefix):
            yield stored
            if trouble is Trouble.AFTER:
                raise UnavailableError("made to break off")

    async def head(self, key: ObjectKey) -> StoredObject:
        """Tell, or not."""
        await self._trouble()
        return await super().head(key)

    async def placement(self) -> Placement:
        """Tell, or not."""
        await self._trouble()
        return await super().placement()
