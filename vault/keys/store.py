"""Data keys: made, found, bound to what they sealed, and forgotten.

A data key's record is 66 wrapped bytes whose context names tenant, object, generation, epoch, commitment
and, once finished, the length and digest of what it sealed (docs/FORMAT.md): change a column and it does
not unwrap. Where the tenant's key is not to be had, it is sealed to the epoch's recovery key instead, bound
to the same (``vault.keys.recovery_keys``): then nobody opens it before the provider answers again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Row, delete, insert, select, update

from crypto.keys import AnchorKey, DataKey, TenantKey
from crypto.wrapping import WrapContext, commitment, wrap
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.key_tables import data_keys
from vault.errors import DependencyError, KeyForgottenError, KeyProviderError, TamperedError
from vault.keys.ending import DECLARED, Ending
from vault.keys.epochs import Epochs, Spent, is_open
from vault.keys.forgetting import (
    epochs_of,
    forget_keys_of,
    forget_records,
    knows,
    marked_among,
    marked_with_records,
)
from vault.keys.forgotten import require_known
from vault.keys.holders import Holders
from vault.keys.provider import EpochKeyState, KeyProvider
from vault.keys.records import (
    KeyRecord,
    OpenedBy,
    Opening,
    Recovery,
    committed_stream,
    context_of,
    opened,
    opened_by,
    unopened,
)
from vault.keys.recovering import Recovering
from vault.keys.recovery_keys import RecoveryKeys, sealed_to
from vault.keys.tenant_keys import CACHE_S, TenantKeys
from vault.model import uuid_of
from vault.settings import DEFAULT_HOLDER

log = structlog.get_logger(__name__)

IDS_AT_ONCE: Final = 500  # names in one statement
AGAIN_S: Final = 0.2
TRACE_TRIES: Final = 50
CACHE_KEYS: Final = 1_000  # a page of recordings and the calls that run
WORTH: Final = (DECLARED, "software", "kms", "hsm")  # from the least
WORSE: Final = tuple(EpochKeyState)  # from usable to gone
LOST: Final = frozenset({EpochKeyState.ENDING, EpochKeyState.GONE})  # nothing sealed to it would ever open


@dataclass(frozen=True, slots=True)
class _Cached:
    """A data key in memory, until when, and the epoch that its record was in."""

    key: DataKey
    until_s: float
    epoch: int


class KeyStore:
    """The second database, and the one place where wrapped keys are written.

    ``holders`` are those of the epoch keys, by name; a single one is the deployment's own. ``anchor`` vouches
    for what is sealed to a recovery key; without it nothing is, and a provider that does not answer is a
    refusal.
    """

    def __init__(
        self,
        database: Database,
        holders: Mapping[str, KeyProvider] | KeyProvider,
        clock: Clock,
        anchor: AnchorKey | None = None,
    ) -> None:
        named = holders if isinstance(holders, Mapping) else {DEFAULT_HOLDER: holders}
        self._database = database
        self._holders = Holders(database, named, clock)
        self._clock = clock
        self._data_keys: OrderedDict[tuple[str, str, int], _Cached] = OrderedDict()
        self._tenant_keys = TenantKeys(database, self._holders, clock)
        self._recovery = RecoveryKeys(database, self._holders, clock, anchor)
        self._epochs = Epochs(database, self._holders, self._recovery, clock)
        self._ending = Ending(database, self._holders, self._tenant_keys, clock)
        self._recovering = Recovering(database, self._epochs, self._tenant_keys, self._recovery)
        self._states: dict[str, EpochKeyState] = {}  # what each holder said last
        self._forgets = 0

    async def assurance(self, epoch: int | None) -> str:
        """What forgetting a key of an epoch is worth: one of ``WORTH``; with none, the usual.

        The least of what holds for the epochs whose ends its own end speaks of.
        """
        worth = [] if epoch is None else await self._epochs.assurances(epoch)
        return min(worth, key=WORTH.index, default=self._holders.named(DEFAULT_HOLDER).assurance)

    @property
    def holder_names(self) -> tuple[str, ...]:
        """Every holder that the settings name, the deployment's own first."""
        return self._holders.names

    def provider(self, holder: str) -> KeyProvider:
        """Give a holder, to be told about; KeyProviderError for one that the settings do not name."""
        return self._holders.named(holder)

    @property
    def epochs(self) -> Epochs:
        """The epochs that the keys live in."""
        return self._epochs

    @property
    def recovering(self) -> Recovering:
        """What brings keys out of recovery."""
        return self._recovering

    @property
    def ending(self) -> Ending:
        """What ends an epoch's key."""
        return self._ending

    async def start(self, spent: Callable[[], Awaitable[Spent]] | None = None) -> None:
        """Make the first epoch where there is none, and the current one's recovery key where that is missing.

        ``spent`` tells which numbers were used before. A provider that does not answer now is asked for the
        recovery key again (``recovering``).
        """
        await self._epochs.start(spent)
        for holder in await self._epochs.holders():
            try:
                await self._recovering.ensure(holder)
            except KeyProviderError as error:
                log.warning("keys.no_recovery_key", holder=holder, error=type(error).__name__)

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

    async def drop_holder(self, holder: str) -> None:
        """Keep no key in memory that lies with a holder; those of others stay."""
        for epoch, name in (await self._epochs.in_use()).items():
            if name == holder:
                self._tenant_keys.drop(epoch)
                self._drop([one for one, kept in self._data_keys.items() if kept.epoch == epoch])

    async def drop_forgotten(self) -> None:
        """Keep no data key in memory whose record is gone: another process may have forgotten it."""
        named = {one[1] for one in self._data_keys}
        gone = named.difference(await self.holding(sorted(named)))
        self._drop([one for one in self._data_keys if one[1] in gone])

    def _drop(self, cached: Sequence[tuple[str, str, int]]) -> None:
        for one in cached:
            del self._data_keys[one]

    async def holder_states(self) -> Mapping[str, EpochKeyState | None]:
        """Ask each holder how its keys in use are: the worst counts for all; None where it does not answer.

        All at once: one that is away keeps nobody waiting for the others.
        """
        used: dict[str, list[int]] = {DEFAULT_HOLDER: []}
        for epoch, holder in (await self._epochs.in_use()).items():
            used.setdefault(holder, []).append(epoch)
        found = await asyncio.gather(*(self._holder_state(each) for each in used.values()))
        told = dict(zip(used, found, strict=True))
        self._states |= {holder: state for holder, state in told.items() if state is not None}
        return told

    async def _holder_state(self, epochs: Sequence[int]) -> EpochKeyState | None:
        try:
            states = [await self._holders.state(epoch) for epoch in epochs]
        except KeyProviderError:
            return None
        return max(states, key=WORSE.index, default=EpochKeyState.USABLE)

    async def takes_new(self, holder: str = DEFAULT_HOLDER) -> bool:
        """Tell whether a data key can be made while a holder does not answer, without losing it."""
        if self._states.get(holder) in LOST:
            return False
        try:
            await self._recovery.public_key(await self._epochs.current(holder))
        except KeyProviderError:
            return False
        return True

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
        return key

    async def _stored(
        self, key: DataKey, committed: bytes, *, tenant_id: str, object_id: str, gen: int
    ) -> bool:
        epoch = await self._epochs.current_of(tenant_id)
        context = WrapContext(
            tenant=uuid_of(tenant_id),
            object_id=uuid_of(object_id),
            gen=gen,
            epoch=epoch,
            commitment=committed,
            sealed_bytes=None,
            sealed_sha256=None,
        )
        wrapped, in_recovery = await self._wrapped(key, tenant_id, context)
        async with self._database.write() as connection:
            if not await is_open(connection, epoch):
                return False
            await require_known(connection, tenant_id, epoch=epoch)
            await connection.execute(
                insert(data_keys).values(
                    object_id=object_id,
                    gen=gen,
                    tenant_id=tenant_id,
                    epoch=epoch,
                    wrapped=wrapped,
                    in_recovery=in_recovery,
                    commitment=committed,
                    created_at=self._clock.now(),
                )
            )
        if in_recovery:
            log.warning("keys.sealed_for_recovery", object=object_id, epoch=epoch)
        self._remember(tenant_id, object_id, gen, key, epoch)
        return True

    async def _wrapped(self, key: DataKey, tenant_id: str, context: WrapContext) -> tuple[bytes, bool]:
        """Wrap under the tenant's key, or seal to the recovery key (True) where that is not to be had now.

        Where the provider said that the epoch's key is lost, KeyProviderError: nothing would open it again.
        """
        try:
            tenant_key = await self._tenant_keys.get(tenant_id, context.epoch, create=True, hurried=True)
        except KeyProviderError:
            if self._states.get(await self._holders.of(context.epoch)) in LOST:
                raise
            public, anchor = await self._recovery.public_key(context.epoch)
            return await asyncio.to_thread(sealed_to, key, public, anchor, context), True
        return bytes(wrap(key, tenant_key, context=context)), False

    async def data_key(
        self, *, tenant_id: str, object_id: str, gen: int = 1, hurried: bool = False
    ) -> DataKey:
        """Find a data key; KeyForgottenError where there is none (any more), TamperedError if changed.

        Who is ``hurried`` is told sooner that the provider does not answer (KeyProviderError).
        """
        cached = self._data_keys.get((tenant_id, object_id, gen))
        if cached is not None and cached.until_s > self._clock.monotonic():
            return cached.key
        forgets = self._forgets
        key, epoch = await self._found(tenant_id, object_id, gen, hurried=hurried)
        if forgets == self._forgets:  # something was forgotten while we read: do not keep what may be it
            self._remember(tenant_id, object_id, gen, key, epoch)
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
        if row.in_recovery:
            if (await self._recovering.move([row]))[1]:
                raise TamperedError("a data key's record was changed; it is not used")
            return False
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
        self._drop([one for one in self._data_keys if one[1] == object_id])

    async def forget_all(self, object_ids: Sequence[str]) -> int:
        """Forget the keys of objects that may have none; tells how many there were, their traces gone too.

        Raises DependencyError where a reader of the key database does not let go of what was forgotten.
        """
        there = await self.holding(object_ids)
        for object_id in there:
            await self.forget(object_id=object_id)
        if there:
            await self._cleaned()
        return len(there)

    async def _cleaned(self) -> None:
        for _ in range(TRACE_TRIES):
            if await self.tenant_traces_gone():
                return
            await asyncio.sleep(AGAIN_S)
        raise DependencyError("somebody reads the key database and holds what was forgotten; end that reader")

    async def newest_epoch(self, tenant_id: str) -> int | None:
        """Name the newest epoch that a tenant's keys are in."""
        async with self._database.read() as connection:
            return max((await connection.execute(epochs_of(tenant_id))).scalars(), default=None)

    async def forget_tenant(self, tenant_id: str) -> int | None:
        """Forget the keys of a tenant under which all its data keys lie: none of those opens from here on.

        None is made for it any more. Tells the newest epoch that they were in, the same when it is repeated;
        None where there was none. Its end is told only after those of the others, which may lie with another
        holder.
        """
        async with self._database.write() as connection:
            epoch = await forget_keys_of(connection, tenant_id, at=self._clock.now())
        self._forgets += 1
        self._tenant_keys.drop_tenant(tenant_id)
        self._drop([one for one in self._data_keys if one[0] == tenant_id])
        return epoch

    async def tenants_known(self, tenant_ids: Sequence[str]) -> Sequence[str]:
        """Name those of some tenants that have a key or a record here, and are not forgotten for good."""
        async with self._database.read() as connection:
            marked = await marked_among(connection, tenant_ids)
            return [one for one in tenant_ids if one not in marked and await knows(connection, one)]

    async def forget_tenants(self, tenant_ids: Sequence[str]) -> int:
        """Forget tenants that a key store which was set back may know again, records and traces too.

        Tells how many it knew. Raises DependencyError as ``forget_all``.
        """
        known = await self.tenants_known(tenant_ids)
        for tenant_id in tenant_ids:
            await self.forget_tenant(tenant_id)
        if await self.forget_rest() or known:
            await self._cleaned()
        return len(known)

    async def forget_rest(self) -> int:
        """Delete the records that forgotten tenants still have, which open nothing any more; how many."""
        async with self._database.read() as connection:
            tenant_ids = await marked_with_records(connection)
        count = 0
        for tenant_id in tenant_ids:
            while some := await self.forget_some(tenant_id, limit=IDS_AT_ONCE):
                count += some
        return count

    async def forgotten(self, tenant_ids: Collection[str]) -> Collection[str]:
        """Name those of some tenants that are forgotten for good."""
        async with self._database.read() as connection:
            return await marked_among(connection, tenant_ids)

    async def tenant_traces_gone(self) -> bool:
        """As ``traces_gone``, of tenant keys."""
        return await self._database.forget_traces("tenant_keys", "data_keys")

    async def forget_some(self, tenant_id: str, *, limit: int) -> int:
        """Delete records of a tenant whose keys are forgotten, which open nothing any more; how many."""
        async with self._database.write() as connection:
            return await forget_records(connection, tenant_id, limit=limit)

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
        keys: dict[OpenedBy, Opening] = {}
        for row in found.values():
            name = opened_by(row)
            with suppress(KeyForgottenError):
                keys[name] = keys.get(name) or await self._opening(row)
        return await asyncio.to_thread(unopened, wanted, found, keys)

    async def traces_gone(self) -> bool:
        """Truncate the write-ahead log; False while a reader holds it, then the caller asks again."""
        return await self._database.forget_traces("data_keys")

    async def ping(self) -> None:
        """Ask the key database for a sign of life."""
        await self._database.ping()

    async def _found(self, tenant_id: str, object_id: str, gen: int, *, hurried: bool) -> tuple[DataKey, int]:
        row = await self._row(tenant_id, object_id, gen)
        while True:
            try:
                return opened(row, await self._opening(row, hurried=hurried)), row.epoch
            except (KeyForgottenError, KeyProviderError):
                # Its epoch may have ended between the two looks: then its record is in a newer one.
                again = await self._row(tenant_id, object_id, gen)
                if opened_by(again) == opened_by(row):
                    raise
                row = again

    async def _opening(self, row: Row[Any], *, hurried: bool = False) -> Opening:
        """Get what opens a record."""
        if not row.in_recovery:
            return await self._tenant_keys.get(row.tenant_id, row.epoch, hurried=hurried)
        return Recovery(await self._recovery.private_key(row.epoch), self._recovery.anchor)

    async def _row(self, tenant_id: str, object_id: str, gen: int) -> Row[Any]:
        query = select(data_keys).where(
            data_keys.c.object_id == object_id, data_keys.c.gen == gen, data_keys.c.tenant_id == tenant_id
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise KeyForgottenError("there is no key for this object: it has been erased, or never was")
        return row

    def _remember(self, tenant_id: str, object_id: str, gen: int, key: DataKey, epoch: int) -> None:
        name = (tenant_id, object_id, gen)
        self._data_keys[name] = _Cached(key, self._clock.monotonic() + CACHE_S, epoch)
        self._data_keys.move_to_end(name)
        while len(self._data_keys) > CACHE_KEYS:
            self._data_keys.popitem(last=False)
