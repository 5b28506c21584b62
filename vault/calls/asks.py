"""Asks in the tables: somebody in a call asks a colleague, or a team, to take it over or to join it.

Each function works in the caller's turn. At most one ask of a call is open: a unique index says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import asks, rings
from vault.model import ASK_MOVES, AskPurpose, AskState, Id, RingState, before

OPEN_STATES = (AskState.RINGING.value, AskState.TAKEN.value)


@dataclass(frozen=True, slots=True)
class Ask:
    """One ask: of one person or of one team. ``taken_by`` may not have come yet (``taken``)."""

    id: Id
    tenant_id: Id
    call_id: Id
    purpose: AskPurpose
    asked_by: Id
    person_id: Id | None
    team_id: Id | None
    state: AskState
    taken_by: Id | None
    created_at: datetime
    taken_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it rings, or somebody took it and has not come yet."""
        return self.state.value in OPEN_STATES


async def add(connection: AsyncConnection, ask: Ask) -> None:
    """Write a new ask; IntegrityError where the call has an open one."""
    row = {
        "id": ask.id,
        "tenant_id": ask.tenant_id,
        "call_id": ask.call_id,
        "purpose": ask.purpose.value,
        "asked_by": ask.asked_by,
        "person_id": ask.person_id,
        "team_id": ask.team_id,
        "state": ask.state.value,
        "created_at": ask.created_at,
    }
    await connection.execute(insert(asks).values(row))


async def move(
    connection: AsyncConnection, ask_id: Id, to: AskState, *, at: datetime, taken_by: Id | None = None
) -> bool:
    """Move an ask, if its state allows it. One update decides: of any number at once, one gets True."""
    values: dict[str, Any] = {"state": to.value}
    if to is AskState.TAKEN:
        values |= {"taken_by": taken_by, "taken_at": at}
    else:
        values |= {"ended_at": at}
    done = await connection.execute(
        update(asks).where(asks.c.id == ask_id, asks.c.state.in_(before(ASK_MOVES, to))).values(values)
    )
    return done.rowcount == 1


async def get(connection: AsyncConnection, ask_id: str) -> Ask | None:
    """Give an ask."""
    row = (await connection.execute(select(asks).where(asks.c.id == ask_id))).first()
    return None if row is None else _ask(row)


async def open_of(connection: AsyncConnection, call_id: str) -> Ask | None:
    """Give the open ask of a call, if it has one."""
    query = select(asks).where(asks.c.call_id == call_id, asks.c.state.in_(OPEN_STATES))
    row = (await connection.execute(query)).first()
    return None if row is None else _ask(row)


async def all_open(connection: AsyncConnection) -> Sequence[Ask]:
    """Give every open ask, the oldest first."""
    rows = await connection.execute(select(asks).where(asks.c.state.in_(OPEN_STATES)).order_by(asks.c.id))
    return [_ask(row) for row in rows]


async def last_for(connection: AsyncConnection, call_id: str, person_id: str) -> tuple[Ask, RingState] | None:
    """Give the ask that a call rang for last on somebody's screen, and the state of that ring.

    None where it never rang for them, or was to be answered when it did last.
    """
    query = (
        select(asks, rings.c.state.label("ring"))
        .select_from(rings)
        .outerjoin(asks, asks.c.id == rings.c.ask_id)
        .where(rings.c.call_id == call_id, rings.c.person_id == person_id)
        .order_by(rings.c.created_at.desc(), rings.c.id.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    return None if row is None or row.id is None else (_ask(row), RingState(row.ring))


def _ask(row: Row[Any]) -> Ask:
    return Ask(
        id=row.id,
        tenant_id=row.tenant_id,
        call_id=row.call_id,
        purpose=AskPurpose(row.purpose),
        asked_by=row.asked_by,
        person_id=row.person_id,
        team_id=row.team_id,
        state=AskState(row.state),
        taken_by=row.taken_by,
        created_at=row.created_at,
        taken_at=row.taken_at,
    )
