"""How often was looked: counts off the ledger's entries, by month and by button, without any name.

The purpose of each single look is free text, sealed under the key of what was looked at: it is not counted.
Every look has one, and the purpose of the processing is the button's (``Looks.purpose``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import buttons, calls, checkpoints, leaves, media
from vault.evidence.period import Month
from vault.ledger.leaf import EntryType

COUNTED: Final = {
    EntryType.LINK_MADE: "links_made",
    EntryType.MEDIA_VIEWED: "links_used",
    EntryType.LINK_REVOKED: "links_revoked",
    EntryType.CALL_VIEWED: "calls_viewed",
    EntryType.EXPORT_BEGUN: "exports_asked",
    EntryType.EXPORT_READY: "exports_made",
    EntryType.OWN_LINK_OPENED: "visitors_returned",
    EntryType.ACCESS_REFUSED: "refusal_entries",  # one may stand for several of a minute
    EntryType.EVIDENCE_MADE: "evidence_made",
}
    EntryType.EXIT_FETCHED: "exit_volumes_fetched",
"""What counts as access, and what it is called in a pack."""

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


async def access(
    connection: AsyncConnection, months: Sequence[Month], *, tenant_id: str, listed: int
) -> Access:
    """Count."""
    oldest = await _first_index(connection, months[0])
    which = (
        leaves.c.tenant_id == tenant_id,
        leaves.c.leaf_index >= oldest,
        leaves.c.type.in_([each.value for each in COUNTED]),
        leaves.c.at >= months[0].since,
        leaves.c.at < months[-1].until,
    )
    by_month = await _counted(connection, select(_number(months), leaves.c.type).where(*which))
    own = (
        select(func.coalesce(media.c.button_id, calls.c.button_id).label("of"), leaves.c.type)
        .outerjoin(media, media.c.id == leaves.c.object_id)
        .outerjoin(calls, calls.c.id == leaves.c.object_id)
        .where(*which)
    )
    by_button = await _counted(connection, own)
    shown, more = await _buttons(connection, tenant_id, listed)
    return Access(
        by_month=[
            MonthOfLooks(month.name, by_month.get(number, _none())) for number, month in enumerate(months)
        ],
        by_button=[Looks(row.id, row.purpose, by_button.get(row.id, _none())) for row in shown],
        buttons_not_listed=more,
    )


async def _first_index(connection: AsyncConnection, month: Month) -> int:
    """Give an index before which no entry is of the month: the newest head signed before it began.

    Entries have no index by time; with this only those of the period are read, not the whole ledger.
    """
    query = select(func.max(checkpoints.c.size)).where(checkpoints.c.at < month.since)
    return int((await connection.execute(query)).scalar_one_or_none() or 0)


def _number(months: Sequence[Month]) -> Any:
    """Make the expression that gives the number of an entry's month."""
    steps = [(leaves.c.at < month.until, number) for number, month in enumerate(months[:-1])]
    number: Any = case(*steps, else_=len(months) - 1) if steps else literal(0)
    return number.label("of")


async def _counted(connection: AsyncConnection, each: Select[Any]) -> dict[Any, Counts]:
    inner = each.subquery()
    query = select(inner.c.of, inner.c.type, func.count()).group_by(inner.c.of, inner.c.type)
    found: dict[Any, Counts] = {}
    for row in await connection.execute(query):
        found.setdefault(row[0], _none())[COUNTED[EntryType(row[1])]] = row[2]
    return found


async def _buttons(connection: AsyncConnection, tenant_id: str, listed: int) -> tuple[Sequence[Any], int]:
    own = buttons.c.tenant_id == tenant_id
    query = select(buttons.c.id, buttons.c.purpose).where(own).order_by(buttons.c.id).limit(listed)
    shown = (await connection.execute(query)).all()
    every = (await connection.execute(select(func.count()).select_from(buttons).where(own))).scalar_one()
    return shown, every - len(shown)


def _none() -> Counts:
    return dict.fromkeys(COUNTED.values(), 0)
