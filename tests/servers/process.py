"""One server process of a test: started in a session of its own, ended by its pid and nothing else."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# A stuck server must not hold up the suite; a monitor of Ceph needs up to 7 s to end by itself.
STOP_TIMEOUT_S = 15.0


class ServerError(Exception):
    """A server of a test did not start: the message ends with the last lines of its log."""


def tail(log: Path, lines: int = 30) -> str:
    """Return the last lines of a log, or a word when there is none."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def stop(process: subprocess.Popen[bytes], signal_number: int = signal.SIGTERM) -> int:
    """End one process and return its exit code: the polite signal, then SIGKILL to its group."""
    if process.poll() is None:
        process.send_signal(signal_number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_TIMEOUT_S)
    return process.returncode


@contextmanager
def server(
    argv: Sequence[str],
    *,
    log: Path,
    is_ready: Callable[[], bool],
    timeout_s: float = 30.0,
    env: Mapping[str, str] | None = None,
    stop_signal: int = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a foreground server for the length of the block; raises ServerError when it is not ready in time.

    ``is_ready`` is asked every 20 ms. Output goes to ``log``.
    """
    with log.open("ab") as out:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
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
