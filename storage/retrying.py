"""Trying again: only what may heal, after random waits, a bounded number of times."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import SystemRandom
from typing import TYPE_CHECKING, Final, TypeVar

from storage.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
_RANDOM: Final = SystemRandom()


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and how long between."""

    attempts: int = 5  # with these waits about 4 s: enough for a gateway's restart, which takes 2 s
    first_wait_s: float = 0.5
    longest_wait_s: float = 5.0

    def wait_s(self, failures: int) -> float:
        """Return the wait after so many failures: random below a doubling bound, so a crowd spreads out."""
        return _RANDOM.uniform(0, min(self.longest_wait_s, self.first_wait_s * 2 ** (failures - 1)))


async def retried(action: Callable[[int], Awaitable[T]], patience: Patience) -> T:
    """Return what the action returns; it is given the number of failures so far (0 first).

    Only `UnavailableError` is tried again; the last one is raised.
    """
    for failures in range(patience.attempts - 1):
        try:
            return await action(failures)
        except UnavailableError:
            await asyncio.sleep(patience.wait_s(failures + 1))
    return await action(patience.attempts - 1)
