"""A tenant's end: its keys first, so that nobody reads anything within seconds, then objects and rows.

What is left to delete may be a million objects, so each round is bounded and the next goes on where it
ended. The counts so far stand in the erasure's evidence, and with it in the receipt.
"""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import structlog
from sqlalchemy import Row, Table, delete, select, tuple_, update

from storage.errors import StorageError
from storage.store import ObjectKey, ObjectStore
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import erasures, media
from vault.errors import DependencyError
from vault.jobs import together
from vault.keys.store import KeyStore
from vault.media.places import tenant_prefixes
from vault.model import MediaState
from vault.rights.tenant_rows import EMPTIED_TABLES, blank, named, rows_of

log = structlog.get_logger(__name__)

ROUND_S: Final = 10.0  # others' erasures wait for so long
OBJECTS_AT_ONCE: Final = 200  # are counted together
ERASERS: Final = 4  # of the store's twelve threads: calls go on
ROWS_AT_ONCE: Final = 500  # in one transaction, at most
FIRST_ROWS: Final = 50
BATCH_S: Final = 0.1  # of the one writer, for which calls wait that begin meanwhile
UNFINISHED: Final = (MediaState.CAPTURING.value, MediaState.FINISHING.value)


class Emptying:
    """Empties a tenant. Every method may be repeated without harm."""

    def __init__(self, database: Database, keys: KeyStore, store: ObjectStore, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._store = store
        self._clock = clock

    async def unfinished(self, tenant_id: str) -> list[str]:
        """Name the media items that are still being made."""
        query = select(media.c.id).where(media.c.tenant_id == tenant_id, media.c.state.in_(UNFINISHED))
        async with self._database.read() as connection:
            return list((await connection.execute(query)).scalars())

    async def forget_keys(self, row: Row[Any]) -> bool:
        """Forget the tenant's own keys, without which no data key of theirs opens; True when traces are gone.

        The receipt names the newest epoch that they were in: when its end is told, all the others have ended.
        It is noted before they are forgotten, too: a crash between the two databases must not cost it.
        """
        await self._note_epoch(row, await self._keys.newest_epoch(row.tenant_id))
        await self._note_epoch(row, await self._keys.forget_tenant(row.tenant_id))
        return await self._keys.tenant_traces_gone()

    async def _note_epoch(self, row: Row[Any], epoch: int | None) -> None:
        if epoch is not None:
            await self._note(row.object_id, lambda now: {"epoch": max(epoch, int(now.get("epoch", 0)))})

    async def delete_objects(self, row: Row[Any]) -> bool:
        """Delete objects for a round; True when every place lists nothing of the tenant any more.

        What a place does not delete is passed over, and looked for again in the next round. Raises
        DependencyError where there was any, or a place does not answer.
        """
        until_s = self._clock.monotonic() + ROUND_S
        failed: dict[ObjectKey, StorageError] = {}
        while True:
            found, away = False, list[StorageError]()
            for prefix in tenant_prefixes(row.tenant_id):
                try:
                    found |= await self._delete_listed(prefix, row.object_id, failed, until_s)
                except StorageError as error:  # it is raised once nothing else is left to do
                    away.append(error)
            is_over = self._clock.monotonic() >= until_s
            if (failed or away) and (is_over or not found):
                raise _waits(row, [*failed.values(), *away]) from [*failed.values(), *away][0]
            if is_over or not found:
                return not found

    async def _delete_listed(
        self, prefix: str, object_id: str, failed: dict[ObjectKey, StorageError], until_s: float
    ) -> bool:
        """Delete what one listing gives, until a moment; tells whether it gave anything.

        One listing, not one for each handful: of a million objects a listing takes its time, too.
        """
        found = False
        async with aclosing(self._left(prefix, besides=failed)) as left:
            async for some in left:
                found = True
                await self._erase(object_id, some, failed)
                if self._clock.monotonic() >= until_s:
                    break
        return found

    async def _left(
        self, prefix: str, *, besides: Collection[ObjectKey]
    ) -> AsyncGenerator[Sequence[ObjectKey]]:
        """Name what is left, some at a time, with versions, markers and unfinished uploads at the end.

        What a place named before another failed is named before that is raised.
        """
        some: list[ObjectKey] = []
        try:
            async for stored in self._store.list(prefix):
                if (key := ObjectKey(stored.key)) not in besides:
                    some.append(key)
                if len(some) == OBJECTS_AT_ONCE:
                    yield some
                    some = []
            lines = await self._store.remains(prefix)
            left = {ObjectKey(line.split(" ", 2)[1]) for line in lines}
            some += sorted(left - set(some) - set(besides))
        except StorageError:
            if some:
                yield some
            raise
        if some:
            yield some

    async def _erase(
        self, object_id: str, keys: Sequence[ObjectKey], failed: dict[ObjectKey, StorageError]
    ) -> None:
        """Erase objects, a few at the same time: each waits for a disk or a network, none for another."""
        counted = dict.fromkeys(("versions", "markers", "uploads"), 0)

        async def erase(some: Sequence[ObjectKey]) -> None:
            for key in some:
                try:
                    gone = await self._store.erase(key)
                except StorageError as error:
                    failed[key] = error
                    continue
                counted["versions"] += gone.versions_deleted
                counted["markers"] += gone.markers_deleted
                counted["uploads"] += gone.uploads_aborted

        await together(*(erase(keys[at::ERASERS]) for at in range(ERASERS)))
        await self._count(object_id, counted)

    async def delete_rows(self, row: Row[Any]) -> bool:
        """Delete rows for a round; True when none is left that is the tenant's own, nor its name."""
        until_s = self._clock.monotonic() + ROUND_S
        pace = _Pace()
        deleted = True
        while deleted:  # until a look through all of them finds none
            deleted = False
            for table in EMPTIED_TABLES:
                after: tuple[Any, ...] | None = None
                while (after := await self._delete_some(table, row, pace, after)) is not None:
                    deleted = True
                    if self._clock.monotonic() >= until_s:
                        return False
        while await self._keys.forget_some(row.tenant_id, limit=pace.rows):
            if self._clock.monotonic() >= until_s:
                return False
        async with self._database.write() as connection:
            await blank(connection, row.tenant_id)
        return True

    async def _delete_some(
        self, table: Table, row: Row[Any], pace: "_Pace", after: tuple[Any, ...] | None
    ) -> tuple[Any, ...] | None:
        """Delete some rows behind a key; tells the last of them, None where there was none.

        They are found before the one writer is taken: others' rows lie between a tenant's.
        """
        key = list(table.primary_key.columns)
        some = select(*key).where(rows_of(table, row.tenant_id)).order_by(*key).limit(pace.rows)
        if after is not None:
            some = some.where(tuple_(*key) > after)
        async with self._database.read() as connection:
            found = [tuple(each) for each in await connection.execute(some)]
        if not found:
            return None
        async with self._database.write() as connection:
            begun_s = self._clock.monotonic()
            await connection.execute(delete(table).where(named(table, found)))
            pace.took(self._clock.monotonic() - begun_s)
        await self._count(row.object_id, {"rows": len(found)})
        return found[-1]

    async def traces_gone(self) -> bool:
        """Clean both databases' logs of what was deleted; False while a reader holds one."""
        names = ["tenants", *(table.name for table in EMPTIED_TABLES)]
        return await self._keys.tenant_traces_gone() and await self._database.forget_traces(*names)

    async def _count(self, object_id: str, counted: dict[str, int]) -> None:
        await self._note(
            object_id, lambda now: {name: int(now.get(name, 0)) + n for name, n in counted.items()}
        )

    async def _note(self, object_id: str, told: Callable[[Mapping[str, Any]], dict[str, int]]) -> None:
        """Add to an erasure's evidence what follows from what it says by now."""
        this = erasures.c.object_id == object_id
        async with self._database.write() as connection:
            now = dict((await connection.execute(select(erasures.c.evidence).where(this))).scalar_one())
            now |= told(now)
            noted = {"evidence": now, "epoch": now.get("epoch")}
            await connection.execute(update(erasures).where(this).values(noted))


class _Pace:
    """How many rows are deleted in one transaction: so many as keep others from writing for a moment only."""

    def __init__(self) -> None:
        self.rows = FIRST_ROWS

    def took(self, seconds: float) -> None:
        """Learn how long the last ones took."""
        if seconds > BATCH_S:
            self.rows = max(1, self.rows // 2)
        elif seconds < BATCH_S / 2:
            self.rows = min(ROWS_AT_ONCE, self.rows * 2)


def _waits(row: Row[Any], failed: Sequence[StorageError]) -> DependencyError:
    places = sorted({place for error in failed for place in error.places})
    log.warning("erasure.store_waits", object=row.object_id, places=places)
    return DependencyError("the store does not answer; the erasure goes on when it does")
