"""A tenant's end: its keys first, so that nobody reads anything within seconds, then objects and rows.

What is left to delete may be a million objects, so each round is bounded and the next goes on where it
ended. The counts so far stand in the erasure's evidence, and with it in the receipt.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final

from sqlalchemy import Row, Table, delete, select, update

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
from vault.rights.tenant_rows import EMPTIED_TABLES, named, rows_of

ROUND_S: Final = 10.0  # others' erasures wait for so long
OBJECTS_AT_ONCE: Final = 200  # are counted together
ERASERS: Final = 4  # of the store's twelve threads: calls go on
ROWS_AT_ONCE: Final = 500  # in one transaction: the one writer is waited for
NAMES_AT_ONCE: Final = 20_000  # some megabytes
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

        The receipt names the newest epoch that they were in: when that has ended, all before it have.
        """
        epoch = await self._keys.forget_tenant(row.tenant_id)
        if epoch is not None:
            await self._note(row.object_id, lambda _: {"epoch": epoch})
        return await self._keys.tenant_traces_gone()

    async def delete_objects(self, row: Row[Any]) -> bool:
        """Delete objects for a round; True when every place lists nothing of the tenant any more.

        Raises DependencyError where a place does not answer.
        """
        until_s = self._clock.monotonic() + ROUND_S
        try:
            for prefix in tenant_prefixes(row.tenant_id):
                while not await self._is_empty(prefix, row.object_id):
                    if self._clock.monotonic() >= until_s:
                        return False
        except StorageError as cause:
            raise DependencyError("the store does not answer; the erasure goes on when it does") from cause
        return True

    async def _is_empty(self, prefix: str, object_id: str) -> bool:
        """Delete what one listing gives, for as long as a round may take; True where it gave nothing.

        One listing, not one for each handful: of a million objects a listing takes its time, too.
        """
        until_s = self._clock.monotonic() + ROUND_S
        is_empty = True
        async with aclosing(self._left(prefix)) as left:
            async for some in left:
                is_empty = False
                await self._erase(object_id, some)
                if self._clock.monotonic() >= until_s:
                    break
        return is_empty

    async def _left(self, prefix: str) -> AsyncGenerator[list[ObjectKey]]:
        """Name what is left, some at a time, with versions, markers and unfinished uploads at the end."""
        some: list[ObjectKey] = []
        async for stored in self._store.list(prefix):
            some.append(ObjectKey(stored.key))
            if len(some) == OBJECTS_AT_ONCE:
                yield some
                some = []
        lines = await self._store.remains(prefix)
        some += sorted({ObjectKey(line.split(" ", 2)[1]) for line in lines} - set(some))
        if some:
            yield some

    async def _erase(self, object_id: str, keys: list[ObjectKey]) -> None:
        """Erase objects, a few at the same time: each waits for a disk or a network, none for another."""
        counted = dict.fromkeys(("versions", "markers", "uploads"), 0)

        async def erase(some: list[ObjectKey]) -> None:
            for key in some:
                gone = await self._store.erase(key)
                counted["versions"] += gone.versions_deleted
                counted["markers"] += gone.markers_deleted
                counted["uploads"] += gone.uploads_aborted

        await together(*(erase(keys[at::ERASERS]) for at in range(ERASERS)))
        await self._count(object_id, counted)

    async def delete_rows(self, row: Row[Any]) -> bool:
        """Delete rows for a round; True when none is left that is the tenant's own."""
        until_s = self._clock.monotonic() + ROUND_S
        for table in EMPTIED_TABLES:
            while names := await self._names(table, row.tenant_id):
                for start in range(0, len(names), ROWS_AT_ONCE):
                    await self._delete(table, names[start : start + ROWS_AT_ONCE], row)
                    if self._clock.monotonic() >= until_s:
                        return False
        while await self._keys.forget_some(row.tenant_id, limit=ROWS_AT_ONCE):
            if self._clock.monotonic() >= until_s:
                return False
        return True

    async def _names(self, table: Table, tenant_id: str) -> list[tuple[Any, ...]]:
        """Name rows that are left by their keys.

        Many more than are deleted at once: not every table has an index by tenant, and those of others are
        passed over once for all of them.
        """
        some = select(*table.primary_key.columns).where(rows_of(table, tenant_id)).limit(NAMES_AT_ONCE)
        async with self._database.read() as connection:
            return [tuple(each) for each in (await connection.execute(some)).all()]

    async def _delete(self, table: Table, names: list[tuple[Any, ...]], row: Row[Any]) -> None:
        async with self._database.write() as connection:
            deleted = await connection.execute(delete(table).where(named(table, names)))
        await self._count(row.object_id, {"rows": deleted.rowcount})

    async def traces_gone(self) -> bool:
        """Clean both databases' logs of what was deleted; False while a reader holds one."""
        names = [table.name for table in EMPTIED_TABLES]
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
            await connection.execute(update(erasures).where(this).values(evidence={**now, **told(now)}))
