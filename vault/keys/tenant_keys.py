"""Tenant keys: one per tenant and epoch, wrapped by the epoch's key at the provider, kept for minutes."""

from collections import OrderedDict
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from crypto.keys import TenantKey
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.key_tables import tenant_keys
from vault.errors import KeyForgottenError
from vault.keys.forgotten import require_known
from vault.keys.holders import Holders
from vault.model import uuid_of

# A key disabled at its provider is obeyed within five minutes: a data key may be unwrapped under a tenant key
# that was about to leave the cache, and then stays for as long again.
CACHE_S: Final = 150.0
CACHE_MAX: Final = 1_000  # tenants times epochs under way


class TenantKeys:
    """Makes and finds tenant keys."""

    def __init__(self, database: Database, holders: Holders, clock: Clock) -> None:
        self._database = database
        self._holders = holders
        self._clock = clock
        self._cached: OrderedDict[tuple[str, int], tuple[TenantKey, float]] = OrderedDict()
        self._drops = 0

    async def get(
        self, tenant_id: str, epoch: int, *, create: bool = False, hurried: bool = False
    ) -> TenantKey:
        """Find a tenant's key of an epoch, or make it; KeyForgottenError where none is, or none may be.

        Who is ``hurried`` is told sooner that the provider does not answer (KeyProviderError).
        """
        cached = self._cached.get((tenant_id, epoch))
        if cached is not None and cached[1] > self._clock.monotonic():
            return cached[0]
        drops = self._drops
        wrapped = await self._wrapped(tenant_id, epoch)
        if wrapped is None and create:
            wrapped = await self._create(tenant_id, epoch, hurried=hurried)
        if wrapped is None:
            raise KeyForgottenError("this tenant's key has been forgotten")
        context = _context(tenant_id, epoch)
        key = await self._holders.unwrap(epoch, wrapped, context=context, hurried=hurried)
        if drops == self._drops:  # something was dropped while we asked: do not keep what may be it
            self._keep((tenant_id, epoch), key)
        return key

    def _keep(self, name: tuple[str, int], key: TenantKey) -> None:
        """Keep a key for its time, and no more than there may be: the oldest go, and all that are over."""
        now = self._clock.monotonic()
        self._cached[name] = (key, now + CACHE_S)
        self._cached.move_to_end(name)
        while len(self._cached) > CACHE_MAX or next(iter(self._cached.values()))[1] <= now:
            self._cached.popitem(last=False)

    async def open_any(self, epoch: int) -> bool:
        """Have the provider open a tenant's key of an epoch, whichever; False where there is none."""
        query = select(tenant_keys.c.tenant_id, tenant_keys.c.wrapped).where(tenant_keys.c.epoch == epoch)
        async with self._database.read() as connection:
            found = (await connection.execute(query.limit(1))).first()
        if found is None:
            return False
        await self._holders.unwrap(epoch, found.wrapped, context=_context(found.tenant_id, epoch))
        return True

    def drop_all(self) -> None:
        """Keep no key here any longer."""
        self._drops += 1
        self._cached.clear()

    def drop_tenant(self, tenant_id: str) -> None:
        """Keep no key of a tenant here any longer."""
        self._drops += 1
        for name in [name for name in self._cached if name[0] == tenant_id]:
            del self._cached[name]

    def drop(self, epoch: int) -> None:
        """Keep no key of an epoch here any longer."""
        self._drops += 1
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

    async def _create(self, tenant_id: str, epoch: int, *, hurried: bool) -> bytes | None:
        context = _context(tenant_id, epoch)
        wrapped = await self._holders.wrap(epoch, TenantKey.generate(), context=context, hurried=hurried)
        row = {"tenant_id": tenant_id, "epoch": epoch, "wrapped": wrapped, "created_at": self._clock.now()}
        try:
            async with self._database.write() as connection:
                await require_known(connection, tenant_id, epoch=epoch)
                await connection.execute(insert(tenant_keys).values(row))
        except IntegrityError:  # somebody else was first: theirs counts
            return await self._wrapped(tenant_id, epoch)
        return wrapped


def _context(tenant_id: str, epoch: int) -> bytes:
    return f"vault:tenant={uuid_of(tenant_id)}\nvault:epoch={epoch}\n".encode("ascii")
