"""The program as a stranger starts it: ``callvault dev`` in an empty folder, in a process of its own."""

import json
import os
import re
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import Process, Spawn, server, spawn

_BASE = re.compile(r"Demo page\s+(http://127\.0\.0\.1:\d+)/demo")
_CODE = re.compile(r"/console#code=([A-Za-z0-9_-]+)")


@dataclass(frozen=True)
class Program:
    """A running program: where it listens, what it printed, where it keeps everything."""

    base: str
    code: str
    folder: Path
    log: Path
    process: Process

    @property
    def demo(self) -> str:
        """The page with the button."""
        return f"{self.base}/demo"

    @property
    def console(self) -> str:
        """The one-time console link."""
        return f"{self.base}/console#code={self.code}"

    def button_id(self) -> str:
        """The demo button, as the demo page names it."""
        with urllib.request.urlopen(self.demo, timeout=10) as page:  # noqa: S310  # loopback, our own program
            found = re.search(r"btn_[0-9a-f]{32}", page.read().decode())
        if found is None:
            raise LookupError("the demo page names no button")
        return found.group()


def start_command(
    folder: Path,
    *,
    port: int = 0,
    settings: dict[str, str] | None = None,
    environ: dict[str, str] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment of ``callvault dev`` in a folder.

    ``settings`` are environment names without their prefix, like ``{"RECORDING__FRAGMENT_S": "0.5"}``;
    ``environ`` is added to the environment as it is.
    """
    names = {f"CALLVAULT_{name}": value for name, value in (settings or {}).items()}
    names.setdefault("CALLVAULT_SERVER__METRICS_PORT", "0")
    argv = [sys.executable, "-m", "vault", "dev", "--dir", str(folder), "--port", str(port)]
    return argv, {**os.environ, **(environ or {}), **names}


@contextmanager
def running_program(
    folder: Path,
    *,
    port: int = 0,
    settings: dict[str, str] | None = None,
    environ: dict[str, str] | None = None,
    start: Spawn = spawn,
    timeout_s: float = 30.0,
) -> Iterator[Program]:
    """Run ``callvault dev`` in a folder for the length of the block; the same folder may be used again.

    ``settings`` and ``environ`` are those of `start_command`; ``start`` is how the process comes to be.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.parent / f"{folder.name}.log"
    begun = log.stat().st_size if log.exists() else 0

    def printed() -> str:
        return log.read_bytes()[begun:].decode(errors="replace") if log.exists() else ""

    argv, env = start_command(folder, port=port, settings=settings, environ=environ)
    is_ready = lambda: _CODE.search(printed()) is not None  # noqa: E731
    with server(argv, log=log, is_ready=is_ready, env=env, start=start, timeout_s=timeout_s) as process:
        base, code = _BASE.search(printed()), _CODE.search(printed())
        if base is None or code is None:
            raise LookupError("the program printed no address")
        yield Program(base.group(1), code.group(1), folder, log, process)


def log_events(program: Program) -> list[dict[str, object]]:
    """The program's log lines that are JSON."""
    lines = program.log.read_text(errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]
