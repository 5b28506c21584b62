"""SIGKILL right before the n-th step that touches the disk, counted over all threads of a real process.

strace holds each such call for a few milliseconds before it is carried out, and shows it at once: time enough
to kill the process in between. Nothing is replaced: the store, SQLite and the kernel are the real ones.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

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
HOLD_US = 8_000
ATTACH_TIMEOUT_S = 10.0
_CALL = re.compile(rb"(?<![\w.])(" + "|".join(STEPS).encode() + rb")\(")


class Watch:
    """What was counted so far; `killed` once the step was reached."""

    def __init__(self, pid: int, at: int | None) -> None:
        self.steps: Counter[str] = Counter()
        self.killed = False
        self._pid = pid
        self._at = at
        self._attached = threading.Event()

    @property
    def count(self) -> int:
        """How many steps were begun."""
        return self.steps.total()

    def read(self, pipe: int) -> None:
        """Follow strace until it ends; kill at the step."""
        text = b""
        while some := os.read(pipe, 65536):
            text += some
            if b"attached" in text:
                self._attached.set()
            found = list(_CALL.finditer(text))
            self.steps.update(one.group(1).decode() for one in found)
            # What is counted is cut off; a name that is only half there stays for the next read.
            text = text[found[-1].end() :] if found else text[-200:]
            if self._at is not None and self.count >= self._at and not self.killed:
                os.kill(self._pid, signal.SIGKILL)
                self.killed = True

    def until_attached(self) -> None:
        """Wait until every thread is followed."""
        if not self._attached.wait(ATTACH_TIMEOUT_S):
            raise TimeoutError("strace does not attach")


@contextmanager
def watched_steps(pid: int, *, kill_at: int | None = None) -> Iterator[Watch]:
    """Count the disk steps of a process during the block; kill it before step number `kill_at`, from 1."""
    strace = shutil.which("strace")
    if strace is None:
        raise LookupError("strace is not installed: make packages")
    names = ",".join(f"?{name}" for name in STEPS)
    argv = [strace, "-f", "-p", str(pid), "-e", f"trace={names}", "-e", "signal=none"]
    argv += ["-e", f"inject={names}:delay_enter={HOLD_US}"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        if process.stderr is None:
            raise LookupError("strace has no output")
        watch = Watch(pid, kill_at)
        reader = threading.Thread(target=watch.read, args=(process.stderr.fileno(),), name="strace")
        reader.start()
        try:
            watch.until_attached()
            time.sleep(0.05)  # the line is written before the last thread is seized
            yield watch
        finally:
            process.send_signal(signal.SIGINT)  # detaches
            process.wait(10)
            reader.join(10)
