"""The program as a process: one of it per key ring, started, drained by a signal, ended."""

import asyncio
import errno
import fcntl
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from vault.cli.dumps import forbid_dumps
from vault.cli.exits import CommandError, Exit
from vault.cli.pace import quiet_collector
from vault.insight.logs import report_loop_errors
from vault.settings import Settings

if TYPE_CHECKING:
    from vault.app import App

STOPS: Final = (signal.SIGTERM, signal.SIGINT)
CANNOT_LISTEN: Final = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES})
log = structlog.get_logger("vault.run")


async def run(
    settings: Settings, *, development: bool, when_ready: "Callable[[App], Awaitable[None]]"
) -> None:
    """Open the program and keep it open until SIGTERM or SIGINT; then drain. A second signal cuts the drain.

    Raises CommandError where an address is taken, and what ``open_app`` raises.
    """
    from vault.app import open_app

    forbid_dumps(debuggable=development)
    loop = asyncio.get_running_loop()
    report_loop_errors(loop)
    stop, hurry = asyncio.Event(), asyncio.Event()
    # A lost terminal ends a trial; a server keeps its settings until it is started again.
    stops = (*STOPS, signal.SIGHUP) if development else STOPS
    for number in stops:
        loop.add_signal_handler(number, partial(_on_signal, stop, hurry))
    if not development:
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
    try:
        with single_server(settings.keys.key_file):
            async with open_app(settings, development=development) as app:
                await when_ready(app)
                quiet_collector()
                await stop.wait()
                log.info("server.draining")
                await _first(app.drain(), hurry.wait())
        log.info("server.ended")
    except OSError as cause:
        if cause.errno not in CANNOT_LISTEN:
            raise
        server = settings.server
        raise CommandError(
            f"cannot listen: {os.strerror(cause.errno)} (server {server.host}:{server.port}, "
            f"metrics {server.metrics_host}:{server.metrics_port})"
        ) from cause


@contextmanager
def single_server(key_file: Path) -> Iterator[None]:
    """Hold the lock beside the key ring: two servers on one machine would end each other's calls.

    Raises CommandError while another holds it. The kernel drops the lock when the process ends.
    """
    key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = key_file.with_name(f"{key_file.name}.lock")
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            raise CommandError(
                f"another callvault runs with the key ring {key_file}; stop it first", code=Exit.REFUSED
            ) from cause
        yield
    finally:
        os.close(handle)


def _on_signal(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    if stop.is_set():
        hurry.set()
    stop.set()


async def _first(*works: Awaitable[object]) -> None:
    """Wait until one of them is done; give up the others."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
