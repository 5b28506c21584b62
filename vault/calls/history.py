"""The calls of a tenant afterwards: a list, an exact search, and one call opened, which is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, Select, func, select

from vault.calls.chat import Chat, Message
from vault.calls.notes import Note, Notes, latest_disposition
from vault.calls.visitors import PERSONAL_PART, Field, calls_with, index_of
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import buttons, calls, consents, legs, media
from vault.errors import ErasedError, KeyForgottenError, NotFoundError
from vault.keys.blobs import Blobs
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.restricting import call_is_restricted, refusal
from vault.model import CallState, ConsentChoice, Id, MediaState, is_id
from vault.policy import Permission, Principal, require, require_same_tenant

STAYS: Final = timedelta(seconds=5)
"""Whoever leaves sooner after hearing that nobody comes has left no message, whatever was recorded before."""


class Outcome(StrEnum):
    """What became of a call."""

    RUNNING = "running"
    TALKED = "talked"  # somebody was heard in it
    MESSAGE = "message"  # it rang in vain, and its visitor stayed and was recorded
    MISSED = "missed"  # nobody was heard, and its visitor gave up or left no word
    LEFT = "left"  # it never rang: its visitor read the notice and left


@dataclass(frozen=True, slots=True)
class PastCall:
    """One line of the list: nothing of it says who called."""

    id: Id
    tenant_id: Id
    button_id: Id
    button_name: str
    state: CallState
    outcome: Outcome
    created_at: datetime
    taken_at: datetime | None
    ended_at: datetime | None
    taken_by: Id | None
    consent: ConsentChoice | None
    recordings: int
    disposition: str | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls a list shows; ``after`` is the (created_at, id) of the last one of the page before."""

    state: CallState | None = None
    button_id: str | None = None
    taken_by: str | None = None
    disposition: str | None = None
    from_: datetime | None = None
    to: datetime | None = None
    after: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True)
class Dossier:
    """One call, opened: who called, from where, what was written, what was noted."""

    call: PastCall
    visitor: dict[str, str] = field(repr=False)
    verified: tuple[str, ...]
    page_url: str | None = field(repr=False)
    messages: Sequence[Message]
    notes: Sequence[Note]


class History:
    """Lists, finds and opens calls."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        ledger: Ledger,
        chat: Chat,
        notes: Notes,
        clock: Clock,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._ledger = ledger
        self._chat = chat
        self._notes = notes
        self._clock = clock

    async def page(self, wanted: CallFilter, *, by: Principal, limit: int) -> Sequence[PastCall]:
        """Give one page, newest first; every page costs the same (keyset)."""
        require(by, Permission.CALL_LIST)
        return await self._page(_SELECT, wanted, by, limit)

    async def search(
        self, field_: Field, value: str, wanted: CallFilter, *, by: Principal, limit: int
    ) -> Sequence[PastCall]:
        """Give the calls of whoever gave exactly this reference, name, address or number."""
        require(by, Permission.CALL_LIST)
        keyed = await index_of(self._blobs, by.tenant_id, field_, value)
        found = calls_with(by.tenant_id, field_, keyed)
        return await self._page(_SELECT.where(calls.c.id.in_(found)), wanted, by, limit)

    async def one(self, call_id: str, *, by: Principal) -> PastCall:
        """Find one call, an erased one too; NotFoundError for a missing or foreign one."""
        require(by, Permission.CALL_LIST)
        return _past(await self._row(call_id, by))

    async def open(self, call_id: str, *, by: Principal) -> Dossier:
        """Open one call: who called, what was written and noted. The look is in the ledger before the answer.

        Raises ErasedError for one that has been erased, RestrictedError for one that is restricted.
        """
        require(by, Permission.CALL_PERSONAL)
        row = await self._row(call_id, by)
        if row.erased_at is not None:
            raise ErasedError("this call has been erased")
        async with self._database.read() as connection:
            if (await connection.execute(select(call_is_restricted(row.id)))).scalar_one():
                raise refusal()
        viewed = Entry(
            EntryType.CALL_VIEWED,
            tenant_id=row.tenant_id,
            object_id=row.id,
            actor_id=by.id,
            detail={"person": by.id},
        )
        try:
            await self._ledger.record(viewed)
            told = await self._personal(row)
        except KeyForgottenError as cause:
            raise ErasedError("this call is being erased") from cause
        return Dossier(
            call=_past(row),
            visitor={name: told[name] for name in Field if name in told},
            verified=tuple(told.get("verified", ())),
            page_url=told.get("page_url"),
            messages=await self._chat.stored(row.id, row.tenant_id),
            notes=await self._notes.of_call(row.id),
        )

    async def _personal(self, row: Row[Any]) -> dict[str, Any]:
        if row.personal is None:
            return {}
        return await self._blobs.open(
            row.personal, tenant_id=row.tenant_id, object_id=row.id, part=PERSONAL_PART
        )

    async def _row(self, call_id: str, by: Principal) -> Row[Any]:
        if not is_id(call_id, "call"):
            raise NotFoundError
        async with self._database.read() as connection:
            row = (await connection.execute(_SELECT.where(calls.c.id == call_id))).first()
        if row is None:
            raise NotFoundError
        require_same_tenant(by, row.tenant_id)
        return row

    async def _page(
        self, query: Select[Any], wanted: CallFilter, by: Principal, limit: int
    ) -> Sequence[PastCall]:
        query = _filtered(query.where(calls.c.tenant_id == by.tenant_id), wanted)
        query = query.order_by(calls.c.created_at.desc(), calls.c.id.desc()).limit(limit)
        async with self._database.read() as connection:
            return [_past(row) for row in await connection.execute(query)]


_RECORDINGS = (
    select(func.count(media.c.id))
    .where(media.c.call_id == calls.c.id, media.c.state != MediaState.ERASED.value)
    .correlate(calls)
    .scalar_subquery()
)
_HEARD = (
    select(legs.c.id)
    .where(legs.c.call_id == calls.c.id, legs.c.person_id.is_not(None), legs.c.connected_at.is_not(None))
    .correlate(calls)
    .exists()
)
_CHOICE = (
    select(consents.c.choice)
    .where(consents.c.call_id == calls.c.id)
    .order_by(consents.c.at.desc(), consents.c.id.desc())
    .limit(1)
    .correlate(calls)
    .scalar_subquery()
)
_DISPOSITION = latest_disposition()
_SELECT = select(
    calls,
    buttons.c.name.label("button_name"),
    _CHOICE.label("choice"),
    _RECORDINGS.label("recordings"),
    _HEARD.label("heard"),
    _DISPOSITION.label("disposition"),
).join(buttons, buttons.c.id == calls.c.button_id)


def _filtered(query: Select[Any], wanted: CallFilter) -> Select[Any]:
    if wanted.state is not None:
        query = query.where(calls.c.state == wanted.state.value)
    if wanted.button_id is not None:
        query = query.where(calls.c.button_id == wanted.button_id)
    if wanted.taken_by is not None:
        query = query.where(calls.c.taken_by == wanted.taken_by)
    if wanted.disposition is not None:
        query = query.where(_DISPOSITION.in_([wanted.disposition]))
    if wanted.from_ is not None:
        query = query.where(calls.c.created_at >= wanted.from_)
    if wanted.to is not None:
        query = query.where(calls.c.created_at < wanted.to)
    if wanted.after is None:
        return query
    at, call_id = wanted.after
    return query.where((calls.c.created_at < at) | ((calls.c.created_at == at) & (calls.c.id < call_id)))


def _past(row: Row[Any]) -> PastCall:
    return PastCall(
        id=row.id,
        tenant_id=row.tenant_id,
        button_id=row.button_id,
        button_name=row.button_name,
        state=CallState(row.state),
        outcome=_outcome(row),
        created_at=row.created_at,
        taken_at=row.taken_at,
        ended_at=row.ended_at,
        taken_by=row.taken_by,
        consent=None if row.choice is None else ConsentChoice(row.choice),
        recordings=row.recordings,
        disposition=row.disposition,
        erased_at=row.erased_at,
    )


def _outcome(row: Row[Any]) -> Outcome:
    if row.state != CallState.ENDED:
        return Outcome.RUNNING
    if row.heard:
        return Outcome.TALKED
    if row.ringing_since is None:
        return Outcome.LEFT
    stayed = row.nobody_at is not None and row.ended_at - row.nobody_at >= STAYS
    return Outcome.MESSAGE if stayed and row.recordings else Outcome.MISSED
