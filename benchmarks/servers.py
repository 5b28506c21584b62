"""A server of this package as a process of its own, on the core where servers are measured."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.machine import SERVER_CORE, on_core

START_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Served:
    """A process that listens on loopback."""

    pid: int
    port: int


@asynccontextmanager
async def printing_its_port(module: str, folder: Path) -> AsyncIterator[Served]:
    """Run ``python -m MODULE FOLDER`` for the length of the block; its first line is its port as JSON."""
    with on_core(SERVER_CORE):
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, str(folder), stdout=PIPE)
    try:
        line = b"" if process.stdout is None else await asyncio.wait_for(process.stdout.readline(), START_S)
        yield Served(process.pid, json.loads(line)["port"])
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
