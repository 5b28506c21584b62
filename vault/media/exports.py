"""Exports: asked for, looked at, and every move of their rows; ``vault.media.exporting`` makes them.

An export is a media item: it has a data key of its own, sealed parts, links, a history, a time to live, and
is erased like a recording. Beside it stands what was asked for, and of which recordings it is made; whoever
erases one of them erases the export in the same request (``vault.rights.requests``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, Select, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import calls, export_sources, exports, legs, media
from vault.errors import ConflictError, ErasedError, NotFoundError, TooManyRequestsError
from vault.keys.store import KeyStore
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.restricting import refusal
from vault.media.retention import days_of
from vault.model import (
    ExportFailure,
    ExportFormat,
    ExportState,
    Id,
    ItemKind,
    LegState,
    MediaState,
    RuleKind,
    is_id,
    new_id,
)
from vault.policy import Permission, Principal, require, require_same_tenant
from vault.settings import ExportSettings

LISTED: Final = 100  # of one call
RETRY_AFTER_S: Final = 60  # a minute of call takes some seconds
_STATES: Final = {
    MediaState.FINISHING: ExportState.QUEUED,
    MediaState.READY: ExportState.READY,
    MediaState.LOST: ExportState.FAILED,
    MediaState.ERASING: ExportState.ERASED,
    MediaState.ERASED: ExportState.ERASED,
}


@dataclass(frozen=True, slots=True)
class Export:
    """One export as its tenant's people see it; ``queued`` may be running by now."""

    id: Id
    tenant_id: Id
    call_id: Id
    format: ExportFormat
    state: ExportState
    failure: ExportFailure | None
    requested_by: Id
    created_at: datetime
    retain_until: datetime
    duration_ms: int | None
    size_bytes: int | None
    content_type: str | None
    sources: tuple[Id, ...]


class Exports:
    """Takes requests and shows what became of them."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        ledger: Ledger,
        clock: Clock,
        settings: ExportSettings,
    ) -> None:
        self._database = database
        self._keys = keys
        self._ledger = ledger
        self._clock = clock
        self._settings = settings

    async def ask(self, call_id: str, format_: ExportFormat, *, by: Principal) -> Export:
        """Ask for an export of all that is kept of an ended call.

        Raises NotFoundError, ErasedError, ConflictError (the call or a recording of it is not finished,
        nothing is kept, or the same is being made already), TooManyRequestsError.
        """
        require(by, Permission.MEDIA_EXPORT)
        async with self._database.read() as connection:
            await self._sources(connection, call_id, format_, by)  # before a key is made for nothing
        export_id = new_id("exp")
        await self._keys.create_data_key(tenant_id=by.tenant_id, object_id=export_id)
        begun = await self._ledger.ready(_begun_entry(export_id, format_, by))
        async with self._database.write() as connection:
            rows = await self._sources(connection, call_id, format_, by)
            days = await days_of(
                connection, rows[0].button_id, RuleKind.EXPORT, else_=self._settings.keep_days
            )
            await connection.execute(insert(media).values(self._row(export_id, rows, days)))
            await connection.execute(
                insert(exports).values(
                    media_id=export_id,
                    tenant_id=by.tenant_id,
                    call_id=call_id,
                    format=format_.value,
                    requested_by=by.id,
                    attempts=0,
                )
            )
            sources = [{"media_id": export_id, "source_id": row.id} for row in rows]
            await connection.execute(insert(export_sources), sources)
            await self._ledger.append(connection, begun)
        return await self.get(export_id, by=by)

    async def get(self, export_id: str, *, by: Principal) -> Export:
        """Show one; NotFoundError for a missing or foreign one."""
        require(by, Permission.MEDIA_LIST)
        async with self._database.read() as connection:
            row = (await connection.execute(_select().where(media.c.id == export_id))).first()
            if row is None or not is_id(export_id, "exp"):
                raise NotFoundError
            require_same_tenant(by, row.tenant_id)
            return (await _told(connection, [row]))[0]

    async def of_call(self, call_id: str, *, by: Principal) -> Sequence[Export]:
        """Show the exports of a call, newest first."""
        require(by, Permission.MEDIA_LIST)
        query = _select().where(media.c.call_id == call_id).order_by(media.c.id.desc()).limit(LISTED)
        async with self._database.read() as connection:
            tenant = select(calls.c.tenant_id).where(calls.c.id == call_id)
            owner = (await connection.execute(tenant)).scalar_one_or_none()
            if owner is None:
                raise NotFoundError
            require_same_tenant(by, owner)
            return await _told(connection, (await connection.execute(query)).all())

    async def unfinished(self) -> Sequence[Id]:
        """Name the exports that are still to be made, oldest first."""
        query = select(media.c.id).where(
            media.c.kind == ItemKind.EXPORT.value, media.c.state == MediaState.FINISHING.value
        )
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(media.c.id))
            return [Id(row.id) for row in rows]

    def _row(self, export_id: Id, sources: Sequence[Row[Any]], days: int) -> dict[str, Any]:
        now, first = self._clock.now(), sources[0]
        keep = now + timedelta(days=days)
        return {
            "id": export_id,
            "tenant_id": first.tenant_id,
            "kind": ItemKind.EXPORT.value,
            "call_id": first.call_id,
            "leg_id": first.leg_id,
            "button_id": first.button_id,
            "gen": 1,
            "state": MediaState.FINISHING.value,
            "created_at": now,
            "codecs": [],
            "recovered": False,
            "retain_until": min(keep, *(row.retain_until for row in sources)),
        }

    async def _sources(
        self, connection: AsyncConnection, call_id: str, format_: ExportFormat, by: Principal
    ) -> Sequence[Row[Any]]:
        """Lock and read what there is to export; raises as ``ask`` says."""
        call = (await connection.execute(select(calls).where(calls.c.id == call_id))).first()
        if call is None or not is_id(call_id, "call"):
            raise NotFoundError
        require_same_tenant(by, call.tenant_id)
        if call.erased_at is not None:
            raise ErasedError("this call has been erased")
        query = select(media).where(media.c.call_id == call_id, media.c.kind == ItemKind.RECORDING.value)
        rows = (await connection.execute(query.order_by(media.c.id).with_for_update())).all()
        if any(row.state in {MediaState.CAPTURING, MediaState.FINISHING} for row in rows):
            raise ConflictError("a recording of this call is not finished yet; ask again in a moment")
        if await _is_running(connection, call_id):
            raise ConflictError("the call is still running; ask again when it has ended")
        kept = [row for row in rows if row.state == MediaState.READY]
        if any(row.restricted_at is not None for row in kept):
            raise refusal()
        if not kept:
            raise ConflictError("nothing is kept of this call that could be exported")
        await self._require_room(connection, call_id, format_, by)
        return kept

    async def _require_room(
        self, connection: AsyncConnection, call_id: str, format_: ExportFormat, by: Principal
    ) -> None:
        waiting = (
            select(func.count())
            .select_from(exports.join(media, media.c.id == exports.c.media_id))
            .where(exports.c.tenant_id == by.tenant_id, media.c.state == MediaState.FINISHING.value)
        )
        same = waiting.where(exports.c.call_id == call_id, exports.c.format == format_.value)
        if (await connection.execute(same)).scalar_one():
            raise ConflictError("this export is being made already")
        if (await connection.execute(waiting)).scalar_one() >= self._settings.waiting_per_tenant:
            raise TooManyRequestsError("too many exports wait already", retry_after_s=RETRY_AFTER_S)


async def _is_running(connection: AsyncConnection, call_id: str) -> bool:
    query = select(legs.c.id).where(legs.c.call_id == call_id, legs.c.state != LegState.ENDED.value)
    return (await connection.execute(query.limit(1))).first() is not None


def _select() -> Select[Any]:
    return select(
        media, exports.c.format, exports.c.requested_by, exports.c.failure, exports.c.attempts
    ).join(exports, exports.c.media_id == media.c.id)


async def _told(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Export]:
    wanted = [row.id for row in rows]
    found = await connection.execute(
        select(export_sources)
        .where(export_sources.c.media_id.in_(wanted))
        .order_by(export_sources.c.source_id)
    )
    sources: dict[str, list[Id]] = {}
    for one in found:
        sources.setdefault(one.media_id, []).append(Id(one.source_id))
    return [_export(row, sources.get(row.id, [])) for row in rows]


def _export(row: Row[Any], sources: Sequence[Id]) -> Export:
    return Export(
        id=row.id,
        tenant_id=row.tenant_id,
        call_id=row.call_id,
        format=ExportFormat(row.format),
        state=_STATES[MediaState(row.state)],
        failure=ExportFailure(row.failure) if row.failure else None,
        requested_by=row.requested_by,
        created_at=row.created_at,
        retain_until=row.retain_until,
        duration_ms=row.duration_ms,
        size_bytes=row.size_bytes,
        content_type=row.content_type,
        sources=tuple(sources),
    )


def _begun_entry(export_id: Id, format_: ExportFormat, by: Principal) -> Entry:
    return Entry(
        EntryType.EXPORT_BEGUN,
        tenant_id=by.tenant_id,
        object_id=export_id,
        actor_id=by.id,
        facts={"format": format_.value},
        detail={"person": by.id},
    )
