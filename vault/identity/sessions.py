"""Browser sessions and the one-time codes that open them. Only hashes of either are stored."""

import hashlib
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import issuers, login_codes, people, sessions
from vault.errors import ConflictError, NotFoundError
from vault.identity.errors import Refusal, TokenRefusedError
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Id, Role, new_id
from vault.policy import Principal
from vault.settings import SessionSettings

SECRET_BYTES: Final = 32
SEEN_EVERY: Final = timedelta(seconds=60)  # writing each use would make reading a write
_SECRET: Final = re.compile(r"^[A-Za-z0-9_-]{43}$")


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A new session; ``secret`` goes into the cookie and nowhere else."""

    principal: Principal
    secret: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"OpenedSession({self.principal.session_id})"


class Sessions:
    """Opens, checks and ends browser sessions."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock, settings: SessionSettings) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._idle = timedelta(seconds=settings.idle_s)
        self._absolute = timedelta(seconds=settings.absolute_s)
        self._code_life = timedelta(seconds=settings.login_link_s)

    async def make_code(self, *, person_id: str, tenant_id: Id, by: Principal | None = None) -> str:
        """Make a one-time sign-in code for a person, and record who made it: its user acts in their name.

        Raises NotFoundError where there is no such person, ConflictError for a service, which has no browser.
        """
        code = secrets.token_urlsafe(SECRET_BYTES)
        now = self._clock.now()
        person = select(people.c.role).where(people.c.id == person_id, people.c.tenant_id == tenant_id)
        async with self._database.write() as connection:
            role = (await connection.execute(person)).scalar_one_or_none()
            if role is None:
                raise NotFoundError("there is no such person here")
            if role == Role.SERVICE:
                raise ConflictError("a service signs in nowhere; give it an access token")
            await connection.execute(delete(login_codes).where(login_codes.c.expires_at < now))
            await connection.execute(
                insert(login_codes).values(
                    code_hash=_hash(code),
                    tenant_id=tenant_id,
                    person_id=person_id,
                    expires_at=now + self._code_life,
                )
            )
            made = Entry(
                EntryType.SIGN_IN_CODE_MADE,
                tenant_id=tenant_id,
                object_id=person_id,
                actor_id=by.id if by is not None else None,
            )
            await self._ledger.append(connection, made)
        return code

    async def open_with_code(self, code: str) -> OpenedSession:
        """Use a code up and open a session; raises TokenRefusedError, always the same for any bad code."""
        now = self._clock.now()
        used = (
            update(login_codes)
            .where(
                login_codes.c.code_hash == _hash(code),
                login_codes.c.used_at.is_(None),
                login_codes.c.expires_at > now,
            )
            .values(used_at=now)
            .returning(login_codes.c.person_id)
        )
        known = select(login_codes.c.code_hash).where(login_codes.c.code_hash == _hash(code))
        async with self._database.read() as connection:
            if (await connection.execute(known)).first() is None:  # a guess takes no writer's turn
                raise _bad_code()
        async with self._database.write() as connection:
            # One statement decides: of two who bring the same code, one finds it used.
            person_id = (await connection.execute(used)).scalar_one_or_none()
            row = await _enabled_person(connection, person_id) if person_id is not None else None
            if row is None:
                raise _bad_code()
            return await self._open(connection, row, "code")

    async def open_for(self, principal: Principal) -> OpenedSession:
        """Open a session for someone whose token was just accepted."""
        async with self._database.write() as connection:
            row = await _enabled_person(connection, principal.id)
            if row is None:
                raise TokenRefusedError("the person cannot sign in", reason=Refusal.PERSON)
            return await self._open(connection, row, "token")

    async def principal_of(self, secret: str) -> Principal:
        """Say whose session a cookie is; raises TokenRefusedError once it is over. Looks the person up."""
        if not _SECRET.fullmatch(secret):
            raise _over()
        query = _live(self._clock.now(), self._idle).where(sessions.c.token_hash == _hash(secret))
        now = self._clock.now()
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise _over()
        if now - row.seen_at > SEEN_EVERY:
            async with self._database.write() as connection:
                await connection.execute(
                    update(sessions).where(sessions.c.id == row.session_id).values(seen_at=now)
                )
        return _principal(row)

    async def live(self, connection: AsyncConnection, session_ids: Collection[str]) -> set[str]:
        """Name those of these sessions that may go on: for what runs longer than its request."""
        query = _live(self._clock.now(), self._idle).where(sessions.c.id.in_(session_ids))
        return {row.session_id for row in await connection.execute(query)}

    async def end(self, principal: Principal, *, how: str = "sign_out") -> None:
        """End a session: its cookie is worth nothing from here on."""
        if principal.session_id is None:
            return
        async with self._database.write() as connection:
            await connection.execute(
                update(sessions)
                .where(sessions.c.id == principal.session_id, sessions.c.ended_at.is_(None))
                .values(ended_at=self._clock.now())
            )
            await self._ledger.append(connection, _entry(EntryType.SESSION_CLOSED, principal, how))

    async def _open(self, connection: AsyncConnection, person: Row[Any], how: str) -> OpenedSession:
        secret = secrets.token_urlsafe(SECRET_BYTES)
        now = self._clock.now()
        opened = Principal(
            id=Id(person.id), tenant_id=Id(person.tenant_id), role=Role(person.role), session_id=new_id("ses")
        )
        await connection.execute(delete(sessions).where(sessions.c.expires_at < now))
        await connection.execute(
            insert(sessions).values(
                id=opened.session_id,
                tenant_id=opened.tenant_id,
                person_id=opened.id,
                token_hash=_hash(secret),
                created_at=now,
                seen_at=now,
                expires_at=now + self._absolute,
            )
        )
        await self._ledger.append(connection, _entry(EntryType.SESSION_OPENED, opened, how))
        return OpenedSession(opened, secret, now + self._absolute)


def _live(now: datetime, idle: timedelta) -> Any:
    """Select sessions that may go on, with their people as they are now."""
    return (
        select(
            sessions.c.id.label("session_id"),
            sessions.c.seen_at,
            people.c.id,
            people.c.tenant_id,
            people.c.role,
        )
        .join(people, people.c.id == sessions.c.person_id)
        .outerjoin(issuers, issuers.c.id == people.c.issuer_id)
        .where(
            sessions.c.ended_at.is_(None),
            sessions.c.expires_at > now,
            sessions.c.seen_at > now - idle,
            people.c.disabled_at.is_(None),
            issuers.c.disabled_at.is_(None),
        )
    )


async def _enabled_person(connection: AsyncConnection, person_id: str) -> Any:
    query = (
        select(people.c.id, people.c.tenant_id, people.c.role)
        .outerjoin(issuers, issuers.c.id == people.c.issuer_id)
        .where(
            people.c.id == person_id,
            people.c.role != Role.SERVICE.value,  # only people have browser sessions
            people.c.disabled_at.is_(None),
            issuers.c.disabled_at.is_(None),
        )
    )
    return (await connection.execute(query)).first()


def _principal(row: Row[Any]) -> Principal:
    return Principal(
        id=Id(row.id), tenant_id=Id(row.tenant_id), role=Role(row.role), session_id=Id(row.session_id)
    )


def _entry(kind: EntryType, principal: Principal, how: str) -> Entry:
    return Entry(
        type=kind,
        tenant_id=principal.tenant_id,
        object_id=principal.session_id,
        actor_id=principal.id,
        facts={"how": how},
    )


def _hash(secret: str) -> bytes:
    # A fast hash is right here: the secret is 256 random bits, not a password.
    return hashlib.sha256(secret.encode()).digest()


def _bad_code() -> TokenRefusedError:
    return TokenRefusedError("the code is not good, or no longer", reason=Refusal.CODE)


def _over() -> TokenRefusedError:
    return TokenRefusedError("the session is over", reason=Refusal.SESSION)
