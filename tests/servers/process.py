"""One server process of a test: started in a session of its own, ended by its pid and nothing else."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

# A stuck server must not hold up the suite; a monitor of Ceph needs up to 7 s to end by itself.
STOP_TIMEOUT_S = 15.0


class Process(Protocol):
    """What the users of a server may do with its process, however it was started."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None:
        """Give the exit code once it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; raises subprocess.TimeoutExpired."""

    def send_signal(self, number: int, /) -> None:
        """Send a signal, unless it is known to have ended."""


class Spawn(Protocol):
    """Starts a command with its output at the end of a log."""

    def __call__(self, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None) -> Process:
        """Return the process, in a session of its own."""


class ServerError(Exception):
    """A server of a test did not start: the message ends with the last lines of its log."""


def tail(log: Path, lines: int = 30) -> str:
    """Return the last lines of a log, or a word when there is none."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def stop(process: Process, signal_number: int = signal.SIGTERM) -> int:
    """End one process and return its exit code: the polite signal, then SIGKILL to its group."""
    if process.poll() is None:
        process.send_signal(signal_number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_TIMEOUT_S)
    return process.wait()


def spawn(argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None) -> Process:
    """Start a command as a shell does."""
    with log.open("ab") as out:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
        )


@contextmanager
def server(
    argv: Sequence[str],
    *,
    log: Path,
    is_ready: Callable[[], bool],
    timeout_s: float = 30.0,
    env: Mapping[str, str] | None = None,
    stop_signal: int = signal.SIGTERM,
    start: Spawn = spawn,
) -> Iterator[Process]:
    """Run a foreground server for the length of the block; raises ServerError when it is not ready in time.

    ``is_ready`` is asked every 20 ms. Output goes to ``log``.
    """
    process = start(argv, log=log, env=env)
    try:
        deadline_s = time.monotonic() + timeout_s
        while not is_ready():
            if process.poll() is not None:
                raise ServerError(f"{argv[0]} ended with {process.returncode}:\n{tail(log)}")
            if time.monotonic() > deadline_s:
                raise ServerError(f"{argv[0]} was not ready in {timeout_s} s:\n{tail(log)}")
            time.sleep(0.02)
        yield process
    finally:
        stop(process, stop_signal)
