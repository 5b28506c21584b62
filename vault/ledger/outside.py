"""The ledger's entries beside the objects, apart from the database they come from (docs/FORMAT.md, ledger).

A database that is restored lacks what happened since; these pieces have it. Each holds the exact leaves of a
run of entries, a line each, under ``ledger/leaves/<first>-<behind the last>``. Nothing in them is personal.
Runs may overlap: a crash leaves some twice, never one missing.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy import select

from storage.errors import UnavailableError
from storage.store import ObjectKey, ObjectStore
from vault.db.engine import Database
from vault.db.tables import leaves
from vault.errors import LedgerBrokenError
from vault.ledger import tree

FOLDER: Final = "ledger/leaves/"
AT_ONCE: Final = 10_000  # leaves in one piece: about 5 MB
READ_AT_ONCE: Final = 500  # leaves of one read
PIECE_LIMIT_BYTES: Final = 64 * 1024 * 1024
MOST_PIECES: Final = 60  # that are not full: ten minutes of a busy vault; then they become one

Run = tuple[int, int]


class Outside:
    """Keeps the pieces complete, and reads them."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self._database = database
        self._store = store
        self._pieces: list[Run] | None = None  # what lies there, once it was looked at

    async def mend(self, head_size: int) -> None:
        """Put right what reaches beyond the published head, before anything is published; StorageError.

        Whoever died between the leaves and their head left it. A database that was set back meanwhile went on
        from the head with other entries of the same numbers, so only what the database says now may stay:
        read back together with newer pieces, the old entries would make the ledger another one.
        """
        pieces = await self._looked()
        async with self._database.read() as connection:
            # After the pieces: what another program of this vault publishes meanwhile is not beyond it.
            size = await tree.size(connection)
        for run in [run for run in pieces if run[1] > head_size]:
            right = (run[0], min(run[1], size))
            if right[0] < right[1]:
                await self._store.put(_key(right), self._text(right))
                pieces.append(right)
            if right != run:  # only now: up to the head, the entries of both are the same
                await self._remove(run)
            pieces.remove(run)

    async def publish(self, size: int) -> None:
        """See to it that the first ``size`` leaves lie outside; raises StorageError."""
        pieces = await self._looked()
        stop = covered(pieces)
        while stop < size:
            run = (stop, min(size, stop + AT_ONCE))
            await self._store.put(_key(run), self._text(run))
            pieces.append(run)
            stop = run[1]
        small = sorted(run for run in pieces if run[1] - run[0] < AT_ONCE)
        if len(small) > MOST_PIECES:
            await self._join(pieces, small)

    async def between(self, start: int, stop: int) -> Sequence[str]:
        """Read leaves back; raises LedgerBrokenError where one is missing, StorageError."""
        found: dict[int, str] = {}
        for run in await self._looked():
            if run[0] < stop and run[1] > start:
                text = await self._store.read(_key(run), limit_bytes=PIECE_LIMIT_BYTES)
                found |= dict(enumerate(text.decode("ascii").splitlines(), start=run[0]))
        missing = [index for index in range(start, stop) if index not in found]
        if missing:
            raise LedgerBrokenError(
                f"entry {missing[0]} of the ledger is neither in the database nor beside the objects"
            )
        return [found[index] for index in range(start, stop)]

    async def _remove(self, run: Run) -> None:
        """Erase a piece. A replica that is away owes it; one that is still listed is not erased."""
        try:
            await self._store.erase(_key(run))
        except UnavailableError:
            if _key(run) in [stored.key async for stored in self._store.list(FOLDER)]:
                raise

    async def _looked(self) -> list[Run]:
        if self._pieces is None:
            self._pieces = [_run(stored.key) async for stored in self._store.list(FOLDER)]
        return self._pieces

    async def _text(self, run: Run) -> AsyncIterator[bytes]:
        for start in range(*run, READ_AT_ONCE):
            stop = min(run[1], start + READ_AT_ONCE)
            query = (
                select(leaves.c.leaf)
                .where(leaves.c.leaf_index >= start, leaves.c.leaf_index < stop)
                .order_by(leaves.c.leaf_index)
            )
            async with self._database.read() as connection:
                some = (await connection.execute(query)).scalars().all()
            yield "".join(f"{leaf}\n" for leaf in some).encode("ascii")

    async def _join(self, pieces: list[Run], small: Sequence[Run]) -> None:
        """Write the small pieces of the end as one, then remove them: in between both are there."""
        first = small[0][0]
        joined = (first, min(covered(pieces), first + AT_ONCE))
        await self._store.put(_key(joined), self._text(joined))
        gone = [run for run in small if joined[0] <= run[0] and run[1] <= joined[1] and run != joined]
        for run in gone:
            # A replica that is away must not keep the head from being published. It owes the erasure; and a
            # piece that stays repeats what the joined one says.
            with suppress(UnavailableError):
                await self._store.erase(_key(run))
        pieces[:] = [run for run in pieces if run not in gone]
        if joined not in pieces:
            pieces.append(joined)


def covered(pieces: Sequence[Run]) -> int:
    """Tell up to where the runs leave nothing out."""
    stop = 0
    for run in sorted(pieces):
        if run[0] > stop:
            break
        stop = max(stop, run[1])
    return stop


def _key(run: Run) -> ObjectKey:
    return ObjectKey(f"{FOLDER}{run[0]:012d}-{run[1]:012d}")


def _run(key: ObjectKey) -> Run:
    first, _, stop = key.removeprefix(FOLDER).partition("-")
    return int(first), int(stop)
