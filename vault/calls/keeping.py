"""Whether what is written in a call is kept, or may be written at all: asked in one place.

A pause or a withdrawal holds in memory before it is written, and where it cannot be: what this process knows
of the call (``permit``) is asked with the rows.
"""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls.pause_rows import open_pause
from vault.calls.permits import Permit
from vault.db.tables import buttons, calls, consents, erasures
from vault.model import CallState, ConsentChoice


async def keeps_text(connection: AsyncConnection, call_id: str, permit: Permit | None) -> bool:
    """Tell whether a message of a call is stored: only what its visitor agreed to have recorded is.

    The caller holds the call's row, so that the answer is still true when the message is written.
    """
    if permit is not None and not permit.may_begin:
        return False
    query = (
        select(consents.c.choice, buttons.c.records, calls.c.unrecorded_at)
        .select_from(calls)
        .join(buttons, buttons.c.id == calls.c.button_id)
        .outerjoin(consents, consents.c.call_id == calls.c.id)
        .where(calls.c.id == call_id)
        .order_by(consents.c.at.desc(), consents.c.id.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    if row is None or row.unrecorded_at is not None:
        return False
    return bool(row.records) and row.choice == ConsentChoice.ACCEPTED.value


async def is_paused(connection: AsyncConnection, call_id: str, permit: Permit | None) -> bool:
    """Tell whether nothing of a call may be kept for now, and so nothing written."""
    if permit is not None and permit.pause is not None:
        return True
    return await open_pause(connection, call_id) is not None


async def is_going(connection: AsyncConnection, call_id: str) -> bool:
    """Tell whether a call goes on and nobody asked for its erasure."""
    asked = select(erasures.c.object_id).where(erasures.c.object_id == calls.c.id).exists()
    query = select(calls.c.id).where(
        calls.c.id == call_id, calls.c.state == CallState.LIVE.value, calls.c.erased_at.is_(None), ~asked
    )
    return (await connection.execute(query)).first() is not None
