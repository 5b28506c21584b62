"""How much of the machine the calls use, measured: whether one more would spoil those that run.

`media.max_legs` is what an operator believes; this is what the event loop says. Two numbers, each smoothed
over some seconds: how late the loop wakes, and which share of a core its thread uses. Above a threshold no
new call begins; calls that run are not touched, and may be joined, answered and come back to.
"""

import asyncio
import time
from typing import Final

import structlog

from vault.clock import Clock

SAMPLE_S: Final = 0.25
SMOOTH_S: Final = 5.0  # a burst of joining callers is shorter, a machine that is too small is not
ONCE_S: Final = 1.0  # of lateness counted at once: one long stall is a stall, many are a load
EASE: Final = 0.7  # of a threshold: below it calls are taken again; nearer, and it would flicker
log = structlog.get_logger(__name__)


class Load:
    """The load of this process, as its event loop feels it."""

    def __init__(self, clock: Clock, *, full_lag_s: float, full_cpu: float) -> None:
        self.lag_s = 0.0
        self.cpu = 0.0
        self.is_full = False
        self._clock = clock
        self._full_lag_s = full_lag_s
        self._full_cpu = full_cpu

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            begun_s, used_s = self._clock.monotonic(), time.thread_time()
            await asyncio.sleep(SAMPLE_S)
            passed_s = self._clock.monotonic() - begun_s
            if passed_s > 0:
                self.note(max(0.0, passed_s - SAMPLE_S), (time.thread_time() - used_s) / passed_s)

    def note(self, lag_s: float, cpu: float) -> None:
        """Take one measure: the loop's lateness, and its thread's share of a core."""
        weight = SAMPLE_S / SMOOTH_S
        self.lag_s += weight * (min(lag_s, ONCE_S) - self.lag_s)
        self.cpu += weight * (cpu - self.cpu)
        over = max(self.lag_s / self._full_lag_s, self.cpu / self._full_cpu)
        is_full = over > (EASE if self.is_full else 1.0)
        if is_full != self.is_full:
            self.is_full = is_full
            lag_ms, cpu = round(self.lag_s * 1_000), round(self.cpu, 2)
            if is_full:
                log.warning("node.full", lag_ms=lag_ms, cpu=cpu)
            else:
                log.info("node.eased", lag_ms=lag_ms, cpu=cpu)
