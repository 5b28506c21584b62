"""Tenants: the companies whose calls these are."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, insert, select, update

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import tenants
from vault.errors import NotFoundError
from vault.keys.store import KeyStore
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Id, StopRule, new_id
from vault.policy import Permission, Principal, require, require_same_tenant


def is_here(tenant_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Say in a query that a row's tenant has not left."""
    return tenant_id.not_in(select(tenants.c.id).where(tenants.c.left_at.is_not(None)))


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company and the rules it set."""

    id: Id
    name: str
    on_withdrawal: StopRule


class Tenants:
    """Makes and finds tenants. The command line makes them; no HTTP route does."""

    def __init__(self, database: Database, keys: KeyStore, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._ledger = ledger
        self._clock = clock

    async def add(self, *, name: str, retention_days: int) -> Id:
        """Make a tenant and the key its lookups and ledger names rest on; return its id."""
        tenant_id = new_id("ten")
        # The key first: a tenant without one could not be used; a key without a tenant harms nobody.
        await self._keys.create_data_key(tenant_id=tenant_id, object_id=tenant_id)
        async with self._database.write() as connection:
            await connection.execute(
                insert(tenants).values(
                    id=tenant_id, name=name, retention_days=retention_days, created_at=self._clock.now()
                )
            )
            await self._ledger.append(
                connection, Entry(type=EntryType.TENANT_CREATED, tenant_id=tenant_id, object_id=tenant_id)
            )
        return tenant_id

    async def name_of(self, tenant_id: Id) -> str:
        """Return a tenant's name as notices show it."""
        async with self._database.read() as connection:
            found = await connection.execute(select(tenants.c.name).where(tenants.c.id == tenant_id))
        return str(found.scalar_one())

    async def one(self, tenant_id: Id) -> Tenant:
        """Return a tenant; NotFoundError where there is none."""
        async with self._database.read() as connection:
            row = (await connection.execute(select(tenants).where(tenants.c.id == tenant_id))).first()
        if row is None:
            raise NotFoundError("there is no such tenant")
        return Tenant(row.id, row.name, StopRule(row.on_withdrawal))

    async def set_on_withdrawal(self, tenant_id: Id, rule: StopRule, *, by: Principal | None = None) -> None:
        """Say what becomes of a recording whose visitor takes their consent back, from now on.

        ``by`` is None for the operator. NotFoundError where there is no such tenant.
        """
        if by is not None:
            require(by, Permission.TENANT_MANAGE)
            require_same_tenant(by, tenant_id)
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(tenants).where(tenants.c.id == tenant_id).values(on_withdrawal=rule.value)
            )
            if changed.rowcount != 1:
                raise NotFoundError("there is no such tenant")
            await self._ledger.append(
                connection,
                Entry(
                    EntryType.TENANT_CHANGED,
                    tenant_id=tenant_id,
                    object_id=tenant_id,
                    actor_id=None if by is None else by.id,
                    facts={"on_withdrawal": rule.value},
                ),
            )

    async def set_key_holder(self, tenant_id: Id, holder: str) -> None:
        """Have a tenant's keys lie with a holder from now on; repeating it is harmless.

        Raises NotFoundError where there is no such tenant, ConfigurationError for a holder that the settings
        do not name, KeyProviderError for one that does not answer.
        """
        await self.one(tenant_id)
        await self._keys.epochs.assign(tenant_id, holder)
        kind = self._keys.provider(holder).name
        await self._ledger.record(
            Entry(
                EntryType.TENANT_CHANGED,
                tenant_id=tenant_id,
                object_id=tenant_id,
                facts={"key_holder": holder, "provider": kind},
            )
        )

    async def all_ids(self) -> list[Id]:
        """List every tenant that has not left, oldest first."""
        async with self._database.read() as connection:
            here = select(tenants.c.id).where(tenants.c.left_at.is_(None)).order_by(tenants.c.id)
            return [Id(row.id) for row in await connection.execute(here)]
