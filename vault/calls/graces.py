"""The time a visitor who was lost has to come back, while the call stays open.

It lives in this process: after a crash the next start ends such calls with all others, and the keeper ends
what is left when the visitor's token is over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from vault.calls.floor import Floor, LiveLeg
from vault.model import Id
from webrtc.lifecycle import CloseReason

REPLACED: Final = "replaced"  # why a leg ended whose owner has a new one in its place
LOST: Final = frozenset({CloseReason.SILENT.value, CloseReason.CONSENT_LOST.value, CloseReason.FAILED.value})
ATTEMPT_FAILED: Final = frozenset({CloseReason.SETUP_TIMEOUT.value, CloseReason.HANDSHAKE_FAILED.value})
AGAIN_S: Final = 0.5  # a leg that is just being set up is waited for: its deadline ends it

Ending = Callable[[Id, str], Awaitable[bool]]


class Graces:
    """Waits for visitors to come back. ``end`` ends a call, and tells whether it is over."""

    def __init__(self, floor: Floor, end: Ending, *, rejoin_s: float) -> None:
        self._floor = floor
        self._end = end
        self._rejoin_s = rejoin_s
        self._reasons: dict[Id, str] = {}
        self._tasks: dict[Id, asyncio.Task[None]] = {}

    def is_over(self, leg: LiveLeg, reason: str) -> bool:
        """Tell whether a call ends with this end of its visitor's last leg: they meant it, or never came."""
        if reason == REPLACED or (reason in LOST and leg.is_live):
            return False
        return leg.call.id not in self._tasks or reason not in LOST | ATTEMPT_FAILED

    def begin(self, call_id: Id, reason: str) -> None:
        """Wait for the visitor from now on; a wait that runs already goes on, for its first reason."""
        if self._reasons.setdefault(call_id, reason) == REPLACED:
            self._reasons[call_id] = reason
        if call_id not in self._tasks:
            self._tasks[call_id] = asyncio.create_task(self._wait(call_id), name=f"grace-{call_id}")

    def stop(self, call_id: Id) -> None:
        """Wait no longer: the visitor is back, or the call is over."""
        task = self._tasks.pop(call_id, None)
        self._reasons.pop(call_id, None)
        if task is not None:
            task.cancel()

    async def aclose(self) -> None:
        """End every call whose visitor is waited for."""
        for call_id, reason in list(self._reasons.items()):
            self.stop(call_id)
            await self._end(call_id, reason)

    async def _wait(self, call_id: Id) -> None:
        try:
            await asyncio.sleep(self._rejoin_s)
            while True:
                if self._is_back(call_id) or await self._try(call_id):
                    return
                await asyncio.sleep(AGAIN_S)
        finally:
            if self._tasks.get(call_id) is asyncio.current_task():
                del self._tasks[call_id]
                self._reasons.pop(call_id, None)

    async def _try(self, call_id: Id) -> bool:
        """End the call, unless a leg of its visitor is being set up; True when it is over."""
        if any(leg.is_visitors and leg.call.id == call_id for leg in self._floor.legs.values()):
            return False
        return await self._end(call_id, self._reasons[call_id])

    def _is_back(self, call_id: Id) -> bool:
        return any(leg.is_visitors and leg.is_live for leg in self._floor.legs_of(call_id))
