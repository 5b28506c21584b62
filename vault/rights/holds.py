"""Legal holds: placed by one person, released by two, or over by themselves (Art. 17(3) GDPR).

While a hold lasts, nothing that it covers is erased, whoever asks, and whatever the retention rules say. What
was asked for meanwhile is out of reach and waits; it goes on when the hold ends. Whether an erasure may begin
and whether a hold may be placed are decided one after the other, with the call's row held: of the two, one is
the first (``begin``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock, to_text
from vault.db.engine import Database
from vault.db.tables import calls, erasures, holds, people
from vault.errors import (
    ConflictError,
    ErasedError,
    Fault,
    InvalidError,
    SecondPersonError,
)
from vault.keys.blobs import Blobs
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.holding import lasting
from vault.model import HoldGround, Id, new_id, uuid_of
from vault.policy import Permission, Principal, require
from vault.rights.placing import ALL, Reasons, Which, call_of, placed
from vault.rights.tenant_rows import TENANT, require_here

EXPIRED_BATCH: Final = 200


class HoldState(StrEnum):
    """How it stands with a hold."""

    LASTING = "lasting"
    RELEASE_ASKED = "release_asked"  # by one person; it lasts until another confirms
    RELEASED = "released"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class NewHold:
    """What it takes to place one: on a media item, or on a whole call."""

    object_id: str
    ground: HoldGround
    reason: str = field(repr=False)
    expires_at: datetime
    owner_id: str | None = None  # None: whoever places it


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as those who may read holds see it.

    ``reason`` is None once its call is erased, and where a restore brought the hold back from the ledger.
    """

    id: Id
    tenant_id: Id
    call_id: Id
    media_id: Id | None
    ground: HoldGround
    reason: str | None = field(repr=False)
    owner_id: Id
    placed_by: Id
    placed_at: datetime
    expires_at: datetime
    state: HoldState
    release_asked_by: Id | None
    ended_at: datetime | None


class Holds:
    """Places and releases holds, and says whether an erasure may begin."""

    def __init__(self, database: Database, blobs: Blobs, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._reasons = Reasons(blobs, "hold")
        self._ledger = ledger
        self._clock = clock

    async def place(self, new: NewHold, *, by: Principal) -> Hold:
        """Place one; raises NotFoundError, ErasedError, InvalidError, ConflictError (erasure has begun)."""
        require(by, Permission.HOLDS_MANAGE)
        if new.expires_at <= self._clock.now():
            raise InvalidError("a hold ends", [Fault("#/expires_at", "past", "choose a moment to come")])
        async with self._database.read() as connection:
            call_id = await call_of(connection, new.object_id, by)
        hold_id = new_id("hold")
        sealed = await self._reasons.seal(
            new.reason, tenant_id=by.tenant_id, call_id=call_id, placed_id=hold_id
        )
        facts = {"hold": uuid_of(hold_id), "ground": new.ground.value, "until": to_text(new.expires_at)}
        ready = await self._ledger.ready(
            _entry(EntryType.HOLD_PLACED, by.tenant_id, new.object_id, facts, by)
        )
        async with self._database.write() as connection:
            await require_here(connection, by.tenant_id)
            await _held_call(connection, call_id)
            await _require_there(connection, new.object_id)
            await _require_owner(connection, new.owner_id, by)
            await connection.execute(
                insert(holds).values(
                    id=hold_id,
                    tenant_id=by.tenant_id,
                    call_id=call_id,
                    media_id=None if new.object_id == call_id else new.object_id,
                    ground=new.ground.value,
                    sealed=sealed,
                    owner_id=new.owner_id or by.id,
                    placed_by=by.id,
                    placed_at=self._clock.now(),
                    expires_at=new.expires_at,
                )
            )
            await self._ledger.append(connection, ready)
        return await self.get(hold_id, by=by)

    async def get(self, hold_id: str, *, by: Principal) -> Hold:
        """Show one, ended ones too."""
        require(by, Permission.HOLDS_READ)
        async with self._database.read() as connection:
            row = await placed(connection, holds, hold_id, by)
        return await self._opened(row)

    async def list(
        self, which: Which = ALL, *, by: Principal, before: str | None = None, limit: int = 50
    ) -> Sequence[Hold]:
        """Show the tenant's holds, newest first, those before a given id."""
        require(by, Permission.HOLDS_READ)
        query = select(holds).where(holds.c.tenant_id == by.tenant_id)
        if before is not None:
            query = query.where(holds.c.id < before)
        if which.call_id is not None:
            query = query.where(holds.c.call_id == which.call_id)
        if which.only_lasting:
            query = query.where(holds.c.ended_at.is_(None))
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(holds.c.id.desc()).limit(limit))).all()
        return [await self._opened(row) for row in rows]

    async def ask_release(self, hold_id: str, *, by: Principal) -> Hold:
        """Ask for the end of a hold; another person confirms. Asked already, it stays who asked first."""
        require(by, Permission.HOLDS_MANAGE)
        async with self._database.write() as connection:
            row = await placed(connection, holds, hold_id, by)
            asked = await connection.execute(
                update(holds)
                .where(holds.c.id == hold_id, holds.c.ended_at.is_(None), holds.c.release_asked_by.is_(None))
                .values(release_asked_by=by.id, release_asked_at=self._clock.now())
            )
            if asked.rowcount == 1:
                await self._say(connection, EntryType.HOLD_RELEASE_ASKED, row, by)
        return await self.get(hold_id, by=by)

    async def confirm_release(self, hold_id: str, *, by: Principal) -> Hold:
        """End a hold that somebody else asked to end. What waited for it goes on.

        Raises ConflictError where nobody asked, or it has ended; SecondPersonError for who asked.
        """
        require(by, Permission.HOLDS_MANAGE)
        async with self._database.write() as connection:
            row = await placed(connection, holds, hold_id, by)
            if row.release_asked_by == by.id and row.ended_at is None:
                raise SecondPersonError("who asked for a release cannot confirm it; somebody else does")
            ended = await connection.execute(
                update(holds)
                .where(
                    holds.c.id == hold_id,
                    holds.c.ended_at.is_(None),
                    holds.c.release_asked_by.is_not(None),
                    holds.c.release_asked_by != by.id,
                )
                .values(ended_at=self._clock.now(), ended_by=by.id, end_reason=HoldState.RELEASED.value)
            )
            if ended.rowcount != 1:
                raise ConflictError("nobody asked to release this hold, or it has ended")
            await self._say(connection, EntryType.HOLD_RELEASED, row, by)
        return await self.get(hold_id, by=by)

    async def end_expired(self, now: datetime) -> int:
        """End the holds whose time is over, and say so; ``now`` is a time that can be believed."""
        over = select(holds).where(holds.c.ended_at.is_(None), holds.c.expires_at <= now)
        async with self._database.read() as connection:
            rows = (await connection.execute(over.order_by(holds.c.expires_at).limit(EXPIRED_BATCH))).all()
        for row in rows:
            async with self._database.write() as connection:
                ended = await connection.execute(
                    update(holds)
                    .where(holds.c.id == row.id, holds.c.ended_at.is_(None))
                    .values(ended_at=now, end_reason=HoldState.EXPIRED.value)
                )
                if ended.rowcount == 1:
                    await self._say(connection, EntryType.HOLD_EXPIRED, row, None)
        return len(rows)

    async def begin(self, erasure: Row[Any]) -> bool:
        """Let an erasure begin, or say that it is held; from here on no hold can be placed on its object.

        Told once in the ledger, with the ground: the receipt has that entry as long as it is not complete,
        and afterwards too.
        """
        if erasure.begun_at is not None:
            return True
        async with self._database.write() as connection:
            this = erasures.c.object_id == erasure.object_id
            row = (await connection.execute(select(erasures).where(this).with_for_update())).one()
            if row.begun_at is not None:
                return True
            hold = await self._first(connection, row)
            if hold is None:
                begun = update(erasures).where(this).values(begun_at=self._clock.now())
                await connection.execute(begun)
                return True
            if row.held_leaf is None:
                facts = {"request": row.request_id, "ground": hold.ground, "hold": uuid_of(hold.id)}
                entry = _entry(EntryType.ERASURE_HELD, row.tenant_id, row.object_id, facts, None)
                leaf = await self._ledger.append(connection, entry)
                await connection.execute(update(erasures).where(this).values(held_leaf=leaf))
            return False

    async def _first(self, connection: AsyncConnection, erasure: Row[Any]) -> Row[Any] | None:
        if erasure.kind == TENANT:
            lasts = and_(holds.c.tenant_id == erasure.tenant_id, holds.c.ended_at.is_(None))
            return (await connection.execute(select(holds).where(lasts).limit(1))).first()
        if erasure.call_id is None:
            return None
        await _held_call(connection, erasure.call_id)
        covering = select(holds).where(lasting(erasure.call_id, erasure.object_id)).order_by(holds.c.id)
        return (await connection.execute(covering.limit(1))).first()

    async def _say(
        self, connection: AsyncConnection, type_: EntryType, row: Row[Any], by: Principal | None
    ) -> None:
        facts = {"hold": uuid_of(row.id), "ground": row.ground}
        entry = _entry(type_, row.tenant_id, row.media_id or row.call_id, facts, by)
        await self._ledger.append(connection, entry)

    async def _opened(self, row: Row[Any]) -> Hold:
        return Hold(
            id=row.id,
            tenant_id=row.tenant_id,
            call_id=row.call_id,
            media_id=row.media_id,
            ground=HoldGround(row.ground),
            reason=await self._reasons.open(row),
            owner_id=row.owner_id,
            placed_by=row.placed_by,
            placed_at=row.placed_at,
            expires_at=row.expires_at,
            state=_state(row),
            release_asked_by=row.release_asked_by,
            ended_at=row.ended_at,
        )


def _state(row: Row[Any]) -> HoldState:
    if row.end_reason is not None:
        return HoldState(row.end_reason)
    return HoldState.LASTING if row.release_asked_by is None else HoldState.RELEASE_ASKED


def _entry(
    type_: EntryType, tenant_id: str, object_id: str, facts: dict[str, str], by: Principal | None
) -> Entry:
    return Entry(
        type_,
        tenant_id=tenant_id,
        object_id=object_id,
        actor_id=None if by is None else by.id,
        facts={**facts},
    )


async def _held_call(connection: AsyncConnection, call_id: str) -> None:
    """Keep the call's row until the transaction ends: holds and beginnings come one after the other."""
    await connection.execute(select(calls.c.id).where(calls.c.id == call_id).with_for_update())


async def _require_there(connection: AsyncConnection, object_id: str) -> None:
    """What is gone, or is going, cannot be held: its key may be forgotten by now."""
    query = select(erasures.c.begun_at, erasures.c.completed_at).where(erasures.c.object_id == object_id)
    row = (await connection.execute(query)).first()
    if row is None or row.begun_at is None:
        return
    if row.completed_at is not None:
        raise ErasedError("this has been erased; there is nothing left to hold")
    raise ConflictError("its erasure has begun; it cannot be held any more")


async def _require_owner(connection: AsyncConnection, owner_id: str | None, by: Principal) -> None:
    if owner_id is None:
        return
    found = await connection.execute(
        select(people.c.id).where(people.c.id == owner_id, people.c.tenant_id == by.tenant_id)
    )
    if found.first() is None:
        raise InvalidError(
            "no such person", [Fault("#/owner_id", "unknown", "name a person of your company")]
        )
