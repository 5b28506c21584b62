"""Identity providers of a tenant: who may say who somebody is, and which role that gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import issuers, tenants
from vault.errors import ConflictError, Fault, InvalidError, NotFoundError
from vault.identity.jwk import ALGORITHMS, read_key_set
from vault.identity.outgoing import Outgoing
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Id, Role, new_id
from vault.policy import Principal

MAX_PER_TENANT: Final = 50  # a company has one or two; the list is shown whole
GRANTABLE: Final = frozenset(Role) - {Role.VISITOR}


@dataclass(frozen=True, slots=True)
class Issuer:
    """One identity provider. Exactly one of ``jwks_url`` and ``jwks`` is set."""

    id: Id
    tenant_id: Id
    name: str
    issuer: str
    audience: str
    algorithm: str
    jwks_url: str | None
    jwks: Any | None
    role_claim: str | None
    role_map: Mapping[str, Role]
    default_role: Role | None
    created_at: datetime
    disabled_at: datetime | None

    def role_for(self, claims: Mapping[str, Any]) -> Role | None:
        """Choose the role a token's claims give: the first match of the role map, else the default."""
        said = claims.get(self.role_claim) if self.role_claim is not None else None
        listed = said if isinstance(said, list) else [said]
        values = {entry for entry in listed if isinstance(entry, str)}
        for value, role in self.role_map.items():
            if value in values:
                return role
        return self.default_role


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIssuer:
    """What an administrator says of an identity provider."""

    name: str
    issuer: str
    audience: str
    algorithm: str
    jwks_url: str | None = None
    jwks: Mapping[str, Any] | None = None
    role_claim: str | None = None
    role_map: Mapping[str, Role]
    default_role: Role | None = None


class Issuers:
    """Keeps the identity providers. An issuer and audience pair belongs to one tenant only."""

    def __init__(
        self, database: Database, ledger: Ledger, clock: Clock, outgoing: Outgoing, *, own_issuer: str
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._outgoing = outgoing
        self._own_issuer = own_issuer

    async def add(self, new: NewIssuer, *, tenant_id: Id, by: Principal | None) -> Issuer:
        """Add one; raises InvalidError for what cannot work.

        Raises ConflictError where the pair is taken, or the tenant has as many as it may have.
        """
        self._check(new)
        made = Issuer(
            id=new_id("iss"),
            tenant_id=tenant_id,
            created_at=self._clock.now(),
            disabled_at=None,
            name=new.name,
            issuer=new.issuer,
            audience=new.audience,
            algorithm=new.algorithm,
            jwks_url=new.jwks_url,
            jwks=dict(new.jwks) if new.jwks is not None else None,
            role_claim=new.role_claim,
            role_map=dict(new.role_map),
            default_role=new.default_role,
        )
        try:
            async with self._database.write() as connection:
                await self._require_room(connection, tenant_id)
                await connection.execute(insert(issuers).values(_values(made)))
                await self._ledger.append(connection, _entry(EntryType.ISSUER_CREATED, made, by, "created"))
        except IntegrityError as cause:
            raise ConflictError("this issuer and audience are registered already") from cause
        return made

    async def all_of(self, tenant_id: Id) -> list[Issuer]:
        """List a tenant's identity providers, oldest first."""
        query = select(issuers).where(issuers.c.tenant_id == tenant_id).order_by(issuers.c.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(MAX_PER_TENANT))).all()
        return [_issuer(row) for row in rows]

    async def one(self, issuer_id: str, *, tenant_id: Id) -> Issuer:
        """Return one; raises NotFoundError for another tenant's as for none."""
        query = select(issuers).where(issuers.c.id == issuer_id, issuers.c.tenant_id == tenant_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise NotFoundError("there is no such issuer here")
        return _issuer(row)

    async def set_disabled(self, issuer_id: str, *, disabled: bool, by: Principal) -> Issuer:
        """Turn one off or on again. Off bites at once: tokens and sessions of its people are refused."""
        found = await self.one(issuer_id, tenant_id=by.tenant_id)
        at = (found.disabled_at or self._clock.now()) if disabled else None
        async with self._database.write() as connection:
            await connection.execute(update(issuers).where(issuers.c.id == found.id).values(disabled_at=at))
            change = "disabled" if disabled else "enabled"
            await self._ledger.append(connection, _entry(EntryType.ISSUER_CHANGED, found, by, change))
        return await self.one(issuer_id, tenant_id=by.tenant_id)

    async def trusted(self, issuer: str, audiences: Sequence[str]) -> list[Issuer]:
        """Find the enabled providers of that name and one of these audiences, of any tenant, oldest first.

        A pair is registered once, so there is at most one for each audience: no tenant can crowd out another.
        """
        query = (
            select(issuers)
            .where(
                issuers.c.issuer == issuer,
                issuers.c.audience.in_(audiences),
                issuers.c.disabled_at.is_(None),
            )
            .order_by(issuers.c.id)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [_issuer(row) for row in rows]

    async def knows(self, issuer: str) -> bool:
        """Tell whether anybody trusts a provider of that name, for whatever audience."""
        query = select(issuers.c.id).where(issuers.c.issuer == issuer, issuers.c.disabled_at.is_(None))
        async with self._database.read() as connection:
            return (await connection.execute(query.limit(1))).first() is not None

    async def _require_room(self, connection: AsyncConnection, tenant_id: Id) -> None:
        # The tenant's row is locked, so that two at once cannot both be the last one.
        await connection.execute(select(tenants.c.id).where(tenants.c.id == tenant_id).with_for_update())
        query = select(func.count()).where(issuers.c.tenant_id == tenant_id)
        if (await connection.execute(query)).scalar_one() >= MAX_PER_TENANT:
            raise ConflictError(f"a tenant has at most {MAX_PER_TENANT} identity providers")

    def _check(self, new: NewIssuer) -> None:
        if (new.jwks_url is None) == (new.jwks is None):
            raise InvalidError("one source of keys", [Fault("#/jwks_url", "one_of", "give jwks_url or jwks")])
        if new.issuer == self._own_issuer:
            raise InvalidError(
                "our own name", [Fault("#/issuer", "reserved", "this is the vault's own name")]
            )
        if new.algorithm not in ALGORITHMS:
            raise InvalidError("algorithm", [Fault("#/algorithm", "enum", f"one of {', '.join(ALGORITHMS)}")])
        if {*new.role_map.values(), new.default_role or Role.AGENT} - GRANTABLE:
            raise InvalidError("role", [Fault("#/role_map", "enum", "a visitor's role cannot be granted")])
        if new.jwks_url is not None:
            self._outgoing.require_allowed(new.jwks_url)
        elif not read_key_set(new.jwks, algorithm=new.algorithm):
            raise InvalidError("no key", [Fault("#/jwks", "jwks", "no key of the set fits the algorithm")])


def _values(made: Issuer) -> dict[str, Any]:
    return {
        "id": made.id,
        "tenant_id": made.tenant_id,
        "name": made.name,
        "issuer": made.issuer,
        "audience": made.audience,
        "algorithm": made.algorithm,
        "jwks_url": made.jwks_url,
        "jwks": made.jwks,
        "role_claim": made.role_claim,
        "role_map": {value: role.value for value, role in made.role_map.items()},
        "default_role": made.default_role.value if made.default_role else None,
        "created_at": made.created_at,
        "disabled_at": made.disabled_at,
    }


def _issuer(row: Row[Any]) -> Issuer:
    return Issuer(
        id=Id(row.id),
        tenant_id=Id(row.tenant_id),
        name=row.name,
        issuer=row.issuer,
        audience=row.audience,
        algorithm=row.algorithm,
        jwks_url=row.jwks_url,
        jwks=row.jwks,
        role_claim=row.role_claim,
        role_map={value: Role(role) for value, role in row.role_map.items()},
        default_role=Role(row.default_role) if row.default_role else None,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
    )


def _entry(kind: EntryType, issuer: Issuer, by: Principal | None, change: str) -> Entry:
    return Entry(
        type=kind,
        tenant_id=issuer.tenant_id,
        object_id=issuer.id,
        actor_id=by.id if by else None,
        facts={"change": change},
    )
