"""What a company that leaves takes along never outlives the erasure of it, nor its restriction.

A volume that holds any of it is *withdrawn* in the transaction that asks for the erasure, or restricts: from
then on nobody is given it. It is deleted before the erasure is proven; ``vault.leaving`` makes it anew. Rows
are withdrawn with anything, since any of them may tell of it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.errors import StorageError
from storage.store import ObjectKey, ObjectStore
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import calls, exit_items, exit_volumes, media, tenant_exits, tenants
from vault.errors import DependencyError
from vault.media.places import archives_prefix, volume_key
from vault.rights.belongings import IDS_AT_ONCE

STANDING: Final = exit_volumes.c.made_at.is_not(None) & exit_volumes.c.withdrawn_at.is_(None)


class VolumeKind(StrEnum):
    """What a volume is of."""

    ROWS = "rows"
    MEDIA = "media"


async def withdraw(
    connection: AsyncConnection, tenant_id: str, object_ids: Collection[str], at: datetime
) -> None:
    """Give out no volume from here on that may hold any of these."""
    if not await hold_exits(connection, tenant_id):
        return
    await _withdraw(connection, tenant_id, exit_volumes.c.kind == VolumeKind.ROWS.value, at)
    named = sorted(object_ids)
    for start in range(0, len(named), IDS_AT_ONCE):
        await _withdraw(connection, tenant_id, _holds(named[start : start + IDS_AT_ONCE]), at)


async def withdraw_call(connection: AsyncConnection, call_id: str, at: datetime) -> None:
    """Give out no volume from here on that may hold anything of a call."""
    tenant_id = (await connection.execute(select(calls.c.tenant_id).where(calls.c.id == call_id))).scalar()
    if tenant_id is not None and await hold_exits(connection, tenant_id):
        of_call = select(media.c.id).where(media.c.call_id == call_id)
        which = or_(exit_volumes.c.kind == VolumeKind.ROWS.value, _holds(of_call))
        await _withdraw(connection, tenant_id, which, at)


async def hold_exits(connection: AsyncConnection, tenant_id: str) -> bool:
    """Keep a tenant's exits until the transaction ends; whether there is any.

    So a volume is begun before what withdraws it, and is seen here; or behind it, and sees it.
    """
    query = select(tenant_exits.c.id).where(tenant_exits.c.tenant_id == tenant_id).order_by(tenant_exits.c.id)
    return bool((await connection.execute(query.with_for_update())).all())


async def _withdraw(
    connection: AsyncConnection, tenant_id: str, which: ColumnElement[bool], at: datetime
) -> None:
    given = (exit_volumes.c.tenant_id == tenant_id) & exit_volumes.c.withdrawn_at.is_(None)
    await connection.execute(update(exit_volumes).where(given, which).values(withdrawn_at=at))


def _holds(media_ids: Any) -> ColumnElement[bool]:
    held = select(exit_items.c.media_id).where(
        exit_items.c.exit_id == exit_volumes.c.exit_id,
        exit_items.c.number == exit_volumes.c.number,
        exit_items.c.media_id.in_(media_ids),
    )
    return held.correlate(exit_volumes).exists()


class TakenAlong:
    """Deletes what is not to be taken along any more. Every method may be repeated without harm."""

    def __init__(self, database: Database, store: ObjectStore, clock: Clock) -> None:
        self._database = database
        self._store = store
        self._clock = clock

    async def taken_back(self, erasure: Row[Any]) -> bool:
        """Delete what holds an object that is being erased; False while such a volume is still being made.

        What no row leads to goes too: a database that was set back knows nothing of volumes made since.
        """
        tenant_id = erasure.tenant_id
        if not await self._leaves(tenant_id):
            return True
        async with self._database.write() as connection:
            await withdraw(connection, tenant_id, [erasure.object_id], self._clock.now())
        there = await self._there(tenant_id)  # first: a volume that begins now is in the rows that follow
        rows = await self._rows(tenant_id)
        known = {_key(row) for row in rows if row.made_at is None or row.withdrawn_at is None}
        await self._erase(there - known)
        await self._forget([row for row in rows if row.made_at is not None and row.withdrawn_at is not None])
        return not any(row.made_at is None and row.withdrawn_at is not None for row in rows)

    async def tidied(self, exit_id: str) -> bool:
        """Delete the volumes of an exit that were withdrawn, or cut off in their making; whether any was.

        Only who makes volumes may call this: what is being made counts as cut off.
        """
        void = (exit_volumes.c.exit_id == exit_id) & ~STANDING
        async with self._database.read() as connection:
            rows = (await connection.execute(select(exit_volumes).where(void))).all()
        await self._erase({_key(row) for row in rows})
        await self._forget(rows)
        return bool(rows)

    async def clear(self, exit_id: str, tenant_id: str) -> None:
        """Delete every volume of an exit."""
        named = f"{volume_key(tenant_id=tenant_id, exit_id=exit_id, number=0)}".rpartition("/")[0]
        await self._erase({key for key in await self._there(tenant_id) if key.startswith(f"{named}/")})
        async with self._database.write() as connection:
            for table in (exit_items, exit_volumes):
                await connection.execute(delete(table).where(table.c.exit_id == exit_id))

    async def _leaves(self, tenant_id: str) -> bool:
        """Tell whether a tenant leaves, or ever began to."""
        query = select(tenants.c.leaving_at, tenant_exits.c.id).where(tenants.c.id == tenant_id)
        joined = query.outerjoin(tenant_exits, tenant_exits.c.tenant_id == tenants.c.id).limit(1)
        async with self._database.read() as connection:
            row = (await connection.execute(joined)).first()
        return row is not None and any(each is not None for each in row)

    async def _rows(self, tenant_id: str) -> Sequence[Row[Any]]:
        async with self._database.read() as connection:
            query = select(exit_volumes).where(exit_volumes.c.tenant_id == tenant_id)
            return (await connection.execute(query)).all()

    async def _there(self, tenant_id: str) -> set[ObjectKey]:
        prefix = archives_prefix(tenant_id)
        try:
            found = {ObjectKey(stored.key) async for stored in self._store.list(prefix)}
            lines = await self._store.remains(prefix)
        except StorageError as cause:
            raise DependencyError(
                "the store does not tell which volumes it has; it is asked again"
            ) from cause
        return found | {ObjectKey(line.split(" ", 2)[1]) for line in lines}

    async def _erase(self, keys: Collection[ObjectKey]) -> None:
        try:
            for key in sorted(keys):
                await self._store.erase(key)
                if await self._store.remains(key):
                    raise DependencyError("the store still has what was deleted; it is asked again")
        except StorageError as cause:
            raise DependencyError("the store does not answer; the volumes are deleted later") from cause

    async def _forget(self, rows: Sequence[Row[Any]]) -> None:
        """Delete the rows of volumes that are gone; what they held is in none now."""
        if not rows:
            return
        async with self._database.write() as connection:
            for row in rows:
                held = (exit_items.c.exit_id == row.exit_id) & (exit_items.c.number == row.number)
                await connection.execute(update(exit_items).where(held).values(number=None))
                this = (exit_volumes.c.exit_id == row.exit_id) & (exit_volumes.c.number == row.number)
                await connection.execute(delete(exit_volumes).where(this))


def _key(row: Row[Any]) -> ObjectKey:
    return volume_key(tenant_id=row.tenant_id, exit_id=row.exit_id, number=row.number)
