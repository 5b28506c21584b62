"""A shelf: one kind's backups at one place. What is made there is read back; what is old there goes.

Every place has backups of its own, made from the database, not copied from another place: so one place's
fault, of its disk or its bytes, is no other's.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Sequence
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
from vault.errors import DependencyError, NotFoundError, TamperedError
from vault.keys.private_file import read_private, write_private

log = structlog.get_logger(__name__)

SEGMENT_BYTES: Final = 64 * 1024
NAME_RANDOM_BYTES: Final = 4
_STAMP: Final = "%Y%m%dt%H%M%S"
_NAME: Final = re.compile(r"\d{8}t\d{9}z-[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where backups go. What two places of one ``domain`` hold is lost together: it counts once."""

    name: str
    store: ObjectStore
    domain: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What is backed up, and under which key.

    ``ring`` is the file of the epoch keys, where a file holds them: it goes into the key store's backups, and
    comes back with them where it is missing.
    """

    kind: Kind
    database: Database
    key: DataKey
    clock: Clock
    ring: Path | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup as its place lists it; whether it opens shows only when it is read."""

    kind: Kind
    place: str
    name: str
    made_at: datetime
    sealed_bytes: int


class Shelf:
    """The backups of one kind at one place."""

    def __init__(self, subject: Subject, place: Place) -> None:
        self.place = place.name
        self.domain = place.domain
        self._subject = subject
        self._kind = subject.kind
        self._store = place.store
        self._read_back: set[str] = set()

    async def create(self) -> Backup:
        """Make a backup and read it back; what does not open is removed again.

        Raises DependencyError where the store or the database does not answer, TamperedError where what was
        stored does not read back.
        """
        now = self._subject.clock.now()
        name = f"{now.astimezone(UTC).strftime(_STAMP)}{now.microsecond // 1000:03d}z"
        name = f"{name}-{secrets.token_hex(NAME_RANDOM_BYTES)}"
        try:
            stored = await self._store.put(self._key_of(name), self._sealed(name, now), if_absent=True)
            await self.verify(name)
        except StorageError as cause:
            raise self._away("no backup was made") from cause
        except TamperedError:
            await self._erase(name)
            raise
        size = stored.size_bytes
        log.info("backup.made", kind=self._kind.value, place=self.place, name=name, sealed_bytes=size)
        return Backup(self._kind, self.place, name, _made_at(name) or now, size)

    async def verify(self, name: str) -> Head:
        """Read a backup whole and check every line of it; raises TamperedError, NotFoundError."""
        self._read_back.discard(name)
        loader = Loader(self._kind, None)
        await self._read(name, loader)
        head = await loader.finish()
        self._read_back.add(name)
        return head

    async def all(self) -> Sequence[Backup]:
        """List the backups, oldest first; DependencyError where the place does not answer."""
        try:
            found = [
                Backup(self._kind, self.place, name, made_at, stored.size_bytes)
                async for stored in self._store.list(self._folder)
                if (made_at := _made_at(name := stored.key.rpartition("/")[2])) is not None
            ]
        except StorageError as cause:
            raise self._away() from cause
        return sorted(found, key=lambda each: each.name)

    async def placement(self) -> Placement:
        """Tell where the backups lie; DependencyError where the place does not answer."""
        try:
            return await self._store.placement()
        except StorageError as cause:
            raise self._away() from cause

    async def has_good(self, since: datetime, *, afresh: bool) -> bool:
        """Tell whether a backup from after a moment is here that was read back; ``afresh``: just now.

        One that does not open is passed over. Raises DependencyError where the place does not answer.
        """
        for each in reversed([each for each in await self.all() if each.made_at > since]):
            try:
                if afresh or each.name not in self._read_back:
                    await self.verify(each.name)
            except (TamperedError, NotFoundError) as error:
                log.error(
                    "backup.spoiled",
                    kind=self._kind.value,
                    place=self.place,
                    name=each.name,
                    error=type(error).__name__,
                )
            else:
                return True
        return False

    async def restore(self, name: str) -> Head:
        """Fill an empty, migrated database from a backup, in one transaction: all of it or nothing.

        Raises ConflictError for a database that is not empty, ConfigurationError for another version's
        schema, TamperedError for a backup that does not open, NotFoundError for none.
        """
        subject = self._subject
        revision = await current_revision(subject.database) or ""
        async with subject.database.write() as connection:
            await require_empty(connection, self._kind)
            loader = Loader(self._kind, connection, revision=revision)
            await self._read(name, loader)
            head = await loader.finish()
            if head.ring and subject.ring is not None:
                await asyncio.to_thread(_lay_down, subject.ring, head.ring)
            return head

    async def prune(self, there: Sequence[Backup], keep: timedelta) -> int:
        """Erase what is older than its time, never the newest; tells how many."""
        oldest = self._subject.clock.now() - keep
        gone = [each for each in there[:-1] if each.made_at < oldest]
        for each in gone:
            await self._erase(each.name)
        return len(gone)

    async def _erase(self, name: str) -> None:
        try:
            await self._store.erase(self._key_of(name))
        except StorageError as cause:
            raise self._away() from cause
        self._read_back.discard(name)

    async def _sealed(self, name: str, now: datetime) -> AsyncIterator[bytes]:
        subject = self._subject
        associated = _associated(self._kind, name)
        sealer = Sealer(subject.key, associated_data=associated, segment_bytes=SEGMENT_BYTES)
        ring = b""
        if self._kind is Kind.KEYS and subject.ring is not None:
            ring = await asyncio.to_thread(read_private, subject.ring)
        async for piece in dump(subject.database, self._kind, now=now, ring=ring):
            if sealed := await asyncio.to_thread(sealer.update, piece):
                yield sealed
        yield await asyncio.to_thread(sealer.finish)

    async def _read(self, name: str, loader: Loader) -> None:
        associated = _associated(self._kind, name)
        opener = Opener(self._subject.key, associated_data=associated, segment_bytes=SEGMENT_BYTES)
        try:
            async with self._store.open(self._key_of(name)) as reading:
                async for sealed in reading:
                    await loader.take(await asyncio.to_thread(opener.update, sealed))
            await loader.take(await asyncio.to_thread(opener.finish))
        except CryptoError as cause:
            raise TamperedError("the backup does not open: changed, cut, or of another backup key") from cause
        except AbsentError as cause:
            raise NotFoundError("there is no such backup") from cause
        except StorageError as cause:
            raise self._away() from cause

    def _away(self, more: str = "") -> DependencyError:
        said = f"the store of the {self._kind.value} database's backups ({self.place}) does not answer"
        return DependencyError(f"{said}; {more}" if more else said)

    @property
    def _folder(self) -> str:
        return f"backups/{self._kind.value}/"

    def _key_of(self, name: str) -> ObjectKey:
        return ObjectKey(self._folder + name)


def _lay_down(path: Path, ring: bytes) -> None:
    """Write the ring where there is none: one that is there may be newer."""
    if not path.exists():
        write_private(path, ring)


def _associated(kind: Kind, name: str) -> bytes:
    return f"vault-backup/1\nkind={kind.value}\nname={name}\nseg={SEGMENT_BYTES}\n".encode("ascii")


def _made_at(name: str) -> datetime | None:
    """Read the moment out of a name; None for one that is none of ours, which is left alone."""
    if not _NAME.fullmatch(name):
        return None
    try:
        stamp = datetime.strptime(name[:15], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return stamp + timedelta(milliseconds=int(name[15:18]))
