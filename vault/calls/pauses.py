"""Secure pauses: while card data is said, shown or typed, nothing of a call is kept; people talk on.

A pause begins in memory, so that it holds at once and whatever the database does; its row makes it hold over
a restart. It ends only when somebody says so, and its row first: a pause whose end cannot be written goes on.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls import capturing, pause_rows
from vault.calls.admission import Admission
from vault.calls.calls import Calls
from vault.calls.floor import Floor
from vault.calls.pause_rows import PauseRow
from vault.calls.permits import OpenPause, Permit
from vault.calls.tellings import Tellings
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import calls
from vault.errors import ConflictError, NotFoundError, VaultError
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import CallState, Id, RecordingState, new_id
from vault.policy import Permission, Principal

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0  # a reminder may come so late, and what could not be written is tried again so often


@dataclass(frozen=True, slots=True)
class PauseView:
    """A pause. ``is_durable`` says whether it would hold over a restart; it holds in any case."""

    id: Id
    begun_at: datetime
    ended_at: datetime | None
    is_durable: bool
    is_new: bool = False


class Pauses:
    """Begins and ends pauses; ``is_paused`` is for whoever keeps something of a call."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        calls: Calls,
        floor: Floor,
        tellings: Tellings,
        clock: Clock,
        *,
        remind_s: float,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._admission = Admission(database, calls, floor)
        self._floor = floor
        self._tellings = tellings
        self._clock = clock
        self._remind_s = remind_s

    async def begin(self, call_id: str, *, by: Principal) -> PauseView:
        """Keep nothing of a call from now on; asking again gives the pause that goes on.

        Raises ConflictError where the call has ended or ``by`` is not in it, NotFoundError for another
        tenant's. Where the database does not answer the pause holds all the same, and says so.
        """
        permit = await self._admission.permit_of(call_id, Permission.CALL_PAUSE, by=by)
        if permit.pause is not None and not permit.pause.endings:
            return _view(permit.pause)
        pause, is_new = self._opened(permit, by)
        capturing.pause(self._floor, call_id)
        try:
            await self._write(permit, pause)
        except VaultError as error:
            log.error("pause.not_written", call=permit.call_id, error=type(error).__name__)
        if permit.pause is not pause and not pause.is_written:
            if permit.pause is not None:  # the one before could not be ended, so there is no new one
                return _view(permit.pause)
            raise ConflictError("this call has ended")
        await self._tell(permit)
        return _view(pause, is_new=is_new)

    async def resume(self, call_id: str, pause_id: str, *, by: Principal) -> PauseView:
        """Let the recording go on; repeating it is harmless. NotFoundError for a pause of another call.

        DependencyError where the end cannot be written: then the pause goes on.
        """
        permit = await self._admission.permit_of(call_id, Permission.CALL_PAUSE, by=by)
        pause = permit.pause
        if pause is None or pause.id != pause_id:
            return await self._ended(call_id, pause_id)
        pause.endings += 1  # who wants a pause from here on wants another one
        try:
            async with permit.turn:
                if permit.pause is not pause:
                    return await self._ended(call_id, pause_id)
                ended_at = await self._write_end(permit, pause, by)
                permit.pause = pause.again
                if permit.state() is RecordingState.RECORDING:
                    capturing.resume(self._floor, call_id)
        finally:
            pause.endings -= 1
            if permit.pause is pause:
                self._goes_on(pause, by)
        await self._tell(permit)
        return PauseView(pause.id, pause.begun_at, ended_at, is_durable=True)

    async def is_paused(self, call_id: str) -> bool:
        """Tell whether nothing of a call may be kept at this moment, whatever else is agreed about it."""
        permit = self._floor.permits.get(call_id)
        if permit is not None:
            return permit.pause is not None
        async with self._database.read() as connection:
            return await pause_rows.open_pause(connection, call_id) is not None

    async def run(self) -> None:
        """Remind people of long pauses, and write what could not be written; until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.turn()

    async def turn(self) -> None:
        """Look once at every pause of this process."""
        carried = {leg.call.id for leg in self._floor.legs.values()}
        for permit in self._floor.permits:
            if permit.pause is None:
                continue
            try:
                if not permit.pause.is_written:
                    await self._write(permit, permit.pause)
                if permit.call_id in carried:
                    await self._remind(permit, permit.pause)
            except Exception as error:  # noqa: BLE001  # whatever it is, it holds up no other call's pause
                log.error("pause.waits", call=permit.call_id, error=type(error).__name__)

    def _opened(self, permit: Permit, by: Principal) -> tuple[OpenPause, bool]:
        """Find or make the pause that is wanted now, after the one that is just ending if there is one."""
        ending = permit.pause
        if ending is not None and ending.again is not None:
            return ending.again, False
        opened = OpenPause(
            new_id("pau"), self._clock.now(), is_written=False, reminded_s=self._clock.monotonic(), by=by
        )
        if ending is None:
            permit.pause = opened
        else:
            ending.again = opened
        return opened, True

    def _goes_on(self, pause: OpenPause, by: Principal) -> None:
        """Take back that it ends. Its row may have its end all the same, because an answer can be lost."""
        pause.is_written, pause.by = False, pause.by or by
        if not pause.endings:
            pause.again = None

    async def _remind(self, permit: Permit, pause: OpenPause | None) -> None:
        if pause is None:  # over meanwhile
            return
        now_s = self._clock.monotonic()
        if pause.reminded_s is None:  # begun by another process
            pause.reminded_s = now_s
        if now_s - pause.reminded_s < self._remind_s:
            return
        pause.reminded_s = now_s
        seconds = (self._clock.now() - pause.begun_at).total_seconds()
        told = {"call_id": permit.call_id, "pause_id": pause.id, "since": pause.begun_at}
        await self._tellings.pause_is_long(permit.call_id, {**told, "seconds": round(seconds)})

    async def _write(self, permit: Permit, pause: OpenPause) -> None:
        """Make a pause durable; one whose call has ended meanwhile is over."""
        async with permit.turn:
            if permit.pause is not pause or pause.is_written:
                return
            async with self._database.write() as connection:
                call = await self._held(connection, permit.call_id)
                if call.state == CallState.ENDED:
                    permit.pause = None
                    return
                await self._insert(connection, permit, pause)
            pause.is_written = True

    async def _write_end(self, permit: Permit, pause: OpenPause, by: Principal) -> datetime:
        ended_at = self._clock.now()
        entry = await self._ledger.ready(_entry(EntryType.PAUSE_ENDED, permit, pause, by))
        async with self._database.write() as connection:
            await self._held(connection, permit.call_id)
            if not pause.is_written:
                await self._insert(connection, permit, pause)
            await pause_rows.end(connection, permit.call_id, at=ended_at, cause=pause_rows.RESUMED)
            await self._ledger.append(connection, entry)
        return ended_at

    async def _insert(self, connection: AsyncConnection, permit: Permit, pause: OpenPause) -> None:
        row = PauseRow(pause.id, permit.call_id, pause.begun_at, None)
        is_news = await pause_rows.begin(connection, row, tenant_id=permit.tenant_id)
        if is_news and pause.by is not None:
            await self._ledger.append(connection, _entry(EntryType.PAUSE_BEGUN, permit, pause, pause.by))

    async def _held(self, connection: AsyncConnection, call_id: str) -> Row[Any]:
        found = await connection.execute(select(calls).where(calls.c.id == call_id).with_for_update())
        row: Row[Any] = found.one()
        return row

    async def _ended(self, call_id: str, pause_id: str) -> PauseView:
        async with self._database.read() as connection:
            row = await pause_rows.find(connection, call_id, pause_id)
        if row is None:
            raise NotFoundError
        return PauseView(row.id, row.begun_at, row.ended_at, is_durable=True)

    async def _tell(self, permit: Permit) -> None:
        await self._tellings.recording(permit.call_id, {"call_id": permit.call_id, **permit.told()})


def _view(pause: OpenPause, *, is_new: bool = False) -> PauseView:
    return PauseView(pause.id, pause.begun_at, None, is_durable=pause.is_written, is_new=is_new)


def _entry(type_: EntryType, permit: Permit, pause: OpenPause, by: Principal) -> Entry:
    return Entry(
        type_,
        tenant_id=permit.tenant_id,
        object_id=permit.call_id,
        actor_id=by.id,
        facts={"pause": pause.id},
    )
