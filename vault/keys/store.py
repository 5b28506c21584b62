"""Data keys: made, found, bound to what they sealed, and forgotten.

A data key's record is 66 wrapped bytes whose context names tenant, object, generation, epoch, commitment
and, once finished, the length and digest of what it sealed (docs/FORMAT.md): change a column and it does
not unwrap.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from crypto.errors import CryptoError
from crypto.keys import DataKey, TenantKey, WrappedKey
from crypto.streaming import media_associated_data
from crypto.wrapping import WrapContext, check_commitment, commitment, unwrap, wrap
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.key_tables import data_keys, epochs, tenant_keys
from vault.errors import ConfigurationError, KeyForgottenError, TamperedError
from vault.keys.provider import KeyProvider
from vault.model import uuid_of

CACHE_KEYS: Final = 1_000  # a page of recordings and the calls that run
START_LOCK: Final = 0x65706F63  # "epoc": PostgreSQL's advisory lock around the first epoch
CACHE_S: Final = 300.0  # a key disabled at its provider is obeyed within five minutes
COMMITMENT_SEGMENT_BYTES: Final = 64 * 1024  # the media part's segment size, part of what is committed to


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What a receipt tells of one data key: nothing that opens anything."""

    gen: int
    epoch: int
    commitment: bytes
    sealed_bytes: int | None
    sealed_sha256: bytes | None


def committed_stream(*, tenant_id: str, object_id: str, gen: int) -> bytes:
    """Give the associated data that an object's key commitment is made over (docs/FORMAT.md)."""
    return media_associated_data(
        tenant=uuid_of(tenant_id),
        object_id=uuid_of(object_id),
        part="media",
        gen=gen,
        segment_bytes=COMMITMENT_SEGMENT_BYTES,
    )


class KeyStore:
    """The second database, and the one place where wrapped keys are written."""

    def __init__(self, database: Database, provider: KeyProvider, clock: Clock) -> None:
        self._database = database
        self._provider = provider
        self._clock = clock
        self._data_keys: OrderedDict[tuple[str, str, int], tuple[DataKey, float]] = OrderedDict()
        self._tenant_keys: dict[tuple[str, int], tuple[TenantKey, float]] = {}
        self._forgets = 0

    @property
    def assurance(self) -> str:
        """What forgetting a key is worth here: ``software``, ``hsm`` or ``kms``."""
        return self._provider.assurance

    async def start(self) -> None:
        """Make the first epoch where there is none; the provider's key exists before the row that names it.

        Two programs that start together take turns, so that neither overwrites the other's epoch key.
        """
        async with self._database.read() as connection:
            if (await connection.execute(select(epochs.c.epoch).limit(1))).first():
                return
        async with self._database.write() as connection:
            await _take_turn(connection)
            if (await connection.execute(select(epochs.c.epoch).limit(1))).first():
                return
            made = await self._provider.create_epoch(1)
            await connection.execute(
                insert(epochs).values(
                    epoch=made.number,
                    state="current",
                    provider=self._provider.name,
                    created_at=self._clock.now(),
                    evidence=made.evidence,
                )
            )

    async def create_data_key(self, *, tenant_id: str, object_id: str, gen: int = 1) -> DataKey:
        """Make and store a data key; it is durable when this returns.

        The object's row comes after its key. Where it never comes (a crash, a database that is away), the key
        stays: it opens nothing, and nobody sweeps such keys. A row that is missing may also be one that a
        restored, older main database has lost for now, and forgetting its key would destroy the object for
        good.
        """
        key = DataKey.generate()
        committed = commitment(key, committed_stream(tenant_id=tenant_id, object_id=object_id, gen=gen))
        epoch, tenant_key = await self._current_tenant_key(tenant_id)
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
        self._remember(tenant_id, object_id, gen, key)
        return key

    async def data_key(self, *, tenant_id: str, object_id: str, gen: int = 1) -> DataKey:
        """Find a data key; KeyForgottenError where there is none (any more), TamperedError if changed."""
        cached = self._data_keys.get((tenant_id, object_id, gen))
        if cached is not None and cached[1] > self._clock.monotonic():
            return cached[0]
        forgets = self._forgets
        async with self._database.read() as connection:
            row = await self._row(connection, tenant_id, object_id, gen)
        key = await self._unwrapped(row)
        if forgets == self._forgets:  # something was forgotten while we read: do not keep what may be it
            self._remember(tenant_id, object_id, gen, key)
        return key

    async def bind_object(
        self, *, tenant_id: str, object_id: str, gen: int, sealed_bytes: int, sealed_sha256: bytes
    ) -> None:
        """Bind the finished sealed object's length and digest into the wrap; repeating it is harmless."""
        async with self._database.read() as connection:
            row = await self._row(connection, tenant_id, object_id, gen)
        key = await self._unwrapped(row)
        epoch, tenant_key = row.epoch, await self._tenant_key(tenant_id, row.epoch)
        context = _context(row, sealed_bytes=sealed_bytes, sealed_sha256=sealed_sha256)
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(data_keys)
                .where(data_keys.c.object_id == object_id, data_keys.c.gen == gen, data_keys.c.epoch == epoch)
                .values(
                    wrapped=bytes(wrap(key, tenant_key, context=context)),
                    sealed_bytes=sealed_bytes,
                    sealed_sha256=sealed_sha256,
                )
            )
        if changed.rowcount != 1:  # forgotten meanwhile: an erasure won
            raise KeyForgottenError("the recording's key has been forgotten")

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

    async def traces_gone(self) -> bool:
        """Truncate the write-ahead log; False while a reader holds it, then the caller asks again."""
        return await self._database.forget_traces("data_keys")

    async def ping(self) -> None:
        """Ask the key database for a sign of life."""
        await self._database.ping()

    async def _row(self, connection: AsyncConnection, tenant_id: str, object_id: str, gen: int) -> Row[Any]:
        found = await connection.execute(
            select(data_keys).where(
                data_keys.c.object_id == object_id, data_keys.c.gen == gen, data_keys.c.tenant_id == tenant_id
            )
        )
        row = found.first()
        if row is None:
            raise KeyForgottenError("there is no key for this object: it has been erased, or never was")
        return row

    async def _unwrapped(self, row: Row[Any]) -> DataKey:
        """Unwrap a record's key and hold it against its commitment.

        The wrap shows that nobody edited the record; only the commitment shows that whoever has the tenant
        key did not wrap another key in its place.
        """
        tenant_key = await self._tenant_key(row.tenant_id, row.epoch)
        stream = committed_stream(tenant_id=row.tenant_id, object_id=row.object_id, gen=row.gen)
        try:
            context = _context(row, sealed_bytes=row.sealed_bytes, sealed_sha256=row.sealed_sha256)
            key = unwrap(WrappedKey(row.wrapped), tenant_key, context=context)
            check_commitment(key, stream, row.commitment)
        except CryptoError as cause:
            raise TamperedError("a data key's record was changed; it is not used") from cause
        return key

    async def _current_tenant_key(self, tenant_id: str) -> tuple[int, TenantKey]:
        async with self._database.read() as connection:
            epoch = (
                await connection.execute(select(epochs.c.epoch).where(epochs.c.state == "current"))
            ).scalar_one_or_none()
        if epoch is None:
            raise ConfigurationError("the key store has no current epoch; start the program once")
        return epoch, await self._tenant_key(tenant_id, epoch, create=True)

    async def _tenant_key(self, tenant_id: str, epoch: int, *, create: bool = False) -> TenantKey:
        cached = self._tenant_keys.get((tenant_id, epoch))
        if cached is not None and cached[1] > self._clock.monotonic():
            return cached[0]
        wrapped = await self._wrapped_tenant_key(tenant_id, epoch)
        if wrapped is None and create:
            wrapped = await self._create_tenant_key(tenant_id, epoch)
        if wrapped is None:
            raise KeyForgottenError("this tenant's key has been forgotten")
        key = await self._provider.unwrap(epoch, wrapped, context=_tenant_context(tenant_id, epoch))
        self._tenant_keys[tenant_id, epoch] = (key, self._clock.monotonic() + CACHE_S)
        return key

    async def _wrapped_tenant_key(self, tenant_id: str, epoch: int) -> bytes | None:
        async with self._database.read() as connection:
            found = await connection.execute(
                select(tenant_keys.c.wrapped).where(
                    tenant_keys.c.tenant_id == tenant_id, tenant_keys.c.epoch == epoch
                )
            )
            return found.scalar_one_or_none()

    async def _create_tenant_key(self, tenant_id: str, epoch: int) -> bytes | None:
        wrapped = await self._provider.wrap(
            epoch, TenantKey.generate(), context=_tenant_context(tenant_id, epoch)
        )
        row = {"tenant_id": tenant_id, "epoch": epoch, "wrapped": wrapped, "created_at": self._clock.now()}
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(tenant_keys).values(row))
        except IntegrityError:  # somebody else was first: theirs counts
            return await self._wrapped_tenant_key(tenant_id, epoch)
        return wrapped

    def _remember(self, tenant_id: str, object_id: str, gen: int, key: DataKey) -> None:
        name = (tenant_id, object_id, gen)
        self._data_keys[name] = (key, self._clock.monotonic() + CACHE_S)
        self._data_keys.move_to_end(name)
        while len(self._data_keys) > CACHE_KEYS:
            self._data_keys.popitem(last=False)


async def _take_turn(connection: AsyncConnection) -> None:
    """Be alone until the transaction ends; SQLite's write transaction is that already."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": START_LOCK})


def _context(row: Row[Any], *, sealed_bytes: int | None, sealed_sha256: bytes | None) -> WrapContext:
    return WrapContext(
        tenant=uuid_of(row.tenant_id),
        object_id=uuid_of(row.object_id),
        gen=row.gen,
        epoch=row.epoch,
        commitment=row.commitment,
        sealed_bytes=sealed_bytes,
        sealed_sha256=sealed_sha256,
    )


def _tenant_context(tenant_id: str, epoch: int) -> bytes:
    return f"vault:tenant={uuid_of(tenant_id)}\nvault:epoch={epoch}\n".encode("ascii")
