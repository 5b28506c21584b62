"""Starting, waiting for and ending a child that decodes: an empty environment, three pipes, a session."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Final

import structlog

log = structlog.get_logger(__name__)

END_S: Final = 2.0  # a killed child is gone in milliseconds
WAITS_PER_CPU: Final = 3.0  # a child is waited for so many times its processor time, in all


class Patience:
    """How long one child is waited for: so long for each of its words, and so long for all of them together.

    A child that sleeps uses none of the processor time that limits it, and no word need be its last.
    What the parent does itself, such as reading from a slow store, does not count.
    """

    def __init__(self, cpu_s: float, word_s: float) -> None:
        self._word_s = word_s
        self._left_s = WAITS_PER_CPU * cpu_s + word_s

    @contextlib.asynccontextmanager
    async def word(self) -> AsyncIterator[None]:
        """Wait for the child inside the block; TimeoutError when that took too long."""
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        try:
            async with asyncio.timeout(max(0.0, min(self._word_s, self._left_s))):
                yield
        finally:
            self._left_s -= loop.time() - begun_s


def entry(module: str) -> str:
    """Write the program of a child: the ``main`` of one of our modules.

    Isolated mode ignores the environment and the working directory; our own path is handed over instead. No
    compiled module is written: nothing is.
    """
    return f"import sys; sys.path[:0] = sys.argv.pop(1).split(':'); from {module} import main; main()"


async def start_child(program: str, *arguments: str) -> asyncio.subprocess.Process:
    """Start a child with an empty environment and nothing but its three pipes."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-IB",
        "-c",
        program,
        ":".join(path for path in sys.path if path),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        close_fds=True,
        start_new_session=True,
    )


async def end_child(process: asyncio.subprocess.Process) -> None:
    """End the child, whatever it is doing and with whatever it started, and wait for it.

    Our ends of its pipes are closed first: whatever else still holds the other ends, nobody waits for it.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # it leads a session of its own
    if process.stdin is not None and process.stdin.transport.get_write_buffer_size():
        process.stdin.transport.abort()  # what it did not read is not waited for
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  # asyncio has no other door to the rest
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        log.error("child.does_not_end", hint="the kernel holds it; its pipes are closed")
