"""What a real process does to the disk, seen through strace: to kill it at a step, or to list its files.

To kill right before the n-th step, strace holds each such call for a few milliseconds before it is carried
out, and shows it at once: time enough to kill the process in between. Nothing is replaced: the store, SQLite
and the kernel are the real ones, and the steps are counted over all threads.
"""

import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from tests.servers.parts import need

STEPS = (
    "fsync",
    "fdatasync",
    "pwrite64",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "rmdir",
)
OPENS = ("open", "openat", "openat2", "creat", "memfd_create", "mknod", "mknodat")
HOLD_US = 8_000
ATTACH_TIMEOUT_S = 10.0
DETACH_TIMEOUT_S = 3.0
_STEP = re.compile(rb"(?<![\w.])(" + "|".join(STEPS).encode() + rb")\(")
_OPEN = re.compile(rb'(?<![\w.])(open|openat|openat2|creat|memfd_create|mknod|mknodat)\((.*?)"([^"]*)"(.*)')
_WRITES = re.compile(rb"O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE|O_TRUNC|O_APPEND")


class Follower:
    """Reads what strace says of a process."""

    def __init__(self) -> None:
        self._seized = threading.Event()

    def read(self, pipe: IO[bytes]) -> None:
        """Follow strace until it ends."""
        while some := os.read(pipe.fileno(), 65536):
            if b"attached" in some:
                self._seized.set()
            self.take(some)

    def take(self, text: bytes) -> None:
        """Take what strace has written since the last time, perhaps half a line."""
        raise NotImplementedError

    @contextmanager
    def following(self, pid: int, arguments: Sequence[str]) -> Iterator[None]:
        """Run strace on a process, its threads and children; detach at the end of the block."""
        argv = [need("strace")["strace"], "-f", "-p", str(pid), "-e", "signal=none", *arguments]
        with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            if process.stderr is None:
                raise LookupError("strace has no output")
            reader = threading.Thread(target=self.read, args=(process.stderr,), name="strace")
            reader.start()
            try:
                if not self._seized.wait(ATTACH_TIMEOUT_S):
                    raise TimeoutError("strace does not attach")
                time.sleep(0.05)  # it says so before the last thread is seized
                yield
            finally:
                process.send_signal(signal.SIGINT)  # detaches
                try:
                    process.wait(DETACH_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    # Killed just now, the leader is gone before a thread of it: strace waits for the one it
                    # does not reap. Its own end lets go of both, and of a live process as well.
                    process.kill()
                reader.join(10)


class Steps(Follower):
    """Counts the steps; kills before number `kill_at`, from 1, and says so in `killed`."""

    def __init__(self, pid: int, kill_at: int | None) -> None:
        super().__init__()
        self.steps: Counter[str] = Counter()
        self.killed = False
        self._pid = pid
        self._kill_at = kill_at
        self._rest = b""

    @property
    def count(self) -> int:
        """How many steps were begun."""
        return self.steps.total()

    def take(self, text: bytes) -> None:
        """Count, and kill when the step has come."""
        text = self._rest + text
        found = list(_STEP.finditer(text))
        self.steps.update(one.group(1).decode() for one in found)
        # What is counted is cut off; a name that is only half there stays for the next read.
        self._rest = text[found[-1].end() :] if found else text[-200:]
        if self._kill_at is not None and self.count >= self._kill_at and not self.killed:
            os.kill(self._pid, signal.SIGKILL)
            self.killed = True


class Opened(Follower):
    """Collects the paths that are opened to be written, or made."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: set[str] = set()
        self._rest = b""

    def take(self, text: bytes) -> None:
        """Read whole lines; one that ends later stays for the next read."""
        *lines, self._rest = (self._rest + text).split(b"\n")
        for line in lines:
            found = _OPEN.search(line)
            if found is None:
                continue
            name, at, path, flags = found.groups()
            if name in {b"open", b"openat", b"openat2"} and not _WRITES.search(flags):
                continue
            folder = re.search(rb"<([^>]*)>", at)
            if name == b"memfd_create":
                path = b"memfd:" + path
            elif folder is not None and not path.startswith(b"/"):
                path = folder.group(1) + b"/" + path
            self.paths.add(path.decode(errors="replace"))


@contextmanager
def watched_steps(pid: int, *, kill_at: int | None = None) -> Iterator[Steps]:
    """Count the disk steps of a process during the block; kill it before step number `kill_at`."""
    names = ",".join(f"?{name}" for name in STEPS)
    steps = Steps(pid, kill_at)
    with steps.following(pid, ["-e", f"trace={names}", "-e", f"inject={names}:delay_enter={HOLD_US}"]):
        yield steps


@contextmanager
def files_written(pid: int) -> Iterator[set[str]]:
    """Collect the path of every file that a process or a child of it makes or opens to write to."""
    opened = Opened()
    names = ",".join(f"?{name}" for name in OPENS)
    with opened.following(pid, ["-y", "-s", "4096", "-e", f"trace={names}"]):
        yield opened.paths
