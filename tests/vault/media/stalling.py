"""A store that stops answering, and answers again, when a test says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from storage.errors import UnavailableError
from storage.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.store import ObjectKey, StoredObject


class StallingStore(MemoryStore):
    """Puts wait while `stalled`, and fail while `away`."""

    def __init__(self) -> None:
        super().__init__(country="FR")
        self.away = False
        self._open = asyncio.Event()
        self._open.set()

    def stall(self) -> None:
        """From now on puts get no answer."""
        self._open.clear()

    def go_on(self) -> None:
        """Answer everything that waits."""
        self._open.set()

    async def put(
        self, key: ObjectKey, body: bytes | AsyncIterator[bytes], *, if_absent: bool = False
    ) -> StoredObject:
        """Store, wait or fail."""
        if self.away:
            raise UnavailableError("away")
        await self._open.wait()
        return await super().put(key, body, if_absent=if_absent)
