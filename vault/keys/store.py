"""Data keys: made, found, bound to what they sealed, and forgotten.

A data key's record is 66 wrapped bytes whose context names tenant, object, generation, epoch, commitment
and, once finished, the length and digest of what it sealed (docs/FORMAT.md): change a column and it does
not unwrap.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, tuple_, update

from crypto.keys import DataKey, TenantKey
from crypto.wrapping import WrapContext, commitment, wrap
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.key_tables import data_keys, tenant_keys
from vault.errors import DependencyError, KeyForgottenError, KeyProviderError, TamperedError
from vault.keys.ending import Ending
from vault.keys.epochs import Epochs, Spent, is_open
from vault.keys.provider import EpochKeyState, KeyProvider
from vault.keys.records import committed_stream, context_of, opened
from vault.keys.tenant_keys import CACHE_S, TenantKeys
from vault.model import uuid_of

IDS_AT_ONCE: Final = 500  # names in one statement
AGAIN_S: Final = 0.2
TRACE_TRIES: Final = 50
CACHE_KEYS: Final = 1_000  # a page of recordings and the calls that run


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What a receipt tells of one data key: nothing that opens anything."""

    gen: int
    epoch: int
    commitment: bytes
    sealed_bytes: int | None
    sealed_sha256: bytes | None


class KeyStore:
    """The second database, and the one place where wrapped keys are written."""

    def __init__(self, database: Database, provider: KeyProvider, clock: Clock) -> None:
        self._database = database
        self._provider = provider
        self._clock = clock
        self._data_keys: OrderedDict[tuple[str, str, int], tuple[DataKey, float]] = OrderedDict()
        self._tenant_keys = TenantKeys(database, provider, clock)
        self._epochs = Epochs(database, provider, clock)
        self._ending = Ending(database, provider, self._tenant_keys, clock)
        self._forgets = 0

    @property
    def assurance(self) -> str:
        """What forgetting a key is worth here: ``software``, ``hsm`` or ``kms``."""
        return self._provider.assurance

    @property
    def epochs(self) -> Epochs:
        """The epochs that the keys live in."""
        return self._epochs

    @property
    def ending(self) -> Ending:
        """What ends an epoch's key."""
        return self._ending

    async def start(self, spent: Callable[[], Awaitable[Spent]] | None = None) -> None:
        """Make the first epoch where there is none; ``spent`` tells which numbers were used before."""
        await self._epochs.start(spent)

    async def tenant_key(self, tenant_id: str, epoch: int, *, create: bool = False) -> TenantKey:
        """Find a tenant's key of an epoch, or make it; KeyForgottenError where there is none."""
        return await self._tenant_keys.get(tenant_id, epoch, create=create)

    def drop_epoch(self, epoch: int) -> None:
        """Keep nothing of a destroyed epoch here."""
        self._tenant_keys.drop(epoch)

    def drop_all(self) -> None:
        """Keep no key in memory: the next use of each asks the provider."""
        self._tenant_keys.drop_all()
        self._data_keys.clear()

    async def provider_state(self) -> EpochKeyState:
        """Ask the provider how the keys in use are: one that is not usable counts for all."""
        states = [await self._provider.state(epoch) for epoch in await self._epochs.in_use()]
        return next((state for state in states if state is not EpochKeyState.USABLE), EpochKeyState.USABLE)

    async def create_data_key(self, *, tenant_id: str, object_id: str, gen: int = 1) -> DataKey:
        """Make and store a data key; it is durable when this returns.

        The object's row comes after its key. Where it never comes (a crash, a database that is away), the key
        stays: it opens nothing, and nobody sweeps such keys. A row that is missing may also be one that a
        restored, older main database has lost for now, and forgetting its key would destroy the object for
        good.
        """
        key = DataKey.generate()
        committed = commitment(key, committed_stream(tenant_id=tenant_id, object_id=object_id, gen=gen))
        while not await self._stored(key, committed, tenant_id=tenant_id, object_id=object_id, gen=gen):
            continue  # an epoch retired meanwhile: there is a newer one
        self._remember(tenant_id, object_id, gen, key)
        return key

    async def _stored(
        self, key: DataKey, committed: bytes, *, tenant_id: str, object_id: str, gen: int
    ) -> bool:
        epoch = await self._epochs.current()
        tenant_key = await self._tenant_keys.get(tenant_id, epoch, create=True)
        context = WrapContext(
            tenant=uuid_of(tenant_id),
            object_id=uuid_of(object_id),
            gen=gen,
            epoch=epoch,
            commitment=committed,
            sealed_bytes=None,
            sealed_sha256=None,
        )
        async with self._database.write() as connection:
            if not await is_open(connection, epoch):
                return False
            await connection.execute(
                insert(data_keys).values(
                    object_id=object_id,
                    gen=gen,
                    tenant_id=tenant_id,
                    epoch=epoch,
                    wrapped=bytes(wrap(key, tenant_key, context=context)),
                    commitment=committed,
                    created_at=self._clock.now(),
                )
            )
        return True

    async def data_key(self, *, tenant_id: str, object_id: str, gen: int = 1) -> DataKey:
        """Find a data key; KeyForgottenError where there is none (any more), TamperedError if changed."""
        cached = self._data_keys.get((tenant_id, object_id, gen))
        if cached is not None and cached[1] > self._clock.monotonic():
            return cached[0]
        forgets = self._forgets
        key = await self._found(tenant_id, object_id, gen)
        if forgets == self._forgets:  # something was forgotten while we read: do not keep what may be it
            self._remember(tenant_id, object_id, gen, key)
        return key

    async def bind_object(
        self, *, tenant_id: str, object_id: str, gen: int, sealed_bytes: int, sealed_sha256: bytes
    ) -> None:
        """Bind the finished sealed object's length and digest into the wrap; repeating it is harmless."""
        while not await self._bound(
            tenant_id=tenant_id,
            object_id=object_id,
            gen=gen,
            sealed_bytes=sealed_bytes,
            sealed_sha256=sealed_sha256,
        ):
            continue  # its record was wrapped anew meanwhile: it is read again

    async def _bound(
        self, *, tenant_id: str, object_id: str, gen: int, sealed_bytes: int, sealed_sha256: bytes
    ) -> bool:
        row = await self._row(tenant_id, object_id, gen)  # KeyForgottenError: an erasure won
        tenant_key = await self._tenant_keys.get(row.tenant_id, row.epoch)
        key = opened(row, tenant_key)
        context = context_of(row, epoch=row.epoch, sealed_bytes=sealed_bytes, sealed_sha256=sealed_sha256)
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(data_keys)
                .where(
                    data_keys.c.object_id == object_id,
                    data_keys.c.gen == gen,
                    data_keys.c.wrapped == row.wrapped,
                )
                .values(
                    wrapped=bytes(wrap(key, tenant_key, context=context)),
                    sealed_bytes=sealed_bytes,
                    sealed_sha256=sealed_sha256,
                )
            )
        return changed.rowcount == 1

    async def records(self, *, object_id: str) -> tuple[KeyRecord, ...]:
        """Tell what a receipt will say of an object's keys; empty once they are forgotten."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(data_keys).where(data_keys.c.object_id == object_id).order_by(data_keys.c.gen)
            )
            return tuple(
                KeyRecord(row.gen, row.epoch, row.commitment, row.sealed_bytes, row.sealed_sha256)
                for row in rows
            )

    async def forget(self, *, object_id: str) -> None:
        """Forget every data key of an object, here and in the cache; repeating it is harmless."""
        async with self._database.write() as connection:
            await connection.execute(delete(data_keys).where(data_keys.c.object_id == object_id))
        self._forgets += 1
        for cached in [entry for entry in self._data_keys if entry[1] == object_id]:
            del self._data_keys[cached]

    async def forget_all(self, object_ids: Sequence[str]) -> int:
        """Forget the keys of objects that may have none; tells how many there were, their traces gone too.

        Raises DependencyError where a reader of the key database does not let go of what was forgotten.
        """
        there = await self.holding(object_ids)
        for object_id in there:
            await self.forget(object_id=object_id)
        for _ in range(TRACE_TRIES):
            if not there or await self.traces_gone():
                return len(there)
            await asyncio.sleep(AGAIN_S)
        raise DependencyError("somebody reads the key database and holds what was forgotten; end that reader")

    async def forget_tenant(self, tenant_id: str) -> int | None:
        """Forget the keys of a tenant under which all its data keys lie: none of those opens from here on.

        Tells the newest epoch that they were in; None where there was none. Repeating it is harmless.
        """
        async with self._database.write() as connection:
            newest = select(func.max(tenant_keys.c.epoch)).where(tenant_keys.c.tenant_id == tenant_id)
            epoch: int | None = (await connection.execute(newest)).scalar_one_or_none()
            await connection.execute(delete(tenant_keys).where(tenant_keys.c.tenant_id == tenant_id))
        self._forgets += 1
        self._tenant_keys.drop_tenant(tenant_id)
        for cached in [name for name in self._data_keys if name[0] == tenant_id]:
            del self._data_keys[cached]
        return epoch

    async def has_tenant(self, tenant_id: str) -> bool:
        """Tell whether a tenant has a key, under which data keys of theirs open."""
        query = select(tenant_keys.c.epoch).where(tenant_keys.c.tenant_id == tenant_id).limit(1)
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def tenant_traces_gone(self) -> bool:
        """As ``traces_gone``, of tenant keys."""
        return await self._database.forget_traces("tenant_keys", "data_keys")

    async def forget_some(self, tenant_id: str, *, limit: int) -> int:
        """Delete records of a tenant whose keys are forgotten, which open nothing any more; how many."""
        name, gen = data_keys.c.object_id, data_keys.c.gen
        some = select(name, gen).where(data_keys.c.tenant_id == tenant_id).limit(limit)
        async with self._database.write() as connection:
            found = [tuple(row) for row in await connection.execute(some)]
            if found:
                await connection.execute(delete(data_keys).where(tuple_(name, gen).in_(found)))
        return len(found)

    async def holding(self, object_ids: Sequence[str]) -> Sequence[str]:
        """Name those of these objects that have a key, once for each key."""
        there: list[str] = []
        for start in range(0, len(object_ids), IDS_AT_ONCE):
            some = object_ids[start : start + IDS_AT_ONCE]
            query = select(data_keys.c.object_id).where(data_keys.c.object_id.in_(some))
            async with self._database.read() as connection:
                there += (await connection.execute(query)).scalars()
        return there

    async def unopened(self, wanted: Sequence[tuple[str, str, int]]) -> Sequence[str]:
        """Name the objects whose key is missing or does not open; each is a tenant, an object, a generation.

        At most ``IDS_AT_ONCE`` of them. Raises KeyProviderError where a tenant key does not unwrap.
        """
        query = select(data_keys).where(data_keys.c.object_id.in_([object_id for _, object_id, _ in wanted]))
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        found = {(row.tenant_id, row.object_id, row.gen): row for row in rows}
        keys: dict[tuple[str, int], TenantKey] = {}
        for row in found.values():
            name = (row.tenant_id, row.epoch)
            with suppress(KeyForgottenError):
                keys[name] = keys.get(name) or await self._tenant_keys.get(*name)
        return await asyncio.to_thread(_unopened, wanted, found, keys)

    async def traces_gone(self) -> bool:
        """Truncate the write-ahead log; False while a reader holds it, then the caller asks again."""
        return await self._database.forget_traces("data_keys")

    async def ping(self) -> None:
        """Ask the key database for a sign of life."""
        await self._database.ping()

    async def _found(self, tenant_id: str, object_id: str, gen: int) -> DataKey:
        row = await self._row(tenant_id, object_id, gen)
        while True:
            try:
                return opened(row, await self._tenant_keys.get(row.tenant_id, row.epoch))
            except (KeyForgottenError, KeyProviderError):
                # Its epoch may have ended between the two looks: then its record is in a newer one.
                again = await self._row(tenant_id, object_id, gen)
                if again.epoch == row.epoch:
                    raise
                row = again

    async def _row(self, tenant_id: str, object_id: str, gen: int) -> Row[Any]:
        query = select(data_keys).where(
            data_keys.c.object_id == object_id, data_keys.c.gen == gen, data_keys.c.tenant_id == tenant_id
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise KeyForgottenError("there is no key for this object: it has been erased, or never was")
        return row

    def _remember(self, tenant_id: str, object_id: str, gen: int, key: DataKey) -> None:
        name = (tenant_id, object_id, gen)
        self._data_keys[name] = (key, self._clock.monotonic() + CACHE_S)
        self._data_keys.move_to_end(name)
        while len(self._data_keys) > CACHE_KEYS:
            self._data_keys.popitem(last=False)


def _unopened(
    wanted: Sequence[tuple[str, str, int]],
    found: Mapping[tuple[str, str, int], Row[Any]],
    keys: Mapping[tuple[str, int], TenantKey],
) -> Sequence[str]:
    lost = []
    for name in wanted:
        row = found.get(name)
        key = keys.get((row.tenant_id, row.epoch)) if row is not None else None
        if row is None or key is None:
            lost.append(name[1])
            continue
        try:
            opened(row, key)
        except TamperedError:
            lost.append(name[1])
    return lost
