"""Taking stock: what rows say must exist against what every place of the store really holds.

What a listing does not show is looked for, too: versions behind the current one, delete markers, uploads that
nobody finishes. Of the ledger's head a store that keeps versions has them by design.

Two passes, so that a vault may run meanwhile. The first walks each place's listing and remembers which items
are whole there; the second walks the rows and looks again, freshly, at every item that was not. What nobody
owns is looked at again before it is called so.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import structlog
from sqlalchemy import select

from storage.errors import AbsentError, ChangedError, StorageError, UnavailableError
from storage.replicated import ReplicatedStore
from storage.store import ObjectKey
from vault.db.engine import Database
from vault.db.exit_tables import exit_volumes
from vault.db.tables import media, parts
from vault.errors import VaultError
from vault.media.places import ARCHIVE, SPOOL
from vault.model import Id, MediaState, uuid_of

log = structlog.get_logger(__name__)

FIRST_S: Final = 600.0  # after the start, which has better things to do
EVERY_S: Final = 86_400.0  # a listing of everything: a thousand requests for a million objects
AT_ONCE: Final = 200  # folders, or rows, of one query
FINDINGS_MAX: Final = 10_000  # named one by one; beyond that they are counted
_FOLDER: Final = re.compile(rf"^(media|{SPOOL})/[0-9a-f-]{{36}}/([0-9a-f-]{{36}})/", re.ASCII)
_VOLUME: Final = re.compile(rf"^{ARCHIVE}/[0-9a-f-]{{36}}/([0-9a-f-]{{36}})/([0-9]{{6}})\.", re.ASCII)
HEADS: Final = ("ledger/", "callvault-probe/")  # written over and over, or tried out just now
OWN: Final = (*HEADS, "backups/")  # of the vault, and no item's
HIDDEN_S: Final = 86_400.0  # an upload is of an hour at most; what is older nobody finishes
HIDDEN_MAX: Final = 1_000  # of one place, looked at one by one; beyond that they are counted
_KINDS: Final = ("rec", "exp")
_GONE: Final = frozenset({MediaState.ERASED.value, MediaState.LOST.value})


class What(StrEnum):
    """What is wrong with one key at one place."""

    MISSING = "missing"
    WRONG_SIZE = "wrong_size"
    DAMAGED = "damaged"  # its digest is not the row's
    LEFT_OVER = "left_over"  # of an item that is erased or lost, or a fragment of one that is ready
    UNKNOWN = "unknown"  # no row knows it: this database may be the older one
    HIDDEN = "hidden"  # of a key that may be in use: an older version, a delete marker, an old upload


ORPHANS: Final = frozenset({What.LEFT_OVER, What.UNKNOWN, What.HIDDEN})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as rows say."""

    place: str
    key: ObjectKey
    what: What


@dataclass(slots=True)
class Stock:
    """What taking stock found."""

    items: int = 0
    objects: dict[str, int] = field(default_factory=dict)  # by place
    read_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)
    uncounted: int = 0  # findings beyond `FINDINGS_MAX`
    away: list[str] = field(default_factory=list)  # places that did not answer: nothing is said of them

    def count(self, *whats: What) -> int:
        """How many findings are of these kinds."""
        return sum(one.what in whats for one in self.findings)

    @property
    def orphans(self) -> int:
        """How many objects no living item owns."""
        return self.count(*ORPHANS)

    def add(self, finding: Finding) -> None:
        """Note a finding."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(finding)
        else:
            self.uncounted += 1


@dataclass(frozen=True, slots=True)
class Expected:
    """A finished part, as its row has it."""

    key: ObjectKey
    size_bytes: int
    sha256: bytes


Shelf = dict[ObjectKey, int]  # what a place has of one folder, with sizes


class Inventory:
    """Takes stock of every place."""

    def __init__(self, database: Database, store: ReplicatedStore) -> None:
        self._database = database
        self._store = store
        self.last: Stock | None = None

    async def run(self) -> None:
        """Take stock again and again, for the metrics, until cancelled. Nothing is read, nothing repaired."""
        await asyncio.sleep(FIRST_S)
        while True:
            try:
                self.last = await self.take()
            except (StorageError, VaultError) as error:
                log.warning("inventory.failed", error=type(error).__name__)
            else:
                wrong = len(self.last.findings) + self.last.uncounted
                if wrong:
                    log.warning("inventory.findings", objects=wrong, hint="run `callvault check`")
            await asyncio.sleep(EVERY_S)

    async def take(self, *, read_data: bool = False) -> Stock:
        """Compare everything; with ``read_data`` also the digest of every byte."""
        stock, whole = Stock(), dict[str, set[str]]()
        for place in self._store.places:
            whole[place] = set()
            try:
                suspects = await self._walk(place, whole[place], stock)
                await self._confirm(place, suspects, stock)
                await self._look_behind(place, stock)
            except UnavailableError:
                stock.away.append(place)
        async for batch in self._ready():
            stock.items += len(batch)
            for media_id in batch:
                await self._item(media_id, whole, stock, read_data=read_data)
        return stock

    # --- what is there --------------------------------------------------------------------------------------

    async def _walk(self, place: str, whole: set[str], stock: Stock) -> Shelf:
        """List a place; return what seems to be nobody's."""
        suspects: Shelf = {}
        shelves: dict[str, Shelf] = {}
        stock.objects[place] = 0
        async for stored in self._store.places[place].list():
            stock.objects[place] += 1
            folder = _FOLDER.match(stored.key)
            if folder is None:
                if not stored.key.startswith(OWN):
                    suspects[stored.key] = stored.size_bytes
                continue
            if folder.group(0) not in shelves and len(shelves) >= AT_ONCE:
                suspects |= await self._sorted_out(shelves, whole)
                shelves.clear()
            shelves.setdefault(folder.group(0), {})[stored.key] = stored.size_bytes
        return suspects | await self._sorted_out(shelves, whole)

    async def _sorted_out(self, shelves: Mapping[str, Shelf], whole: set[str]) -> Shelf:
        states, expected = await self._known(_uuid(folder) for folder in shelves)
        suspects: Shelf = {}
        for folder, shelf in shelves.items():
            uuid = _uuid(folder)
            if _what(folder, states.get(uuid)) is not None:
                suspects |= shelf
            elif not folder.startswith(SPOOL) and all(
                shelf.get(part.key) == part.size_bytes for part in expected.get(uuid, [])
            ):
                whole.add(uuid)
        return suspects

    async def _confirm(self, place: str, suspects: Collection[ObjectKey], stock: Stock) -> None:
        """Look again at what seemed to be nobody's: a vault that runs may have made or deleted it."""
        keys = sorted(suspects)
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            states, _ = await self._known(_uuid(key) for key in some if _FOLDER.match(key))
            owned = await self._volumes(some)
            for key in some:
                what = _what(key, states.get(_uuid(key))) if _FOLDER.match(key) else What.UNKNOWN
                if key in owned:
                    continue
                if what is not None and await self._size(place, key) is not None:
                    stock.add(Finding(place, key, what))

    async def _look_behind(self, place: str, stock: Stock) -> None:
        """Find what no listing shows, and look again: an erasure under way may have deleted it."""
        found: set[ObjectKey] = set()
        async for page in self._store.places[place].hidden(older_s=HIDDEN_S):
            behind = {key for key in page if not key.startswith(HEADS)} - found
            some = sorted(behind)[: HIDDEN_MAX - len(found)]
            stock.uncounted += len(behind) - len(some)
            found.update(some)
        for key in sorted(found):
            what = await self._what_hidden(key)
            current = await self._size(place, key) is not None
            if what is not None and len(await self._store.places[place].remains(key)) > current:
                stock.add(Finding(place, key, what))

    async def _what_hidden(self, key: ObjectKey) -> What | None:
        if not _FOLDER.match(key):
            return What.HIDDEN
        states, _ = await self._known([_uuid(key)])
        state = states.get(_uuid(key))
        if state == MediaState.ERASING:
            return None
        return _what(key, state) or What.HIDDEN

    async def _volumes(self, keys: Collection[ObjectKey]) -> Collection[ObjectKey]:
        """Name those keys that are volumes of what a tenant takes along."""
        named = {key: match for key in keys if (match := _VOLUME.match(key))}
        ids = {f"xit_{match[1].replace('-', '')}" for match in named.values()}
        if not ids:
            return ()
        query = select(exit_volumes.c.exit_id, exit_volumes.c.number).where(exit_volumes.c.exit_id.in_(ids))
        async with self._database.read() as connection:
            rows = {(_name(row.exit_id), row.number) for row in await connection.execute(query)}
        return {key for key, match in named.items() if (match[1], int(match[2])) in rows}

    async def _known(self, uuids: Any) -> tuple[Mapping[str, str], Mapping[str, list[Expected]]]:
        """Give the states of items, and the parts of those that are ready, by the names in their keys."""
        ids = [f"{kind}_{uuid.replace('-', '')}" for uuid in set(uuids) for kind in _KINDS]
        states, expected = dict[str, str](), dict[str, list[Expected]]()
        async with self._database.read() as connection:
            found = await connection.execute(select(media.c.id, media.c.state).where(media.c.id.in_(ids)))
            for row in found:
                states[_name(row.id)] = row.state
        for media_id, those in (await self._parts(ids)).items():
            expected[_name(media_id)] = those
        return states, expected

    # --- what there must be ---------------------------------------------------------------------------------

    async def _ready(self) -> AsyncIterator[Sequence[Id]]:
        """Give the finished items in batches."""
        last = ""
        query = select(media.c.id).where(media.c.state == MediaState.READY.value)
        while True:
            async with self._database.read() as connection:
                rows = await connection.execute(
                    query.where(media.c.id > last).order_by(media.c.id).limit(AT_ONCE)
                )
                batch = [row.id for row in rows]
            if not batch:
                return
            yield batch
            last = batch[-1]

    async def _parts(self, ids: Collection[str]) -> Mapping[Id, list[Expected]]:
        """Give the parts of the items that are ready now."""
        query = (
            select(parts.c.media_id, parts.c.object_key, parts.c.sealed_bytes, parts.c.sealed_sha256)
            .join(media, media.c.id == parts.c.media_id)
            .where(parts.c.media_id.in_(ids), media.c.state == MediaState.READY.value)
        )
        found: dict[Id, list[Expected]] = {}
        async with self._database.read() as connection:
            for row in await connection.execute(query):
                part = Expected(ObjectKey(row.object_key), row.sealed_bytes, row.sealed_sha256)
                found.setdefault(row.media_id, []).append(part)
        return found

    async def _item(
        self, media_id: Id, whole: Mapping[str, set[str]], stock: Stock, *, read_data: bool
    ) -> None:
        for place in self._store.places:
            if place in stock.away or (_name(media_id) in whole[place] and not read_data):
                continue
            try:
                found = [
                    Finding(place, part.key, what)
                    for part in (await self._parts([media_id])).get(media_id, [])
                    if (what := await self.wrong(place, part, stock, read_data=read_data)) is not None
                ]
            except UnavailableError:
                stock.away.append(place)
                continue
            if found and await self._parts([media_id]):  # not one that is being erased just now
                for finding in found:
                    stock.add(finding)

    async def wrong(self, place: str, part: Expected, stock: Stock, *, read_data: bool) -> What | None:
        """Say what is wrong with a part at a place, if anything is."""
        size_bytes = await self._size(place, part.key)
        if size_bytes is None:
            return What.MISSING
        if size_bytes != part.size_bytes:
            return What.WRONG_SIZE
        if not read_data:
            return None
        digest = hashlib.sha256()
        try:
            async with self._store.places[place].open(part.key) as reading:
                async for block in reading:
                    digest.update(block)
                    stock.read_bytes += len(block)
        except (AbsentError, ChangedError):
            return What.MISSING
        return None if digest.digest() == part.sha256 else What.DAMAGED

    async def _size(self, place: str, key: ObjectKey) -> int | None:
        try:
            return (await self._store.places[place].head(key)).size_bytes
        except AbsentError:
            return None

    async def expected(self, keys: Collection[ObjectKey]) -> Mapping[ObjectKey, Expected]:
        """Give the parts behind these keys, as far as their items are still ready."""
        query = select(parts.c.media_id).where(parts.c.object_key.in_(sorted(keys)))
        async with self._database.read() as connection:
            ids = {row.media_id for row in await connection.execute(query)}
        return {part.key: part for those in (await self._parts(ids)).values() for part in those}


def _uuid(folder: str) -> str:
    return folder.split("/")[2]


def _name(media_id: str) -> str:
    """Give the name that an item has in the keys of its objects."""
    return uuid_of(media_id)


def _what(folder: str, state: str | None) -> What | None:
    """Say whose an item's folder is not; None where it has an owner, or an erasure is at work on it."""
    if state is None:
        return What.UNKNOWN
    if state in _GONE or (folder.startswith(SPOOL) and state == MediaState.READY):
        return What.LEFT_OVER
    return None
