"""Restriction of processing (Art. 18 GDPR): kept, and neither opened nor erased, until it is lifted.

The person concerned is told before it is lifted (18(3)). Whoever asked for the restriction may still have
everything erased by their own act: restriction is their right, and 18(2) allows what they consent to. Anybody
else's wish for an erasure, and the retention rules, wait (docs/adr/0015-what-a-restriction-refuses.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import calls, erasures, export_sources, legs, media, restrictions
from vault.errors import ConflictError, ErasedError
from vault.keys.blobs import Blobs
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.restricting import refusal
from vault.model import (
    ErasureReason,
    Id,
    LegState,
    MediaState,
    RestrictionGround,
    RestrictionSubject,
    Role,
    new_id,
    uuid_of,
)
from vault.policy import Permission, Principal, require
from vault.rights.belongings import IDS_AT_ONCE
from vault.rights.placing import ALL, Reasons, Which, call_of, placed
from vault.rights.taken_along import withdraw_call
from vault.rights.tenant_rows import require_here

OWN_ACTS: Final = frozenset({ErasureReason.CONSENT_WITHDRAWN, ErasureReason.NOT_RECORDED})
GOING: Final = (MediaState.ERASING.value, MediaState.ERASED.value)


@dataclass(frozen=True, slots=True)
class NewRestriction:
    """What it takes to place one: on a media item, or on a whole call."""

    object_id: str
    ground: RestrictionGround
    subject: RestrictionSubject
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Restriction:
    """One as those who may read them see it; ``reason`` is None once its call is erased."""

    id: Id
    tenant_id: Id
    call_id: Id
    media_id: Id | None
    ground: RestrictionGround
    subject: RestrictionSubject
    reason: str | None = field(repr=False)
    placed_by: Id
    placed_at: datetime
    lifted_by: Id | None
    lifted_at: datetime | None


class Restrictions:
    """Places and lifts restrictions."""

    def __init__(self, database: Database, blobs: Blobs, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._reasons = Reasons(blobs, "restriction")
        self._ledger = ledger
        self._clock = clock

    async def place(self, new: NewRestriction, *, by: Principal) -> Restriction:
        """Place one; what plays ends within seconds.

        Raises NotFoundError, ErasedError, ConflictError (the call still runs, or its erasure was asked for).
        """
        require(by, Permission.RESTRICTIONS_MANAGE)
        async with self._database.read() as connection:
            call_id = await call_of(connection, new.object_id, by)
        restriction_id, now = new_id("rst"), self._clock.now()
        sealed = await self._reasons.seal(
            new.reason, tenant_id=by.tenant_id, call_id=call_id, placed_id=restriction_id
        )
        facts = {"restriction": uuid_of(restriction_id), "ground": new.ground.value}
        placed = Entry(
            EntryType.RESTRICTION_PLACED,
            tenant_id=by.tenant_id,
            object_id=new.object_id,
            actor_id=by.id,
            facts={**facts, "subject": new.subject.value},
        )
        ready = await self._ledger.ready(placed)
        media_id = None if new.object_id == call_id else new.object_id
        async with self._database.write() as connection:
            await require_here(connection, by.tenant_id)
            await _hold(connection, call_id)
            await _require_at_rest(connection, call_id, media_id)
            await connection.execute(
                insert(restrictions).values(
                    id=restriction_id,
                    tenant_id=by.tenant_id,
                    call_id=call_id,
                    media_id=media_id,
                    ground=new.ground.value,
                    subject=new.subject.value,
                    sealed=sealed,
                    placed_by=by.id,
                    placed_at=now,
                )
            )
            await mark(connection, call_id, now)
            await self._ledger.append(connection, ready)
        return await self.get(restriction_id, by=by)

    async def get(self, restriction_id: str, *, by: Principal) -> Restriction:
        """Show one, lifted ones too."""
        require(by, Permission.RESTRICTIONS_READ)
        async with self._database.read() as connection:
            row = await placed(connection, restrictions, restriction_id, by)
        return await self._opened(row)

    async def list(
        self, which: Which = ALL, *, by: Principal, before: str | None = None, limit: int = 50
    ) -> Sequence[Restriction]:
        """Show the tenant's, newest first, those before a given id."""
        require(by, Permission.RESTRICTIONS_READ)
        query = select(restrictions).where(restrictions.c.tenant_id == by.tenant_id)
        if before is not None:
            query = query.where(restrictions.c.id < before)
        if which.call_id is not None:
            query = query.where(restrictions.c.call_id == which.call_id)
        if which.only_lasting:
            query = query.where(restrictions.c.lifted_at.is_(None))
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(restrictions.c.id.desc()).limit(limit))).all()
        return [await self._opened(row) for row in rows]

    async def lift(self, restriction_id: str, *, by: Principal) -> Restriction:
        """Lift one, once the person concerned has been told; ConflictError where it is lifted already."""
        require(by, Permission.RESTRICTIONS_MANAGE)
        async with self._database.write() as connection:
            row = await placed(connection, restrictions, restriction_id, by)
            await _hold(connection, row.call_id)
            if not await _lift(connection, row, self._clock.now(), by.id):
                raise ConflictError("this restriction has been lifted already")
            await mark(connection, row.call_id, self._clock.now())
            await self._ledger.append(connection, lifted_entry(row, by))
        return await self.get(restriction_id, by=by)

    async def _opened(self, row: Row[Any]) -> Restriction:
        return Restriction(
            id=row.id,
            tenant_id=row.tenant_id,
            call_id=row.call_id,
            media_id=row.media_id,
            ground=RestrictionGround(row.ground),
            subject=RestrictionSubject(row.subject),
            reason=await self._reasons.open(row),
            placed_by=row.placed_by,
            placed_at=row.placed_at,
            lifted_by=row.lifted_by,
            lifted_at=row.lifted_at,
        )


async def mark(connection: AsyncConnection, call_id: str, now: datetime) -> None:
    """Write to each media item of a call whether it is restricted: itself, its call, or its source.

    What a company that leaves was to take along of it is made anew.
    """
    await withdraw_call(connection, call_id, now)
    lasting = select(restrictions.c.id).where(
        restrictions.c.call_id == media.c.call_id,
        restrictions.c.lifted_at.is_(None),
        or_(
            restrictions.c.media_id.is_(None),
            restrictions.c.media_id == media.c.id,
            restrictions.c.media_id.in_(
                select(export_sources.c.source_id)
                .where(export_sources.c.media_id == media.c.id)
                .correlate(media)
            ),
        ),
    )
    is_covered = lasting.correlate(media).exists()
    of_call = media.c.call_id == call_id
    await connection.execute(
        update(media).where(of_call, media.c.restricted_at.is_(None), is_covered).values(restricted_at=now)
    )
    await connection.execute(
        update(media)
        .where(of_call, media.c.restricted_at.is_not(None), ~is_covered)
        .values(restricted_at=None)
    )


async def admit(
    connection: AsyncConnection,
    objects: Mapping[Id, Id],
    reason: ErasureReason,
    now: datetime,
    by: Principal | None,
) -> Sequence[Entry]:
    """Let an erasure of objects, each with its call, be asked for; RestrictedError where one is restricted.

    The person's own act lifts what was restricted for them; returns what the ledger says of that.
    """
    lasting = await _covering(connection, objects)
    is_own = (by is None and reason in OWN_ACTS) or (by is not None and by.role is Role.VISITOR)
    if not all(is_own and row.subject == RestrictionSubject.VISITOR for row in lasting):
        raise refusal()
    for row in lasting:
        await _lift(connection, row, now, None if by is None else by.id)
        await mark(connection, row.call_id, now)
    return [lifted_entry(row, by) for row in lasting]


async def _covering(connection: AsyncConnection, objects: Mapping[Id, Id]) -> Sequence[Row[Any]]:
    """Find what restricts any of these: of its whole call, of itself, of a recording that it was made of."""
    found: list[Row[Any]] = []
    ids, call_ids = sorted(objects), sorted(set(objects.values()))
    for start in range(0, len(call_ids), IDS_AT_ONCE):
        some = call_ids[start : start + IDS_AT_ONCE]
        query = select(restrictions).where(
            restrictions.c.call_id.in_(some), restrictions.c.lifted_at.is_(None)
        )
        found += (await connection.execute(query.order_by(restrictions.c.id))).all()
    if not found:
        return []
    named = set(ids)
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ids[start : start + IDS_AT_ONCE]
        made_of = select(export_sources.c.source_id).where(export_sources.c.media_id.in_(some))
        named |= set((await connection.execute(made_of)).scalars())
    return [row for row in found if row.media_id is None or row.media_id in named]


def lifted_entry(row: Row[Any], by: Principal | None) -> Entry:
    """Say that one was lifted."""
    return Entry(
        EntryType.RESTRICTION_LIFTED,
        tenant_id=row.tenant_id,
        object_id=row.media_id or row.call_id,
        actor_id=None if by is None else by.id,
        facts={"restriction": uuid_of(row.id), "ground": row.ground},
    )


async def _lift(connection: AsyncConnection, row: Row[Any], now: datetime, by: str | None) -> bool:
    lifted = await connection.execute(
        update(restrictions)
        .where(restrictions.c.id == row.id, restrictions.c.lifted_at.is_(None))
        .values(lifted_at=now, lifted_by=by)
    )
    return lifted.rowcount == 1


async def _hold(connection: AsyncConnection, call_id: str) -> None:
    """Keep the call's row, then its media's, as an erasure does: of the two one is the first."""
    await connection.execute(select(calls.c.id).where(calls.c.id == call_id).with_for_update())
    of_call = select(media.c.id).where(media.c.call_id == call_id).order_by(media.c.id)
    await connection.execute(of_call.with_for_update())


async def _require_at_rest(connection: AsyncConnection, call_id: str, media_id: str | None) -> None:
    """What still runs is stopped by a withdrawal; what is being erased is out of reach already."""
    running = select(legs.c.id).where(legs.c.call_id == call_id, legs.c.state != LegState.ENDED.value)
    if (await connection.execute(running.limit(1))).first() is not None:
        raise ConflictError("the call is still running; restrict it when it has ended")
    going = select(erasures.c.completed_at).where(erasures.c.object_id == (media_id or call_id))
    row = (await connection.execute(going)).first()
    if row is None:
        return
    if row.completed_at is not None:
        raise ErasedError("this has been erased")
    raise ConflictError("its erasure was asked for: it is out of reach already")
