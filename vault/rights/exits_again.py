"""What the ledger says of a company that leaves, done again in a database that was set back behind it.

A company that stayed is not erased, and one that had begun to leave takes no call. To whose key its volumes
were sealed stands in no entry: such an exit waits until it is taken back, and begun anew.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import from_text
from vault.db.tables import calls, legs, tenant_exits, tenants
from vault.ledger.continuing import plain
from vault.model import OPEN_EXITS, CallState, ExitState, Id, LegState

log = structlog.get_logger(__name__)

UNKNOWN_RECIPIENT: Final = ""  # something was to be taken along, and nobody knows to which key


async def begin_again(connection: AsyncConnection, begun: Mapping[str, Any], *, by: Id) -> None:
    """Begin an exit that the database lacks; whom to tell is not known either."""
    exit_id, tenant_id = f"xit_{plain(begun['exit'])}", f"ten_{plain(begun['tenant'])}"
    known = select(tenant_exits.c.id).where(tenant_exits.c.id == exit_id)
    tenant = select(tenants.c.id).where(tenants.c.id == tenant_id)
    if (await connection.execute(known)).first() or not (await connection.execute(tenant)).first():
        return
    asked_at = from_text(begun["time"])
    row = {
        "id": exit_id,
        "tenant_id": tenant_id,
        "state": ExitState.EXPORTING.value,
        "recipient": UNKNOWN_RECIPIENT if begun["takes_along"] else None,
        "grace_days": begun["grace_days"],
        "asked_by": by,
        "asked_at": asked_at,
    }
    await connection.execute(insert(tenant_exits).values(row))
    await connection.execute(update(tenants).where(tenants.c.id == tenant_id).values(leaving_at=asked_at))
    log.warning("exit.restored", exit=exit_id)


async def stay_again(connection: AsyncConnection, cancelled: Mapping[str, Any]) -> None:
    """Take an exit back that was taken back: the company stays."""
    this = tenant_exits.c.id == f"xit_{plain(cancelled['exit'])}"
    ended = {"state": ExitState.CANCELLED.value, "ended_at": from_text(cancelled["time"])}
    changed = update(tenant_exits).where(this, tenant_exits.c.state.in_(OPEN_EXITS)).values(ended)
    for (tenant_id,) in (await connection.execute(changed.returning(tenant_exits.c.tenant_id))).all():
        staying = update(tenants).where(tenants.c.id == tenant_id).values(leaving_at=None)
        await connection.execute(staying)


async def leave_again(connection: AsyncConnection, tenant_id: Id, request_id: Id, at: datetime) -> None:
    """Have an exit under way lead to its erasure; nobody is in a call of a company that left.

    Legs that stand as live in the database are of a process that is long gone: no door is open yet.
    """
    of_tenant = (tenant_exits.c.tenant_id == tenant_id) & tenant_exits.c.state.in_(OPEN_EXITS)
    leaving = {"state": ExitState.LEAVING.value, "request_id": request_id, "waits_for": None}
    await connection.execute(update(tenant_exits).where(of_tenant).values(leaving))
    for table, ended in ((legs, LegState.ENDED), (calls, CallState.ENDED)):
        running = (table.c.tenant_id == tenant_id) & (table.c.state != ended.value)
        over = {"state": ended.value, "ended_at": at, "end_reason": "erased"}
        await connection.execute(update(table).where(running).values(over))
