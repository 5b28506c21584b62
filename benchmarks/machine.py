"""What the measures ask of the machine: cores for server and callers, CPU time and memory of a process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers.first import BEFORE_OTHERS

TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
CORES: Final = tuple(sorted(os.sched_getaffinity(0)))  # before anything of ours narrows it
SERVER_CORE: Final = CORES[0]  # the measured server has it to itself
CALLER_CORE: Final = CORES[-1]  # of publishers and clients; the same one where the machine has no other


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run on one core, before others where we may; whatever is started in the block stays so for its life."""
    cores, nice = os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0)
    os.sched_setaffinity(0, {core})
    with suppress(PermissionError):  # without the right, a busy machine shows in the figures
        os.setpriority(os.PRIO_PROCESS, 0, BEFORE_OTHERS)
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, nice)


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU seconds so far: of the process with all its threads, and of its children that have ended."""

    own_s: float
    children_s: float


def cpu_time(pid: int) -> CpuTime:
    """Read ``/proc/PID/stat`` (proc_pid_stat(5), fields 14 to 17)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) for field in fields[11:15])
    return CpuTime((user + system) / TICKS_PER_S, (children_user + children_system) / TICKS_PER_S)


def own_memory_bytes(pid: int) -> int:
    """What the machine would get back if the process ended: its private pages."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    sizes = dict(line.split(":", 1) for line in rollup.splitlines()[1:])
    return 1024 * sum(int(sizes[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))


def load() -> str:
    """The machine's load average of the last minute, to be told beside a figure."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
