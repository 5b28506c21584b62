"""A store's own bounded threads: blocking calls never run on the event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from storage.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

P = ParamSpec("P")
T = TypeVar("T")


async def settled(task: asyncio.Future[T]) -> None:
    """Wait until a future is done, whatever it ends with and however often we are cancelled meanwhile."""
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # looked at: asyncio would log it as forgotten


async def uninterrupted(work: Coroutine[None, None, T], name: str) -> T:
    """Wait for work that a cancelled caller must not leave behind: it is over when this is."""
    task = asyncio.create_task(work, name=name)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await settled(task)
        raise


class Pool:
    """At most `threads` blocking calls at a time; more wait their turn."""

    def __init__(self, threads: int, name: str) -> None:
        self.threads = threads
        self._executor = ThreadPoolExecutor(max_workers=threads, thread_name_prefix=name)
        self._closed = False

    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call and return its result; when it has begun, it is waited for even by a cancelled caller.

        A thread cannot be stopped, and its effect must not come after the caller believes it over.
        """
        call = self._submit(partial(work, *args, **kwargs))
        waiting = asyncio.wrap_future(call)
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            if not call.cancel():
                await settled(waiting)
            raise

    async def look(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call that only reads; a cancelled caller leaves at once and the result is dropped."""
        return await asyncio.wrap_future(self._submit(partial(work, *args, **kwargs)))

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        if self._closed:
            raise RefusedError("the store is closed")
        return self._executor.submit(work)

    async def aclose(self) -> None:
        """Wait for the running calls and end the threads; calls after this are refused."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._executor.shutdown, wait=True)
