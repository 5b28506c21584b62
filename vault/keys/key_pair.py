"""A file with the access key and the secret key of a service, a line each, that may change while we run.

Whoever rotates keys writes the file anew, in place or over a rename, while requests are under way: each asks
for the pair of this moment. A file that cannot be used just now (half written, its mode not set yet) leaves
the pair that was there, until it can.
"""

import threading
from pathlib import Path
from typing import Final

import structlog

from vault.errors import ConfigurationError
from vault.keys.private_file import read_private

log = structlog.get_logger(__name__)

KeyPair = tuple[str, str]
Mark = tuple[int, int, int, int]


def read_key_pair(path: Path) -> KeyPair:
    """Read access key and secret key; raises ConfigurationError."""
    words = read_private(path).decode(errors="replace").split()
    try:
        access_key, secret_key = words
    except ValueError:
        raise ConfigurationError(f"{path} needs two lines: access key, secret key") from None
    return access_key, secret_key


class KeyPairFile:
    """The pair as the file has it now. Blocking, for any thread."""

    def __init__(self, path: Path) -> None:
        """Read it for the first time; raises ConfigurationError."""
        self._path: Final = path
        self._lock = threading.Lock()
        # Looked at before it is read: what changes in between is then read once more.
        self._seen = _mark(path)
        self._pair = read_key_pair(path)
        self._is_told = False

    def current(self) -> KeyPair:
        """Give the pair, read anew where the file is another one than before; never raises."""
        with self._lock:
            mark = _mark(self._path)
            if mark is None or mark != self._seen:
                self._read_anew(mark)
            return self._pair

    def _read_anew(self, mark: Mark | None) -> None:
        try:
            pair = read_key_pair(self._path)
        except (ConfigurationError, OSError) as error:
            if not self._is_told:
                log.warning("credentials.unreadable", text=str(error), hint="the old pair is used on")
            self._is_told = True
            return
        if pair != self._pair:
            log.info("credentials.changed")
        self._seen, self._pair, self._is_told = mark, pair, False


def _mark(path: Path) -> Mark | None:
    """Tell a file from its next version; ``ctime`` also from one whose mode alone was mended."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size
