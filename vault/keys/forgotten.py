"""The mark of a tenant whose keys are forgotten for good: no key of it is made, moved or stored any more.

Whoever makes, moves or stores a key holds the row of its epoch for sharing, and looks for the mark; whoever
sets it holds all of them alone. So a key is there before, and goes, or it never comes.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.key_tables import epochs, forgotten_tenants
from vault.errors import KeyForgottenError


async def hold_epochs(connection: AsyncConnection) -> None:
    """Keep every epoch until the transaction ends: nobody stores a key meanwhile."""
    await connection.execute(select(epochs.c.epoch).order_by(epochs.c.epoch).with_for_update())


async def set_mark(
    connection: AsyncConnection, tenant_id: str, epoch: int | None, at: datetime
) -> int | None:
    """Mark a tenant; tells the newest epoch that keys of it were ever in, as far as is known.

    ``epoch`` is the newest that they are in now; the caller holds the epochs.
    """
    this = forgotten_tenants.c.tenant_id == tenant_id
    row = (await connection.execute(select(forgotten_tenants).where(this))).first()
    if row is None:
        made = insert(forgotten_tenants).values(tenant_id=tenant_id, epoch=epoch, at=at)
        await connection.execute(made)
        return epoch
    newest = max((each for each in (epoch, row.epoch) if each is not None), default=None)
    if newest != row.epoch:
        await connection.execute(update(forgotten_tenants).where(this).values(epoch=newest))
    return newest


async def forgotten_among(
    connection: AsyncConnection, tenant_ids: Collection[str], *, epoch: int
) -> Collection[str]:
    """Name those of some tenants that are marked; no other is until the transaction ends."""
    held = select(epochs.c.epoch).where(epochs.c.epoch == epoch).with_for_update(read=True)
    await connection.execute(held)
    marked = select(forgotten_tenants.c.tenant_id).where(forgotten_tenants.c.tenant_id.in_(tenant_ids))
    return set((await connection.execute(marked)).scalars())


async def require_known(connection: AsyncConnection, tenant_id: str, *, epoch: int) -> None:
    """Raise KeyForgottenError for a marked tenant."""
    if await forgotten_among(connection, [tenant_id], epoch=epoch):
        raise KeyForgottenError("this tenant's keys are forgotten for good")
