"""Who of a tenant's people says that they are there to answer; it is kept, and survives a restart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls.routing import Agent
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import calls, issuers, participants, people, presence, rings
from vault.model import CallState, Id, RingState
from vault.policy import Permission, Principal, require, roles_with


@dataclass(frozen=True, slots=True)
class PresenceView:
    """What somebody said last; ``since`` is None where they never said anything, which means no."""

    available: bool
    since: datetime | None


class Presence:
    """Keeps each person's word."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def view(self, *, by: Principal) -> PresenceView:
        """Tell a person what they said."""
        async with self._database.read() as connection:
            return await self._view(connection, by.id)

    async def put(self, *, available: bool, by: Principal) -> tuple[PresenceView, bool]:
        """Keep a person's word and tell whether it is a new one; saying it again changes nothing."""
        require(by, Permission.CALL_ANSWER)
        async with self._database.write() as connection:
            await self.hold(connection, by)
            before = await self._view(connection, by.id)
            if before.available == available and before.since is not None:
                return before, False
            said = {"available": available, "since": self._clock.now()}
            if before.since is None:
                row = {"person_id": by.id, "tenant_id": by.tenant_id, **said}
                await connection.execute(insert(presence).values(row))
            else:
                await connection.execute(update(presence).where(presence.c.person_id == by.id).values(said))
            return await self._view(connection, by.id), before.available != available

    async def hold(self, connection: AsyncConnection, by: Principal) -> None:
        """Keep a person as they are until the transaction ends, so that their acts take turns."""
        await connection.execute(
            select(people.c.id).where(people.c.id == by.id).with_for_update(key_share=True)
        )

    async def _view(self, connection: AsyncConnection, person_id: Id) -> PresenceView:
        query = select(presence.c.available, presence.c.since).where(presence.c.person_id == person_id)
        row = (await connection.execute(query)).first()
        return (
            PresenceView(available=False, since=None)
            if row is None
            else PresenceView(row.available, row.since)
        )


async def available_agents(connection: AsyncConnection, *, tenant_id: Id, call_id: Id) -> Sequence[Agent]:
    """Name the tenant's people who may answer and say that they are there, as a call sees them.

    Idle counts from the end of somebody's last call, or from their word where that is later.
    """
    mine = participants.c.person_id == people.c.id
    left = select(func.max(participants.c.left_at)).where(mine).scalar_subquery()
    busy = (
        select(participants.c.call_id)
        .join(calls, calls.c.id == participants.c.call_id)
        .where(mine, participants.c.left_at.is_(None), calls.c.state != CallState.ENDED.value)
        .exists()
    )
    rung = (
        select(rings.c.id)
        .where(
            rings.c.person_id == people.c.id,
            rings.c.state == RingState.RINGING.value,
            rings.c.call_id != call_id,
        )
        .exists()
    )
    query = (
        select(people.c.id, presence.c.since, left.label("left"), busy.label("busy"), rung.label("rung"))
        .join(presence, presence.c.person_id == people.c.id)
        .outerjoin(issuers, issuers.c.id == people.c.issuer_id)
        .where(
            people.c.tenant_id == tenant_id,
            people.c.role.in_(roles_with(Permission.CALL_ANSWER)),
            people.c.disabled_at.is_(None),
            issuers.c.disabled_at.is_(None),
            presence.c.available,
        )
        .order_by(people.c.id)
    )
    return [
        Agent(row.id, max(row.since, row.left or row.since), busy=bool(row.busy), rung=bool(row.rung))
        for row in await connection.execute(query)
    ]
