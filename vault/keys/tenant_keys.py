"""Tenant keys: one per tenant and epoch, wrapped by the epoch's key at the provider, kept for minutes."""

from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from crypto.keys import TenantKey
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.key_tables import tenant_keys
from vault.errors import KeyForgottenError
from vault.keys.provider import KeyProvider
from vault.model import uuid_of

# A key disabled at its provider is obeyed within five minutes: a data key may be unwrapped under a tenant key
# that was about to leave the cache, and then stays for as long again.
CACHE_S: Final = 150.0


class TenantKeys:
    """Makes and finds tenant keys."""

    def __init__(self, database: Database, provider: KeyProvider, clock: Clock) -> None:
        self._database = database
        self._provider = provider
        self._clock = clock
        self._cached: dict[tuple[str, int], tuple[TenantKey, float]] = {}

    async def get(self, tenant_id: str, epoch: int, *, create: bool = False) -> TenantKey:
        """Find a tenant's key of an epoch, or make it; KeyForgottenError where there is none."""
        cached = self._cached.get((tenant_id, epoch))
        if cached is not None and cached[1] > self._clock.monotonic():
            return cached[0]
        wrapped = await self._wrapped(tenant_id, epoch)
        if wrapped is None and create:
            wrapped = await self._create(tenant_id, epoch)
        if wrapped is None:
            raise KeyForgottenError("this tenant's key has been forgotten")
        key = await self._provider.unwrap(epoch, wrapped, context=_context(tenant_id, epoch))
        self._cached[tenant_id, epoch] = (key, self._clock.monotonic() + CACHE_S)
        return key

    async def open_any(self, epoch: int) -> bool:
        """Have the provider open a tenant's key of an epoch, whichever; False where there is none."""
        query = select(tenant_keys.c.tenant_id, tenant_keys.c.wrapped).where(tenant_keys.c.epoch == epoch)
        async with self._database.read() as connection:
            found = (await connection.execute(query.limit(1))).first()
        if found is None:
            return False
        await self._provider.unwrap(epoch, found.wrapped, context=_context(found.tenant_id, epoch))
        return True

    def drop_all(self) -> None:
        """Keep no key here any longer."""
        self._cached.clear()

    def drop_tenant(self, tenant_id: str) -> None:
        """Keep no key of a tenant here any longer."""
        for name in [name for name in self._cached if name[0] == tenant_id]:
            del self._cached[name]

    def drop(self, epoch: int) -> None:
        """Keep no key of an epoch here any longer."""
        for name in [name for name in self._cached if name[1] == epoch]:
            del self._cached[name]

    async def _wrapped(self, tenant_id: str, epoch: int) -> bytes | None:
        async with self._database.read() as connection:
            found = await connection.execute(
                select(tenant_keys.c.wrapped).where(
                    tenant_keys.c.tenant_id == tenant_id, tenant_keys.c.epoch == epoch
                )
            )
            return found.scalar_one_or_none()

    async def _create(self, tenant_id: str, epoch: int) -> bytes | None:
        wrapped = await self._provider.wrap(epoch, TenantKey.generate(), context=_context(tenant_id, epoch))
        row = {"tenant_id": tenant_id, "epoch": epoch, "wrapped": wrapped, "created_at": self._clock.now()}
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(tenant_keys).values(row))
        except IntegrityError:  # somebody else was first: theirs counts
            return await self._wrapped(tenant_id, epoch)
        return wrapped


def _context(tenant_id: str, epoch: int) -> bytes:
    return f"vault:tenant={uuid_of(tenant_id)}\nvault:epoch={epoch}\n".encode("ascii")
