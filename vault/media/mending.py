"""Setting right what an inventory found, by rules that cannot destroy anything.

* A place that lacks a part, or has a damaged one, gets it from a place whose bytes have the row's digest.
  Nothing that does not is ever copied.
* Deleted is only what is left over of an item whose row says that it is erased or lost, or a fragment of one
  that is ready: states that are final. An object that **no row knows is never deleted**: it is what a store
  holds for a database that was set back. Nor is what lies hidden behind a part in use: it goes with it.
* Where the ledger's head beside the objects, at any place, is ahead of this database or another's, nothing is
  touched at all.
"""

from collections.abc import Sequence

from storage.debts import Act
from storage.errors import StorageError, UnavailableError
from storage.replicated import ReplicatedStore
from vault.clock import Clock
from vault.db.engine import Database
from vault.ledger.checkpoints import Checkpoints
from vault.ledger.signing import LedgerKeys
from vault.media.inventory import ORPHANS, Expected, Finding, Inventory, Stock, What


class Mender:
    """Repairs findings; each repair may be repeated, and goes on after a crash by the list of debts."""

    def __init__(self, inventory: Inventory, store: ReplicatedStore) -> None:
        self._inventory = inventory
        self._store = store

    async def mend(self, stock: Stock) -> Sequence[Finding]:
        """Repair what can be; return the findings that are right now."""
        left_over = [one for one in stock.findings if one.what is What.LEFT_OVER]
        mended = [one for one in left_over if await self._is_swept(one)]
        broken = [one for one in stock.findings if one.what not in ORPHANS]
        expected = await self._inventory.expected({one.key for one in broken})
        whole = {key for key, part in expected.items() if await self._is_mended(part, stock)}
        return [*mended, *(one for one in broken if one.key in whole)]

    async def _is_swept(self, finding: Finding) -> bool:
        try:
            await self._store.erase(finding.key)
            return not await self._store.places[finding.place].remains(finding.key)
        except StorageError:
            return False

    async def _is_mended(self, part: Expected, stock: Stock) -> bool:
        """Have every place get a part from one that has its true bytes; False where none has."""
        bad = [name for name in self._store.places if not await self._is_true(name, part, stock)]
        if len(bad) == len(self._store.places):
            return False
        # All at once, before anything is copied: no place that owes it is a source.
        await self._store.debts.owe(Act.COPY, part.key, bad, gently=True)
        for name in bad:
            try:
                await self._store.catch_up.bring(part.key, name)
            except UnavailableError:
                return False
        return True

    async def _is_true(self, name: str, part: Expected, stock: Stock) -> bool:
        try:
            return await self._inventory.wrong(name, part, stock, read_data=True) is None
        except StorageError:
            return False


async def require_newest(database: Database, store: ReplicatedStore, keys: LedgerKeys, clock: Clock) -> None:
    """Raise LedgerBrokenError where any place knows a later head of the ledger than this database."""
    for place in store.places.values():
        await Checkpoints(database, place, keys, clock).require_continued()
