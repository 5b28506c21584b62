"""Memory of a recorded call above that of an idle peer connection.

Idle is a leg of the same program whose visitor refused to be recorded: connected, receiving, kept by nobody.
Memory is the private pages of the server process. Each kind has a program of its own, for a heap that grew
once does not shrink; what both kinds load and cache on their way falls out of the difference.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.machine import CALLER_CORE, load, on_core, own_memory_bytes
from benchmarks.program import Vault, open_legs, running_vault, session
from benchmarks.publishers import STAGGER_S, publishing
from tests.servers.first import go_first

CALLS: Final = 40
CARRIED_S: Final = 12.0  # several fragments of each leg have been sealed and stored by then
READINGS: Final = 8  # over the last seconds: a heap breathes with its fragments
GOAL_MIB: Final = 1.0
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Grown:
    """Bytes of the server before any call, and at most while all were carried."""

    before_bytes: int
    carried_bytes: int

    def per_call_mib(self, calls: int) -> float:
        """What a call added."""
        return (self.carried_bytes - self.before_bytes) / calls / MIB


async def carry(vault: Vault, calls: int, *, choice: str, carried_s: float = CARRIED_S) -> Grown:
    """Carry so many calls whose visitors answered with ``choice``, and tell what the server needed."""
    async with session() as http:
        legs = await open_legs(http, vault, calls, choice=choice)
        before_bytes = own_memory_bytes(vault.pid)
        most_bytes = 0
        async with publishing(legs, seconds=calls * STAGGER_S + carried_s + READINGS):
            await asyncio.sleep(carried_s)
            for _ in range(READINGS):
                most_bytes = max(most_bytes, own_memory_bytes(vault.pid))
                await asyncio.sleep(0.5)
    return Grown(before_bytes, most_bytes)


def run() -> Iterator[dict[str, object]]:
    """The difference between a recorded and a refused call."""
    grown: dict[str, Grown] = {}
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as name, on_core(CALLER_CORE):
        go_first(os.getpid())
        for choice in ("refused", "accepted"):
            with running_vault(Path(name) / choice, legs=CALLS) as vault:
                grown[choice] = asyncio.run(carry(vault, CALLS, choice=choice))
    idle_mib, recorded_mib = (grown[choice].per_call_mib(CALLS) for choice in ("refused", "accepted"))
    above_mib = recorded_mib - idle_mib
    yield {
        "name": "memory per recorded call",
        "value": round(above_mib, 2),
        "unit": "MiB",
        "against": f"an idle peer connection: {idle_mib:.2f} MiB each; recorded {recorded_mib:.2f} MiB each; "
        f"{CALLS} calls of a kind, server {grown['accepted'].before_bytes / MIB:.0f} MiB before any",
        "goal": GOAL_MIB,
        "met": above_mib < GOAL_MIB,
        "machine": load(),
    }
