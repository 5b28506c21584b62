"""The program started from a process that has imported it already: a fork, so that a start costs a tenth.

For campaigns that start and kill it a hundred times. From its first own line on everything is as if a shell
had started it: arguments, environment, output, session, signals. Importing it is what other tests do.
"""

import atexit
import functools
import importlib
import json
import os
import random
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MESSAGE_BYTES = 1 << 18
ROOT = Path(__file__).parents[2]


class Forked:
    """A started program, as `subprocess.Popen` would show it."""

    def __init__(self, nursery: "Nursery", pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery
        self._handle = os.pidfd_open(pid)
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Give the exit code once it has ended."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; raises subprocess.TimeoutExpired."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it is known to have ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a crash does."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout_s: float | None) -> int | None:
        with self._lock:
            if self.returncode is None:
                waiting = select.poll()
                waiting.register(self._handle, select.POLLIN)
                if waiting.poll(None if timeout_s is None else 1000 * timeout_s):
                    self.returncode = self._nursery.ask({"reap": self.pid})["code"]
                    os.close(self._handle)
            return self.returncode


class Nursery:
    """The process that has imported the program and forks it."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        argv = [sys.executable, "-m", "tests.servers.warm", str(theirs.fileno())]
        self._process = subprocess.Popen(argv, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        atexit.register(self.close)

    def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Send a request and give the answer; one at a time."""
        with self._lock:
            self._channel.send(json.dumps(asked).encode())
            answer: dict[str, Any] = json.loads(self._channel.recv(MESSAGE_BYTES))
            return answer

    def start(self, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None) -> Forked:
        """Start the program with the arguments behind its name, its output at the end of a log."""
        module = argv.index("-m") + 1
        told = {"argv": list(argv[module + 1 :]), "module": argv[module], "log": str(log.absolute())}
        answer = self.ask({**told, "cwd": str(Path.cwd()), "env": dict(os.environ if env is None else env)})
        return Forked(self, answer["pid"])

    def close(self) -> None:
        """End the nursery; what it started is ended by who asked for it."""
        self._channel.close()
        self._process.wait()


@functools.cache
def nursery() -> Nursery:
    """The one of this test process."""
    return Nursery()


def _become(asked: dict[str, Any]) -> None:
    """Be what was asked for, from here to the end of the process."""
    os.setsid()
    silent = os.open(os.devnull, os.O_RDONLY)
    log = os.open(asked["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for place, handle in ((0, silent), (1, log), (2, log)):
        os.dup2(handle, place)
    os.closerange(3, max(silent, log) + 1)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    tempfile.tempdir = None  # asked anew, in this environment
    random.seed()  # else every start draws what the one before drew
    sys.argv = [asked["module"], *asked["argv"]]
    runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
    sys.exit(0)


def _serve(channel: socket.socket) -> None:
    """Fork and reap until the test process is gone."""
    for name in ("vault.cli.main", "vault.cli.dev", "vault.app"):  # what takes the time
        importlib.import_module(name)
    while request := channel.recv(MESSAGE_BYTES):
        asked = json.loads(request)
        if "reap" in asked:
            _, status = os.waitpid(asked["reap"], 0)
            channel.send(json.dumps({"code": os.waitstatus_to_exitcode(status)}).encode())
            continue
        pid = os.fork()
        if pid == 0:
            channel.close()
            _become(asked)
        channel.send(json.dumps({"pid": pid}).encode())


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
