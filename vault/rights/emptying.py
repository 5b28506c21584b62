"""A tenant's end: its keys first, so that nobody reads anything within seconds, then objects and rows.

What is left to delete may be a million objects, so each round is bounded and the next goes on where it
ended. The counts so far stand in the erasure's evidence, and with it in the receipt.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Row, Table, delete, select, tuple_, update

from storage.errors import StorageError
from storage.store import ObjectKey, ObjectStore
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import erasures, media
from vault.errors import DependencyError
from vault.keys.store import KeyStore
from vault.media.places import tenant_prefixes
from vault.model import MediaState
from vault.rights.tenant_rows import EMPTIED_TABLES, rows_of

ROUND_S: Final = 10.0  # others' erasures wait for so long
OBJECTS_AT_ONCE: Final = 200
ROWS_AT_ONCE: Final = 500
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

        Raises DependencyError where a place does not answer.
        """
        until_s = self._clock.monotonic() + ROUND_S
        try:
            while found := await self._some(row.tenant_id):
                await self._erase(row.object_id, found)
                if self._clock.monotonic() >= until_s:
                    return False
        except StorageError as cause:
            raise DependencyError("the store does not answer; the erasure goes on when it does") from cause
        return True

    async def _some(self, tenant_id: str) -> list[ObjectKey]:
        """Name some objects that are left, with versions, markers and unfinished uploads."""
        found: list[ObjectKey] = []
        for prefix in tenant_prefixes(tenant_id):
            async for stored in self._store.list(prefix):
                found.append(ObjectKey(stored.key))
                if len(found) == OBJECTS_AT_ONCE:
                    return found
            lines = await self._store.remains(prefix)
            found += sorted({ObjectKey(line.split(" ", 2)[1]) for line in lines} - set(found))
            if found:
                return found
        return found

    async def _erase(self, object_id: str, keys: list[ObjectKey]) -> None:
        counted = dict.fromkeys(("versions", "markers", "uploads"), 0)
        for key in keys:
            gone = await self._store.erase(key)
            counted["versions"] += gone.versions_deleted
            counted["markers"] += gone.markers_deleted
            counted["uploads"] += gone.uploads_aborted
        await self._count(object_id, counted)

    async def delete_rows(self, row: Row[Any]) -> bool:
        """Delete rows for a round; True when none is left that is the tenant's own."""
        until_s = self._clock.monotonic() + ROUND_S
        for table in EMPTIED_TABLES:
            while await self._delete_some(table, row):
                if self._clock.monotonic() >= until_s:
                    return False
        while await self._keys.forget_some(row.tenant_id, limit=ROWS_AT_ONCE):
            if self._clock.monotonic() >= until_s:
                return False
        return True

    async def _delete_some(self, table: Table, row: Row[Any]) -> int:
        key = list(table.primary_key.columns)
        some = select(*key).where(rows_of(table, row.tenant_id)).limit(ROWS_AT_ONCE)
        async with self._database.write() as connection:
            found = (await connection.execute(some)).all()
            if found:
                these = tuple_(*key).in_([tuple(each) for each in found])
                await connection.execute(delete(table).where(these))
        if found:
            await self._count(row.object_id, {"rows": len(found)})
        return len(found)

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
            now |= told(now)
            noted = {"evidence": now, "epoch": now.get("epoch")}
            await connection.execute(update(erasures).where(this).values(noted))
