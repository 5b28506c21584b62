"""People and services of a tenant. Names and e-mail addresses are sealed under a key of each person's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import issuers, login_codes, people, sessions, tenants
from vault.errors import (
    ConflictError,
    Fault,
    InvalidError,
    KeyForgottenError,
    KeyProviderError,
    NotFoundError,
)
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Id, Role, new_id
from vault.policy import Principal

PROFILE_PART: Final = "profile"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who signs in, or a service of the tenant's. ``name`` and ``email`` are empty once erased."""

    id: Id
    tenant_id: Id
    role: Role
    name: str
    email: str
    issuer_id: Id | None
    created_at: datetime
    disabled_at: datetime | None

    def __repr__(self) -> str:
        return f"Person({self.id}, {self.role})"


class People:
    """Adds, finds and changes people."""

    def __init__(
        self, database: Database, keys: KeyStore, blobs: Blobs, ledger: Ledger, clock: Clock
    ) -> None:
        self._database = database
        self._keys = keys
        self._blobs = blobs
        self._ledger = ledger
        self._clock = clock

    async def add(
        self,
        *,
        tenant_id: Id,
        role: Role,
        profile: Mapping[str, str],
        by: Principal | None,
        subject: tuple[Id, str] | None = None,
    ) -> Person:
        """Add a person; ``subject`` is the issuer and its name for them, where one vouches.

        Raises InvalidError for the visitor's role, ConflictError where the issuer's subject is known already.
        """
        if role is Role.VISITOR:
            raise InvalidError("role", [Fault("#/role", "enum", "a visitor is no person of the tenant")])
        person_id = new_id("per")
        await self._keys.create_data_key(tenant_id=tenant_id, object_id=person_id)
        sealed = await self._seal(tenant_id, person_id, profile)
        index = await self.subject_index(tenant_id, subject[1]) if subject else None
        try:
            async with self._database.write() as connection:
                await connection.execute(
                    insert(people).values(
                        id=person_id,
                        tenant_id=tenant_id,
                        role=role.value,
                        profile=sealed,
                        issuer_id=subject[0] if subject else None,
                        subject_index=index,
                        created_at=self._clock.now(),
                    )
                )
                await self._append(
                    connection, EntryType.PERSON_CREATED, tenant_id, person_id, by, role=role.value
                )
        except IntegrityError as cause:
            await self._keys.forget(object_id=person_id)
            raise ConflictError("this person is known already") from cause
        return await self.one(person_id, tenant_id=tenant_id)

    async def one(self, person_id: str, *, tenant_id: Id) -> Person:
        """Return one; raises NotFoundError for another tenant's as for none."""
        return await self._person(await self._row(person_id, tenant_id))

    async def shown(self, person_id: str, *, tenant_id: Id) -> Person:
        """Return one to be shown in a call, or to themselves: nameless while the key provider is away."""
        row = await self._row(person_id, tenant_id)
        try:
            return await self._person(row, hurried=True)
        except KeyProviderError:
            return _person_of(row, {})

    async def page(
        self, *, tenant_id: Id, after: str | None, limit: int, role: Role | None = None
    ) -> list[Person]:
        """List people by id, newest first, those before ``after``."""
        query = (
            select(people).where(people.c.tenant_id == tenant_id).order_by(people.c.id.desc()).limit(limit)
        )
        if after is not None:
            query = query.where(people.c.id < after)
        if role is not None:
            query = query.where(people.c.role == role.value)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [await self._person(row) for row in rows]

    async def oldest(self, *, tenant_id: Id, role: Role) -> Id | None:
        """Name who has a role for the longest time and is not turned off; no name is opened for it."""
        query = select(people.c.id).where(
            people.c.tenant_id == tenant_id, people.c.role == role.value, people.c.disabled_at.is_(None)
        )
        async with self._database.read() as connection:
            found = (await connection.execute(query.order_by(people.c.id).limit(1))).scalar_one_or_none()
        return None if found is None else Id(found)

    async def by_subject(self, *, issuer_id: Id, tenant_id: Id, subject: str) -> Person | None:
        """Find whom an issuer means by a subject."""
        index = await self.subject_index(tenant_id, subject)
        query = select(people).where(people.c.issuer_id == issuer_id, people.c.subject_index == index)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return await self._person(row) if row is not None else None

    async def change(
        self, person_id: str, *, by: Principal, role: Role | None = None, disabled: bool | None = None
    ) -> Person:
        """Change a role, or turn a person off or on; bites on the next request of that person.

        Turned off, their sessions and sign-in codes are over for good: turning on again revives none.

        Raises ConflictError where no enabled administrator would be left, or where the role is the identity
        provider's to give.
        """
        found = await self.one(person_id, tenant_id=by.tenant_id)
        if role is Role.VISITOR:
            raise InvalidError("role", [Fault("#/role", "enum", "a visitor is no person of the tenant")])
        values: dict[str, Any] = {}
        if role is not None and role is not found.role:
            await self._require_ours_to_give(found)
            values["role"] = role.value
        if disabled is not None and disabled != (found.disabled_at is not None):
            values["disabled_at"] = self._clock.now() if disabled else None
        if not values:
            return found
        async with self._database.write() as connection:
            # The tenant's row is locked, so that two administrators cannot turn off each other.
            await connection.execute(
                select(tenants.c.id).where(tenants.c.id == by.tenant_id).with_for_update()
            )
            await connection.execute(update(people).where(people.c.id == found.id).values(values))
            await self._require_an_admin(connection, by.tenant_id)
            if disabled:
                await self._end_all(connection, found.id)
            off = values.get("disabled_at", found.disabled_at) is not None
            facts = {"role": values.get("role", found.role.value), "disabled": off}
            await self._append(connection, EntryType.PERSON_CHANGED, by.tenant_id, found.id, by, **facts)
        return await self.one(person_id, tenant_id=by.tenant_id)

    async def follow_issuer(self, person: Person, role: Role) -> None:
        """Take over the role that the person's identity provider now gives."""
        async with self._database.write() as connection:
            await connection.execute(update(people).where(people.c.id == person.id).values(role=role.value))
            facts = {"role": role.value, "disabled": False}
            await self._append(
                connection, EntryType.PERSON_CHANGED, person.tenant_id, person.id, None, **facts
            )

    async def subject_index(self, tenant_id: Id, subject: str) -> bytes:
        """Give the keyed hash that stands for an issuer's subject; letter for letter, unlike an e-mail."""
        # The blob index folds case for search; a subject is case-sensitive (OpenID Connect Core, 2).
        return await self._blobs.subject(tenant_id=tenant_id, text="subject:" + subject.encode().hex())

    async def _require_ours_to_give(self, person: Person) -> None:
        if person.issuer_id is None:
            return
        query = select(issuers.c.role_claim).where(issuers.c.id == person.issuer_id)
        async with self._database.read() as connection:
            claim = (await connection.execute(query)).scalar_one()
        if claim is not None:
            raise ConflictError("this role comes from the identity provider; change it there")

    async def _require_an_admin(self, connection: AsyncConnection, tenant_id: Id) -> None:
        query = select(func.count()).where(
            people.c.tenant_id == tenant_id, people.c.role == Role.ADMIN.value, people.c.disabled_at.is_(None)
        )
        if (await connection.execute(query)).scalar_one() == 0:
            raise ConflictError("a tenant needs one administrator who can sign in")

    async def _end_all(self, connection: AsyncConnection, person_id: Id) -> None:
        running = update(sessions).where(sessions.c.person_id == person_id, sessions.c.ended_at.is_(None))
        await connection.execute(running.values(ended_at=self._clock.now()))
        await connection.execute(delete(login_codes).where(login_codes.c.person_id == person_id))

    async def _append(
        self,
        connection: AsyncConnection,
        kind: EntryType,
        tenant_id: Id,
        person_id: Id,
        by: Principal | None,
        **facts: str | bool,
    ) -> None:
        actor_id = by.id if by is not None else None
        entry = Entry(type=kind, tenant_id=tenant_id, object_id=person_id, actor_id=actor_id, facts=facts)
        await self._ledger.append(connection, entry)

    async def _seal(self, tenant_id: Id, person_id: Id, profile: Mapping[str, str]) -> bytes:
        return await self._blobs.seal(
            tenant_id=tenant_id, object_id=person_id, part=PROFILE_PART, value=dict(profile)
        )

    async def _row(self, person_id: str, tenant_id: Id) -> Row[Any]:
        query = select(people).where(people.c.id == person_id, people.c.tenant_id == tenant_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise NotFoundError("there is no such person here")
        return row

    async def _person(self, row: Row[Any], *, hurried: bool = False) -> Person:
        profile: Mapping[str, Any] = {}
        if row.profile is not None:
            try:
                profile = await self._blobs.open(
                    row.profile,
                    tenant_id=row.tenant_id,
                    object_id=row.id,
                    part=PROFILE_PART,
                    hurried=hurried,
                )
            except KeyForgottenError:
                profile = {}
        return _person_of(row, profile)


def _person_of(row: Row[Any], profile: Mapping[str, Any]) -> Person:
    return Person(
        id=Id(row.id),
        tenant_id=Id(row.tenant_id),
        role=Role(row.role),
        name=str(profile.get("name", "")),
        email=str(profile.get("email", "")),
        issuer_id=Id(row.issuer_id) if row.issuer_id else None,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )
