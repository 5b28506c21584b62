"""The months a pack counts over."""

from datetime import UTC, datetime

import pytest

from vault.evidence.period import MONTHS_MAX, months_until


def test_months_are_whole_but_the_present_one_and_follow_each_other() -> None:
    """From the first of the oldest month to this moment, without a gap."""
    now = datetime(2026, 3, 17, 9, 30, tzinfo=UTC)
    told = months_until(now, 4)
    assert [month.name for month in told] == ["2025-12", "2026-01", "2026-02", "2026-03"]
    assert told[0].since == datetime(2025, 12, 1, tzinfo=UTC)
    assert [month.until for month in told[:-1]] == [month.since for month in told[1:]]
    assert told[-1].until == now


@pytest.mark.parametrize("day", [1, 28, 31])
def test_every_day_of_a_month_has_the_same_months_behind_it(day: int) -> None:
    """The 31st has no counterpart in most months; that moves nothing."""
    told = months_until(datetime(2026, 12, day, tzinfo=UTC), MONTHS_MAX)
    assert (len(told), told[0].name, told[-1].name) == (MONTHS_MAX, "2024-01", "2026-12")
