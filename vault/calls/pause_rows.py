"""Secure pauses as their table knows them. Each function works in the caller's turn."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import pauses
from vault.model import Id

RESUMED: Final = "resumed"
CALL_ENDED: Final = "call_ended"


@dataclass(frozen=True, slots=True)
class PauseRow:
    """A secure pause; ``ended_at`` is None while it goes on."""

    id: Id
    call_id: Id
    begun_at: datetime
    ended_at: datetime | None


async def open_pause(connection: AsyncConnection, call_id: str) -> PauseRow | None:
    """Find the pause of a call that goes on."""
    query = select(pauses).where(pauses.c.call_id == call_id, pauses.c.ended_at.is_(None))
    row = (await connection.execute(query)).first()
    return None if row is None else PauseRow(row.id, row.call_id, row.begun_at, row.ended_at)


async def find(connection: AsyncConnection, call_id: str, pause_id: str) -> PauseRow | None:
    """Find a pause of a call, over or not."""
    query = select(pauses).where(pauses.c.id == pause_id, pauses.c.call_id == call_id)
    row = (await connection.execute(query)).first()
    return None if row is None else PauseRow(row.id, row.call_id, row.begun_at, row.ended_at)


async def begin(connection: AsyncConnection, pause: PauseRow, *, tenant_id: str) -> bool:
    """Write that a call is paused from a moment on; False where that is written already.

    An end that was written though nobody was told so, because the answer was lost, is taken back.
    """
    before = await find(connection, pause.call_id, pause.id)
    if before is not None:
        values = {"ended_at": None, "end_cause": None}
        await connection.execute(update(pauses).where(pauses.c.id == pause.id).values(values))
        return before.ended_at is not None
    await connection.execute(
        insert(pauses).values(
            id=pause.id,
            tenant_id=tenant_id,
            call_id=pause.call_id,
            begun_at=pause.begun_at,
        )
    )
    return True


async def end(connection: AsyncConnection, call_id: str, *, at: datetime, cause: str) -> None:
    """Write that a call is paused no longer; harmless where it is not."""
    await connection.execute(
        update(pauses)
        .where(pauses.c.call_id == call_id, pauses.c.ended_at.is_(None))
        .values(ended_at=at, end_cause=cause)
    )
