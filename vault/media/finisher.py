"""Who finishes recordings, and when: a few at a time, again after a failure, all after a crash."""

import asyncio
from typing import Final

import structlog

from crypto.errors import CryptoError
from storage.errors import StorageError
from vault.errors import KeyForgottenError, VaultError
from vault.media.finish import Finish
from vault.media.recordings import Recordings
from vault.model import Id, MediaState
from webrtc.errors import WebrtcError

log = structlog.get_logger(__name__)

RETRY_FIRST_S: Final = 1.0
RETRY_LAST_S: Final = 60.0


class Finisher:
    """A queue of recordings and its workers. Who starts ``run`` waits for it; it ends by cancellation."""

    def __init__(self, finish: Finish, recordings: Recordings, *, workers: int) -> None:
        self._finish = finish
        self._recordings = recordings
        self._workers = workers
        self._queue: asyncio.Queue[Id] = asyncio.Queue()
        self._running: dict[Id, asyncio.Task[None]] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._open = 0

    @property
    def waiting(self) -> int:
        """How many recordings are not finished yet."""
        return self._open

    def enqueue(self, media_id: Id) -> None:
        """Have a recording finished soon."""
        self._open += 1
        self._idle.clear()
        self._queue.put_nowait(media_id)

    async def recover(self) -> int:
        """At start: end what a crash left capturing, and queue everything unfinished; returns how many."""
        unfinished = await self._recordings.unfinished()
        for media_id, state in unfinished:
            if state is MediaState.CAPTURING:
                await self._recordings.end(media_id, reason="interrupted", recovered=True)
            self.enqueue(media_id)
        return len(unfinished)

    async def run(self) -> None:
        """Finish what comes until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._workers):
                tasks.create_task(self._work(), name=f"finisher-{number}")

    async def stop(self, media_id: str) -> None:
        """Stop finishing a recording that is to be erased, and wait until nothing is under way."""
        task = self._running.get(Id(media_id))
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def drained(self) -> None:
        """Wait until everything that was queued is finished."""
        await self._idle.wait()

    async def _work(self) -> None:
        while True:
            media_id = await self._queue.get()
            task = asyncio.create_task(self._until_finished(media_id), name=f"finish-{media_id}")
            self._running[media_id] = task
            try:
                await asyncio.wait({task})
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                del self._running[media_id]
                self._open -= 1
                if self._open == 0:
                    self._idle.set()

    async def _until_finished(self, media_id: Id) -> None:
        """Try until it is done. A store that is away costs time, never the recording."""
        pause_s = RETRY_FIRST_S
        while True:
            try:
                state = await self._finish.finish(media_id)
            except KeyForgottenError:
                return  # an erasure was faster
            except (VaultError, StorageError, WebrtcError, CryptoError, OSError) as error:
                log.warning("finish.failed", media=media_id, error=type(error).__name__, again_in_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(RETRY_LAST_S, pause_s * 2)
            else:
                log.info("finish.done", media=media_id, state=state.value)
                return
