"""Ends of epochs in the ledger: said once each, and found again for receipts."""

import hashlib
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import func, insert, select

from vault.clock import to_text
from vault.db.engine import Database
from vault.db.ledger_tables import epoch_ends
from vault.db.tables import erasures
from vault.keys.epochs import Spent, Standing
from vault.ledger import tree
from vault.ledger.leaf import Entry, EntryType, canonical
from vault.ledger.log import Ledger


class EpochEnds:
    """Records that epochs were destroyed."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def told(self) -> Collection[int]:
        """Name the epochs whose end is in the ledger."""
        async with self._database.read() as connection:
            return set((await connection.execute(select(epoch_ends.c.epoch))).scalars())

    async def spent(self) -> Spent:
        """Tell which numbers are spent, by ends or by receipts that name them."""
        newest = select(func.max(erasures.c.evidence["epoch"].as_integer()))
        async with self._database.read() as connection:
            named = (await connection.execute(newest)).scalar_one()
        return Spent(await self.told(), named or 0)

    async def tell(self, ended: Standing) -> None:
        """Record an epoch's end, in one transaction with its number; repeating it is harmless."""
        async with self._database.write() as connection:
            await tree.lock_for_append(connection)
            known = select(epoch_ends.c.epoch).where(epoch_ends.c.epoch == ended.epoch)
            if (await connection.execute(known)).first() is None:
                index = await self._ledger.append(connection, _entry(ended))
                row = {"epoch": ended.epoch, "leaf_index": index}
                await connection.execute(insert(epoch_ends).values(row))

    async def of(self, epochs: Iterable[int]) -> Mapping[int, int]:
        """Give the entry of each of these epochs that has ended."""
        query = select(epoch_ends).where(epoch_ends.c.epoch.in_(set(epochs)))
        async with self._database.read() as connection:
            return {row.epoch: row.leaf_index for row in await connection.execute(query)}


def _entry(ended: Standing) -> Entry:
    """Say which epoch, whose key, from when on, and the digest of what the provider answered."""
    answered = canonical({name: str(value) for name, value in ended.evidence.items()})
    return Entry(
        EntryType.EPOCH_DESTROYED,
        facts={
            "epoch": ended.epoch,
            "provider": ended.provider,
            "effective_at": to_text(ended.destroyed_at) if ended.destroyed_at else "",
            "evidence_sha256": hashlib.sha256(answered.encode("ascii")).hexdigest(),
        },
    )
