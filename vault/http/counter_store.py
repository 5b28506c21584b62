"""Counters for rate limits: in memory, bounded, without threads or tasks.

The storage that comes with ``limits`` looks through all of its keys again and again; an attacker chooses how
many there are. Here each call touches one key, and beyond the bound the oldest window is forgotten.
"""

from collections import OrderedDict
from typing import Final

from limits.storage import Storage

from vault.clock import Clock

MAX_COUNTERS: Final = (
    100_000  # about 20 MB; more callers than that in a minute is no longer limiting but load
)


class CounterStore(Storage):
    """Fixed windows: a key counts from its first hit until the window ends."""

    STORAGE_SCHEME = None

    def __init__(self, clock: Clock, max_counters: int = MAX_COUNTERS) -> None:
        super().__init__()
        self._clock = clock
        self._max_counters = max_counters
        self._counters: OrderedDict[str, tuple[int, float]] = OrderedDict()

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the library may wrap; nothing here fails."""
        return ValueError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, and return the count of the running window."""
        count, ends = self._counters.get(key, (0, 0.0))
        now = self._clock.monotonic()
        if ends <= now:
            self._counters.pop(key, None)
            count, ends = 0, now + expiry
        self._counters[key] = (count + amount, ends)
        while len(self._counters) > self._max_counters:
            self._counters.popitem(last=False)
        return count + amount

    def get(self, key: str) -> int:
        """Return the count of the running window."""
        count, ends = self._counters.get(key, (0, 0.0))
        return count if ends > self._clock.monotonic() else 0

    def get_expiry(self, key: str) -> float:
        """Return when the window ends, on the monotonic clock."""
        return self._counters.get(key, (0, self._clock.monotonic()))[1]

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int:
        """Forget every counter and return how many there were."""
        count = len(self._counters)
        self._counters.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget one counter."""
        self._counters.pop(key, None)
