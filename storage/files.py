"""The blocking half of the file store: steps on the disk, each run in a thread by `storage.filesystem`."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import stat
import time
from contextlib import contextmanager, suppress
from heapq import nsmallest
from typing import TYPE_CHECKING, Final

from storage.errors import (
    AbsentError,
    ChangedError,
    ExistsError,
    NoSpaceError,
    RefusedError,
    StorageError,
    TooLargeError,
    UnavailableError,
)
from storage.folders import sync_folder
from storage.store import REMAINS_MAX, Erasure, ObjectKey, StoredObject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from storage.folders import Folders

MARK: Final = "="  # ends the name of a finished object; no key has it
UNFINISHED: Final = ".unfinished"  # no name of a key begins with a dot
FILE_MODE: Final = 0o600
TICKET_CHARS: Final = 16 + 1  # a dot and 16 random hex digits behind each unfinished name
WALK_NAMES: Final = 50_000  # of one folder, in memory; fewer: a large folder is read more often
BEGIN_TRIES: Final = 100  # each try lost needs an erase or a start in the same instant

_KINDS: Final[dict[int, type[StorageError]]] = {
    errno.ENOENT: AbsentError,
    errno.ENOSPC: NoSpaceError,
    errno.EDQUOT: NoSpaceError,
    errno.EFBIG: TooLargeError,
    errno.EACCES: RefusedError,
    errno.EPERM: RefusedError,
    errno.EROFS: RefusedError,
    errno.ENOTDIR: RefusedError,
    errno.EISDIR: RefusedError,
    errno.ELOOP: RefusedError,
    errno.EXDEV: RefusedError,
}


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn an OSError of the block into the storage error that says what to do."""
    try:
        yield
    except OSError as cause:
        kind = _KINDS.get(cause.errno or 0, UnavailableError)
        raise kind(f"{what}: {os.strerror(cause.errno or 0)}") from cause


def path_of(root: Path, key: ObjectKey) -> Path:
    """Return the file of a finished object."""
    return root / f"{key}{MARK}"


def unfinished_stem(key: ObjectKey) -> str:
    """Return the beginning of the names of a key's unfinished files: the key, with marks for its slashes."""
    return key.replace("/", MARK)


def key_of_unfinished(path: Path) -> str:
    """Return the key an unfinished file is of."""
    return path.name[:-TICKET_CHARS].replace(MARK, "/")


def etag_of(status: os.stat_result) -> str:
    """Return what changes when another file takes the name."""
    return f"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"


class FileWriter:
    """One unfinished object. Its methods block and are called one after the other."""

    def __init__(self, folders: Folders, key: ObjectKey) -> None:
        self._folders = folders
        self._key = key
        self._final = path_of(folders.root, key)
        self._unfinished: Path | None = None
        self._named_inode: int | None = None
        self._descriptor = -1
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    def begin(self) -> None:
        """Make the temporary file and lock it."""
        with translated(f"cannot begin {self._key}"):
            for _ in range(BEGIN_TRIES):
                path = (
                    self._folders.root / UNFINISHED / f"{unfinished_stem(self._key)}.{secrets.token_hex(8)}"
                )
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
                self._descriptor = os.open(path, flags, FILE_MODE)
                self._unfinished = path
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                if os.fstat(self._descriptor).st_nlink:
                    return
                # A start in the same instant took it for a dead writer's before the lock was ours.
                self._remove_unfinished()
        raise UnavailableError(f"cannot begin {self._key}: its temporary file keeps vanishing")

    def write(self, blocks: Iterable[bytes]) -> None:
        """Append bytes and digest them."""
        with translated(f"cannot write {self._key}"):
            for block in blocks:
                rest = memoryview(block)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
                self._digest.update(block)
                self._size_bytes += len(block)

    def commit(self, *, if_absent: bool) -> StoredObject:
        """Give the object its name, durably.

        (1) The bytes reach the disk before any name points at them. (2) The name appears at once and whole.
        (3) The folders reach the disk before anybody is told.
        """
        with translated(f"cannot store {self._key}"):
            os.fsync(self._descriptor)  # (1); after a failure the pages are lost: never asked twice
            self._name(if_absent=if_absent)  # (2)
            self._folders.sync(self._final.parent)  # (3)
            status = os.fstat(self._descriptor)
        self._close()
        return StoredObject(self._key, self._size_bytes, etag_of(status), sha256=self._digest.digest())

    def _name(self, *, if_absent: bool) -> None:
        if self._unfinished is None:
            raise RefusedError(f"{self._key} was not begun")
        for _ in range(BEGIN_TRIES):
            try:
                if if_absent:
                    self._final.hardlink_to(self._unfinished)
                    self._unfinished.unlink()
                else:
                    self._unfinished.replace(self._final)
            except FileExistsError as cause:
                raise ExistsError(f"{self._key} is taken") from cause
            except FileNotFoundError as cause:
                if not self._unfinished.exists():
                    raise RefusedError(f"{self._key} was erased while it was written") from cause
                self._folders.make(self._final.parent)  # the first object there, or the last one was erased
                continue
            self._unfinished = None
            self._named_inode = os.fstat(self._descriptor).st_ino
            return
        raise UnavailableError(f"cannot store {self._key}: its folder keeps vanishing")

    def undo(self) -> None:
        """Take back whatever was done, finished or not, and nobody else's object; may be called again."""
        with translated(f"cannot clean up {self._key}"):
            self._remove_unfinished()
            if self._named_inode is not None:
                with suppress(FileNotFoundError):
                    if self._final.lstat().st_ino == self._named_inode:
                        self._final.unlink()
                self._folders.prune(self._final.parent)
                self._named_inode = None

    def _remove_unfinished(self) -> None:
        try:
            if self._unfinished is not None:
                self._unfinished.unlink(missing_ok=True)
        finally:
            self._unfinished = None
            self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class FileReader:
    """One opened object. Its methods block and are called one after the other."""

    def __init__(self, root: Path, key: ObjectKey) -> None:
        self._key = key
        self._path = path_of(root, key)
        self._descriptor = -1

    def begin(self) -> StoredObject:
        """Open the file and tell what it is."""
        with translated(f"cannot open {self._key}"):
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            status = os.fstat(self._descriptor)
        return StoredObject(self._key, status.st_size, etag_of(status))

    def read_into(self, at: int, buffer: memoryview) -> None:
        """Fill the buffer; AbsentError or ChangedError when the name no longer leads here."""
        with translated(f"cannot read {self._key}"):
            if not os.fstat(self._descriptor).st_nlink:
                if self._path.exists():
                    raise ChangedError(f"{self._key} was replaced while it was read")
                raise AbsentError(f"{self._key} was erased while it was read")
            filled = 0
            while filled < len(buffer):
                some = os.preadv(self._descriptor, [buffer[filled:]], at + filled)
                if not some:
                    raise UnavailableError(f"{self._key} is shorter on disk than it was")
                filled += some

    def read(self, at: int, size_bytes: int) -> bytes:
        """Return exactly these bytes; raises as `read_into` does."""
        whole = bytearray(size_bytes)
        self.read_into(at, memoryview(whole))
        return bytes(whole)

    def end(self) -> None:
        """Close the file; may be called again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def stored_file(root: Path, key: ObjectKey) -> StoredObject:
    """Tell about a finished object; raises AbsentError."""
    with translated(f"cannot look at {key}"):
        status = path_of(root, key).lstat()
    if not stat.S_ISREG(status.st_mode):
        raise RefusedError(f"{key} is not a file")
    return StoredObject(key, status.st_size, etag_of(status))


def walk(root: Path, prefix: str) -> Iterator[StoredObject]:
    """Give the finished objects under a prefix in the order of their keys.

    A folder of more than `WALK_NAMES` is read again for each so many: a million names in memory are more than
    the objects are worth.
    """
    after = ""
    while names := nsmallest(WALK_NAMES, (name for name in _names(root / prefix) if name > after)):
        for name in names:
            if name.endswith("/"):
                yield from walk(root, prefix + name)
            else:
                with suppress(AbsentError):  # erased since the folder was read
                    yield stored_file(root, ObjectKey(prefix + name))
        if len(names) < WALK_NAMES:
            return
        after = names[-1]


def _names(folder: Path) -> Iterator[str]:
    """Give what is in a folder as keys have it: a folder with its slash, an object without its mark."""
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue  # ours
            if entry.is_dir(follow_symlinks=False):
                yield f"{entry.name}/"
            elif entry.name.endswith(MARK):  # else a stranger's
                yield entry.name.removesuffix(MARK)


def unfinished_files(root: Path) -> list[Path]:
    """Return the temporary files of all writers, dead or alive."""
    return sorted((root / UNFINISHED).iterdir())


def stale_keys(root: Path, older_s: float) -> tuple[ObjectKey, ...]:
    """Return the keys of unfinished files that nobody has written to for so long."""
    found = []
    with translated("cannot look for unfinished files"):
        for path in unfinished_files(root):
            with suppress(FileNotFoundError):  # it was finished, or given up
                if time.time() - path.stat().st_mtime > older_s:
                    found.append(ObjectKey(key_of_unfinished(path)))
    return tuple(found[:REMAINS_MAX])


def belongs(unfinished: Path, where: str) -> bool:
    """Tell whether a temporary file is of this key, or of a key under this prefix."""
    key = key_of_unfinished(unfinished)
    return key.startswith(where) if not where or where.endswith("/") else key == ObjectKey(where)


def remaining_files(root: Path, where: str) -> tuple[str, ...]:
    """Return what exists of a key or under a prefix, finished or not."""
    with translated(f"cannot look for {where or 'anything'}"):
        unfinished = [path for path in unfinished_files(root) if belongs(path, where)]
        found = [f"unfinished {key_of_unfinished(path)}" for path in unfinished]
        if not where or where.endswith("/"):
            for stored in walk(root, where):
                found.append(f"object {stored.key}")
                if len(found) >= REMAINS_MAX:
                    break
        elif os.path.lexists(path_of(root, ObjectKey(where))):
            found.append(f"object {where}")
    return tuple(found[:REMAINS_MAX])


def erase_files(folders: Folders, key: ObjectKey) -> Erasure:
    """Remove an object and its unfinished files, durably.

    The unfinished go first: a put that is under way then fails at its last step instead of storing anew.
    """
    root = folders.root
    with translated(f"cannot erase {key}"):
        aborted = 0
        for path in unfinished_files(root):
            if belongs(path, key):
                with suppress(FileNotFoundError):
                    path.unlink()
                    aborted += 1
        deleted = 0
        with suppress(FileNotFoundError):
            path_of(root, key).unlink()
            deleted = 1
        sync_folder(root / UNFINISHED)
        folders.prune(path_of(root, key).parent)
    return Erasure(versions_deleted=deleted, uploads_aborted=aborted)


def remove_stale(root: Path) -> int:
    """Remove temporary files whose writer is dead and return their number.

    A writer holds a lock on its file, which the system drops with the process, however it ends.
    """
    removed = 0
    for path in unfinished_files(root):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            removed += 1
        except BlockingIOError:
            pass  # alive
        finally:
            os.close(descriptor)
    return removed
