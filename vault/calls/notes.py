"""What one of the tenant's people notes on a call, and how they say it went: one note each, sealed.

A note has a data key of its own: it is kept for the tenant's time, or until its call is erased, whichever is
first (``vault.rights``). How a call went is a code of the tenant's list, never free text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import calls, erasures, notes, participants, tenants
from vault.errors import (
    ConflictError,
    ErasedError,
    Fault,
    InvalidError,
    KeyForgottenError,
    NotFoundError,
    PreconditionFailedError,
    PreconditionRequiredError,
)
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.media.holding import held
from vault.media.restricting import call_is_restricted, refusal
from vault.media.retention import days_of
from vault.model import Id, Role, RuleKind, is_id, new_id
from vault.policy import Permission, Principal, require, require_same_tenant

NOTE_PART: Final = "note"
TEXT_CHARS: Final = 10_000  # two pages: what is longer belongs into the company's own system
MAX_DISPOSITIONS: Final = 40  # a list that is read in a glance
CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
DEFAULT_DISPOSITIONS: Final[tuple[dict[str, Any], ...]] = (
    {"code": "resolved", "label": {"en": "Resolved", "fr": "Résolu"}},
    {"code": "follow_up", "label": {"en": "Needs a follow-up", "fr": "À suivre"}},
    {"code": "escalated", "label": {"en": "Passed on", "fr": "Transmis"}},
    {"code": "information", "label": {"en": "Information given", "fr": "Renseignement donné"}},
    {"code": "wrong_contact", "label": {"en": "Wrong contact", "fr": "Mauvais interlocuteur"}},
    {"code": "cut_off", "label": {"en": "Cut off", "fr": "Appel coupé"}},
)


@dataclass(frozen=True, slots=True)
class Disposition:
    """One way a call can have gone."""

    code: str
    label: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NoteRules:
    """A tenant's list, and how many days a note is kept."""

    days: int
    dispositions: tuple[Disposition, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A note as its author or a reader sees it; version 0 is one that was never written."""

    call_id: Id
    person_id: Id
    version: int
    text: str = field(repr=False)
    disposition: str | None
    updated_at: datetime | None
    retain_until: datetime | None


class Notes:
    """Keeps notes and the rules for them."""

    def __init__(self, database: Database, keys: KeyStore, blobs: Blobs, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._blobs = blobs
        self._clock = clock

    async def own(self, call_id: str, *, by: Principal) -> Note:
        """Give one's own note on a call; NotFoundError where one may not write any.

        RestrictedError where the call is restricted: a note is then kept as all else of it, and not opened.
        """
        require(by, Permission.CALL_NOTE)
        async with self._database.read() as connection:
            await _writable(connection, call_id, by)
            row = await _row(connection, call_id, by.id)
        if row is None:
            return Note(Id(call_id), by.id, 0, "", None, None, None)
        return await self._opened(row)

    async def write(
        self, call_id: str, text: str, disposition: str | None, *, version: int | None, by: Principal
    ) -> Note:
        """Write one's own note over the version one has read, 0 for the first.

        Raises PreconditionRequiredError without a version, PreconditionFailedError where another window wrote
        meanwhile, InvalidError for a code that is not on the list, ErasedError after an erasure,
        RestrictedError where the call is restricted, and ConflictError where there is a note already and the
        call is under a legal hold: what is held is not overwritten, by its author either.
        """
        require(by, Permission.CALL_NOTE)
        async with self._database.read() as connection:
            button_id = await _writable(connection, call_id, by)
            row = await _row(connection, call_id, by.id)
            rules = await _rules(connection, by.tenant_id)
            days = await days_of(connection, button_id, RuleKind.NOTE)
        if version is None:
            raise PreconditionRequiredError("send the ETag of the note in If-Match")
        known = {one.code for one in rules.dispositions} | ({row.disposition} if row is not None else set())
        if disposition is not None and disposition not in known:
            raise InvalidError(
                "no such disposition", [Fault("#/disposition", "enum", "choose one of the tenant's list")]
            )
        if (0 if row is None else row.version) != version:
            raise PreconditionFailedError("the note was changed meanwhile; read it again")
        note_id = new_id("note") if row is None else Id(row.id)
        if row is None:
            await self._keys.create_data_key(tenant_id=by.tenant_id, object_id=note_id)
        sealed = await self._seal(by.tenant_id, note_id, text)
        now = self._clock.now()
        values = {"sealed": sealed, "disposition": disposition, "version": version + 1, "updated_at": now}
        if row is None:
            values |= {
                "id": note_id,
                "tenant_id": by.tenant_id,
                "call_id": call_id,
                "person_id": by.id,
                "created_at": now,
                "retain_until": now + timedelta(days=days),
            }
        await self._put(call_id, note_id, values, version=version)
        return await self.own(call_id, by=by)

    async def of_call(self, call_id: Id) -> Sequence[Note]:
        """Open every note on a call, the oldest first; for whoever was allowed to open the call."""
        query = select(notes).where(notes.c.call_id == call_id).order_by(notes.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        found = []
        for row in rows:
            try:
                found.append(await self._opened(row))
            except KeyForgottenError:
                continue  # it is being erased
        return found

    async def rules(self, *, by: Principal) -> NoteRules:
        """Give the tenant's list and time."""
        require(by, Permission.CALL_NOTE)
        async with self._database.read() as connection:
            return await _rules(connection, by.tenant_id)

    async def set_rules(self, rules: NoteRules, *, by: Principal) -> NoteRules:
        """Set the tenant's list and time; notes that are there keep their own code and date."""
        require(by, Permission.NOTES_MANAGE)
        codes = [one.code for one in rules.dispositions]
        if len(set(codes)) != len(codes):
            raise InvalidError("a code twice", [Fault("#/dispositions", "repeated", "name each code once")])
        listed = [{"code": one.code, "label": dict(one.label)} for one in rules.dispositions]
        async with self._database.write() as connection:
            await connection.execute(
                update(tenants)
                .where(tenants.c.id == by.tenant_id)
                .values(note_days=rules.days, dispositions=listed)
            )
            return await _rules(connection, by.tenant_id)

    async def _put(self, call_id: str, note_id: Id, values: dict[str, Any], *, version: int) -> None:
        """Write a note, if neither it nor its call is being erased by now."""
        try:
            async with self._database.write() as connection:
                await connection.execute(select(calls.c.id).where(calls.c.id == call_id).with_for_update())
                await _require_not_asked(connection, call_id, note_id)
                await _require_unrestricted(connection, call_id)
                if version == 0:
                    await connection.execute(insert(notes).values(values))
                    return
                await _require_unheld(connection, call_id, note_id)
                query = update(notes).where(notes.c.id == note_id, notes.c.version == version)
                if (await connection.execute(query.values(values))).rowcount != 1:
                    raise PreconditionFailedError("the note was changed meanwhile; read it again")
        except IntegrityError as cause:  # two first ones at once
            raise PreconditionFailedError("the note was changed meanwhile; read it again") from cause

    async def _seal(self, tenant_id: Id, note_id: Id, text: str) -> bytes:
        try:
            return await self._blobs.seal(
                tenant_id=tenant_id, object_id=note_id, part=NOTE_PART, value={"text": text}
            )
        except KeyForgottenError as cause:
            raise ErasedError("this note has been erased") from cause

    async def _opened(self, row: Row[Any]) -> Note:
        told = await self._blobs.open(row.sealed, tenant_id=row.tenant_id, object_id=row.id, part=NOTE_PART)
        return Note(
            row.call_id,
            row.person_id,
            row.version,
            str(told["text"]),
            row.disposition,
            row.updated_at,
            row.retain_until,
        )


def latest_disposition() -> Any:
    """Select how a call went, as the note that was written last says; for a query over calls."""
    newest = select(func.max(notes.c.updated_at)).where(
        notes.c.call_id == calls.c.id, notes.c.disposition.is_not(None)
    )
    return (
        select(func.max(notes.c.disposition))
        .where(
            notes.c.call_id == calls.c.id,
            notes.c.disposition.is_not(None),
            notes.c.updated_at == newest.correlate(calls).scalar_subquery(),
        )
        .correlate(calls)
        .scalar_subquery()
    )


async def _writable(connection: AsyncConnection, call_id: str, by: Principal) -> Id:
    """Raise unless the principal may write a note on this call; returns the call's button.

    An agent may where they took part; who supervises may on every call of the tenant.
    """
    if not is_id(call_id, "call"):
        raise NotFoundError
    call = (await connection.execute(select(calls).where(calls.c.id == call_id))).first()
    if call is None:
        raise NotFoundError
    require_same_tenant(by, call.tenant_id)
    if call.erased_at is not None:
        raise ErasedError("this call has been erased")
    part = select(participants.c.person_id).where(
        participants.c.call_id == call_id, participants.c.person_id == by.id
    )
    if by.role is Role.AGENT and (await connection.execute(part)).first() is None:
        raise ConflictError("you took no part in this call")
    await _require_unrestricted(connection, call_id)
    return Id(call.button_id)


async def _row(connection: AsyncConnection, call_id: str, person_id: Id) -> Row[Any] | None:
    query = select(notes).where(notes.c.call_id == call_id, notes.c.person_id == person_id)
    return (await connection.execute(query)).first()


async def _rules(connection: AsyncConnection, tenant_id: Id) -> NoteRules:
    query = select(tenants.c.note_days, tenants.c.dispositions).where(tenants.c.id == tenant_id)
    row = (await connection.execute(query)).one()
    listed: Sequence[Any] = DEFAULT_DISPOSITIONS if row.dispositions is None else row.dispositions
    return NoteRules(row.note_days, tuple(Disposition(one["code"], one["label"]) for one in listed))


async def _require_not_asked(connection: AsyncConnection, call_id: str, note_id: Id) -> None:
    query = select(erasures.c.object_id).where(erasures.c.object_id.in_([call_id, note_id]))
    if (await connection.execute(query.limit(1))).first() is not None:
        raise ErasedError("this call has been erased, or is being erased")


async def _require_unrestricted(connection: AsyncConnection, call_id: str) -> None:
    if (await connection.execute(select(call_is_restricted(call_id)))).scalar_one():
        raise refusal()


async def _require_unheld(connection: AsyncConnection, call_id: str, note_id: Id) -> None:
    if (await connection.execute(select(held(call_id, note_id)))).scalar_one():
        raise ConflictError("this call is under a legal hold: what was noted stays as it is")
