"""The restore fence: a database that was set back serves nothing that was erased since.

What it lacks lies beside the objects: the ledger's entries. They are appended again as they were, and every
erasure among them is asked for again in the same transaction, so that what it reaches is out of reach from
that moment on, wherever a crash comes. A key store that was set back, alone or too, is told first.
"""

import json
from collections.abc import AsyncIterator, Collection, Sequence
from functools import partial
from typing import Final

import structlog
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.engine import Database, after_commit
from vault.db.ledger_tables import is_shredded, leaves
from vault.db.tables import erasures
from vault.keys.store import KeyStore
from vault.ledger.checkpoints import Checkpoints
from vault.ledger.continuing import candidates, plain
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import ErasureState, is_id
from vault.rights.erasure import WITH_IT, went_along
from vault.rights.replaying import WITH_A_KEY, Leaf, Replay
from vault.rights.tenant_rows import TENANT

log = structlog.get_logger(__name__)

IDS_AT_ONCE: Final = 500  # names in one statement


class Fence:
    """Stands before the doors at each start."""

    def __init__(
        self, database: Database, keys: KeyStore, ledger: Ledger, checkpoints: Checkpoints, replay: Replay
    ) -> None:
        self._database = database
        self._keys = keys
        self._ledger = ledger
        self._checkpoints = checkpoints
        self._replay = replay

    async def let_through(self) -> int:
        """Bring what was set back up to date; tells how many entries the database lacked.

        Raises LedgerBrokenError where the database is no earlier state of the published ledger.
        """
        lacked = await self._checkpoints.require_continued(self._redo)
        await self._forget_again()
        return lacked

    async def _redo(self, connection: AsyncConnection, leaves: Sequence[str]) -> None:
        """Forget the keys of what these entries say is shredded, do again what they say, and say so.

        All of it or nothing: whoever dies in it leaves a database that lacks the entries as before.
        """
        fields = [json.loads(leaf) for leaf in leaves]
        shredded = [each for each in fields if each["type"] == EntryType.OBJECT_SHREDDED]
        gone = _gone(shredded)
        keys = await self._keys.forget_all(_named(gone))
        keys += await self._keys.forget_tenants(_tenants_gone(shredded))  # the row of one may be lost
        asked = {each["object"] for each in fields if each["type"] == EntryType.ERASURE_REQUESTED} - gone
        await self._replay.run(connection, leaves, keyed=set(await self._keys.holding(_named(asked))))
        await self._ledger.append(connection, _restored(entries=len(leaves), keys=keys))
        after_commit(connection, partial(_log_restored, entries=len(leaves), keys=keys))

    async def _forget_again(self) -> None:
        """Forget keys that a restored key store has of what the main database knows to be erased.

        With each go the keys that went along: the rows that led to them are gone. It is said before it is
        done: whoever dies in between says it once more.
        """
        keys = 0
        async for some in self._erased():
            keys += len(await self._keys.holding(some))
            keys += len(await self._keys.tenants_known(_tenants_among(some)))
        if keys:
            await self._ledger.record(_restored(entries=0, keys=keys))
        async for some in self._erased():
            await self._keys.forget_all(some)
            await self._keys.forget_tenants(_tenants_among(some))
        if keys:
            _log_restored(entries=0, keys=keys)

    async def _erased(self) -> AsyncIterator[Sequence[str]]:
        after = ""
        while True:
            query = (
                select(erasures.c.object_id, erasures.c.evidence)
                .where(erasures.c.object_id > after, erasures.c.state != ErasureState.REQUESTED.value)
                .order_by(erasures.c.object_id)
                .limit(IDS_AT_ONCE)
            )
            async with self._database.read() as connection:
                some = (await connection.execute(query)).all()
            if not some:
                break
            yield [name for row in some for name in (row.object_id, *row.evidence.get(WITH_IT, ()))]
            after = some[-1].object_id
        async for names in self._without_row():
            yield names

    async def _without_row(self) -> AsyncIterator[Sequence[str]]:
        """Name what the ledger says is shredded and rows do not: made after the copy, or asked for before it.

        The ledger is right: it was told to whoever asked.
        """
        last = -1
        known = exists().where(
            erasures.c.object_id == leaves.c.object_id, erasures.c.state != ErasureState.REQUESTED.value
        )
        shredded = select(leaves.c.leaf_index, leaves.c.leaf).where(is_shredded, ~known)
        while True:
            query = shredded.where(leaves.c.leaf_index > last).order_by(leaves.c.leaf_index)
            async with self._database.read() as connection:
                some = (await connection.execute(query.limit(IDS_AT_ONCE))).all()
            if not some:
                return
            fields = [json.loads(row.leaf) for row in some]
            yield [*_named(_gone(fields)), *_tenants_gone(fields)]
            last = some[-1].leaf_index


def _restored(*, entries: int, keys: int) -> Entry:
    return Entry(EntryType.SYSTEM_RESTORED, facts={"entries": entries, "keys": keys})


def _log_restored(*, entries: int, keys: int) -> None:
    log.warning("system.restored", entries=entries, keys=keys)


def _gone(shredded: Sequence[Leaf]) -> set[str]:
    return {uuid for each in shredded for uuid in (each["object"], *went_along(each))}


def _tenants_gone(shredded: Sequence[Leaf]) -> list[str]:
    return [f"ten_{plain(each['object'])}" for each in shredded if each.get("kind") == TENANT]


def _tenants_among(names: Sequence[str]) -> list[str]:
    return [name for name in names if is_id(name, "ten")]


def _named(uuids: Collection[str]) -> list[str]:
    return [name for uuid in uuids for name in candidates(uuid, WITH_A_KEY)]
