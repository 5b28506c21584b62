"""The job of the room: carries each exit on, as far as can be at a time. Every step may be repeated."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.errors import StorageError
from storage.store import ObjectKey, ObjectStore
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import calls, deletion_requests, holds, media, restrictions, tenant_exits
from vault.errors import ConflictError, DependencyError, VaultError
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.leaving.archive import Archive
from vault.leaving.exits import NOTIFY_PART, ExitState, entry, told
from vault.leaving.notices import TEXTS, Post
from vault.ledger.leaf import EntryType
from vault.ledger.log import Ledger
from vault.media.places import archive_prefix
from vault.model import CallState, Id, Role
from vault.policy import Principal
from vault.rights.emptying import UNFINISHED
from vault.rights.receipts import Receipts
from vault.rights.requests import DeletionRequests
from vault.rights.sentry import Sentry

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class LeaverParts:
    """What the job reaches into. ``post``: None where no mail is sent; ``wake`` begins erasures at once."""

    database: Database
    keys: KeyStore
    store: ObjectStore
    ledger: Ledger
    clock: Clock
    archive: Archive
    requests: DeletionRequests
    receipts: Receipts
    sentry: Sentry
    post: Post | None
    wake: Callable[[], None]


class _KeptError(ConflictError):
    """Something keeps the tenant: what must not be erased is not, whatever was agreed."""

    def __init__(self, by: str) -> None:
        super().__init__("something of this company must not be erased yet")
        self.by = by


class _NotDueError(VaultError):
    """The exit is not to end now: it was taken back, or put off, meanwhile."""


class Leaver:
    """Exports, waits, has erased, tells."""

    def __init__(self, parts: LeaverParts) -> None:
        self._parts = parts
        self._database = parts.database
        self._blobs = Blobs(parts.keys)
        self._moved = False
        self._steps: dict[ExitState, Callable[[Row[Any]], Awaitable[None]]] = {
            ExitState.EXPORTING: self._export,
            ExitState.READY: self._end_grace,
            ExitState.LEAVING: self._look_after,
            ExitState.GONE: self._finish,
            ExitState.CANCELLED: self._clean,
        }

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            self._moved = False
            await self.turn()
            if not self._moved:  # a volume follows the other; what waits or failed is looked at later
                await asyncio.sleep(LOOK_EVERY_S)

    async def turn(self) -> None:
        """Carry every exit one step on; what fails is tried again at the next turn."""
        for row in await self._unfinished():
            try:
                await self._tell(row)
                await self._steps[ExitState(row.state)](row)
            except VaultError as error:
                log.warning("exit.waits", exit=row.id, state=row.state, error=type(error).__name__)

    async def _unfinished(self) -> Sequence[Row[Any]]:
        """List the exits that something is left to do for."""
        over = (ExitState.GONE.value, ExitState.CANCELLED.value)
        left = tenant_exits.c.state.not_in(over) | (tenant_exits.c.told != tenant_exits.c.state)
        async with self._database.read() as connection:
            return (
                await connection.execute(select(tenant_exits).where(left).order_by(tenant_exits.c.id))
            ).all()

    async def _export(self, row: Row[Any]) -> None:
        """Make the next volume, or say that there is no more; each is kept as soon as it is whole.

        Nothing is packed before the last call is over and finished: items are taken in the order of their
        ids, and one that became ready behind a younger one would be in no volume.
        """
        if row.recipient is not None:
            if await self._is_recording(row.tenant_id):
                await self._set(row, {"waits_for": "call"})
                return
            volume = await self._parts.archive.volume(row)
            if volume is not None:
                made = {"volumes": [*row.volumes, volume.row()], "after": volume.last or row.after}
                await self._set(row, {**made, "waits_for": None})
                return
        ends_at = self._parts.clock.now() + timedelta(days=row.grace_days)
        ready = {"state": ExitState.READY.value, "ends_at": ends_at, "waits_for": None}
        await self._set(row, ready, EntryType.EXIT_READY)

    async def _is_recording(self, tenant_id: str) -> bool:
        """Tell whether a call of a tenant goes on, or something of it is still being made."""
        going_on = (
            select(calls.c.id).where(calls.c.tenant_id == tenant_id, calls.c.state != CallState.ENDED.value),
            select(media.c.id).where(media.c.tenant_id == tenant_id, media.c.state.in_(UNFINISHED)),
        )
        async with self._database.read() as connection:
            found = [(await connection.execute(query.limit(1))).first() for query in going_on]
        return any(found)

    async def _end_grace(self, row: Row[Any]) -> None:
        """Have everything erased when the grace period is over and nothing keeps it.

        Whether it is ends in one transaction with the request: who takes the exit back, or places what keeps
        something, is either before it or too late.
        """
        now = await self._parts.sentry.now()
        if now is None or now < row.ends_at:
            return

        async def decide(connection: AsyncConnection, request_id: Id) -> None:
            await _require_due(connection, row.id, now)
            await _require_unkept(connection, row.tenant_id)
            leaving = {"state": ExitState.LEAVING.value, "request_id": request_id, "waits_for": None}
            await connection.execute(update(tenant_exits).where(tenant_exits.c.id == row.id).values(leaving))

        try:
            await self._parts.requests.of_tenant(row.tenant_id, decide=decide)
        except _KeptError as error:
            await self._set(row, {"waits_for": error.by})
        except ConflictError:
            await self._set(row, {"waits_for": "call"})
        else:
            self._moved = True
            self._parts.wake()

    async def _look_after(self, row: Row[Any]) -> None:
        query = select(deletion_requests.c.completed_at).where(deletion_requests.c.id == row.request_id)
        async with self._database.read() as connection:
            completed_at = (await connection.execute(query)).scalar_one_or_none()
        if completed_at is not None:
            await self._set(row, {"state": ExitState.GONE.value, "ended_at": completed_at})

    async def _finish(self, row: Row[Any]) -> None:
        """Forget the key of the address that was told last."""
        if row.notify is not None:
            await self._parts.keys.forget(object_id=row.id)
            await self._parts.keys.forget_tenant(row.id)
        await self._set(row, {"told": row.state, "notify": None})

    async def _clean(self, row: Row[Any]) -> None:
        """Delete what was to be taken along."""
        prefix = archive_prefix(tenant_id=row.tenant_id, exit_id=row.id)
        store = self._parts.store
        try:
            found = {ObjectKey(stored.key) async for stored in store.list(prefix)}
            found |= {ObjectKey(line.split(" ", 2)[1]) for line in await store.remains(prefix)}
            for key in sorted(found):
                await store.erase(key)
        except StorageError as cause:
            raise DependencyError("the store does not answer; the volumes are deleted later") from cause
        await self._set(row, {"volumes": []})
        await self._finish(row)

    async def _tell(self, row: Row[Any]) -> None:
        """Send the notice of a state; a mail server that is away keeps nothing but the last one waiting."""
        state = ExitState(row.state)
        if state not in TEXTS or row.told == state.value or row.notify is None or self._parts.post is None:
            return
        opened = await self._blobs.open(row.notify, tenant_id=row.id, object_id=row.id, part=NOTIFY_PART)
        receipt = await self._receipt(row) if state is ExitState.GONE else None
        try:
            await self._parts.post.tell(str(opened["address"]), told(row), receipt)
        except DependencyError:
            if state is ExitState.GONE:
                raise  # the address is kept until it was told
            log.warning("exit.notice_waits", exit=row.id)
            return
        if state is not ExitState.GONE:
            await self._set(row, {"told": state.value})

    async def _receipt(self, row: Row[Any]) -> bytes:
        by = Principal(row.tenant_id, row.tenant_id, Role.ADMIN)
        return await self._parts.receipts.of(row.request_id, by=by)

    async def _set(self, row: Row[Any], values: dict[str, Any], type_: EntryType | None = None) -> None:
        """Change a row that is still in the state it was read in, with an entry where one is due."""
        if all(getattr(row, name) == value for name, value in values.items()):
            return
        self._moved = True
        this = (tenant_exits.c.id == row.id) & (tenant_exits.c.state == row.state)
        async with self._database.write() as connection:
            changed = await connection.execute(update(tenant_exits).where(this).values(values))
            if changed.rowcount and type_ is not None:
                said = entry(type_, row._asdict(), {"volumes": len(row.volumes)}, by=None)
                await self._parts.ledger.append(connection, said)


async def _require_due(connection: AsyncConnection, exit_id: str, now: datetime) -> None:
    query = select(tenant_exits).where(tenant_exits.c.id == exit_id).with_for_update()
    row = (await connection.execute(query)).one()
    if row.state != ExitState.READY or row.ends_at > now:
        raise _NotDueError("the exit was taken back, or put off")


async def _require_unkept(connection: AsyncConnection, tenant_id: str) -> None:
    lasting = {
        "hold": select(holds.c.id).where(holds.c.tenant_id == tenant_id, holds.c.ended_at.is_(None)),
        "restriction": select(restrictions.c.id).where(
            restrictions.c.tenant_id == tenant_id, restrictions.c.lifted_at.is_(None)
        ),
    }
    for what, query in lasting.items():
        if (await connection.execute(query.limit(1))).first() is not None:
            raise _KeptError(what)
