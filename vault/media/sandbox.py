"""Starting and ending a child that decodes: an empty environment, three pipes, a session of its own."""

import asyncio
import contextlib
import os
import signal
import sys

LEFT_BYTES = 1024 * 1024  # read at once of what an ended child had still said


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
    """End the child, whatever it is doing and with whatever it started, and wait for it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # it leads a session of its own
    await process.wait()


async def drop_output(process: asyncio.subprocess.Process) -> None:
    """Read away what an ended child had said already: unread, its pipe stays open."""
    if process.stdout is None:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            while await process.stdout.read(LEFT_BYTES):
                continue
