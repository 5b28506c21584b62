"""What is kept and for how long: rules, changes that wait, stock, what holds and restrictions keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import clock_marks, holds, media, restrictions, retention_changes
from vault.model import MediaState
from vault.rights.changes import ChangeState
from vault.rights.due import media_over
from vault.rights.rules import Rule


@dataclass(frozen=True, slots=True)
class KeepRule:
    """For how many days a kind is kept: in general, or of one button. ``source`` says who said so."""

    kind: str
    button_id: str | None
    days: int
    source: str
    set_at: datetime | None


@dataclass(frozen=True, slots=True)
class Change:
    """A rule made shorter for what is kept already, that waits for its day."""

    id: str
    kind: str
    button_id: str | None
    days: int
    moves: int
    asked_at: datetime
    applies_at: datetime


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is of one kind in one state; sizes are of the plain media."""

    kind: str
    state: str
    items: int
    bytes: int
    oldest_created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Keeps:
    """A legal hold or a restriction that lasts. Its reason stays sealed."""

    id: str
    covers: str  # a call with all that hangs from it, or one media item
    ground: str
    placed_at: datetime
    expires_at: datetime | None
    release_asked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """Those that last, the oldest first, as many as are listed; and how many there are."""

    lasting: int
    items: list[Keeps]


@dataclass(frozen=True, slots=True)
class Keeping:
    """All of it. ``overdue`` counts media whose time is over and that nothing keeps."""

    rules: list[KeepRule]
    rules_not_listed: int
    changes_waiting: list[Change]
    cooling_days: int
    halted_since: datetime | None
    overdue: int
    stock: list[Stock]
    holds: Listed
    restrictions: Listed


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose, as of when, and how long lists may be."""

    tenant_id: str
    now: datetime
    listed: int


async def keeping(
    connection: AsyncConnection, rules: Sequence[Rule], asked: Asked, *, cooling_days: int
) -> Keeping:
    """Tell of it."""
    return Keeping(
        rules=[
            KeepRule(each.kind.value, each.button_id, each.days, each.source.value, each.set_at)
            for each in rules[: asked.listed]
        ],
        rules_not_listed=max(0, len(rules) - asked.listed),
        changes_waiting=await _waiting(connection, asked),
        cooling_days=cooling_days,
        halted_since=(await connection.execute(select(func.min(clock_marks.c.halted_at)))).scalar_one(),
        overdue=await _overdue(connection, asked),
        stock=await _stock(connection, asked),
        holds=await _holds(connection, asked),
        restrictions=await _restrictions(connection, asked),
    )


async def _waiting(connection: AsyncConnection, asked: Asked) -> list[Change]:
    names = ("id", "kind", "button_id", "days", "moves", "asked_at", "applies_at")
    query = (
        select(*(retention_changes.c[name] for name in names))
        .where(
            retention_changes.c.tenant_id == asked.tenant_id,
            retention_changes.c.state == ChangeState.WAITING.value,
        )
        .order_by(retention_changes.c.id)
        .limit(asked.listed)
    )
    return [Change(*row) for row in await connection.execute(query)]


async def _overdue(connection: AsyncConnection, asked: Asked) -> int:
    over = media_over(asked.now).where(media.c.tenant_id == asked.tenant_id).order_by(None).subquery()
    return int((await connection.execute(select(func.count()).select_from(over))).scalar_one())


async def _stock(connection: AsyncConnection, asked: Asked) -> list[Stock]:
    query = (
        select(
            media.c.kind,
            media.c.state,
            func.count(),
            func.sum(func.coalesce(media.c.size_bytes, 0)),
            func.min(media.c.created_at),
        )
        .where(media.c.tenant_id == asked.tenant_id)
        .group_by(media.c.kind, media.c.state)
        .order_by(media.c.kind, media.c.state)
    )
    found = []
    for kind, state, items, size_bytes, oldest in await connection.execute(query):
        left = 0 if state == MediaState.ERASED else int(size_bytes)  # its row says how large it was
        found.append(Stock(kind, state, items, left, oldest))
    return found


async def _holds(connection: AsyncConnection, asked: Asked) -> Listed:
    names = ("id", "media_id", "ground", "placed_at", "expires_at", "release_asked_at")
    lasting = (holds.c.tenant_id == asked.tenant_id, holds.c.ended_at.is_(None))
    rows = await _those(connection, holds, names, lasting, asked)
    listed = [
        Keeps(
            row.id,
            _covers(row),
            row.ground,
            row.placed_at,
            row.expires_at,
            row.release_asked_at,
        )
        for row in rows
    ]
    return Listed(await _many(connection, holds, lasting), listed)


async def _restrictions(connection: AsyncConnection, asked: Asked) -> Listed:
    names = ("id", "media_id", "ground", "placed_at")
    lasting = (restrictions.c.tenant_id == asked.tenant_id, restrictions.c.lifted_at.is_(None))
    rows = await _those(connection, restrictions, names, lasting, asked)
    listed = [Keeps(row.id, _covers(row), row.ground, row.placed_at, None, None) for row in rows]
    return Listed(await _many(connection, restrictions, lasting), listed)


def _covers(row: Any) -> str:
    return "call" if row.media_id is None else "media"


async def _those(
    connection: AsyncConnection, table: Any, names: Sequence[str], which: Sequence[Any], asked: Asked
) -> Sequence[Any]:
    query = select(*(table.c[name] for name in names)).where(*which).order_by(table.c.id)
    return (await connection.execute(query.limit(asked.listed))).all()


async def _many(connection: AsyncConnection, table: Any, which: Sequence[Any]) -> int:
    query = select(func.count()).select_from(table).where(*which)
    return int((await connection.execute(query)).scalar_one())
