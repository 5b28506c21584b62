"""Who makes exports, and when: one or two at a time, again when the store was away, all after a crash."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import Row

from crypto.errors import CryptoError
from storage.errors import StorageError
from vault.errors import ExportFailedError, KeyForgottenError, TamperedError, VaultError
from vault.media.exporting import Exporting
from vault.media.exports import Exports
from vault.model import ExportFailure, ExportState, Id, MediaState
from webrtc.errors import WebrtcError

log = structlog.get_logger(__name__)

RETRY_FIRST_S: Final = 2.0
RETRY_LAST_S: Final = 60.0
ATTEMPTS: Final = 5  # a process that dies with an export under way must not die of it for ever
CHANGED: Final = "export.changed"


class Tells(Protocol):
    """Where events go: ``vault.calls.events``."""

    def tell(self, principal_id: Id, type_: str, data: Mapping[str, object]) -> None:
        """Tell a principal; never blocks, never raises."""


class Exporter:
    """A queue of exports, each with a task of its own, ``workers`` of them at work at a time.

    Who starts ``run`` waits for it; it ends by cancellation, and what is not made is taken up at the next
    start.
    """

    def __init__(self, exporting: Exporting, exports: Exports, tells: Tells, *, workers: int) -> None:
        self._exporting = exporting
        self._exports = exports
        self._tells = tells
        self._queue: asyncio.Queue[Id] = asyncio.Queue()
        self._owed: set[Id] = set()
        self._running: dict[Id, asyncio.Task[None]] = {}
        self._percent: dict[Id, int] = {}
        self._at_work = asyncio.Semaphore(workers)
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """How many exports are not made yet."""
        return len(self._owed)

    def progress(self, export_id: str) -> int | None:
        """Tell how many per cent of an export are made; None where it is not being made now."""
        return self._percent.get(Id(export_id))

    def enqueue(self, export_id: Id) -> None:
        """Have an export made soon; asking again while it waits is asking once."""
        if export_id not in self._owed:
            self._owed.add(export_id)
            self._idle.clear()
            self._queue.put_nowait(export_id)

    async def recover(self) -> int:
        """At start: queue what a crash or a stop left; returns how many."""
        for export_id in await self._exports.unfinished():
            self.enqueue(export_id)
        try:
            await self._exporting.tidy()
        except (StorageError, VaultError) as error:
            log.warning("export.not_tidied", error=type(error).__name__)
        return self.waiting

    async def run(self) -> None:
        """Make what comes until cancelled."""
        try:
            while True:
                export_id = await self._queue.get()
                task = asyncio.create_task(self._until_made(export_id), name=f"export-{export_id}")
                self._running[export_id] = task
                task.add_done_callback(partial(self._over, export_id))
        finally:
            running = list(self._running.values())
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def stop(self, media_id: str) -> None:
        """Stop making an export that is to be erased, and wait until nothing is under way."""
        task = self._running.get(Id(media_id))
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def drained(self) -> None:
        """Wait until everything that was queued is made, or failed."""
        await self._idle.wait()

    def _over(self, export_id: Id, task: asyncio.Task[None]) -> None:
        del self._running[export_id]
        self._percent.pop(export_id, None)
        self._owed.discard(export_id)
        if not self._owed:
            self._idle.set()
        if not task.cancelled() and (broken := task.exception()) is not None:
            log.error("export.broken", media=export_id, error=type(broken).__name__)

    async def _until_made(self, export_id: Id) -> None:
        """Try until it is made or failed. A store that is away costs time, never the export."""
        pause_s, is_first = RETRY_FIRST_S, True
        while True:
            try:
                async with self._at_work:
                    row = await self._exporting.row(export_id, attempt=is_first)
                    is_first = False
                    state = await self._once(row)
            except KeyForgottenError:
                return  # an erasure was faster
            except (VaultError, StorageError, WebrtcError, CryptoError, OSError) as error:
                log.warning("export.delayed", media=export_id, error=type(error).__name__, again_in_s=pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(RETRY_LAST_S, pause_s * 2)
            else:
                log.info("export.done", media=export_id, state=state)
                return

    async def _once(self, row: Row[Any] | None) -> str:
        if row is None or row.state != MediaState.FINISHING:
            return "nothing to do"
        failure = ExportFailure.INTERRUPTED if row.attempts > ATTEMPTS else await self._made(row)
        if failure is not None:
            await self._exporting.fail(row, failure)
            await self._exporting.forget(row)
        state = ExportState.READY if failure is None else ExportState.FAILED
        self._tell(row, state, 100 if failure is None else 0, failure)
        return state

    async def _made(self, row: Row[Any]) -> ExportFailure | None:
        """Make it; gives the reason where it came to nothing."""
        self._tell(row, ExportState.RUNNING, 0)
        try:
            await self._exporting.make(row, partial(self._tell, row, ExportState.RUNNING))
            await self._exporting.sweep(row, everything=False)
        except ExportFailedError as failed:
            return ExportFailure(failed.failure)
        except (TamperedError, WebrtcError):
            return ExportFailure.NOT_MADE
        return None

    def _tell(
        self, row: Row[Any], state: ExportState, percent: int, failure: ExportFailure | None = None
    ) -> None:
        """Tell whoever asked for it."""
        self._percent[row.id] = percent
        self._tells.tell(
            row.requested_by,
            CHANGED,
            {
                "export_id": row.id,
                "call_id": row.call_id,
                "format": row.format,
                "state": state.value,
                "progress": percent,
                "failure": failure.value if failure is not None else None,
            },
        )
