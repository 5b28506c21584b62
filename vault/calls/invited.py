"""Which calls of a link use it up: it is good for one in which somebody is heard, however many it opened."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import calls, invitations, legs
from vault.errors import ConflictError
from vault.model import LegState

USED: Final[ColumnElement[bool]] = (
    select(legs.c.id)
    .join(calls, calls.c.id == legs.c.call_id)
    .where(calls.c.invitation_id == invitations.c.id, legs.c.connected_at.is_not(None))
    .exists()
)
"""The condition under which an invitation is used up."""


async def is_used(connection: AsyncConnection, invitation_id: str) -> bool:
    """Tell whether somebody was heard in a call that an invitation opened."""
    query = select(invitations.c.id).where(invitations.c.id == invitation_id, USED)
    return (await connection.execute(query)).first() is not None


async def require_first(connection: AsyncConnection, call: Row[Any]) -> None:
    """Raise ConflictError for the visitor of a call whose link another call uses, or is about to use.

    The call is held; of two that are joined at once, the link's row says which one was first.
    """
    if call.invitation_id is None:
        return
    link = select(invitations.c.id).where(invitations.c.id == call.invitation_id)
    await connection.execute(link.with_for_update())
    others = (
        select(legs.c.id)
        .join(calls, calls.c.id == legs.c.call_id)
        .where(
            calls.c.invitation_id == call.invitation_id,
            calls.c.id != call.id,
            legs.c.connected_at.is_not(None) | (legs.c.state != LegState.ENDED.value),
        )
    )
    if (await connection.execute(others.limit(1))).first() is not None:
        raise ConflictError("this link was used for another call; ask for a new one")
