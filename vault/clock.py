"""Time, as the rooms ask for it: wall time in UTC and a monotonic second."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

# Gives the time, or None while the clock on the wall is not believed: what is thrown away by time asks first.
Believed = Callable[[], Awaitable[datetime | None]]


class Clock(Protocol):
    """Where the program reads the time. Tests bring one that they can turn."""

    def now(self) -> datetime:
        """Return wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, for time limits."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return wall time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()


class TurnableClock:
    """A clock that stands still until it is turned, for tests of deadlines and retention."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic_s = 1_000.0

    def now(self) -> datetime:
        """Return the time it was last turned to."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds it was turned by, and a constant."""
        return self._monotonic_s

    def turn(self, by: timedelta) -> None:
        """Move both readings forward."""
        self._now += by
        self._monotonic_s += by.total_seconds()

    def jump(self, by: timedelta) -> None:
        """Move the wall's reading alone, as a clock does that somebody set."""
        self._now += by


def to_text(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with milliseconds and a ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Read an RFC 3339 moment; raises ValueError where it is none, names no offset, or has no UTC year."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its offset from UTC, like 2026-01-31T08:00:00Z")
    try:
        return moment.astimezone(UTC)
    except OverflowError as cause:
        raise ValueError("a time before year 1 or after year 9999") from cause
