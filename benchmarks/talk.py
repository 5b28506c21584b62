"""What a call of two costs: server CPU per two-way call-second, both sides recorded, each watching the other.

The server is the real program on a core of its own. Both sides of every call run on the other core:
720p30 VP8 at 1.2 Mbit/s and Opus from each, and a viewer for each that decodes nothing.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import CALLER_CORE, cpu_time, go_first, load, on_core
from benchmarks.program import Vault, lag_p99_s, running_vault

CALLS: Final = 20
SETTLE_S: Final = 2.0
WINDOW_S: Final = 12.0
TALKING_WITHIN_S: Final = 90.0
GOAL_CORE: Final = 0.02  # of a core per call: fifty calls


@dataclass(frozen=True, slots=True)
class Talked:
    """What one run showed."""

    core: float  # of the server, per call
    lag_p99_ms: float
    callers_core: float
    frames_sent: int
    packets_received: int


async def _told(process: asyncio.subprocess.Process, wanted: str, within_s: float) -> dict[str, Any]:
    if process.stdout is None:
        raise LookupError("the talkers have no output")
    line = await asyncio.wait_for(process.stdout.readline(), within_s)
    told: dict[str, Any] = json.loads(line or b'{"event": "died"}')
    if told["event"] != wanted:
        raise LookupError(f"the talkers said {told['event']} where {wanted} was expected")
    return told


async def talk(vault: Vault, calls: int) -> Talked:
    """Let so many pairs talk and tell what it took."""
    argv = (sys.executable, "-m", "benchmarks.talkers", vault.program.base, vault.program.code)
    seconds = str(WINDOW_S + 2 * SETTLE_S)
    with on_core(CALLER_CORE):
        process = await asyncio.create_subprocess_exec(*argv, str(calls), seconds, stdout=PIPE)
    try:
        await _told(process, "talking", TALKING_WITHIN_S)
        await asyncio.sleep(SETTLE_S)
        lags, began_s = vault.lags(), time.monotonic()
        began, callers = cpu_time(vault.pid), cpu_time(process.pid)
        await asyncio.sleep(WINDOW_S)
        ended, callers_ended = cpu_time(vault.pid), cpu_time(process.pid)
        passed_s, lags_ended = time.monotonic() - began_s, vault.lags()
        over = await _told(process, "over", TALKING_WITHIN_S)
        await asyncio.wait_for(process.wait(), TALKING_WITHIN_S)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    return Talked(
        core=(ended.own_s - began.own_s) / passed_s / calls,
        lag_p99_ms=1000 * lag_p99_s(lags, lags_ended),
        callers_core=(callers_ended.own_s - callers.own_s) / passed_s,
        frames_sent=over["frames_sent"],
        packets_received=over["packets_received"],
    )


def run() -> Iterator[dict[str, object]]:
    """One measure at twenty calls."""
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as name, on_core(CALLER_CORE):
        go_first(os.getpid())
        with running_vault(Path(name) / "talk", legs=4 * CALLS) as vault:
            talked = asyncio.run(talk(vault, CALLS))
    yield {
        "name": f"two-way recorded call, CPU at {CALLS} calls",
        "value": round(talked.core, 4),
        "unit": "cores",
        "against": f"lag p99 {talked.lag_p99_ms:.1f} ms, {talked.frames_sent} frames sent, "
        f"{talked.packets_received} packets received by viewers, callers' core at {talked.callers_core:.0%}",
        "goal": GOAL_CORE,
        "met": talked.core < GOAL_CORE,
        "machine": load(),
    }
