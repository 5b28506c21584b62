"""Epochs: which key generation is current, and which old ones are on their way out (docs/FORMAT.md, keys).

An epoch is *current*, then *retiring* while the keys that survive move out of it, *retired* once none is
left in it, and *destroyed* when its key is gone at the provider: whatever copy of the key store was made
before opens nothing any more.

Each holder of epoch keys has epochs of its own, and turns by itself; their numbers come from one row of
numbers (``vault.keys.holders``).
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.key_tables import data_keys, epochs, tenant_holders, tenant_keys
from vault.errors import ConfigurationError, ConflictError, KeyProviderError
from vault.keys.forgotten import require_known
from vault.keys.holders import Holders
from vault.keys.probes import probe_of
from vault.keys.provider import EpochKeyState
from vault.keys.recovery_keys import RecoveryKeys
from vault.settings import DEFAULT_HOLDER

START_LOCK: Final = 0x65706F63  # "epoc": PostgreSQL's advisory lock around what one program does at a time


class EpochState(StrEnum):
    """Where an epoch stands."""

    CURRENT = "current"
    RETIRING = "retiring"
    RETIRED = "retired"
    DESTROYED = "destroyed"


OPEN: Final = (EpochState.CURRENT.value, EpochState.RETIRING.value)  # a key may still be stored under these
CLOSED: Final = (EpochState.RETIRED.value, EpochState.DESTROYED.value)  # nothing lives under these


@dataclass(frozen=True, slots=True)
class Standing:
    """One epoch as the key store knows it; ``data_keys`` counts what is still wrapped in it.

    Of these, ``in_recovery`` are sealed to its recovery key: the provider did not answer when they were made.
    """

    epoch: int
    state: EpochState
    holder: str
    provider: str
    created_at: datetime
    retired_at: datetime | None
    destroyed_at: datetime | None
    evidence: dict[str, Any]
    told_after: frozenset[int]  # epochs of other holders whose end is told first
    tenant_keys: int
    data_keys: int
    in_recovery: int


@dataclass(frozen=True, slots=True)
class Spent:
    """Numbers that no new epoch may bear, as the ledger tells: this database may have been set back, or lost.

    ``told`` are those whose end is told: whatever lay in a new one of that number would be said to be beyond
    reach from its first moment. Up to ``named`` a receipt may name one and wait for its end; such a number
    comes again with the same key or not at all.
    """

    told: Collection[int] = ()
    named: int = 0


NOTHING_SPENT: Final = Spent()


class Epochs:
    """The table of epochs and the moves in it; each is one transaction, alone in the deployment."""

    def __init__(self, database: Database, holders: Holders, recovery: RecoveryKeys, clock: Clock) -> None:
        self._database = database
        self._holders = holders
        self._recovery = recovery
        self._clock = clock
        self._spent: Callable[[], Awaitable[Spent]] | None = None

    async def start(self, spent: Callable[[], Awaitable[Spent]] | None = None) -> None:
        """Make the first epoch where there is none; the provider's key is there before its row.

        ``spent`` is asked for every first epoch of a holder, for a number that is still free.

        Raises ConfigurationError where keys in use lie with another holder than the settings name.
        """
        async with self._database.read() as connection:
            query = select(epochs.c.holder, epochs.c.provider).distinct()
            rows = await connection.execute(query.where(epochs.c.state != EpochState.DESTROYED.value))
            for row in rows:
                self._require_held(row.holder, row.provider)
        self._spent = spent
        while (number := await self._first(DEFAULT_HOLDER)) is not None:
            async with self._database.write() as connection:
                await take_turn(connection)
                await self._begin_first(connection, DEFAULT_HOLDER, number)

    async def assign(self, tenant_id: str, holder: str) -> bool:
        """Have a tenant's keys lie with a holder from now on; False where they did already.

        New keys go there at once; what is there moves with the next turn of the holder before. Raises
        ConfigurationError for a holder that the settings do not name, KeyProviderError for one that does not
        answer: nothing is assigned to it then. KeyForgottenError for a tenant that was forgotten for good.
        """
        self._require_held(holder)
        is_there = False
        while not is_there:
            number = await self._first(holder)
            async with self._database.write() as connection:
                await take_turn(connection)
                if await _holder_of(connection, tenant_id) == holder:
                    return False
                is_there = await self._begin_first(connection, holder, number)
                if is_there:
                    await self._assign(connection, tenant_id, holder)
        return True

    async def _assign(self, connection: AsyncConnection, tenant_id: str, holder: str) -> None:
        held = await _current(connection, DEFAULT_HOLDER)  # a row that whoever forgets tenants holds, too
        await require_known(connection, tenant_id, epoch=held or 0)
        await connection.execute(delete(tenant_holders).where(tenant_holders.c.tenant_id == tenant_id))
        if holder != DEFAULT_HOLDER:
            own = {"tenant_id": tenant_id, "holder": holder, "since": self._clock.now()}
            await connection.execute(insert(tenant_holders).values(own))

    async def holder_of(self, tenant_id: str) -> str:
        """Name the holder that a tenant's new keys lie with."""
        async with self._database.read() as connection:
            return await _holder_of(connection, tenant_id)

    async def current(self, holder: str = DEFAULT_HOLDER) -> int:
        """Name the epoch that a holder's new keys go to; ConfigurationError before the first start."""
        async with self._database.read() as connection:
            epoch = await _current(connection, holder)
        if epoch is None:
            raise ConfigurationError("the key store has no current epoch; start the program once")
        return epoch

    async def current_of_each(self, tenant_ids: Collection[str]) -> Mapping[str, int]:
        """Name the epoch of each of these tenants, as ``current_of``; two questions for a page of records."""
        own = select(tenant_holders.c.tenant_id, tenant_holders.c.holder)
        query = select(epochs.c.holder, epochs.c.epoch).where(epochs.c.state == EpochState.CURRENT.value)
        async with self._database.read() as connection:
            found = await connection.execute(own.where(tenant_holders.c.tenant_id.in_(tenant_ids)))
            holder = {row.tenant_id: row.holder for row in found}
            current = {row.holder: row.epoch for row in await connection.execute(query)}
        named = {tenant_id: current.get(holder.get(tenant_id, DEFAULT_HOLDER)) for tenant_id in tenant_ids}
        if None in named.values():
            raise ConfigurationError("the key store has no current epoch; start the program once")
        return {tenant_id: epoch for tenant_id, epoch in named.items() if epoch is not None}

    async def current_of(self, tenant_id: str) -> int:
        """Name the epoch that a tenant's new keys go to; ConfigurationError before the first start."""
        return (await self.current_of_each([tenant_id]))[tenant_id]

    async def holders(self) -> Sequence[str]:
        """Name the holders that keys lie with, the deployment's own first."""
        async with self._database.read() as connection:
            query = select(epochs.c.holder).where(epochs.c.state.in_(OPEN)).distinct()
            used = {*(await connection.execute(query)).scalars()} - {DEFAULT_HOLDER}
        return [DEFAULT_HOLDER, *sorted(used)]

    async def concerned(self, epoch: int) -> Sequence[str]:
        """Name the holders that keys of an epoch may move to: those of the tenants that have some in it."""
        own = func.coalesce(tenant_holders.c.holder, DEFAULT_HOLDER)
        query = (
            select(own)
            .select_from(tenant_keys)
            .outerjoin(tenant_holders, tenant_holders.c.tenant_id == tenant_keys.c.tenant_id)
            .where(tenant_keys.c.epoch == epoch)
            .distinct()
        )
        async with self._database.read() as connection:
            return sorted((await connection.execute(query)).scalars())

    async def in_use(self) -> Mapping[int, str]:
        """Name the epochs that keys are in, and the holder of each."""
        query = select(epochs.c.epoch, epochs.c.holder).where(epochs.c.state.in_(OPEN))
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(epochs.c.epoch))
            return {row.epoch: row.holder for row in rows}

    async def all(self, *, tenant_id: str | None = None) -> Sequence[Standing]:
        """Tell of every epoch, oldest first; with a tenant, the keys that are counted are its own."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(epochs).order_by(epochs.c.epoch))).all()
            kept = await _counts(connection, data_keys, tenant_id)
            waiting = await _counts(connection, data_keys, tenant_id, data_keys.c.in_recovery.is_(True))
            tenants = await _counts(connection, tenant_keys, tenant_id)
        return [
            Standing(
                row.epoch,
                EpochState(row.state),
                row.holder,
                row.provider,
                row.created_at,
                row.retired_at,
                row.destroyed_at,
                row.evidence,
                frozenset(row.told_after),
                tenants.get(row.epoch, 0),
                kept.get(row.epoch, 0),
                waiting.get(row.epoch, 0),
            )
            for row in rows
        ]

    async def living(self) -> Collection[int]:
        """Name the epochs whose key is there, or may still be brought back: none of them has ended."""
        may_live = or_(
            epochs.c.state != EpochState.DESTROYED.value, epochs.c.destroyed_at > self._clock.now()
        )
        async with self._database.read() as connection:
            return set((await connection.execute(select(epochs.c.epoch).where(may_live))).scalars())

    async def turn(self, holder: str = DEFAULT_HOLDER, spent: Spent = NOTHING_SPENT) -> int | None:
        """Begin a holder's next epoch and retire its current one; new keys go to the next from now on.

        Without a next one (None) where no tenant is assigned to the holder any more. Raises ConflictError
        while an older epoch of it is still retiring: one turn ends before the next begins. One that is told
        to have ended before keeps nobody: it must be left.
        """
        while True:
            number = await self._free(holder, spent) if await self.is_assigned(holder) else None
            async with self._database.write() as connection:
                await take_turn(connection)
                await self._require_no_turn(connection, holder, number, spent)
                is_assigned = holder == DEFAULT_HOLDER or await _is_assigned(connection, holder)
                if is_assigned and (number is None or number <= (await _newest(connection) or 0)):
                    continue  # another holder was first
                await connection.execute(
                    update(epochs)
                    .where(epochs.c.holder == holder, epochs.c.state == EpochState.CURRENT.value)
                    .values(state=EpochState.RETIRING.value)
                )
                if number is None or not is_assigned:
                    return None
                return await self._begin(connection, number, holder)

    async def _require_no_turn(
        self, connection: AsyncConnection, holder: str, number: int | None, spent: Spent
    ) -> None:
        query = select(epochs.c.epoch, epochs.c.state).where(epochs.c.holder == holder)
        rows = (await connection.execute(query)).all()
        retiring = {row.epoch for row in rows if row.state == EpochState.RETIRING.value}
        is_overtaken = number is not None and any(row.epoch >= number for row in rows)
        if retiring - set(spent.told) or is_overtaken:
            raise ConflictError("an epoch is still retiring; its turn ends before the next one begins")

    async def is_assigned(self, holder: str) -> bool:
        """Tell whether new keys go to a holder."""
        async with self._database.read() as connection:
            return holder == DEFAULT_HOLDER or await _is_assigned(connection, holder)

    async def assurances(self, epoch: int) -> Sequence[str]:
        """Tell what the destructions are worth that an epoch's end speaks of, as their holders said."""
        query = select(epochs.c.epoch, epochs.c.evidence, epochs.c.told_after)
        async with self._database.read() as connection:
            rows = {row.epoch: row for row in await connection.execute(query)}
        named = {epoch, *rows[epoch].told_after} if epoch in rows else set()
        said = [rows[one].evidence.get("assurance") for one in sorted(named) if one in rows]
        return [one for one in said if one is not None]

    async def retire(self, epoch: int) -> bool:
        """Close an epoch to keys for good; False while one is still in it."""
        async with self._database.write() as connection:
            # Whoever stores a key locks the row for sharing, so none is under way once we have it.
            await connection.execute(select(epochs).where(epochs.c.epoch == epoch).with_for_update())
            left = select(func.count()).where(data_keys.c.epoch == epoch)
            if (await connection.execute(left)).scalar_one():
                return False
            await connection.execute(
                update(epochs)
                .where(epochs.c.epoch == epoch, epochs.c.state == EpochState.RETIRING.value)
                .values(state=EpochState.RETIRED.value, retired_at=self._clock.now())
            )
        return True

    async def key_state(self, epoch: int) -> EpochKeyState:
        """Ask the provider how an epoch's key is; raises KeyProviderError where it does not answer."""
        query = select(epochs.c.evidence).where(epochs.c.epoch == epoch)
        async with self._database.read() as connection:
            made = (await connection.execute(query)).scalar_one_or_none()
        return await self._holders.state(epoch, made=made)

    async def traces_gone(self) -> bool:
        """Clean the database's log of forgotten keys; False while a reader holds it."""
        return await self._database.forget_traces("tenant_keys", "recovery_keys", "data_keys")

    def _require_held(self, holder: str, provider: str | None = None) -> None:
        """Raise ConfigurationError unless the settings name this holder, and as the same kind of provider."""
        if holder not in self._holders.names:
            raise ConfigurationError(f"keys.holders names no {holder}; name the holder as it was")
        told = self._holders.named(holder).name
        if provider is not None and told != provider:
            where = "keys.provider" if holder == DEFAULT_HOLDER else f"keys.holders, {holder}"
            raise ConfigurationError(
                f"the epoch keys lie with the provider {provider}, and {where} says {told}: set it back; "
                "keys do not move between providers by a setting"
            )

    async def _first(self, holder: str) -> int | None:
        """Find a number for a holder's first epoch; None where it has a current one."""
        async with self._database.read() as connection:
            if await _current(connection, holder) is not None:
                return None
        return await self._free(holder, NOTHING_SPENT if self._spent is None else await self._spent())

    async def _begin_first(self, connection: AsyncConnection, holder: str, number: int | None) -> bool:
        """Begin it unless there is a current one; False where the number is not to be had any more."""
        if await _current(connection, holder) is not None:
            return True
        if number is None or number <= (await _newest(connection) or 0):
            return False
        await self._begin(connection, number, holder)
        return True

    async def _free(self, holder: str, spent: Spent) -> int:
        """Find the first number after all epochs that is not spent.

        The provider is asked outside of any transaction: one that does not answer holds nobody up.
        """
        async with self._database.read() as connection:
            newest = await _newest(connection) or 0
        number = max(newest, *spent.told, 0) + 1
        while not await self._is_free(holder, number, spent):
            number += 1
        return number

    async def _is_free(self, holder: str, number: int, spent: Spent) -> bool:
        state = await self._holders.named(holder).state(number)
        if number > spent.named:
            return state in {EpochKeyState.USABLE, EpochKeyState.GONE}
        return state is EpochKeyState.USABLE and not await self._is_elsewhere(holder, number)

    async def _is_elsewhere(self, holder: str, number: int) -> bool:
        """Tell whether another holder has a key of a number, or may have: whose it was is not known then."""
        for other in self._holders.names:
            try:
                if (
                    other != holder
                    and await self._holders.named(other).state(number) is not EpochKeyState.GONE
                ):
                    return True
            except KeyProviderError:
                return True
        return False

    async def _begin(self, connection: AsyncConnection, number: int, holder: str) -> int:
        provider = self._holders.named(holder)
        made = await provider.create_epoch(number)
        self._holders.begins(number, holder)
        try:
            await connection.execute(
                insert(epochs).values(
                    epoch=number,
                    state=EpochState.CURRENT.value,
                    holder=holder,
                    provider=provider.name,
                    created_at=self._clock.now(),
                    evidence=made.evidence | await probe_of(provider, number),
                )
            )
            await self._recovery.make(connection, number)
        finally:  # from here on the row says it, if it is written
            self._holders.begins_not(number)
        return number


async def is_open(connection: AsyncConnection, epoch: int, *, alone: bool = False) -> bool:
    """Tell whether a key may be stored in an epoch, and keep it so until the transaction ends.

    ``alone`` keeps everybody else who stores one there waiting.
    """
    query = select(epochs.c.state).where(epochs.c.epoch == epoch).with_for_update(read=not alone)
    return (await connection.execute(query)).scalar_one_or_none() in OPEN


async def told_after(connection: AsyncConnection, epoch: int, others: Sequence[int]) -> None:
    """Have an epoch's end told after the ends of others: what is said of it then holds for them, too."""
    query = select(epochs.c.told_after).where(epochs.c.epoch == epoch).with_for_update()
    before = (await connection.execute(query)).scalar_one_or_none()
    if others and before is not None:
        after = sorted({*before, *others})
        await connection.execute(update(epochs).where(epochs.c.epoch == epoch).values(told_after=after))


async def take_turn(connection: AsyncConnection) -> None:
    """Be alone until the transaction ends; SQLite's write transaction is that already."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": START_LOCK})


async def _current(connection: AsyncConnection, holder: str) -> int | None:
    query = select(epochs.c.epoch).where(
        epochs.c.holder == holder, epochs.c.state == EpochState.CURRENT.value
    )
    epoch: int | None = (await connection.execute(query)).scalar_one_or_none()
    return epoch


async def _holder_of(connection: AsyncConnection, tenant_id: str) -> str:
    query = select(tenant_holders.c.holder).where(tenant_holders.c.tenant_id == tenant_id)
    return (await connection.execute(query)).scalar_one_or_none() or DEFAULT_HOLDER


async def _is_assigned(connection: AsyncConnection, holder: str) -> bool:
    query = select(tenant_holders.c.tenant_id).where(tenant_holders.c.holder == holder).limit(1)
    return (await connection.execute(query)).first() is not None


async def _newest(connection: AsyncConnection) -> int | None:
    newest: int | None = (await connection.execute(select(func.max(epochs.c.epoch)))).scalar_one_or_none()
    return newest


async def _counts(
    connection: AsyncConnection, table: Any, tenant_id: str | None, *which: ColumnElement[bool]
) -> dict[int, int]:
    query = select(table.c.epoch, func.count()).where(*which).group_by(table.c.epoch)
    if tenant_id is not None:
        query = query.where(table.c.tenant_id == tenant_id)
    return {row[0]: row[1] for row in await connection.execute(query)}
