"""Waiting for somebody to come back, for a while; what is given up after it is the caller's business.

A wait lives in this process. The rows say what is open, so the next start waits anew (vault.calls.recovery).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from vault.model import Id

AGAIN_S: Final = 0.5  # a leg that is just being set up is waited for: its deadline ends it


class Waits:
    """Waits by the identifier of what stays open meanwhile.

    ``give_up`` is called when the time is over, and tells whether that was the end of it. ``is_back`` and
    ``is_coming`` are asked before: whether there is nothing to wait for any more, or somebody is on the way.
    """

    def __init__(
        self,
        give_up: Callable[[Id, str], Awaitable[bool]],
        *,
        wait_s: float,
        is_back: Callable[[Id], bool] = lambda _: False,
        is_coming: Callable[[Id], bool] = lambda _: False,
    ) -> None:
        self._give_up = give_up
        self._wait_s = wait_s
        self._is_back = is_back
        self._is_coming = is_coming
        self._reasons: dict[Id, str] = {}
        self._tasks: dict[Id, asyncio.Task[None]] = {}
        self._given_up: set[Id] = set()

    @property
    def waiting(self) -> Collection[Id]:
        """What stays open at the moment."""
        return list(self._tasks)

    def begin(self, key: Id, reason: str, *, overruled: str | None = None) -> None:
        """Wait from now on; one that runs already goes on, for its first reason unless that is overruled."""
        if self._reasons.setdefault(key, reason) == overruled:
            self._reasons[key] = reason
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._wait(key), name=f"wait-{key}")

    def stop(self, key: Id) -> None:
        """Wait no longer: who was waited for is back, or there is nothing to come back to."""
        task = self._tasks.pop(key, None)
        self._reasons.pop(key, None)
        if task is not None and key not in self._given_up:  # what is being given up comes to its own end
            task.cancel()

    async def aclose(self) -> None:
        """Wait for nobody any more. What is open stays open, for the next start to see to."""
        tasks = list(self._tasks.values())
        for key in self.waiting:
            self.stop(key)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _wait(self, key: Id) -> None:
        try:
            await asyncio.sleep(self._wait_s)
            while key in self._reasons and not self._is_back(key):
                if not self._is_coming(key) and await self._over(key):
                    return
                await asyncio.sleep(AGAIN_S)
        finally:
            if self._tasks.get(key) is asyncio.current_task():
                del self._tasks[key]
                del self._reasons[key]

    async def _over(self, key: Id) -> bool:
        self._given_up.add(key)
        try:
            return await self._give_up(key, self._reasons[key])
        finally:
            self._given_up.discard(key)
