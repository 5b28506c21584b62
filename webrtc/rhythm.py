"""Timers of many legs that go off together.

Waking a loop that slept costs more than what a leg does in its turn, most of it memory the processor has to
fetch again. So what is due now and then is due for every leg at the same instant.
"""

from __future__ import annotations

import math


def on_grid(now_s: float, interval_s: float) -> float:
    """The next whole multiple of the interval on the loop's clock, at least half an interval from now."""
    return interval_s * math.ceil(now_s / interval_s + 0.5)
