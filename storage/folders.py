"""The folders of a file store: made, made durable, removed when empty.

A name is durable once the folder that holds it was synced. Asking for that again at every level, for each
object, costs more than writing a small one: so it is remembered which folders have a durable name.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

FOLDER_MODE: Final = 0o700
MOST_KNOWN: Final = 4096  # folders remembered; past it all are asked for again, once


class Folders:
    """The folders under one root, for the threads of one store. Methods block and raise OSError."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._durable: set[Path] = {root}
        self._lock = threading.Lock()

    def make(self, folder: Path) -> None:
        """Make a folder and those above it, open to their owner only, durably."""
        if not folder.is_dir():
            self.make(folder.parent)
            with suppress(FileExistsError):
                folder.mkdir(mode=FOLDER_MODE)
                sync_folder(folder.parent)

    def sync(self, folder: Path) -> None:
        """Make the names in a folder durable, and its own name, up to the root.

        Another thread may have made a folder above and not synced it yet: nothing is taken for durable but
        what was synced here.
        """
        sync_folder(folder)
        fresh = []
        while folder not in self._durable:
            fresh.append(folder)
            folder = folder.parent
            sync_folder(folder)
        if fresh:
            with self._lock:
                if len(self._durable) + len(fresh) > MOST_KNOWN:
                    self._durable = {self.root}
                self._durable.update(fresh)

    def prune(self, folder: Path) -> None:
        """Remove folders that became empty, from this one up to the root, and make that durable."""
        while folder != self.root:
            # Forgotten first: whoever makes it again makes it durable again.
            with self._lock:
                self._durable.discard(folder)
            try:
                folder.rmdir()
            except FileNotFoundError:
                pass
            except OSError:
                break  # not empty: somebody lives here
            folder = folder.parent
        self._sync_nearest(folder)

    def _sync_nearest(self, folder: Path) -> None:
        """Sync a folder, or the nearest one above that another thread's erasure left."""
        while True:
            try:
                return sync_folder(folder)
            except FileNotFoundError:
                if folder == self.root:
                    raise
                folder = folder.parent


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
