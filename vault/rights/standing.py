"""Why a thing is still here, and when it goes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import buttons, calls, erasures, media, notes
from vault.errors import NotFoundError
from vault.media.holding import held_until
from vault.media.library import is_media_id
from vault.media.restricting import call_is_restricted
from vault.model import ErasureState, Id, ItemKind, MediaState, RuleKind, is_id
from vault.policy import Permission, Principal, require, require_same_tenant
from vault.rights.rules import Rule, Rules


class Stays(StrEnum):
    """Why something is still here, or that it is not."""

    RUNNING = "running"  # the call goes on, or has only just ended
    WITHIN_TIME = "within_time"
    DUE = "due"  # its time is over: it goes with the next look
    WITH_RECORDINGS = "with_recordings"  # its own time is over, a recording of the call is still kept
    RESTRICTED = "restricted"  # Art. 18 GDPR: neither opened nor erased, whatever its time
    HELD = "held"  # a legal hold keeps it, whatever its time
    BEING_ERASED = "being_erased"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Standing:
    """One thing: since when it is kept, why still, until when, and the rule that counts for its like now."""

    object_id: Id
    kind: RuleKind
    why: Stays
    since: datetime
    until: datetime | None  # None: nobody can tell yet
    erased_at: datetime | None
    rule: Rule
    held_until: datetime | None = None  # the last moment at which the holds on it expire, if none is released


class Standings:
    """Tells it, off the rows."""

    def __init__(self, database: Database, rules: Rules, clock: Clock) -> None:
        self._database = database
        self._rules = rules
        self._clock = clock

    async def of_media(self, media_id: str, *, by: Principal) -> Standing:
        """Tell of one media item; NotFoundError for a missing or foreign one."""
        require(by, Permission.MEDIA_LIST)
        async with self._database.read() as connection:
            row = (await connection.execute(select(media).where(media.c.id == media_id))).first()
            if row is None or not is_media_id(media_id):
                raise NotFoundError
            require_same_tenant(by, row.tenant_id)
            return await self._whole(connection, await self._media(connection, row), row.call_id)

    async def of_call(self, call_id: str, *, by: Principal) -> Sequence[Standing]:
        """Tell of a call, and of all that hangs from it: its media, the notes on it."""
        require(by, Permission.MEDIA_LIST)
        async with self._database.read() as connection:
            query = (
                select(calls, buttons.c.retention_days)
                .join(buttons, buttons.c.id == calls.c.button_id)
                .where(calls.c.id == call_id)
            )
            call = (await connection.execute(query)).first()
            if call is None or not is_id(call_id, "call"):
                raise NotFoundError
            require_same_tenant(by, call.tenant_id)
            of_call = select(media).where(media.c.call_id == call_id).order_by(media.c.id)
            items = (await connection.execute(of_call)).all()
            on_it = select(notes).where(notes.c.call_id == call_id).order_by(notes.c.id)
            written = (await connection.execute(on_it)).all()
            found = [
                await self._call(connection, call, items),
                *[await self._media(connection, row) for row in items],
                *[await self._note(connection, row, call) for row in written],
            ]
            return [await self._whole(connection, one, call.id) for one in found]

    async def _whole(self, connection: AsyncConnection, one: Standing, call_id: str) -> Standing:
        """Add what keeps a thing beyond its time."""
        if one.why is Stays.ERASED:
            return one
        restricted, until = (
            await connection.execute(
                select(
                    or_(call_is_restricted(call_id), _is_restricted(one.object_id)),
                    held_until(call_id, one.object_id),
                )
            )
        ).one()
        if until is not None:
            one = replace(one, why=Stays.HELD, held_until=until, until=max(until, one.until or until))
        return replace(one, why=Stays.RESTRICTED, until=None) if restricted else one

    async def _media(self, connection: AsyncConnection, row: Row[Any]) -> Standing:
        kind = RuleKind.EXPORT if row.kind == ItemKind.EXPORT else RuleKind.RECORDING
        why = self._over(row.retain_until)
        if row.state == MediaState.CAPTURING:
            why = Stays.RUNNING
        elif row.state in {MediaState.ERASING, MediaState.ERASED}:
            why = Stays.ERASED if row.state == MediaState.ERASED else Stays.BEING_ERASED
        rule = await self._rules.counting(connection, kind, row.button_id, row.tenant_id)
        return Standing(row.id, kind, why, row.created_at, row.retain_until, row.erased_at, rule)

    async def _call(self, connection: AsyncConnection, call: Row[Any], items: Sequence[Row[Any]]) -> Standing:
        until, why = None, Stays.RUNNING
        if call.ended_at is not None:
            until = call.ended_at + timedelta(days=call.keep_days or call.retention_days)
            why = self._over(until)
            left = [row.retain_until for row in items if row.state != MediaState.ERASED]
            if why is Stays.DUE and left:
                why = Stays.WITH_RECORDINGS
            until = max([until, *left])
        if call.erased_at is not None:
            why = Stays.ERASED
        elif await _is_asked(connection, call.id):
            why = Stays.BEING_ERASED
        rule = await self._rules.counting(connection, RuleKind.CALL, call.button_id, call.tenant_id)
        return Standing(call.id, RuleKind.CALL, why, call.created_at, until, call.erased_at, rule)

    async def _note(self, connection: AsyncConnection, row: Row[Any], call: Row[Any]) -> Standing:
        why = self._over(row.retain_until)
        if await _is_asked(connection, row.id):
            why = Stays.BEING_ERASED
        rule = await self._rules.counting(connection, RuleKind.NOTE, call.button_id, call.tenant_id)
        return Standing(row.id, RuleKind.NOTE, why, row.created_at, row.retain_until, None, rule)

    def _over(self, until: datetime) -> Stays:
        return Stays.DUE if until < self._clock.now() else Stays.WITHIN_TIME


async def _is_asked(connection: AsyncConnection, object_id: str) -> bool:
    query = select(erasures.c.object_id).where(
        erasures.c.object_id == object_id, erasures.c.state != ErasureState.COMPLETE.value
    )
    return (await connection.execute(query)).first() is not None


def _is_restricted(object_id: str) -> ColumnElement[bool]:
    query = select(media.c.id).where(media.c.id == object_id, media.c.restricted_at.is_not(None))
    return query.exists()
