"""Calls whose agent is not there: who took it and never joined, who was lost and did not come back."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, func, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls.floor import Floor
from vault.calls.participants import LOST, left
from vault.db.tables import asks, calls, legs
from vault.db.types import Moment
from vault.model import AskState, CallState, Id, LegState
from webrtc.lifecycle import CloseReason

GIVEN_BACK: Final = "given_back"  # why a leg ended that came up too late

UNTENDED: ColumnElement[bool] = and_(
    calls.c.taken_by.is_not(None),
    calls.c.state != CallState.ENDED.value,
    ~select(legs.c.id)
    .where(
        legs.c.call_id == calls.c.id, legs.c.person_id.is_not(None), legs.c.connected_at >= calls.c.taken_at
    )
    .exists(),
)
"""The condition under which nobody has come to a call since somebody took it."""

AWAY: Final = timedelta(
    seconds=20
)  # to come back in: a page that is loaded anew takes ten; nobody waits longer
AGAIN: Final = timedelta(seconds=1)

_LEFT_ALONE: ColumnElement[bool] = and_(
    calls.c.taken_by.is_not(None),
    calls.c.state == CallState.LIVE.value,
    calls.c.ringing_ended_at.is_not(None),
    ~select(legs.c.id)
    .where(legs.c.call_id == calls.c.id, legs.c.person_id.is_not(None), legs.c.state != LegState.ENDED.value)
    .exists(),
    ~select(asks.c.id).where(asks.c.call_id == calls.c.id, asks.c.state == AskState.TAKEN.value).exists(),
)
_LAST_LEG = (
    select(func.max(legs.c.ended_at))
    .where(legs.c.call_id == calls.c.id, legs.c.person_id.is_not(None), legs.c.connected_at.is_not(None))
    .correlate(calls)
    .scalar_subquery()
)
_LOST_LAST: ColumnElement[bool] = (
    select(legs.c.id)
    .where(
        legs.c.call_id == calls.c.id,
        legs.c.person_id.is_not(None),
        legs.c.ended_at == _LAST_LEG,
        legs.c.end_reason.in_(LOST),
    )
    .exists()
)


class Attendance:
    """Finds calls whose taker did not come, and gives them back.

    ``take_deadline_s`` is how long a taker has, from taking the call, to be heard.
    """

    def __init__(self, floor: Floor, *, take_deadline_s: float) -> None:
        self._floor = floor
        self._deadline = timedelta(seconds=take_deadline_s)

    async def overdue(self, connection: AsyncConnection, *, at: datetime) -> Sequence[Id]:
        """Name the calls whose taker had time enough."""
        query = select(calls.c.id, calls.c.taken_by).where(UNTENDED, calls.c.taken_at <= at - self._deadline)
        rows = await connection.execute(query.order_by(calls.c.taken_at, calls.c.id))
        return [row.id for row in rows if not self._is_heard(row.id, row.taken_by)]

    async def next_due(self, connection: AsyncConnection, *, after: datetime) -> datetime | None:
        """Tell when the next taker has had time enough."""
        query = select(func.min(calls.c.taken_at)).where(UNTENDED, calls.c.taken_at > after - self._deadline)
        first: datetime | None = (await connection.execute(query)).scalar_one()
        return None if first is None else first + self._deadline

    async def left_alone(self, connection: AsyncConnection, *, at: datetime) -> Sequence[Id]:
        """Name the calls whose last agent was lost and had time enough to come back."""
        had_time = type_coerce(_LAST_LEG, Moment) <= at - AWAY
        query = select(calls.c.id).where(_LEFT_ALONE, _LOST_LAST, had_time)
        rows = await connection.execute(query.order_by(calls.c.id))
        return [row.id for row in rows if not self._has_agent(row.id)]

    async def next_alone(self, connection: AsyncConnection, *, at: datetime) -> datetime | None:
        """Tell when the next agent who was lost has had time enough to come back; never at once.

        A leg whose row could not be written keeps a call whose time is over: it is looked at again later.
        """
        query = select(_LAST_LEG.label("last")).select_from(calls).where(_LEFT_ALONE, _LOST_LAST)
        rows = (await connection.execute(query)).scalars()
        return min((max(last + AWAY, at + AGAIN) for last in rows), default=None)

    def is_late(self, call_id: Id, taker: Id | None, taken_at: datetime | None, *, at: datetime) -> bool:
        """Tell whether whoever took an ask had time enough, and is not heard."""
        if taker is None or taken_at is None:
            return False
        return taken_at + self._deadline <= at and not self._is_heard(call_id, taker)

    async def give_back(
        self, connection: AsyncConnection, call_id: Id, *, at: datetime, by: Id | None = None
    ) -> Id | None:
        """Let a call that is held ring again; returns whose it was.

        None where it is nobody's, or ``by`` is named and it is another's, or its taker has been heard.
        """
        query = select(calls.c.taken_by).where(calls.c.id == call_id, UNTENDED)
        taker: Id | None = (await connection.execute(query)).scalar_one_or_none()
        if taker is None or by not in {None, taker} or self._is_heard(call_id, taker):
            return None
        nobodys = {"taken_by": None, "taken_at": None, "ringing_ended_at": None}
        await connection.execute(update(calls).where(calls.c.id == call_id).values(nobodys))
        await left(connection, call_id, taker, at)
        return taker

    async def let_go(self, call_id: Id, person_id: Id, *, why: str = GIVEN_BACK) -> None:
        """End what somebody who is no longer in a call still has of it: feeds, legs."""
        closing = [
            feed.viewer.close(CloseReason.HANGUP)
            for feed in self._floor.feeds_of(call_id)
            if feed.by.id == person_id
        ]
        for leg in self._floor.legs_of(call_id):
            if leg.by.id == person_id:
                leg.why = why
                closing.append(leg.peer.close(CloseReason.HANGUP))
        await asyncio.gather(*closing)

    def _is_heard(self, call_id: Id, person_id: Id) -> bool:
        # A live leg counts even where its row could not be marked.
        return any(leg.is_live and leg.by.id == person_id for leg in self._floor.legs_of(call_id))

    def _has_agent(self, call_id: Id) -> bool:
        return any(not leg.is_visitors for leg in self._floor.legs_of(call_id))
