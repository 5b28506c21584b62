"""The months an evidence pack counts over: whole ones of the calendar in UTC, the present one so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

MONTHS_MAX: Final = 36
MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Month:
    """One month, or the part of it that is over: ``since <= moment < until``."""

    name: str  # like 2026-11
    since: datetime
    until: datetime


def months_until(now: datetime, count: int) -> Sequence[Month]:
    """Give the month of ``now`` and those before it, ``count`` in all, the oldest first."""
    this = now.year * 12 + now.month - 1
    firsts = [_first(number, now) for number in range(this - count + 1, this + 1)]
    return [Month(f"{since:%Y-%m}", since, until) for since, until in pairwise([*firsts, now])]


def _first(number: int, now: datetime) -> datetime:
    year, month = divmod(number, 12)
    return now.replace(year=year, month=month + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
