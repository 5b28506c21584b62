"""Which rows of the main database are a tenant's own: told by the tables themselves, so none is left out.

A table either names the tenant, or refers to a table that does. What stays behind is named here, and why.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, and_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import buttons, issuers, legs, metadata, people, tenants
from vault.errors import ConflictError
from vault.model import LegState

TENANT: Final = "tenant"  # the kind of the erasure of one
STAYS: Final = {
    "tenants": "the bare id, to which the receipt belongs; its name is blanked",
    "deletion_requests": "receipts rest on them; they name nobody",
    "erasures": "as deletion_requests",
    "tenant_exits": "how the end came about; it names nobody",
    "leaves": "the ledger, which holds no personal data and is one chain for all",
    "ledger_nodes": "as leaves",
    "checkpoints": "as leaves",
    "epoch_ends": "as leaves",
    "clock_marks": "the deployment's own",
    "replica_debts": "what a replica still has to be told: it goes when that is done",
}


def _tenant_of(table: Table, tenant_id: str) -> ColumnElement[bool] | None:
    if "tenant_id" in table.columns:
        return table.c.tenant_id == tenant_id
    for column in table.columns:
        for reference in column.foreign_keys:
            parent = reference.column.table
            if parent is table:
                continue
            of_parent = _tenant_of(parent, tenant_id)
            if of_parent is not None:
                return column.in_(select(reference.column).where(of_parent))
    return None


def rows_of(table: Table, tenant_id: str) -> ColumnElement[bool]:
    """Choose the rows of a table that are a tenant's; LookupError where a table does not tell whose it is."""
    chosen = _tenant_of(table, tenant_id)
    if chosen is None:
        raise LookupError(f"the table {table.name} does not tell whose its rows are")
    return chosen


def named(table: Table, names: Sequence[tuple[Any, ...]]) -> ColumnElement[bool]:
    """Choose rows of a table by their primary keys.

    Where a key has several columns the first is asked for by itself, too: for a list of pairs SQLite takes no
    index and reads the whole table, each time.
    """
    first, *others = table.primary_key.columns
    by_first = first.in_(dict.fromkeys(name[0] for name in names))
    return and_(by_first, tuple_(first, *others).in_(names)) if others else by_first


def _emptied() -> tuple[Table, ...]:
    """List the tables that are emptied, those that refer to others first."""
    ordered: list[Any] = [table for table in reversed(metadata.sorted_tables) if table.name not in STAYS]
    return tuple(ordered)


EMPTIED_TABLES: Final = _emptied()


async def shut_out(connection: AsyncConnection, tenant_id: str, at: datetime) -> None:
    """Take everything of a tenant out of reach, in the caller's transaction: nobody signs in, calls or looks.

    People are few, so they are turned off one by one; what visitors may do rests on ``tenants.left_at``.
    """
    this = tenants.c.id == tenant_id
    await connection.execute(update(tenants).where(this, tenants.c.left_at.is_(None)).values(left_at=at))
    for table in (people, issuers, buttons):
        turned_on = (table.c.tenant_id == tenant_id) & table.c.disabled_at.is_(None)
        await connection.execute(update(table).where(turned_on).values(disabled_at=at))


async def require_nobody_in_call(connection: AsyncConnection, tenant_id: str) -> None:
    """Raise ConflictError while somebody is in a call of a tenant."""
    running = select(legs.c.id).where(legs.c.tenant_id == tenant_id, legs.c.state != LegState.ENDED.value)
    if (await connection.execute(running.limit(1))).first() is not None:
        raise ConflictError("a call of this tenant is still running; ask again when it has ended")


async def require_here(connection: AsyncConnection, tenant_id: str) -> None:
    """Raise ConflictError where a tenant's erasure was asked for; nobody asks until the transaction ends."""
    left_at = select(tenants.c.left_at).where(tenants.c.id == tenant_id).with_for_update(read=True)
    if (await connection.execute(left_at)).scalar_one() is not None:
        raise ConflictError("everything of this company is being erased; it is out of reach already")


async def blank(connection: AsyncConnection, tenant_id: str) -> None:
    """Leave nothing of a tenant's own row but its id and dates."""
    nothing = {"name": "", "dispositions": None}
    await connection.execute(update(tenants).where(tenants.c.id == tenant_id).values(nothing))
