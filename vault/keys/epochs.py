"""Epochs: which key generation is current, and which old ones are on their way out (docs/FORMAT.md, keys).

An epoch is *current*, then *retiring* while the keys that survive move out of it, *retired* once none is
left in it, and *destroyed* when its key is gone at the provider: whatever copy of the key store was made
before opens nothing any more.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import func, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.key_tables import data_keys, epochs, tenant_keys
from vault.errors import ConfigurationError, ConflictError
from vault.keys.probes import probe_of
from vault.keys.provider import EpochKeyState, KeyProvider

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
    """One epoch as the key store knows it; ``data_keys`` counts what is still wrapped in it."""

    epoch: int
    state: EpochState
    provider: str
    created_at: datetime
    retired_at: datetime | None
    destroyed_at: datetime | None
    evidence: dict[str, Any]
    tenant_keys: int
    data_keys: int


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

    def __init__(self, database: Database, provider: KeyProvider, clock: Clock) -> None:
        self._database = database
        self._provider = provider
        self._clock = clock

    async def start(self, spent: Callable[[], Awaitable[Spent]] | None = None) -> None:
        """Make the first epoch where there is none; the provider's key is there before its row.

        ``spent`` is asked then, for a number that is still free.

        Raises ConfigurationError where the keys in use lie with another provider than the one that is set.
        """
        async with self._database.read() as connection:
            query = select(epochs.c.provider).where(epochs.c.state != EpochState.DESTROYED.value)
            others = {*(await connection.execute(query)).scalars()} - {self._provider.name}
            if others:
                raise ConfigurationError(
                    f"the epoch keys lie with the provider {min(others)}, and keys.provider says "
                    f"{self._provider.name}: set it back; keys do not move between providers"
                )
            if await _newest(connection):
                return
        number = await self._free(1, NOTHING_SPENT if spent is None else await spent())
        async with self._database.write() as connection:
            await take_turn(connection)
            if not await _newest(connection):
                await self._begin(connection, number)

    async def current(self) -> int:
        """Name the epoch that new keys go to; ConfigurationError before the first start."""
        async with self._database.read() as connection:
            found = await connection.execute(
                select(epochs.c.epoch).where(epochs.c.state == EpochState.CURRENT.value)
            )
            epoch = found.scalar_one_or_none()
        if epoch is None:
            raise ConfigurationError("the key store has no current epoch; start the program once")
        return int(epoch)

    async def in_use(self) -> Sequence[int]:
        """Name the epochs that keys are in."""
        async with self._database.read() as connection:
            query = select(epochs.c.epoch).where(epochs.c.state.in_(OPEN)).order_by(epochs.c.epoch)
            return [*(await connection.execute(query)).scalars()]

    async def all(self, *, tenant_id: str | None = None) -> Sequence[Standing]:
        """Tell of every epoch, oldest first; with a tenant, the keys that are counted are its own."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(epochs).order_by(epochs.c.epoch))).all()
            kept = await _counts(connection, data_keys, tenant_id)
            tenants = await _counts(connection, tenant_keys, tenant_id)
        return [
            Standing(
                row.epoch,
                EpochState(row.state),
                row.provider,
                row.created_at,
                row.retired_at,
                row.destroyed_at,
                row.evidence,
                tenants.get(row.epoch, 0),
                kept.get(row.epoch, 0),
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

    async def turn(self, spent: Spent = NOTHING_SPENT) -> int:
        """Begin the next epoch and retire the current one; new keys go to the next from now on.

        Raises ConflictError while an older one is still retiring: one turn ends before the next begins. One
        that is told to have ended before keeps nobody: it must be left.
        """
        async with self._database.read() as connection:
            newest = await _newest(connection) or 0
        number = await self._free(newest + 1, spent)
        async with self._database.write() as connection:
            await take_turn(connection)
            rows = (await connection.execute(select(epochs.c.epoch, epochs.c.state))).all()
            retiring = {row.epoch for row in rows if row.state == EpochState.RETIRING.value}
            if retiring - set(spent.told) or any(row.epoch >= number for row in rows):
                raise ConflictError("an epoch is still retiring; its turn ends before the next one begins")
            await connection.execute(
                update(epochs)
                .where(epochs.c.state == EpochState.CURRENT.value)
                .values(state=EpochState.RETIRING.value)
            )
            return await self._begin(connection, number)

    async def retire(self, epoch: int) -> bool:
        """Close an epoch to keys for good; False while one is still in it."""
        async with self._database.write() as connection:
            # Whoever stores a key locks the row for sharing, so none is under way once we have it.
            await connection.execute(select(epochs).where(epochs.c.epoch == epoch).with_for_update())
            left = select(func.count()).where(data_keys.c.epoch <= epoch)
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
        async with self._database.read() as connection:
            found = await connection.execute(select(epochs.c.evidence).where(epochs.c.epoch == epoch))
            made = found.scalar_one_or_none()
        return await self._provider.state(epoch, made=made)

    async def traces_gone(self) -> bool:
        """Clean the database's log of forgotten tenant keys; False while a reader holds it."""
        return await self._database.forget_traces("tenant_keys", "data_keys")

    async def _free(self, number: int, spent: Spent) -> int:
        """Find the first number, from one on, that is not spent.

        The provider is asked outside of any transaction: one that does not answer holds nobody up.
        """
        number = max(number, max(spent.told, default=0) + 1)
        while True:
            state = await self._provider.state(number)
            if state is EpochKeyState.USABLE or (state is EpochKeyState.GONE and number > spent.named):
                return number
            number += 1

    async def _begin(self, connection: AsyncConnection, number: int) -> int:
        made = await self._provider.create_epoch(number)
        probe = await probe_of(self._provider, made.number)
        await connection.execute(
            insert(epochs).values(
                epoch=made.number,
                state=EpochState.CURRENT.value,
                provider=self._provider.name,
                created_at=self._clock.now(),
                evidence=made.evidence | probe,
            )
        )
        return made.number


async def is_open(connection: AsyncConnection, epoch: int) -> bool:
    """Tell whether a key may be stored in an epoch, and keep it so until the transaction ends."""
    query = select(epochs.c.state).where(epochs.c.epoch == epoch).with_for_update(read=True)
    return (await connection.execute(query)).scalar_one_or_none() in OPEN


async def take_turn(connection: AsyncConnection) -> None:
    """Be alone until the transaction ends; SQLite's write transaction is that already."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": START_LOCK})


async def _newest(connection: AsyncConnection) -> int | None:
    newest: int | None = (await connection.execute(select(func.max(epochs.c.epoch)))).scalar_one_or_none()
    return newest


async def _counts(connection: AsyncConnection, table: Any, tenant_id: str | None) -> dict[int, int]:
    query = select(table.c.epoch, func.count()).group_by(table.c.epoch)
    if tenant_id is not None:
        query = query.where(table.c.tenant_id == tenant_id)
    return {row[0]: row[1] for row in await connection.execute(query)}
