"""How often was looked: counts off the ledger's entries, by month and by button, without any name.

The purpose of each single look is free text, sealed under the key of what was looked at: it is not counted.
Every look has one, and the purpose of the processing is the button's (``Looks.purpose``).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import to_text
from vault.db.engine import Database
from vault.db.ledger_tables import looks, looks_counted
from vault.db.tables import buttons, calls, leaves, media, tenants
from vault.evidence.period import Month
from vault.ledger.leaf import EntryType

COUNTED: Final = {
    EntryType.LINK_MADE: "links_made",
    EntryType.MEDIA_VIEWED: "links_used",
    EntryType.LINK_REVOKED: "links_revoked",
    EntryType.CALL_VIEWED: "calls_viewed",
    EntryType.EXPORT_BEGUN: "exports_asked",
    EntryType.EXPORT_READY: "exports_made",
    EntryType.EXIT_FETCHED: "exit_volumes_fetched",
    EntryType.OWN_LINK_OPENED: "visitors_returned",
    EntryType.ACCESS_REFUSED: "refusal_entries",  # one may stand for several of a minute
    EntryType.EVIDENCE_MADE: "evidence_made",
}
"""What counts as access, and what it is called in a pack."""

TYPES: Final = frozenset(each.value for each in COUNTED)
PAGE: Final = 2_000  # entries of one statement: some milliseconds
Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class MonthOfLooks:
    """What was counted in one month; a kind that did not happen counts 0."""

    month: str
    counts: Counts


@dataclass(frozen=True, slots=True)
class Looks:
    """What was counted for one button in the whole period; its purpose as visitors are told it."""

    button_id: str
    purpose: dict[str, str]
    counts: Counts


@dataclass(frozen=True, slots=True)
class Access:
    """Counts by month, and by button."""

    by_month: list[MonthOfLooks]
    by_button: list[Looks]
    buttons_not_listed: int


async def count_looks(database: Database, tenant_id: str) -> None:
    """Count the entries that came since the last time, once and for all; some at a time.

    Each page is a transaction: whoever dies leaves what was counted so far, and of two who count at once one
    is the first. So a pack costs what came since the last one, however much there was before.
    """
    while await _page_counted(database, tenant_id) == PAGE:
        continue


async def access(
    connection: AsyncConnection, months: Sequence[Month], *, tenant_id: str, listed: int
) -> Access:
    """Tell what was counted."""
    shown, more = await _buttons(connection, tenant_id, listed)
    names = [month.name for month in months]
    counted = looks.c.entries
    own = [looks.c.tenant_id == tenant_id, looks.c.month >= names[0], looks.c.month <= names[-1]]
    by_month = select(looks.c.month, looks.c.type, func.sum(counted)).where(*own)
    by_button = select(looks.c.button_id, looks.c.type, func.sum(counted)).where(
        *own, looks.c.button_id.in_([row.id for row in shown])
    )
    of_month = await _summed(connection, by_month.group_by(looks.c.month, looks.c.type))
    of_button = await _summed(connection, by_button.group_by(looks.c.button_id, looks.c.type))
    return Access(
        by_month=[MonthOfLooks(name, of_month.get(name, _none())) for name in names],
        by_button=[Looks(row.id, row.purpose, of_button.get(row.id, _none())) for row in shown],
        buttons_not_listed=more,
    )


async def _page_counted(database: Database, tenant_id: str) -> int:
    """Count a page of the company's entries; tells how many it had."""
    async with database.read() as connection:
        after = await _counted_to(connection, tenant_id)
        rows = (await connection.execute(_page(tenant_id, after or 0))).all()
    if not rows:
        return 0
    found = Counter(
        (to_text(row.at)[: len("2026-11")], row.of or "", row.type) for row in rows if row.type in TYPES
    )
    async with database.write() as connection:
        if await _moved_on(connection, tenant_id, after, rows[-1].leaf_index + 1):
            for (month, button_id, type_), entries in found.items():
                await _add(connection, tenant_id, (month, button_id, type_), entries)
    return len(rows)


def _page(tenant_id: str, after: int) -> Select[Any]:
    """Choose entries of a company, with the button of the call or the media item that each is about."""
    which = (
        select(leaves.c.leaf_index, leaves.c.type, leaves.c.object_id, leaves.c.at)
        .where(leaves.c.tenant_id == tenant_id, leaves.c.leaf_index >= after)
        .order_by(leaves.c.leaf_index)
        .limit(PAGE)
        .subquery()
    )
    button = func.coalesce(media.c.button_id, calls.c.button_id).label("of")
    return (
        select(which.c.leaf_index, which.c.type, which.c.at, button)
        .outerjoin(media, media.c.id == which.c.object_id)
        .outerjoin(calls, calls.c.id == which.c.object_id)
        .order_by(which.c.leaf_index)
    )


async def _counted_to(connection: AsyncConnection, tenant_id: str) -> int | None:
    query = select(looks_counted.c.next_index).where(looks_counted.c.tenant_id == tenant_id)
    index: int | None = (await connection.execute(query)).scalar_one_or_none()
    return index


async def _moved_on(connection: AsyncConnection, tenant_id: str, after: int | None, to: int) -> bool:
    """Note how far it is counted; False where somebody else was first."""
    if after is None:
        # PostgreSQL lets two begin at once; the company's row makes it one after the other.
        await connection.execute(select(tenants.c.id).where(tenants.c.id == tenant_id).with_for_update())
        if await _counted_to(connection, tenant_id) is not None:
            return False
        await connection.execute(insert(looks_counted).values(tenant_id=tenant_id, next_index=to))
        return True
    this = (looks_counted.c.tenant_id == tenant_id) & (looks_counted.c.next_index == after)
    return (await connection.execute(update(looks_counted).where(this).values(next_index=to))).rowcount == 1


async def _add(connection: AsyncConnection, tenant_id: str, what: tuple[str, str, str], entries: int) -> None:
    names = dict(zip(("month", "button_id", "type"), what, strict=True), tenant_id=tenant_id)
    this = and_(*(looks.c[name] == value for name, value in names.items()))
    more = update(looks).where(this).values(entries=looks.c.entries + entries)
    if (await connection.execute(more)).rowcount == 0:
        await connection.execute(insert(looks).values(**names, entries=entries))


async def _summed(connection: AsyncConnection, query: Select[Any]) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for row in await connection.execute(query):
        found.setdefault(row[0], _none())[COUNTED[EntryType(row[1])]] = int(row[2])
    return found


async def _buttons(connection: AsyncConnection, tenant_id: str, listed: int) -> tuple[Sequence[Any], int]:
    own = buttons.c.tenant_id == tenant_id
    query = select(buttons.c.id, buttons.c.purpose).where(own).order_by(buttons.c.id).limit(listed)
    shown = (await connection.execute(query)).all()
    every = (await connection.execute(select(func.count()).select_from(buttons).where(own))).scalar_one()
    return shown, every - len(shown)


def _none() -> Counts:
    return dict.fromkeys(COUNTED.values(), 0)
