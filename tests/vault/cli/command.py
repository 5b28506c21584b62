"""What the tests of commands share: how one ended, and one run as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

PUBLIC_URL = "https://calls.example.org"
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()


Cli = Callable[..., Outcome]


def argv(*arguments: str | Path) -> list[str]:
    """Give the command line of a process."""
    return [sys.executable, "-m", "vault", *(str(argument) for argument in arguments)]


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment of a process: ours without settings, with the sources on the path."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("CALLVAULT_")}
    return {**kept, "PYTHONPATH": str(ROOT), **(more or {})}


def process(*arguments: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Outcome:
    """Run a command to its end as a process of its own."""
    done = subprocess.run(
        argv(*arguments),
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def ask(url: str, path: str) -> tuple[int, bytes]:
    """GET a path of a server on this machine; status 0 where nobody answers."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()
