"""Forgetting what the key store has of a tenant: its keys at once and for good, what is left of it after."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, and_, delete, exists, select, tuple_, union
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.key_tables import data_keys, forgotten_tenants, tenant_holders, tenant_keys
from vault.keys.epochs import told_after
from vault.keys.forgotten import hold_epochs, set_mark


async def forget_keys_of(connection: AsyncConnection, tenant_id: str, *, at: datetime) -> int | None:
    """Delete a tenant's keys and set its mark; tells the newest epoch that they were ever in.

    The end of that epoch is told only after those of the others. What is in recovery opens without the
    tenant's key: it goes in the same moment.
    """
    await hold_epochs(connection)
    found = sorted((await connection.execute(epochs_of(tenant_id))).scalars())
    for table in (tenant_keys, tenant_holders):
        await connection.execute(delete(table).where(table.c.tenant_id == tenant_id))
    await connection.execute(delete(data_keys).where(_in_recovery(tenant_id)))
    epoch = await set_mark(connection, tenant_id, found[-1] if found else None, at)
    if epoch is not None:
        await told_after(connection, epoch, [one for one in found if one != epoch])
    return epoch


async def forget_records(connection: AsyncConnection, tenant_id: str, *, limit: int) -> int:
    """Delete some records of a tenant; how many."""
    name, gen = data_keys.c.object_id, data_keys.c.gen
    some = select(name, gen).where(data_keys.c.tenant_id == tenant_id).limit(limit)
    found = [tuple(row) for row in await connection.execute(some)]
    if found:
        await connection.execute(delete(data_keys).where(tuple_(name, gen).in_(found)))
    return len(found)


async def marked_with_records(connection: AsyncConnection) -> Sequence[str]:
    """Name the tenants that are forgotten for good and still have records."""
    left = exists().where(data_keys.c.tenant_id == forgotten_tenants.c.tenant_id)
    return (await connection.execute(select(forgotten_tenants.c.tenant_id).where(left))).scalars().all()


async def marked_among(connection: AsyncConnection, tenant_ids: Collection[str]) -> Collection[str]:
    """Name those of some tenants that are forgotten for good, as things stand."""
    marked = select(forgotten_tenants.c.tenant_id).where(forgotten_tenants.c.tenant_id.in_(tenant_ids))
    return set((await connection.execute(marked)).scalars())


async def knows(connection: AsyncConnection, tenant_id: str) -> bool:
    """Tell whether a tenant has a key or a record here."""
    of = [
        select(table.c.tenant_id).where(table.c.tenant_id == tenant_id) for table in (tenant_keys, data_keys)
    ]
    return (await connection.execute(union(*of).limit(1))).first() is not None


def epochs_of(tenant_id: str) -> CompoundSelect[Any]:
    """Select the epochs that a tenant's keys are in."""
    own = select(tenant_keys.c.epoch).where(tenant_keys.c.tenant_id == tenant_id)
    return union(own, select(data_keys.c.epoch).where(_in_recovery(tenant_id)))


def _in_recovery(tenant_id: str) -> ColumnElement[bool]:
    return and_(data_keys.c.tenant_id == tenant_id, data_keys.c.in_recovery.is_(True))
