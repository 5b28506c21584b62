"""What is to go now because its time is over: media, calls, notes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Select, cast, func, literal, select, type_coerce

from vault.db.engine import Database
from vault.db.tables import buttons, calls, erasures, media, notes
from vault.media.holding import held
from vault.media.restricting import call_is_restricted
from vault.model import Id, MediaState

DAY_MS: Final = 86_400_000
ENDED: Final = (MediaState.READY.value, MediaState.LOST.value, MediaState.FINISHING.value)

Due = tuple[Id, str, Id]
"""Whose it is, its kind as an erasure names it, which."""


class Dues:
    """Finds it, the longest overdue first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def now(self, now: datetime, *, limit: int) -> Sequence[Due]:
        """Name what is over, at most so much of each kind."""
        found: list[Due] = []
        async with self._database.read() as connection:
            for query in (media_over(now), calls_over(now), notes_over(now)):
                rows = await connection.execute(query.limit(limit))
                found += [(row.tenant_id, row.kind, row.id) for row in rows]
        return found


def media_over(now: datetime) -> Select[Any]:
    """Select media whose time is over; what cannot be finished too."""
    return (
        select(media.c.tenant_id, media.c.kind, media.c.id)
        .where(
            media.c.retain_until < now,
            media.c.state.in_(ENDED),
            ~held(media.c.call_id, media.c.id),
            media.c.restricted_at.is_(None),
        )
        .order_by(media.c.retain_until)
    )


def calls_over(now: datetime) -> Select[Any]:
    """Select ended calls whose time is over and whose recordings are gone.

    What a page told about its visitor is kept as long as the longest kept of its recordings, if that is
    longer: a recording of nobody in particular could not be found again, and not be erased on request.
    """
    kept = select(media.c.id).where(media.c.call_id == calls.c.id, media.c.state != MediaState.ERASED.value)
    asked = select(erasures.c.object_id).where(erasures.c.object_id == calls.c.id)
    days = func.coalesce(calls.c.keep_days, buttons.c.retention_days)
    over_ms = type_coerce(calls.c.ended_at, BigInteger) + cast(days, BigInteger) * DAY_MS
    return (
        select(calls.c.tenant_id, literal("call").label("kind"), calls.c.id)
        .join(buttons, buttons.c.id == calls.c.button_id)
        .where(
            calls.c.erased_at.is_(None),
            over_ms < int(now.timestamp() * 1_000),
            ~kept.exists(),
            ~asked.exists(),
            ~held(calls.c.id, calls.c.id),
            ~call_is_restricted(calls.c.id),
        )
        .order_by(calls.c.id)
    )


def notes_over(now: datetime) -> Select[Any]:
    """Select notes whose time is over and whose erasure nobody asked for yet."""
    asked = select(erasures.c.object_id).where(erasures.c.object_id == notes.c.id).exists()
    return (
        select(notes.c.tenant_id, literal("note").label("kind"), notes.c.id)
        .where(
            notes.c.retain_until < now,
            ~asked,
            ~held(notes.c.call_id, notes.c.id),
            ~call_is_restricted(notes.c.call_id),
        )
        .order_by(notes.c.retain_until)
    )
