"""Signed checkpoints: made while entries arrive, kept, and published outside the database."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crypto.checkpoints import Checkpoint
from crypto.errors import CryptoError
from crypto.notes import open_checkpoint, sign_checkpoint
from crypto.proofs import Proof, format_proof
from storage.errors import AbsentError, StorageError
from storage.store import ObjectKey, ObjectStore
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import checkpoints, leaves
from vault.errors import DependencyError, LedgerBrokenError, NotFoundError, VaultError
from vault.ledger import tree
from vault.ledger.continuing import append_again
from vault.ledger.leaf import EntryType
from vault.ledger.outside import Outside
from vault.ledger.signing import LedgerKeys

log = structlog.get_logger(__name__)

PUBLISHED: Final = ObjectKey("ledger/checkpoint")
PUBLISH_EVERY_S: Final = 10.0  # a database set back by more than this is found out at its next start
PUBLISHED_LIMIT_BYTES: Final = 64 * 1024
KEEP_NEWEST: Final = 1_000  # checkpoints of about 4 KiB; of those before, the last of each day is kept
PRUNE_EVERY_S: Final = 600.0
DELETED_AT_ONCE: Final = 500  # sizes in one statement

Redo = Callable[[AsyncConnection, Sequence[str]], Awaitable[None]]


class Checkpoints:
    """Signs the tree's head, proves entries under it, and leaves the newest head beside the objects."""

    def __init__(self, database: Database, store: ObjectStore, keys: LedgerKeys, clock: Clock) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._clock = clock
        self._outside = Outside(database, store)
        self._published_at_s = float("-inf")
        self._published_size = -1
        self._pruned_at_s = float("-inf")

    @property
    def keys(self) -> LedgerKeys:
        """The signing keys; their public halves are published."""
        return self._keys

    async def require_continued(self, redo: Redo | None = None) -> int:
        """Hold the ledger against the head left beside the objects; called before anything is signed.

        A database that is an earlier state of that ledger is given the entries it lacks, from beside the
        objects, and ``redo(connection, leaves)`` does again what they say, in one transaction with them.
        Tells how many there were. Raises LedgerBrokenError where the database went another way, or entries
        are missing outside: nothing signs a second history. ``callvault ledger verify`` tells more.
        """
        head = await self._published()
        if head is None:
            return 0  # the first start
        async with self._database.read() as connection:
            size = await tree.size(connection)
            same = size >= head.size and await tree.root(connection, head.size) == head.root
        if same:
            return 0
        if size >= head.size:
            raise LedgerBrokenError(
                f"the ledger's first {head.size} entries are not the ones that were published: this database"
                " went another way, or was changed; run `callvault ledger verify`"
            )
        if redo is None:
            raise LedgerBrokenError(
                f"the ledger has {size} entries, but one of {head.size} was published: this database was set"
                " back; start the server, which brings it up to date, and then try again"
            )
        missed = await self._outside.between(size, head.size)
        async with self._database.write() as connection:
            await tree.lock_for_append(connection)
            await append_again(connection, size, missed, head)
            await redo(connection, missed)
        return len(missed)

    async def _published(self) -> Checkpoint | None:
        """Read the head beside the objects; None where there is none yet."""
        try:
            note = (await self._store.read(PUBLISHED, limit_bytes=PUBLISHED_LIMIT_BYTES)).decode()
            return open_checkpoint(note, self._keys.verifiers)
        except AbsentError:
            return None
        except (CryptoError, UnicodeDecodeError) as cause:
            raise LedgerBrokenError("the published checkpoint is not signed by this ledger's keys") from cause

    async def publish_now(self) -> None:
        """See to it that all that is in the ledger lies outside, too; raises DependencyError."""
        try:
            await self.publish(await self.newest())
        except StorageError as cause:
            raise DependencyError("the store does not take the ledger's entries; try again") from cause

    async def publish_request(self, object_id: str) -> None:
        """See to it that the request to erase an object lies outside, where it may not yet; DependencyError.

        Requests that came together are published together: the first erasure of them does it for all.
        """
        query = select(func.max(leaves.c.leaf_index)).where(
            leaves.c.object_id == object_id, leaves.c.type == EntryType.ERASURE_REQUESTED.value
        )
        async with self._database.read() as connection:
            asked = (await connection.execute(query)).scalar_one_or_none()
        if asked is None or asked >= self._published_size:
            await self.publish_now()

    async def latest(self) -> str:
        """Return the newest checkpoint that has been signed: anybody may ask for it, as often as they like.

        ``run`` signs one each time its pause is over, so it is as old as that pause at most. Nothing is
        signed here but the very first one.
        """
        query = select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)
        async with self._database.read() as connection:
            note = (await connection.execute(query)).scalar_one_or_none()
        return note if note is not None else await self._sign()

    async def newest(self) -> str:
        """Return the newest signed checkpoint, making one where entries have come since; empty tree too."""
        async with self._database.read() as connection:
            size = await tree.size(connection)
            found = await connection.execute(select(checkpoints.c.note).where(checkpoints.c.size == size))
            note = found.scalar_one_or_none()
        return note if note is not None else await self._sign()

    async def proof(self, index: int) -> str:
        """Prove one entry; see ``proofs``."""
        return (await self.proofs([index]))[0]

    async def proofs(self, indexes: Sequence[int]) -> Sequence[str]:
        """Prove entries, all under one checkpoint; NotFoundError for one that is not there yet.

        A new checkpoint is signed only where the latest does not cover them all.
        """
        note = await self.latest()
        if max(indexes, default=-1) >= size_of(note):
            note = await self.newest()
        size = size_of(note)
        if any(not 0 <= index < size for index in indexes):
            raise NotFoundError("the ledger has no such entry")
        async with self._database.read() as connection:
            paths = [await tree.inclusion(connection, index, size) for index in indexes]
        return [
            format_proof(Proof(index=index, hashes=tuple(path), checkpoint=note))
            for index, path in zip(indexes, paths, strict=True)
        ]

    async def run(self, every_s: float) -> None:
        """Sign, publish and prune until cancelled; what fails is tried again at the next turn."""
        while True:
            await asyncio.sleep(every_s)
            now_s = self._clock.monotonic()
            await self.turn(publishing=now_s - self._published_at_s >= PUBLISH_EVERY_S)
            if now_s - self._pruned_at_s >= PRUNE_EVERY_S:
                await self._prune_guarded()
                self._pruned_at_s = now_s

    async def turn(self, *, publishing: bool) -> None:
        """Sign what has come since and, where asked to, publish it; a fault is said and not raised."""
        try:
            note = await self.newest()
            if publishing:
                await self.publish(note)
        except (VaultError, StorageError) as error:
            log.warning("ledger.checkpoint_failed", error=type(error).__name__)

    async def prune(self) -> int:
        """Delete checkpoints that nobody will miss; returns how many.

        The newest thousand stay, and of the time before the last one of each day: a ledger that was changed
        and then went on honestly is still found out, to the day (``vault.ledger.verify``). Receipts hold
        their own checkpoint.
        """
        oldest = select(checkpoints.c.size).order_by(checkpoints.c.size.desc()).offset(KEEP_NEWEST - 1)
        async with self._database.read() as connection:
            first_kept = (await connection.execute(oldest.limit(1))).scalar_one_or_none()
            rows = await connection.execute(
                select(checkpoints.c.size, checkpoints.c.at)
                .where(checkpoints.c.size < (first_kept or 0))
                .order_by(checkpoints.c.size)
            )
            old = {row.size: row.at.date() for row in rows}
        last_of_day = {day: size for size, day in old.items()}
        gone = [size for size, day in old.items() if last_of_day[day] != size]
        for start in range(0, len(gone), DELETED_AT_ONCE):
            some = gone[start : start + DELETED_AT_ONCE]
            async with self._database.write() as connection:
                await connection.execute(delete(checkpoints).where(checkpoints.c.size.in_(some)))
        return len(gone)

    async def _prune_guarded(self) -> None:
        try:
            await self.prune()
        except VaultError as error:
            log.warning("ledger.prune_failed", error=type(error).__name__)

    async def publish(self, note: str) -> None:
        """Leave a checkpoint in the object store, apart from the database it speaks of."""
        size = size_of(note)
        if size != self._published_size:
            if self._published_size < 0:  # the first time in this process
                head = await self._published()
                await self._outside.mend(0 if head is None else head.size)
            await self._outside.publish(size)
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


def size_of(note: str) -> int:
    """Read the size out of a checkpoint of our own."""
    return int(note.split("\n", 2)[1])
