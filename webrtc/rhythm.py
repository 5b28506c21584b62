"""Timers of many legs that go off together, in groups.

Waking a loop that slept costs more than what a leg does in its turn, most of it memory the processor has to
fetch again. So what is due now and then is due for many legs at the same instant; but not for all, as packets
that arrive meanwhile wait for the whole group.
"""

from __future__ import annotations

import itertools
import math
from typing import Final

GROUPS: Final = 5
_begun = itertools.count()


def next_phase() -> float:
    """The share of an interval by which one leg more is behind the grid: every group gets as many."""
    return next(_begun) % GROUPS / GROUPS


def on_grid(now_s: float, interval_s: float, phase: float = 0.0) -> float:
    """The next multiple of the interval, moved by a phase, half an interval away at least (loop.time)."""
    return interval_s * (math.ceil(now_s / interval_s + 0.5 - phase) + phase)
