"""One thread for calls that block, with a limit on how long anybody waits for them."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from vault.errors import KeyProviderError

Result = TypeVar("Result")


class Worker:
    """Runs blocking calls one after the other, never on the event loop.

    One thread is enough: tenant keys are cached above. What the thread opens is its own, and a process that
    was forked off begins with a thread of its own.
    """

    def __init__(self, name: str, *, timeout_s: float) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._process = os.getpid()
        self._pool = self._made()

    async def do(self, call: Callable[[], Result]) -> Result:
        """Run a call; KeyProviderError where it takes too long. It may still have its effect then."""
        if self._process != os.getpid():
            self._process, self._pool = os.getpid(), self._made()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except TimeoutError as cause:
            raise KeyProviderError(
                f"{self._name} did not answer in {self._timeout_s:g} s; is it up, can it be reached?"
            ) from cause

    def close(self) -> None:
        """Take no more calls; one that hangs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _made(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=1, thread_name_prefix="keys")
