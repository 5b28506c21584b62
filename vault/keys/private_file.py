"""Files that hold secrets: read only where nobody else may read them, written whole or not at all."""

import os
import stat
from pathlib import Path
from typing import Final

from vault.errors import ConfigurationError

MAX_BYTES: Final = 1024 * 1024  # a key ring of ten years of weekly epochs is under 64 KiB


def read_private(path: Path) -> bytes:
    """Read a secret file; raises ConfigurationError where it is missing, too open or someone else's.

    Whoever may write into its folder can lay another one in its place.
    """
    try:
        # Without O_NONBLOCK a named pipe at this place would hold the start for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as cause:
        raise ConfigurationError(f"the key file {path} is missing; restore it, or make one") from cause
    except OSError as cause:
        raise ConfigurationError(f"the key file {path} cannot be opened as a plain file") from cause
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ConfigurationError(f"the key file {path} is no plain file")
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if found.st_mode & 0o077:
            raise ConfigurationError(f"others may read the key file {path}; run: chmod 600 {path}")
        if found.st_uid != os.geteuid():
            raise ConfigurationError(
                f"the key file {path} belongs to another user; run: chown it to this one"
            )
        _require_own(path.parent)
        return file.read(MAX_BYTES)


def _require_own(folder: Path) -> None:
    """Refuse a folder in which others may replace files; in one with the sticky bit they may not."""
    found = folder.stat()
    if found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX:
        raise ConfigurationError(f"others may replace files in {folder}; run: chmod 700 {folder}")


def write_private(path: Path, secret: bytes) -> None:
    """Write a secret file, mode 0600, so that a crash leaves the old one or the new one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    waiting = path.with_name(f".{path.name}.{os.getpid()}")
    waiting.unlink(missing_ok=True)  # of a crash, under this process number
    handle = os.open(waiting, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secret)
            file.flush()
            os.fsync(handle)
        waiting.replace(path)
    except BaseException:
        waiting.unlink(missing_ok=True)  # a full disk must not leave half a secret behind
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
