"""Ends of epochs in the ledger: said once each, and found again for receipts.

An epoch whose key came back (an older ring, a deletion that was cancelled) ends once more, and that is said,
too: the newest end is the one that receipts rest on.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import from_text, to_text
from vault.db.engine import Database
from vault.db.ledger_tables import epoch_ends, leaves
from vault.db.tables import erasures
from vault.keys.epochs import Spent, Standing
from vault.ledger import tree
from vault.ledger.continuing import note_end
from vault.ledger.leaf import Entry, EntryType, canonical
from vault.ledger.log import Ledger


class EpochEnds:
    """Records that epochs were destroyed."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    async def told(self) -> Mapping[int, datetime]:
        """Name the epochs whose end is in the ledger, and the moment that it says."""
        async with self._database.read() as connection:
            return await _told(connection)

    async def spent(self) -> Spent:
        """Tell which numbers are spent, by ends or by receipts that name them."""
        newest = select(func.max(erasures.c.epoch))
        async with self._database.read() as connection:
            named = (await connection.execute(newest)).scalar_one()
        return Spent(await self.told(), named or 0)

    async def tell(self, ended: Standing) -> None:
        """Record an epoch's end, in one transaction with its number; repeating it is harmless."""
        if ended.destroyed_at is None:
            return
        async with self._database.write() as connection:
            await tree.lock_for_append(connection)
            known = (await _told(connection, ended.epoch)).get(ended.epoch)
            if known is None or known < ended.destroyed_at:
                index = await self._ledger.append(connection, _entry(ended, ended.destroyed_at))
                await note_end(connection, ended.epoch, index)

    async def of(self, epochs: Iterable[int]) -> Mapping[int, int]:
        """Give the entry of each of these epochs that has ended."""
        query = select(epoch_ends).where(epoch_ends.c.epoch.in_(set(epochs)))
        async with self._database.read() as connection:
            return {row.epoch: row.leaf_index for row in await connection.execute(query)}


async def _told(connection: AsyncConnection, epoch: int | None = None) -> dict[int, datetime]:
    query = select(epoch_ends.c.epoch, leaves.c.leaf).join(
        leaves, leaves.c.leaf_index == epoch_ends.c.leaf_index
    )
    if epoch is not None:
        query = query.where(epoch_ends.c.epoch == epoch)
    return {
        row.epoch: from_text(json.loads(row.leaf)["effective_at"]) for row in await connection.execute(query)
    }


def _entry(ended: Standing, at: datetime) -> Entry:
    """Say which epoch, whose key, from when on, and the digest of what the provider answered."""
    answered = canonical({name: str(value) for name, value in ended.evidence.items()})
    return Entry(
        EntryType.EPOCH_DESTROYED,
        facts={
            "epoch": ended.epoch,
            "provider": ended.provider,
            "effective_at": to_text(at),
            "evidence_sha256": hashlib.sha256(answered.encode("ascii")).hexdigest(),
            **{name: str(ended.evidence[name]) for name in ("assurance",) if name in ended.evidence},
        },
    )
