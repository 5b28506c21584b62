"""The private folder of a drill: one for each vault and user, emptied before and removed after.

Its name follows from the vault, so that the next drill finds what a killed one left. A lock on the folder
itself keeps two drills apart; the kernel drops it with the process.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from vault.errors import ConfigurationError, ConflictError

PREFIX: Final = "callvault-drill-"
NAME_CHARS: Final = 16  # of a digest: tells this machine's vaults apart


@contextmanager
def private_folder(vault: str, *, within: Path | None = None) -> Iterator[Path]:
    """Give an empty folder, mode 0700, and remove it at the end, whatever happens inside.

    ``vault`` is any text that names the vault. ``within`` is the system's folder for temporary files, which
    ``TMPDIR`` sets. Raises ConflictError while another drill of the same vault runs, ConfigurationError where
    the folder is somebody else's.
    """
    digest = hashlib.sha256(vault.encode()).hexdigest()[:NAME_CHARS]
    path = (within or Path(tempfile.gettempdir())) / f"{PREFIX}{os.geteuid()}-{digest}"
    handle = _locked(path)
    try:
        _empty(path)
        yield path
    finally:
        _empty(path)
        path.rmdir()
        os.close(handle)


@contextmanager
def kept_folder(path: Path) -> Iterator[Path]:
    """Give a folder that stays, mode 0700; ConflictError where it holds anything."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise ConflictError(f"{path} is not empty: a drill keeps its databases in a folder of their own")
    path.chmod(0o700)
    yield path


def _locked(path: Path) -> int:
    """Make the folder, or take over the one of a killed drill, and hold its lock."""
    while True:
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # another drill ended just now
        except OSError as cause:
            raise _foreign(path) from cause
        try:
            _require_own(path, os.fstat(handle))
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and path.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        except BlockingIOError as cause:
            os.close(handle)
            raise ConflictError("another drill of this vault is running; wait for its end") from cause
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _require_own(path: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise _foreign(path)


def _foreign(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{path} is somebody else's, or open to others; remove it, or set TMPDIR to a folder of your own"
    )


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
