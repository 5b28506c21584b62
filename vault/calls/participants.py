"""The tenant's people in a call: who took part, who still does. Each function works in the caller's turn."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import calls, legs, participants
from vault.errors import ConflictError
from vault.model import CallState, Id, LegState, Role
from vault.policy import Principal


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
    """Raise ConflictError for one of the tenant's people who is not in this call; a visitor passes.

    Whose it is, and who was heard in it, may come back after a lost connection; who gave it back or handed it
    over may not.
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
