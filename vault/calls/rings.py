"""Rings and ringing calls in the tables. Each function works in the caller's turn, on a call that is held."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls.routing import Routing
from vault.db.tables import asks, buttons, calls, invitations, legs, rings
from vault.model import RING_MOVES, AskState, CallState, Id, LegState, RingState, before, new_id

RINGS: ColumnElement[bool] = and_(calls.c.ringing_since.is_not(None), calls.c.ringing_ended_at.is_(None))
"""The condition under which a call rings."""


@dataclass(frozen=True, slots=True)
class Queued:
    """A ringing call's place: ``position`` counts the earlier calls that are answered before it, from 1.

    These are its button's whose visitors are there. A call-back that rings whoever made its link waits for
    that one person, and keeps nobody else waiting.
    """

    call_id: Id
    position: int
    agents: int
    since: datetime


async def held(connection: AsyncConnection, call_id: str) -> Row[Any]:
    """Give a call with its button's routing, and keep it as it is until the transaction ends."""
    query = (
        select(calls, buttons.c.routing, invitations.c.person_id.label("invited_by"))
        .join(buttons, buttons.c.id == calls.c.button_id)
        .outerjoin(invitations, invitations.c.id == calls.c.invitation_id)
        .where(calls.c.id == call_id)
        .with_for_update(of=calls)
    )
    return (await connection.execute(query)).one()


async def again(connection: AsyncConnection, call_id: str, *, at: datetime) -> None:
    """Let a call that was taken ring anew, from now: it is nobody's."""
    nobodys = {"taken_by": None, "taken_at": None, "ringing_since": at, "ringing_ended_at": None}
    await connection.execute(update(calls).where(calls.c.id == call_id).values(nobodys))


async def begin(connection: AsyncConnection, call_id: str, *, at: datetime) -> bool:
    """Let a call ring, once in its life; False where it does or did already, or is over."""
    done = await connection.execute(
        update(calls)
        .where(calls.c.id == call_id, calls.c.ringing_since.is_(None), calls.c.state != CallState.ENDED.value)
        .values(ringing_since=at)
    )
    return done.rowcount == 1


async def stop(connection: AsyncConnection, call_id: str, *, at: datetime, in_vain: bool = False) -> bool:
    """Let a call ring no longer, ``in_vain`` where nobody is going to answer; False where it does not."""
    values = {"ringing_ended_at": at, "nobody_at": at if in_vain else None}
    done = await connection.execute(update(calls).where(calls.c.id == call_id, RINGS).values(values))
    return done.rowcount == 1


async def take(connection: AsyncConnection, call_id: str, *, person_id: Id, at: datetime) -> bool:
    """Give a ringing call to a person. One update decides: of any number at once, one gets True."""
    done = await connection.execute(
        update(calls)
        .where(
            calls.c.id == call_id, RINGS, calls.c.taken_by.is_(None), calls.c.state != CallState.ENDED.value
        )
        .values(taken_by=person_id, taken_at=at, ringing_ended_at=at)
    )
    return done.rowcount == 1


async def ring(
    connection: AsyncConnection,
    call: Row[Any],
    person_id: Id,
    *,
    at: datetime,
    until: datetime,
    ask_id: Id | None = None,
) -> None:
    """Ring a person: to answer, or for an ask."""
    await connection.execute(
        insert(rings).values(
            id=new_id("rng"),
            tenant_id=call.tenant_id,
            call_id=call.id,
            person_id=person_id,
            state=RingState.RINGING.value,
            created_at=at,
            expires_at=until,
            ask_id=ask_id,
        )
    )


async def end(
    connection: AsyncConnection,
    call_id: str,
    to: RingState,
    *,
    at: datetime,
    people: Collection[Id] | None = None,
    expired: bool = False,
    ask_id: Id | None = None,
) -> Sequence[Id]:
    """End rings of a call, or of an ask: all, some people's, or the expired ones; returns whose they were."""
    which = [_of(call_id, ask_id), rings.c.state.in_(before(RING_MOVES, to))]
    if people is not None:
        which.append(rings.c.person_id.in_(people))
    if expired:
        which.append(rings.c.expires_at <= at)
    ended = await connection.execute(
        update(rings).where(*which).values(state=to.value, ended_at=at).returning(rings.c.person_id)
    )
    return sorted(ended.scalars())


async def ringing(connection: AsyncConnection, call_id: str) -> Row[Any] | None:
    """Give a call, if it rings."""
    return (await connection.execute(select(calls).where(calls.c.id == call_id, RINGS))).first()


async def states(
    connection: AsyncConnection, call_id: str, *, ask_id: Id | None = None, since: datetime | None = None
) -> dict[RingState, set[Id]]:
    """Give the people of a call's rings, or of an ask's, by state; ``since`` leaves out earlier ones."""
    found: dict[RingState, set[Id]] = {state: set() for state in RingState}
    query = select(rings.c.person_id, rings.c.state).where(_of(call_id, ask_id))
    if since is not None:
        query = query.where(rings.c.created_at >= since)
    for row in await connection.execute(query):
        found[RingState(row.state)].add(row.person_id)
    return found


def _of(call_id: str, ask_id: Id | None) -> ColumnElement[bool]:
    return and_(rings.c.call_id == call_id, rings.c.ask_id == ask_id)  # IS NULL where it is no ask's


async def queue(connection: AsyncConnection) -> Sequence[Queued]:
    """Give every ringing call, the one that rings longest first, and how many people it rings."""
    ring = [rings.c.call_id == calls.c.id, rings.c.state == RingState.RINGING.value]
    theirs = (legs.c.call_id == calls.c.id, legs.c.person_id.is_(None), legs.c.state != LegState.ENDED.value)
    query = (
        select(
            calls.c.id,
            calls.c.button_id,
            calls.c.ringing_since,
            buttons.c.routing,
            invitations.c.person_id.label("invited_by"),
            select(func.count()).where(*ring).scalar_subquery().label("agents"),
            exists().where(*ring, rings.c.person_id == invitations.c.person_id).label("rings_inviter"),
            exists().where(*theirs).label("is_there"),
        )
        .join(buttons, buttons.c.id == calls.c.button_id)
        .outerjoin(invitations, invitations.c.id == calls.c.invitation_id)
        .where(RINGS)
        .order_by(calls.c.ringing_since, calls.c.id)
    )
    earlier: dict[str, int] = {}
    found = []
    for row in await connection.execute(query):
        row_of = _awaited(row)
        found.append(Queued(row.id, earlier.get(row_of, 0) + 1, row.agents, row.ringing_since))
        earlier[row_of] = earlier.get(row_of, 0) + row.is_there
    return found


def _awaited(call: Row[Any]) -> str:
    """Name whom a ringing call waits for: whoever invited its visitor, or all that its button rings."""
    is_inviters = call.rings_inviter or Routing.from_json(call.routing).callbacks == "inviter"
    return str(call.invited_by if call.invited_by is not None and is_inviters else call.button_id)


async def ended_in_vain(connection: AsyncConnection, call_id: str) -> bool:
    """Tell whether a call rang, and nobody took it."""
    query = select(calls.c.id).where(
        calls.c.id == call_id, calls.c.ringing_ended_at.is_not(None), calls.c.taken_by.is_(None)
    )
    return (await connection.execute(query)).first() is not None


async def next_expiry(connection: AsyncConnection) -> datetime | None:
    """Tell when the next ring has rung long enough."""
    query = select(func.min(rings.c.expires_at)).where(rings.c.state == RingState.RINGING.value)
    first: datetime | None = (await connection.execute(query)).scalar_one()
    return first


async def end_interrupted(connection: AsyncConnection, *, at: datetime) -> None:
    """End what a process that is no more left ringing; a call that has not ended rings on for its visitor."""
    await connection.execute(
        update(rings)
        .where(rings.c.state.in_(before(RING_MOVES, RingState.GONE)))
        .values(state=RingState.GONE.value, ended_at=at)
    )
    over = calls.c.state == CallState.ENDED.value
    await connection.execute(update(calls).where(RINGS, over).values(ringing_ended_at=at))
    await connection.execute(
        update(asks)
        .where(asks.c.state == AskState.RINGING.value)  # one that was taken has its deadline
        .values(state=AskState.OVER.value, ended_at=at)
    )


async def orphaned(connection: AsyncConnection) -> Sequence[Id]:
    """Name the calls that have ended, or ring no longer, while somebody's screen still rings."""
    query = (
        select(rings.c.call_id)
        .join(calls, calls.c.id == rings.c.call_id)
        .where(
            rings.c.state == RingState.RINGING.value,
            rings.c.ask_id.is_(None),
            calls.c.ringing_ended_at.is_not(None) | (calls.c.state == CallState.ENDED.value),
        )
        .distinct()
    )
    return list((await connection.execute(query)).scalars())
