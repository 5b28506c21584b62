"""The tenant's people in a call: who took part, who still does. Each function works in the caller's turn."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import calls, legs, participants
from vault.errors import ConflictError
from vault.model import CallState, Id, LegKind, LegState, Role
from vault.policy import Principal

LOST: Final = ("silent", "consent_lost", "failed", "access_ended", "interrupted", "shutdown", "replaced")
"""Why a leg ended whose owner did not mean to leave its visitor alone; what replaced it may never come up."""
_IN_VAIN: Final = ("setup_timeout", "handshake_failed")  # why one ended that never came up

Required = Callable[[AsyncConnection, str, Principal], Awaitable[None]]
"""What decides who passes; it raises ConflictError for whoever does not."""


async def take_part(
    connection: AsyncConnection, *, tenant_id: Id, call_id: Id, person_id: Id, at: datetime
) -> None:
    """Write that a person is in a call from now on, perhaps again."""
    again = {"joined_at": at, "left_at": None, "handed_over_at": None}
    done = await connection.execute(update(participants).where(_part(call_id, person_id)).values(again))
    if done.rowcount == 0:
        row = {"tenant_id": tenant_id, "call_id": call_id, "person_id": person_id, "joined_at": at}
        await connection.execute(insert(participants).values(row))


async def is_in(connection: AsyncConnection, call_id: str, person_id: str) -> bool:
    """Tell whether a person is in a call."""
    query = select(participants.c.person_id).where(
        _part(call_id, person_id), participants.c.left_at.is_(None)
    )
    return (await connection.execute(query)).first() is not None


async def hand_over(connection: AsyncConnection, call_id: str, *, giver: Id, taker: Id, at: datetime) -> None:
    """Give a call to somebody who is heard in it: the giver has left it, for good.

    The call becomes the taker's where it was the giver's, or its owner is in it no longer.
    """
    await connection.execute(
        update(participants).where(_part(call_id, giver)).values(left_at=at, handed_over_at=at)
    )
    owner = (
        select(participants.c.person_id)
        .where(_part(call_id, calls.c.taken_by), participants.c.left_at.is_(None))
        .exists()
    )
    await connection.execute(
        update(calls).where(calls.c.id == call_id, ~owner).values(taken_by=taker, taken_at=at)
    )


async def require_part(connection: AsyncConnection, call_id: str, by: Principal) -> None:
    """Raise ConflictError for one of the tenant's people who may not join this call; a visitor passes.

    Whose it is, and who was heard in it, may come back with a leg, and does nothing else in it before; who
    gave it back or handed it over may not.
    """
    heard = (
        select(legs.c.id)
        .where(legs.c.call_id == call_id, legs.c.person_id == by.id, legs.c.connected_at.is_not(None))
        .exists()
    )
    if by.role is Role.VISITOR:
        return
    query = (
        select(participants.c.person_id)
        .join(calls, calls.c.id == participants.c.call_id)
        .where(
            participants.c.call_id == call_id,
            participants.c.person_id == by.id,
            participants.c.handed_over_at.is_(None),
            participants.c.left_at.is_(None) | (calls.c.taken_by == by.id) | heard,
        )
    )
    if (await connection.execute(query)).first() is None:
        raise ConflictError("you are not in this call; take it first")


async def require_in(connection: AsyncConnection, call_id: str, by: Principal) -> None:
    """Raise ConflictError for one of the tenant's people who is not in this call now; a visitor passes."""
    if by.role is not Role.VISITOR and not await is_in(connection, call_id, by.id):
        raise ConflictError("you are not in this call; take it first")


async def require_in_or_lost(connection: AsyncConnection, call_id: str, by: Principal) -> None:
    """Let those pass, too, who may come back and did not mean to leave: what they need for it is theirs."""
    await require_part(connection, call_id, by)
    if not await _is_lost(connection, call_id, by):
        await require_in(connection, call_id, by)


async def _is_lost(connection: AsyncConnection, call_id: str, by: Principal) -> bool:
    last = (
        select(legs.c.end_reason)
        .where(legs.c.call_id == call_id, legs.c.person_id == by.id, legs.c.ended_at.is_not(None))
        .order_by(legs.c.ended_at.desc(), legs.c.id.desc())
        .limit(1)
    )
    return (await connection.execute(last)).scalar_one_or_none() in {*LOST, *_IN_VAIN}


async def require_first(
    connection: AsyncConnection, call_id: Id, person_id: Id | None, kind: LegKind
) -> None:
    """Raise ConflictError where a participant has a leg of that kind already; the call's row is held."""
    open_states = (LegState.CONNECTING.value, LegState.LIVE.value)
    running = await connection.execute(
        select(legs.c.id)
        .where(
            legs.c.call_id == call_id,
            legs.c.person_id == person_id,  # IS NULL for the visitor
            legs.c.kind == kind.value,
            legs.c.state.in_(open_states),
        )
        .limit(1)
    )
    if running.first() is not None:
        raise ConflictError("this call has a leg of yours already; end it first")


async def came_back(connection: AsyncConnection, call_id: str, by: Principal) -> None:
    """A person joins, perhaps again after a lost connection: they are in the call."""
    await connection.execute(
        update(participants)
        .where(participants.c.call_id == call_id, participants.c.person_id == by.id)
        .values(left_at=None)
    )


async def left(connection: AsyncConnection, call_id: str, person_id: str, at: datetime) -> None:
    """A person is in the call no longer."""
    await connection.execute(
        update(participants)
        .where(
            participants.c.call_id == call_id,
            participants.c.person_id == person_id,
            participants.c.left_at.is_(None),
        )
        .values(left_at=at)
    )


async def left_with_last_leg(connection: AsyncConnection, call_id: str, person_id: str, at: datetime) -> None:
    """A leg of a person has ended: without another one they have left the call."""
    there = (
        select(legs.c.id)
        .where(
            legs.c.call_id == participants.c.call_id,
            legs.c.person_id == participants.c.person_id,
            legs.c.state != LegState.ENDED.value,
        )
        .exists()
    )
    await connection.execute(
        update(participants)
        .where(
            participants.c.call_id == call_id,
            participants.c.person_id == person_id,
            participants.c.left_at.is_(None),
            ~there,
        )
        .values(left_at=at)
    )


async def all_left(connection: AsyncConnection, call_id: str, at: datetime) -> None:
    """A call has ended: nobody is in it."""
    await connection.execute(
        update(participants)
        .where(participants.c.call_id == call_id, participants.c.left_at.is_(None))
        .values(left_at=at)
    )


async def is_in_a_call(connection: AsyncConnection, person_id: str) -> bool:
    """Tell whether a person is in a call that goes on."""
    query = (
        select(participants.c.call_id)
        .join(calls, calls.c.id == participants.c.call_id)
        .where(
            participants.c.person_id == person_id,
            participants.c.left_at.is_(None),
            calls.c.state != CallState.ENDED.value,
        )
    )
    return (await connection.execute(query.limit(1))).first() is not None


def _part(call_id: str, person_id: "str | ColumnElement[str]") -> ColumnElement[bool]:
    return and_(participants.c.call_id == call_id, participants.c.person_id == person_id)
