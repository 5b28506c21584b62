"""A rule made shorter for what is kept already: looked at first, and carried out after a time to think.

Only shorter: what somebody was told is kept for so many days is not kept for longer by a rule of later; for a
single thing there are holds. Until the day the change applies everything keeps the end that it has, and the
change can be cancelled. Then each end moves to where the new rule would have put it, never later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    and_,
    cast,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock, from_text
from vault.db.engine import Database
from vault.db.tables import buttons, calls, media, notes, retention_changes, retention_rules
from vault.db.types import Moment
from vault.errors import ConflictError, NotFoundError
from vault.ledger.continuing import candidates, plain
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.holding import held
from vault.media.restricting import call_is_restricted
from vault.model import Id, ItemKind, MediaState, RuleKind, is_id, new_id, uuid_of
from vault.policy import Permission, Principal, require, require_same_tenant
from vault.rights.due import DAY_MS
from vault.rights.placing import placed

LISTED: Final = 200
GOING: Final = (MediaState.ERASING.value, MediaState.ERASED.value)


class ChangeState(StrEnum):
    """How it stands with a change."""

    WAITING = "waiting"
    APPLIED = "applied"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which things are to be kept for fewer days: a kind, at one button or wherever no button has a rule."""

    kind: RuleKind
    days: int
    button_id: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a change would do: whose end it moves, what of that would go at once, the first and when.

    ``kept``: so many of them a legal hold or a restriction keeps now, whatever their end.
    """

    moves: int
    goes_at_once: int
    kept: int
    earliest: datetime | None
    applies_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was asked for; ``moves`` is what it was to move then."""

    id: Id
    kind: RuleKind
    button_id: Id | None
    days: int
    moves: int
    state: ChangeState
    asked_by: Id
    asked_at: datetime
    applies_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a kind of things lies: its rows, its column of the end, the end that so many days give."""

    table: Any
    which: ColumnElement[bool]
    began: Any
    ends: Any  # in milliseconds
    kept: ColumnElement[bool]  # by a hold or a restriction


class Changes:
    """Looks, asks, cancels; the keeper applies."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock, *, cooling: timedelta) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._cooling = cooling

    async def preview(self, wanted: Wanted, *, by: Principal) -> Preview:
        """Tell what a change would do, and do nothing."""
        require(by, Permission.RETENTION_READ)
        async with self._database.read() as connection:
            await _require_button(connection, wanted.button_id, by)
            return await self._counted(connection, wanted, by.tenant_id)

    async def ask(self, wanted: Wanted, *, moves: int, by: Principal) -> Change:
        """Ask for a change that was looked at: ``moves`` is what the look said.

        ConflictError where it would move another number by now, or nothing: look again.
        """
        require(by, Permission.RETENTION_MANAGE)
        change_id = new_id("rtc")
        facts = {
            "change": uuid_of(change_id),
            "kind": wanted.kind.value,
            "days": wanted.days,
            "moves": moves,
        }
        object_id = wanted.button_id or by.tenant_id
        asked = Entry(
            EntryType.RETENTION_CHANGE_ASKED,
            tenant_id=by.tenant_id,
            object_id=object_id,
            actor_id=by.id,
            facts=facts,
        )
        ready = await self._ledger.ready(asked)
        async with self._database.write() as connection:
            await _require_button(connection, wanted.button_id, by)
            counted = await self._counted(connection, wanted, by.tenant_id)
            if counted.moves != moves or not moves:
                raise ConflictError("the change would move another number of things by now; look again")
            row = {
                "id": change_id,
                "tenant_id": by.tenant_id,
                "kind": wanted.kind.value,
                "button_id": wanted.button_id,
                "days": wanted.days,
                "moves": moves,
                "asked_by": by.id,
                "asked_at": self._clock.now(),
                "applies_at": counted.applies_at,
            }
            await connection.execute(insert(retention_changes).values(row))
            await self._ledger.append(connection, ready)
        return await self.get(change_id, by=by)

    async def get(self, change_id: str, *, by: Principal) -> Change:
        """Show one."""
        require(by, Permission.RETENTION_READ)
        async with self._database.read() as connection:
            return _told(await placed(connection, retention_changes, change_id, by))

    async def list(self, *, by: Principal) -> Sequence[Change]:
        """Show the tenant's, newest first."""
        require(by, Permission.RETENTION_READ)
        query = select(retention_changes).where(retention_changes.c.tenant_id == by.tenant_id)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(retention_changes.c.id.desc()).limit(LISTED))
            return [_told(row) for row in rows]

    async def cancel(self, change_id: str, *, by: Principal) -> Change:
        """Take a change back before it applies; ConflictError afterwards."""
        require(by, Permission.RETENTION_MANAGE)
        async with self._database.write() as connection:
            row = await placed(connection, retention_changes, change_id, by)
            if not await self._ended(connection, row, ChangeState.CANCELLED):
                raise ConflictError("this change has been applied, or cancelled")
            await self._say(connection, EntryType.RETENTION_CHANGE_CANCELLED, row, by, {})
        return await self.get(change_id, by=by)

    async def apply_due(self, now: datetime) -> int:
        """Apply the changes whose day has come; each in one transaction with its word in the ledger."""
        waiting = select(retention_changes).where(
            retention_changes.c.state == ChangeState.WAITING.value, retention_changes.c.applies_at <= now
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(waiting.order_by(retention_changes.c.id))).all()
        for row in rows:
            async with self._database.write() as connection:
                if await self._ended(connection, row, ChangeState.APPLIED):
                    moved = await _move(connection, row)
                    await self._say(
                        connection, EntryType.RETENTION_CHANGE_APPLIED, row, None, {"moved": moved}
                    )
        return len(rows)

    async def _counted(self, connection: AsyncConnection, wanted: Wanted, tenant_id: str) -> Preview:
        applies_at = self._clock.now() + self._cooling
        place = _place(wanted.kind, wanted.button_id, tenant_id)
        end = type_coerce(place.began, BigInteger) + wanted.days * DAY_MS
        applies_ms = int(applies_at.timestamp() * 1_000)
        query = select(
            func.count(),
            func.count().filter(end <= applies_ms),
            func.count().filter(place.kept),
            func.min(end),
        ).where(place.which, end < place.ends)
        moves, at_once, kept, earliest_ms = (await connection.execute(query)).one()
        earliest = None
        if earliest_ms is not None:
            earliest = max(datetime.fromtimestamp(earliest_ms / 1_000, UTC), applies_at)
        return Preview(moves, at_once, kept, earliest, applies_at)

    async def _ended(self, connection: AsyncConnection, row: Row[Any], state: ChangeState) -> bool:
        ended = await connection.execute(
            update(retention_changes)
            .where(
                retention_changes.c.id == row.id,
                retention_changes.c.state == ChangeState.WAITING.value,
            )
            .values(state=state.value, ended_at=self._clock.now())
        )
        return ended.rowcount == 1

    async def _say(
        self,
        connection: AsyncConnection,
        type_: EntryType,
        row: Row[Any],
        by: Principal | None,
        more: dict[str, int],
    ) -> None:
        entry = Entry(
            type_,
            tenant_id=row.tenant_id,
            object_id=row.button_id or row.tenant_id,
            actor_id=None if by is None else by.id,
            facts={"change": uuid_of(row.id), "kind": row.kind, "days": row.days, **more},
        )
        await self._ledger.append(connection, entry)


async def cancel_again(connection: AsyncConnection, leaf: Mapping[str, Any]) -> None:
    """Cancel a change again that the ledger says was cancelled, and that waits in a database set back.

    An older leaf does not name the change: then it is one of that kind, place and number of days, and of
    several alike the one whose day comes first, so that nothing goes sooner than somebody wanted.
    """
    waiting = retention_changes.c.state == ChangeState.WAITING.value
    if "change" in leaf:
        which = and_(waiting, retention_changes.c.id == f"rtc_{plain(leaf['change'])}")
    else:
        place = func.coalesce(retention_changes.c.button_id, retention_changes.c.tenant_id)
        which = and_(
            waiting,
            retention_changes.c.kind == leaf["kind"],
            retention_changes.c.days == leaf["days"],
            place.in_(candidates(leaf["object"], ("btn", "ten"))),
        )
    first = select(retention_changes.c.id).where(which).order_by(retention_changes.c.applies_at).limit(1)
    values = {"state": ChangeState.CANCELLED.value, "ended_at": from_text(leaf["time"])}
    this = retention_changes.c.id == first.scalar_subquery()
    await connection.execute(update(retention_changes).where(this).values(values))


def _place(kind: RuleKind, button_id: str | None, tenant_id: str) -> _Place:
    """Find the rows of a kind that a change is about, those that go already apart."""
    at = _at_button(button_id, tenant_id, kind)
    if kind is RuleKind.CALL:
        days = func.coalesce(calls.c.keep_days, _days_of_button())
        ends = type_coerce(calls.c.ended_at, BigInteger) + cast(days, BigInteger) * DAY_MS
        here = and_(calls.c.tenant_id == tenant_id, calls.c.button_id.in_(at))
        alive = and_(calls.c.ended_at.is_not(None), calls.c.erased_at.is_(None))
        kept = or_(held(calls.c.id, calls.c.id), call_is_restricted(calls.c.id))
        return _Place(calls, and_(here, alive), calls.c.ended_at, ends, kept)
    if kind is RuleKind.NOTE:
        of_calls = select(calls.c.id).where(calls.c.tenant_id == tenant_id, calls.c.button_id.in_(at))
        ends = type_coerce(notes.c.retain_until, BigInteger)
        kept = or_(held(notes.c.call_id, notes.c.id), call_is_restricted(notes.c.call_id))
        return _Place(notes, notes.c.call_id.in_(of_calls), notes.c.created_at, ends, kept)
    item = ItemKind.EXPORT if kind is RuleKind.EXPORT else ItemKind.RECORDING
    which = and_(
        media.c.tenant_id == tenant_id,
        media.c.kind == item.value,
        media.c.state.not_in(GOING),
        media.c.button_id.in_(at),
    )
    kept = or_(held(media.c.call_id, media.c.id), media.c.restricted_at.is_not(None))
    return _Place(media, which, media.c.created_at, type_coerce(media.c.retain_until, BigInteger), kept)


def _at_button(button_id: str | None, tenant_id: str, kind: RuleKind) -> Any:
    """Select the one button, or those that have no rule of their own for the kind."""
    if button_id is not None:
        return select(buttons.c.id).where(buttons.c.id == button_id)
    own = select(retention_rules.c.scope).where(
        retention_rules.c.scope == buttons.c.id, retention_rules.c.kind == kind.value
    )
    return select(buttons.c.id).where(buttons.c.tenant_id == tenant_id, ~own.exists())


def _days_of_button() -> Any:
    of_call = select(buttons.c.retention_days).where(buttons.c.id == calls.c.button_id)
    return of_call.correlate(calls).scalar_subquery()


async def _move(connection: AsyncConnection, row: Row[Any]) -> int:
    """Move the ends that the change makes earlier."""
    kind = RuleKind(row.kind)
    place = _place(kind, row.button_id, row.tenant_id)
    end = type_coerce(place.began, BigInteger) + row.days * DAY_MS
    values: dict[str, Any] = {"retain_until": type_coerce(end, Moment)}
    if kind is RuleKind.CALL:
        values = {"keep_days": row.days}
    moved = await connection.execute(update(place.table).where(place.which, end < place.ends).values(values))
    return moved.rowcount


async def _require_button(connection: AsyncConnection, button_id: str | None, by: Principal) -> None:
    if button_id is None:
        return
    owner = (
        await connection.execute(select(buttons.c.tenant_id).where(buttons.c.id == button_id))
    ).scalar_one_or_none()
    if owner is None or not is_id(button_id, "btn"):
        raise NotFoundError
    require_same_tenant(by, owner)


def _told(row: Row[Any]) -> Change:
    return Change(
        id=row.id,
        kind=RuleKind(row.kind),
        button_id=row.button_id,
        days=row.days,
        moves=row.moves,
        state=ChangeState(row.state),
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        applies_at=row.applies_at,
        ended_at=row.ended_at,
    )
