"""Signed checkpoints: made while entries arrive, kept, and published outside the database."""

import asyncio
from typing import Final

import structlog
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crypto.checkpoints import Checkpoint
from crypto.errors import CryptoError
from crypto.notes import open_checkpoint, sign_checkpoint
from crypto.proofs import Proof, format_proof
from storage.errors import AbsentError, StorageError
from storage.store import ObjectKey, ObjectStore
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import checkpoints
from vault.errors import LedgerBrokenError, NotFoundError, VaultError
from vault.ledger import tree
from vault.ledger.signing import LedgerKeys

log = structlog.get_logger(__name__)

PUBLISHED: Final = ObjectKey("ledger/checkpoint")
PUBLISH_EVERY_S: Final = 10.0  # a database set back by more than this is found out at its next start
PUBLISHED_LIMIT_BYTES: Final = 64 * 1024


class Checkpoints:
    """Signs the tree's head, proves entries under it, and leaves the newest head beside the objects."""

    def __init__(self, database: Database, store: ObjectStore, keys: LedgerKeys, clock: Clock) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._clock = clock
        self._published_at_s = float("-inf")
        self._published_size = -1

    @property
    def keys(self) -> LedgerKeys:
        """The signing keys; their public halves are published."""
        return self._keys

    async def require_continued(self) -> None:
        """Hold the ledger against the head left beside the objects; called before anything is signed.

        Raises LedgerBrokenError where the database is older than that head, or another: a restored or a
        shortened copy must not sign a second history. ``callvault ledger verify`` tells more.
        """
        try:
            note = (await self._store.read(PUBLISHED, limit_bytes=PUBLISHED_LIMIT_BYTES)).decode()
            head = open_checkpoint(note, self._keys.verifiers)
        except AbsentError:
            return  # the first start
        except (CryptoError, UnicodeDecodeError) as cause:
            raise LedgerBrokenError("the published checkpoint is not signed by this ledger's keys") from cause
        async with self._database.read() as connection:
            size = await tree.size(connection)
            same = size >= head.size and await tree.root(connection, head.size) == head.root
        if not same:
            raise LedgerBrokenError(
                f"the ledger has {size} entries, but one of {head.size} was published: this database was set"
                " back or changed; restore the newest copy, and run `callvault ledger verify`"
            )

    async def newest(self) -> str:
        """Return the newest signed checkpoint, making one where entries have come since; empty tree too."""
        async with self._database.read() as connection:
            size = await tree.size(connection)
            found = await connection.execute(select(checkpoints.c.note).where(checkpoints.c.size == size))
            note = found.scalar_one_or_none()
        return note if note is not None else await self._sign()

    async def proof(self, index: int) -> str:
        """Prove an entry under the newest checkpoint; NotFoundError for one that is not there yet."""
        note = await self.newest()
        size = int(note.split("\n", 2)[1])
        if not 0 <= index < size:
            raise NotFoundError("the ledger has no such entry")
        async with self._database.read() as connection:
            hashes = await tree.inclusion(connection, index, size)
        return format_proof(Proof(index=index, hashes=tuple(hashes), checkpoint=note))

    async def run(self, every_s: float) -> None:
        """Sign and publish until cancelled; what fails is tried again at the next turn."""
        while True:
            await asyncio.sleep(every_s)
            try:
                note = await self.newest()
                if self._clock.monotonic() - self._published_at_s >= PUBLISH_EVERY_S:
                    await self.publish(note)
            except (VaultError, StorageError) as error:
                log.warning("ledger.checkpoint_failed", error=type(error).__name__)

    async def publish(self, note: str) -> None:
        """Leave a checkpoint in the object store, apart from the database it speaks of."""
        size = int(note.split("\n", 2)[1])
        if size != self._published_size:
            await self._store.put(PUBLISHED, note.encode())
            self._published_size = size
        self._published_at_s = self._clock.monotonic()

    async def _sign(self) -> str:
        async with self._database.write() as connection:
            await tree.lock_for_append(connection)
            size = await tree.size(connection)
            found = await connection.execute(select(checkpoints.c.note).where(checkpoints.c.size == size))
            note = found.scalar_one_or_none()
            return note if note is not None else await self._store_note(connection, size)

    async def _store_note(self, connection: AsyncConnection, size: int) -> str:
        root = await tree.root(connection, size)
        now = self._clock.now()
        signers = self._keys.signers
        head = Checkpoint(self._keys.origin, size, root)
        note = sign_checkpoint(head, signers, timestamp_s=int(now.timestamp()))
        await connection.execute(insert(checkpoints).values(size=size, root=root, note=note, at=now))
        return note
