"""Objects as files under one folder: the default for one machine.

Layout: the object ``legs/1/000007`` is the file ``legs/1/000007=``. The mark lets an object ``legs`` stand
beside a folder ``legs``; no key has it. Unfinished objects are in ``.unfinished``, on the same file
system, so that finishing one is a rename. Each is locked by its
writer (flock): the next start tells a dead writer's file from a live one's and removes only the former.

A put is: temporary file 0600, write, fsync, rename (or link, which refuses a taken name), fsync of the
folders.
Erase unlinks and syncs the folder. It does not overwrite: on flash, on copy-on-write file systems and in
snapshots an overwrite reaches other blocks than those it means. What is stored here is ciphertext.
"""

from __future__ import annotations

import re
import secrets
from contextlib import asynccontextmanager
from itertools import islice
from typing import TYPE_CHECKING, Final, Self

from storage.errors import ChangedError, MisplacedError
from storage.files import (
    UNFINISHED,
    FileReader,
    FileWriter,
    erase_files,
    remaining_files,
    remove_stale,
    stale_keys,
    stored_file,
    translated,
    walk,
)
from storage.folders import FOLDER_MODE, Folders
from storage.pool import Pool
from storage.store import (
    ByteRange,
    Erasure,
    Finding,
    ObjectKey,
    ObjectStore,
    Placement,
    ProbeReport,
    Reading,
    StoredObject,
    Versioning,
    checked_prefix,
    collect,
    span,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

READ_BYTES: Final = 256 * 1024  # smaller: a thread's turn costs more than the read; larger: memory per reader
WRITE_BYTES: Final = 1024 * 1024  # gathered before a thread is asked to write
LIST_PAGE: Final = 256  # objects listed per turn of a thread
PROBES: Final = "callvault-probe/"
_COUNTRY: Final = re.compile(r"[A-Z]{2}")


class FileReading(Reading):
    """An opened file: what it reads goes where it is wanted, in one turn of a thread."""

    def __init__(self, stored: StoredObject, reader: FileReader, pool: Pool, start: int, stop: int) -> None:
        super().__init__(stored, self)
        self._reader = reader
        self._pool = pool
        self._at = start
        self._stop = stop

    async def __anext__(self) -> bytes:
        """Return the next bytes; see `Reading`."""
        size_bytes = min(READ_BYTES, self._stop - self._at)
        if not size_bytes:
            raise StopAsyncIteration
        some = await self._pool.run(self._reader.read, self._at, size_bytes)
        self._at += size_bytes
        return some

    async def pour(self, size_bytes: int, buffer: memoryview, each: Callable[[int], None]) -> None:
        """Read on through the buffer; see `Reading.pour`."""
        stop = min(self._at + size_bytes, self._stop)
        await self._pool.run(self._pour, stop, buffer, each)

    def _pour(self, stop: int, buffer: memoryview, each: Callable[[int], None]) -> None:
        while self._at < stop:
            some = buffer[: stop - self._at]
            self._reader.read_into(self._at, some)
            self._at += len(some)
            each(len(some))


class FilesystemStore(ObjectStore):
    """Objects in a folder. Make one with `create`, which does the first I/O.

    `stale_removed` tells how many unfinished files of dead writers that found.
    """

    def __init__(self, folders: Folders, *, country: str | None, pool: Pool, stale_removed: int) -> None:
        self.stale_removed = stale_removed
        self._folders = folders
        self._root = folders.root
        self._country = country
        self._pool = pool

    @classmethod
    async def create(cls, folder: Path, *, country: str | None = None, threads: int = 8) -> Self:
        """Open a folder as a store: make it (0700), remove what dead writers left unfinished.

        `country` is the ISO 3166-1 code of where the disk is; only the operator knows. Raises
        `MisplacedError` for text that is no such code, `RefusedError` for a folder that cannot be used.
        """
        if country is not None and not _COUNTRY.fullmatch(country):
            raise MisplacedError(f"no country code (two capital letters, ISO 3166-1): {country!r}")
        pool = Pool(threads, "store-files")
        try:
            folders, removed = await pool.run(_prepare, folder)
        except BaseException:
            await pool.aclose()
            raise
        return cls(folders, country=country, pool=pool, stale_removed=removed)

    async def put(
        self, key: ObjectKey, body: bytes | AsyncIterator[bytes], *, if_absent: bool = False
    ) -> StoredObject:
        """Store an object as a file; see `ObjectStore.put`."""
        writer = FileWriter(self._folders, key)
        try:
            if isinstance(body, bytes):
                return await self._pool.run(_write_whole, writer, body, if_absent=if_absent)
            await self._pool.run(writer.begin)
            async for blocks in _gathered(body):
                await self._pool.run(writer.write, blocks)
            return await self._pool.run(writer.commit, if_absent=if_absent)
        except BaseException:
            await self._pool.run(writer.undo)
            raise

    @asynccontextmanager
    async def open(
        self, key: ObjectKey, byte_range: ByteRange | None = None, *, etag: str | None = None
    ) -> AsyncIterator[Reading]:
        """Open an object's file; see `ObjectStore.open`."""
        reader = FileReader(self._root, key)
        try:
            stored = await self._pool.run(reader.begin)
            if etag is not None and etag != stored.etag:
                raise ChangedError(f"{key} is another object now")
            start, stop = span(byte_range, stored.size_bytes)
            yield FileReading(stored, reader, self._pool, start, stop)
        finally:
            reader.end()

    async def read(self, key: ObjectKey, byte_range: ByteRange | None = None, *, limit_bytes: int) -> bytes:
        """Return an object or a range; see `ObjectStore.read`."""
        return await collect(self.open(key, byte_range), limit_bytes)

    async def head(self, key: ObjectKey) -> StoredObject:
        """Tell about an object; see `ObjectStore.head`."""
        return await self._pool.run(stored_file, self._root, key)

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Give objects under a prefix; see `ObjectStore.list`."""
        walking = walk(self._root, checked_prefix(prefix))
        while page := await self._pool.run(_page, walking):
            for stored in page:
                yield stored

    async def erase(self, key: ObjectKey) -> Erasure:
        """Unlink an object and its unfinished files; see `ObjectStore.erase`."""
        return await self._pool.run(erase_files, self._folders, key)

    async def remains(self, where: str) -> tuple[str, ...]:
        """Return what is still there; see `ObjectStore.remains`."""
        if not where or where.endswith("/"):
            checked_prefix(where)
        return await self._pool.run(remaining_files, self._root, where)

    async def hidden(self, *, older_s: float) -> AsyncIterator[tuple[ObjectKey, ...]]:
        """Give the unfinished files of that age; see `ObjectStore.hidden`."""
        yield await self._pool.run(stale_keys, self._root, older_s)

    async def placement(self) -> Placement:
        """Tell what the operator declared: a file system does not know its country."""
        return Placement("file", "", self._country, "declared by the operator")

    async def probe(self) -> ProbeReport:
        """Write, read and erase an object, and look at the folder's mode."""
        key = ObjectKey(PROBES + secrets.token_hex(8))  # its own: commands beside a server probe too
        await self.put(key, b"probe")
        await self.read(key, limit_bytes=5)
        await self.erase(key)
        mode = (await self._pool.run(self._root.stat)).st_mode & 0o777
        findings: list[Finding] = []
        if mode & ~FOLDER_MODE:
            message = (
                f"the folder's mode is {mode:03o}: others on this machine can list objects; chmod 700 it"
            )
            findings.append(Finding("folder_open", serious=False, message=message))
        return ProbeReport("file", Versioning.OFF, object_lock=False, public=False, findings=tuple(findings))

    async def aclose(self) -> None:
        """End the threads."""
        await self._pool.aclose()


def _prepare(folder: Path) -> tuple[Folders, int]:
    with translated("cannot use the object folder"):
        folders = Folders(folder.absolute())
        folders.make(folders.root / UNFINISHED)
        return folders, remove_stale(folders.root)


def _write_whole(writer: FileWriter, body: bytes, *, if_absent: bool) -> StoredObject:
    writer.begin()
    writer.write([body])
    return writer.commit(if_absent=if_absent)


async def _gathered(body: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Give the body in lists of about `WRITE_BYTES`, so that a thread is asked seldom."""
    blocks: list[bytes] = []
    size_bytes = 0
    async for block in body:
        blocks.append(block)
        size_bytes += len(block)
        if size_bytes >= WRITE_BYTES:
            yield blocks
            blocks, size_bytes = [], 0
    if blocks:
        yield blocks


def _page(walking: Iterator[StoredObject]) -> list[StoredObject]:
    with translated("cannot list objects"):
        return list(islice(walking, LIST_PAGE))
