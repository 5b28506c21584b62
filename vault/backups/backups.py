"""Backups: made, read back whole, listed, thrown away in time, and restored (docs/OPERATIONS.md, backups).

A backup is one sealed object under ``backups/main/`` or ``backups/keys/``, each in a store of its own where
the operator says so: who has both, and the epoch's key, has what the vault had. A backup of the key store
is worth nothing once the epoch it was made in is destroyed; that is what makes erasure reach backups.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from crypto.errors import CryptoError
from crypto.keys import DataKey
from crypto.streaming import Opener, Sealer
from storage.errors import AbsentError, StorageError
from storage.store import ObjectKey, ObjectStore, Placement
from vault.backups.dump import Head, Kind, Loader, dump, require_empty
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.migrate import current_revision
from vault.errors import DependencyError, NotFoundError, TamperedError, VaultError
from vault.keys.private_file import read_private, write_private

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 600.0
AGAIN_S: Final = 60.0  # where something failed
SEGMENT_BYTES: Final = 64 * 1024
NAME_RANDOM_BYTES: Final = 4
_STAMP: Final = "%Y%m%dt%H%M%S"
_NAME: Final = re.compile(r"\d{8}t\d{9}z-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup as the store lists it; whether it opens shows only when it is read."""

    kind: Kind
    name: str
    made_at: datetime
    sealed_bytes: int


@dataclass(frozen=True, slots=True)
class BackupRules:
    """How often, and how long each kind is kept. ``every`` of zero: only when somebody says so."""

    every: timedelta
    keep: Mapping[Kind, timedelta]


@dataclass(frozen=True, slots=True)
class BackupParts:
    """The databases, the store of each kind, and the key. No store for a kind: no backups of it.

    ``ring`` is the file of the epoch keys, where a file holds them: it goes into the key store's backups, and
    comes back with them where it is missing.
    """

    databases: Mapping[Kind, Database]
    stores: Mapping[Kind, ObjectStore]
    key: DataKey
    clock: Clock
    ring: Path | None = None


class Backups:
    """Makes and keeps backups; the key store's are what a turn of an epoch waits for."""

    def __init__(self, parts: BackupParts, rules: BackupRules) -> None:
        self._databases = parts.databases
        self._stores = parts.stores
        self._key = parts.key
        self._clock = parts.clock
        self._ring = parts.ring
        self._rules = rules
        self._read_back: set[str] = set()

    async def run(self) -> None:
        """Make what is due and throw away what is old, until cancelled; a fault is tried again."""
        while True:
            kept_up = [await self._kept_up(kind) for kind in self._stores]
            await asyncio.sleep(LOOK_EVERY_S if all(kept_up) else AGAIN_S)

    async def create(self, kind: Kind) -> Backup:
        """Make a backup and read it back; what does not open is removed again.

        Raises NotFoundError where there is no place for this kind, DependencyError where the store or the
        database does not answer, TamperedError where what was stored does not read back.
        """
        store, now = self._store(kind), self._clock.now()
        name = f"{now.astimezone(UTC).strftime(_STAMP)}{now.microsecond // 1000:03d}z"
        name = f"{name}-{secrets.token_hex(NAME_RANDOM_BYTES)}"
        try:
            stored = await store.put(_key_of(kind, name), self._sealed(kind, name, now), if_absent=True)
            await self.verify(kind, name)
        except StorageError as cause:
            raise DependencyError("the store of the backups does not answer; no backup was made") from cause
        except TamperedError:
            await store.erase(_key_of(kind, name))
            raise
        log.info("backup.made", kind=kind.value, name=name, sealed_bytes=stored.size_bytes)
        return Backup(kind, name, now, stored.size_bytes)

    async def verify(self, kind: Kind, name: str) -> Head:
        """Read a backup whole and check every line of it; raises TamperedError, NotFoundError."""
        loader = Loader(kind, None)
        await self._read(kind, name, loader)
        head = await loader.finish()
        self._read_back.add(name)
        return head

    async def all(self, kind: Kind) -> Sequence[Backup]:
        """List the backups of a kind, oldest first; none where there is no place for them."""
        if kind not in self._stores:
            return ()
        try:
            found = [
                Backup(kind, name, made_at, stored.size_bytes)
                async for stored in self._stores[kind].list(_folder(kind))
                if (made_at := _made_at(name := stored.key.rpartition("/")[2])) is not None
            ]
        except StorageError as cause:
            raise DependencyError("the store of the backups does not answer") from cause
        return sorted(found, key=lambda each: each.name)

    async def placement(self, kind: Kind) -> Placement | None:
        """Tell where a kind's backups lie; None where there is no place for them, DependencyError if away."""
        if kind not in self._stores:
            return None
        try:
            return await self._stores[kind].placement()
        except StorageError as cause:
            raise DependencyError("the store of the backups does not answer") from cause

    async def good_since(self, since: datetime) -> bool:
        """See to a backup of the key store from after a moment that was read back; False without a place."""
        if Kind.KEYS not in self._stores:
            return False
        for each in reversed(await self.all(Kind.KEYS)):
            if each.made_at > since:
                if each.name not in self._read_back:
                    await self.verify(Kind.KEYS, each.name)
                return True
        await self.create(Kind.KEYS)
        return True

    async def restore(self, kind: Kind, name: str) -> Head:
        """Fill an empty, migrated database from a backup, in one transaction: all of it or nothing.

        Raises ConflictError for a database that is not empty, ConfigurationError for another version's
        schema, TamperedError for a backup that does not open, NotFoundError for none.
        """
        database = self._databases[kind]
        revision = await current_revision(database) or ""
        async with database.write() as connection:
            await require_empty(connection, kind)
            loader = Loader(kind, connection, revision=revision)
            await self._read(kind, name, loader)
            head = await loader.finish()
            if head.ring and self._ring is not None:
                await asyncio.to_thread(_lay_down, self._ring, head.ring)
            return head

    async def prune(self, kind: Kind) -> int:
        """Erase what is older than its time, never the newest; tells how many."""
        return await self._prune(kind, await self.all(kind))

    async def _prune(self, kind: Kind, there: Sequence[Backup]) -> int:
        oldest = self._clock.now() - self._rules.keep[kind]
        gone = [each for each in there[:-1] if each.made_at < oldest]
        for each in gone:
            try:
                await self._stores[kind].erase(_key_of(kind, each.name))
            except StorageError as cause:
                raise DependencyError("the store of the backups does not answer") from cause
            self._read_back.discard(each.name)
        return len(gone)

    async def _kept_up(self, kind: Kind) -> bool:
        try:
            made = await self.all(kind)
            now = self._clock.now()
            if self._rules.every and (not made or now - made[-1].made_at >= self._rules.every):
                made = [*made, await self.create(kind)]
            await self._prune(kind, made)
        except VaultError as error:
            log.warning("backup.failed", kind=kind.value, error=type(error).__name__)
            return False
        return True

    def _store(self, kind: Kind) -> ObjectStore:
        if kind not in self._stores:
            raise NotFoundError(f"there is no place for backups of the {kind.value} database: set one")
        return self._stores[kind]

    async def _sealed(self, kind: Kind, name: str, now: datetime) -> AsyncIterator[bytes]:
        sealer = Sealer(self._key, associated_data=_associated(kind, name), segment_bytes=SEGMENT_BYTES)
        ring = b""
        if kind is Kind.KEYS and self._ring is not None:
            ring = await asyncio.to_thread(read_private, self._ring)
        async for piece in dump(self._databases[kind], kind, now=now, ring=ring):
            if sealed := await asyncio.to_thread(sealer.update, piece):
                yield sealed
        yield await asyncio.to_thread(sealer.finish)

    async def _read(self, kind: Kind, name: str, loader: Loader) -> None:
        opener = Opener(self._key, associated_data=_associated(kind, name), segment_bytes=SEGMENT_BYTES)
        try:
            async with self._store(kind).open(_key_of(kind, name)) as reading:
                async for sealed in reading:
                    await loader.take(await asyncio.to_thread(opener.update, sealed))
            await loader.take(await asyncio.to_thread(opener.finish))
        except CryptoError as cause:
            raise TamperedError("the backup does not open: changed, cut, or of another backup key") from cause
        except AbsentError as cause:
            raise NotFoundError("there is no such backup") from cause
        except StorageError as cause:
            raise DependencyError("the store of the backups does not answer") from cause


def _lay_down(path: Path, ring: bytes) -> None:
    """Write the ring where there is none: one that is there may be newer."""
    if not path.exists():
        write_private(path, ring)


def _associated(kind: Kind, name: str) -> bytes:
    return f"vault-backup/1\nkind={kind.value}\nname={name}\nseg={SEGMENT_BYTES}\n".encode("ascii")


def _folder(kind: Kind) -> str:
    return f"backups/{kind.value}/"


def _key_of(kind: Kind, name: str) -> ObjectKey:
    return ObjectKey(_folder(kind) + name)


def _made_at(name: str) -> datetime | None:
    """Read the moment out of a name; None for one that is none of ours, which is left alone."""
    if not _NAME.fullmatch(name):
        return None
    try:
        stamp = datetime.strptime(name[:15], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return stamp + timedelta(milliseconds=int(name[15:18]))
