"""Who finishes recordings, and when: a few at a time, again after a failure, all after a crash."""

import asyncio
from collections.abc import Collection
from functools import partial
from typing import Final

import structlog

from crypto.errors import CryptoError
from storage.errors import StorageError
from vault.errors import KeyForgottenError, NotFoundError, VaultError
from vault.media import calls_filter
from vault.media.finish import Finish
from vault.media.recordings import INTERRUPTED, Recordings
from vault.model import Id, MediaState
from webrtc.errors import WebrtcError

log = structlog.get_logger(__name__)

RETRY_FIRST_S: Final = 1.0
RETRY_LAST_S: Final = 60.0


class Finisher:
    """A queue of recordings, each with a task of its own, ``workers`` of them at work at a time.

    One that fails waits outside the work, so that it never holds up the others.
    Who starts ``run`` waits for it; it ends by cancellation.
    """

    def __init__(self, finish: Finish, recordings: Recordings, *, workers: int) -> None:
        self._finish = finish
        self._recordings = recordings
        self._queue: asyncio.Queue[Id] = asyncio.Queue()
        self._owed: set[Id] = set()
        self._running: dict[Id, asyncio.Task[None]] = {}
        self._at_work = asyncio.Semaphore(workers)
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """How many recordings are not finished yet."""
        return len(self._owed)

    def enqueue(self, media_id: Id) -> None:
        """Have a recording finished soon; asking again while it waits is asking once."""
        if media_id not in self._owed:
            self._owed.add(media_id)
            self._idle.clear()
            self._queue.put_nowait(media_id)

    async def recover(self, *, resting: Collection[Id] = ()) -> int:
        """At start: end what a crash left capturing, and queue everything unfinished; returns how many.

        ``resting`` are recordings that somebody may come back to. What is finished but still has fragments in
        the spool is queued too: they are to be shredded.
        """
        if not calls_filter.is_possible():
            log.error(
                "decoding.impossible", hint="no seccomp filter here: no posters, no waveforms, no exports"
            )
        for media_id, state in await self._recordings.unfinished():
            if media_id in resting:
                continue
            if state is MediaState.CAPTURING:
                await self._recordings.end(media_id, reason=INTERRUPTED, recovered=True)
            self.enqueue(media_id)
        try:
            for media_id in await self._finish.in_spool():
                if media_id not in resting:
                    self.enqueue(media_id)
        except StorageError as error:
            log.warning("finish.spool_not_listed", error=type(error).__name__)
        return self.waiting

    async def run(self) -> None:
        """Finish what comes until cancelled."""
        try:
            while True:
                media_id = await self._queue.get()
                task = asyncio.create_task(self._until_finished(media_id), name=f"finish-{media_id}")
                self._running[media_id] = task
                task.add_done_callback(partial(self._over, media_id))
        finally:
            running = list(self._running.values())
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def stop(self, media_id: str) -> None:
        """Stop finishing a recording that is to be erased, and wait until nothing is under way."""
        task = self._running.get(Id(media_id))
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def drained(self) -> None:
        """Wait until everything that was queued is finished."""
        await self._idle.wait()

    def _over(self, media_id: Id, task: asyncio.Task[None]) -> None:
        del self._running[media_id]
        self._owed.discard(media_id)
        if not self._owed:
            self._idle.set()
        if not task.cancelled() and (broken := task.exception()) is not None:
            log.error("finish.broken", media=media_id, error=type(broken).__name__)

    async def _until_finished(self, media_id: Id) -> None:
        """Try until it is done. A store that is away costs time, never the recording."""
        pause_s = RETRY_FIRST_S
        while True:
            try:
                async with self._at_work:
                    state = await self._finish.finish(media_id)
            except KeyForgottenError:
                return  # an erasure was faster
            except NotFoundError:
                log.error("finish.unknown", media=media_id)  # the store knows more than the database
                return
            except (VaultError, StorageError, WebrtcError, CryptoError, OSError) as error:
                log.warning("finish.failed", media=media_id, error=type(error).__name__, again_in_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(RETRY_LAST_S, pause_s * 2)
            else:
                log.info("finish.done", media=media_id, state=state.value)
                return
