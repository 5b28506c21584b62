"""Steps that end something: taken again and again until they are taken, or until the process ends.

A database that is away for half an hour strands no call: what has ended is written when it is back. Where the
process ends first the rows stay open, and the next start ends them, as after a crash.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from itertools import chain, repeat
from typing import Final

import structlog

from storage.errors import StorageError, UnavailableError
from vault.errors import DependencyError, VaultError
from vault.model import Id

log = structlog.get_logger(__name__)

PAUSES_S: Final = (0.2, 1.0, 3.0, 10.0)
AGAIN_S: Final = 30.0
AWAY: Final = (DependencyError, UnavailableError)  # what passes; a refusal is the same in an hour


class LastSteps:
    """Takes them."""

    def __init__(self) -> None:
        self._hurries = asyncio.Event()

    def hurry(self) -> None:
        """The process ends: nothing is tried for longer than the first pauses."""
        self._hurries.set()

    async def take(self, subject: Id, step: Callable[[], Awaitable[object]]) -> object:
        """Take a step and return its result; None where it could not be taken."""
        for tries, pause_s in enumerate(chain(PAUSES_S, repeat(AGAIN_S))):
            try:
                return await step()
            except (VaultError, StorageError) as error:
                is_late = tries >= len(PAUSES_S)
                gives_up = is_late and (self._hurries.is_set() or not isinstance(error, AWAY))
                again_in_s = None if gives_up else pause_s
                log.error(
                    "leg.finalise_failed", subject=subject, error=type(error).__name__, again_in_s=again_in_s
                )
                if gives_up:
                    return None
            await self._pause(pause_s, is_late=is_late)
        return None

    async def _pause(self, pause_s: float, *, is_late: bool) -> None:
        if not is_late:
            await asyncio.sleep(pause_s)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._hurries.wait()
