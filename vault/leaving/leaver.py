"""The job of the room: carries each exit on, as far as can be at a time. Every step may be repeated."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import deletion_requests, holds, restrictions, tenant_exits
from vault.errors import VaultError
from vault.leaving.exits import entry
from vault.leaving.packing import Packer, UnpackedError, WaitsError
from vault.leaving.telling import Teller
from vault.ledger.leaf import EntryType
from vault.ledger.log import Ledger
from vault.model import OPEN_EXITS, ExitState, Id
from vault.rights.requests import DeletionRequests
from vault.rights.sentry import Sentry
from vault.rights.taken_along import TakenAlong

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class LeaverParts:
    """What the job reaches into. ``wake`` begins erasures at once."""

    database: Database
    ledger: Ledger
    clock: Clock
    packer: Packer
    taken: TakenAlong
    teller: Teller
    requests: DeletionRequests
    sentry: Sentry
    wake: Callable[[], None]


class Leaver:
    """Has everything packed, waits, has it erased, has it told."""

    def __init__(self, parts: LeaverParts) -> None:
        self._parts = parts
        self._database = parts.database
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
        """Carry every exit one step on; whatever is wrong with one, the others go on."""
        for exit_id in await self._unfinished():
            row = await self._row(exit_id)  # as it is now: the one before may have taken an hour
            try:
                await self._carry(row)
            except VaultError as error:
                log.warning("exit.waits", exit=row.id, state=row.state, error=type(error).__name__)
            except Exception as error:  # noqa: BLE001  # as in vault.rights.keeper
                log.error("exit.failed", exit=row.id, state=row.state, error=type(error).__name__)

    async def _carry(self, row: Row[Any]) -> None:
        try:
            await self._steps[ExitState(row.state)](row)
        except WaitsError as error:
            await self._set(row, {"waits_for": error.on})

    async def _unfinished(self) -> Sequence[str]:
        """Name the exits that something is left to do for."""
        left = (
            tenant_exits.c.state.in_(OPEN_EXITS)
            | (tenant_exits.c.told != tenant_exits.c.state)
            | tenant_exits.c.notify.is_not(None)
        )
        async with self._database.read() as connection:
            query = select(tenant_exits.c.id).where(left).order_by(tenant_exits.c.id)
            return (await connection.execute(query)).scalars().all()

    async def _row(self, exit_id: str) -> Row[Any]:
        async with self._database.read() as connection:
            return (await connection.execute(select(tenant_exits).where(tenant_exits.c.id == exit_id))).one()

    async def _export(self, row: Row[Any]) -> None:
        """Make the next volume, or say that there is no more."""
        if await self._parts.packer.step(row):
            self._moved = True
            await self._set(row, {"waits_for": None})
            return
        ends_at = self._parts.clock.now() + timedelta(days=row.grace_days)
        ready = {"state": ExitState.READY.value, "ends_at": ends_at, "waits_for": None}
        await self._set(row, ready, EntryType.EXIT_READY)

    async def _end_grace(self, row: Row[Any]) -> None:
        """Have everything erased when the grace period is over and nothing keeps it.

        Whether it is ends in one transaction with the request: who takes the exit back, or places what keeps
        something, is either before it or too late.
        """
        await self._try_to_tell(row)
        if await self._parts.packer.step(row):
            self._moved = True
            return
        now = await self._parts.sentry.now()
        if now is None or now < row.ends_at:
            await self._set(row, {"waits_for": None})
            return
        if not await self._parts.packer.lies_ready(row):
            self._moved = True
            return
        await self._parts.requests.of_tenant(row.tenant_id, decide=self._decision(row, now))
        self._moved = True
        self._parts.wake()

    async def _try_to_tell(self, row: Row[Any]) -> None:
        """Tell that it is ready; whatever is wrong with that keeps no end waiting."""
        try:
            await self._parts.teller.tell(row)
        except Exception as error:  # noqa: BLE001
            log.error("exit.notice_failed", exit=row.id, state=row.state, error=type(error).__name__)

    def _decision(self, row: Row[Any], now: datetime) -> Callable[[AsyncConnection, Id], Awaitable[None]]:
        async def decide(connection: AsyncConnection, request_id: Id) -> None:
            this = tenant_exits.c.id == row.id
            found = await connection.execute(select(tenant_exits).where(this).with_for_update())
            held = found.one()
            if held.state != ExitState.READY or held.ends_at > now:
                raise UnpackedError("the exit was taken back, or put off")
            await self._parts.packer.require_packed(connection, held, now)
            await _require_unkept(connection, row.tenant_id)
            leaving = {"state": ExitState.LEAVING.value, "request_id": request_id, "waits_for": None}
            await connection.execute(update(tenant_exits).where(this).values(leaving))

        return decide

    async def _look_after(self, row: Row[Any]) -> None:
        query = select(deletion_requests.c.completed_at).where(deletion_requests.c.id == row.request_id)
        async with self._database.read() as connection:
            completed_at = (await connection.execute(query)).scalar_one_or_none()
        if completed_at is not None:
            await self._set(row, {"state": ExitState.GONE.value, "ended_at": completed_at})

    async def _finish(self, row: Row[Any]) -> None:
        """Tell the end, then forget who was told."""
        if await self._parts.teller.tell(row):
            await self._forget_address(row)

    async def _clean(self, row: Row[Any]) -> None:
        """Delete what was to be taken along."""
        await self._parts.taken.clear(row.id, row.tenant_id)
        await self._forget_address(row)

    async def _forget_address(self, row: Row[Any]) -> None:
        if await self._parts.teller.forgotten(row):
            await self._set(row, {"told": row.state})

    async def _set(self, row: Row[Any], values: dict[str, Any], type_: EntryType | None = None) -> None:
        """Change a row that is still in the state it was read in, with an entry where one is due."""
        if all(getattr(row, name) == value for name, value in values.items()):
            return
        self._moved = True
        this = (tenant_exits.c.id == row.id) & (tenant_exits.c.state == row.state)
        async with self._database.write() as connection:
            changed = await connection.execute(update(tenant_exits).where(this).values(values))
            if changed.rowcount and type_ is not None:
                facts = {"volumes": row.volumes_made}
                await self._parts.ledger.append(connection, entry(type_, row._asdict(), facts, by=None))


async def _require_unkept(connection: AsyncConnection, tenant_id: str) -> None:
    """Raise WaitsError: what must not be erased is not, whatever was agreed."""
    lasting = {
        "hold": select(holds.c.id).where(holds.c.tenant_id == tenant_id, holds.c.ended_at.is_(None)),
        "restriction": select(restrictions.c.id).where(
            restrictions.c.tenant_id == tenant_id, restrictions.c.lifted_at.is_(None)
        ),
    }
    for what, query in lasting.items():
        if (await connection.execute(query.limit(1))).first() is not None:
            raise WaitsError(what)
