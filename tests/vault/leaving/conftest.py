"""A workshop for the tests of tenants that leave, on a clock that can be turned: grace periods take days."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.vault.media.fixtures import quick_child
from tests.vault.media.workshop import Workshop, open_workshop
from vault.clock import TurnableClock

__all__ = ["any_work", "quick_child", "work"]


@pytest.fixture
async def work(tmp_path: Path) -> AsyncIterator[Workshop]:
    """The rooms over SQLite and a store in memory."""
    async with open_workshop(tmp_path, clock=a_day()) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
async def any_work(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Workshop]:
    """The rooms over each kind of database."""
    if request.param == "sqlite":
        async with open_workshop(tmp_path, clock=a_day()) as opened:
            yield opened
        return
    postgres = request.getfixturevalue("postgres")
    with postgres.database() as main, postgres.database() as keys:
        async with open_workshop(tmp_path, urls=(main, keys), clock=a_day()) as opened:
            yield opened


def a_day() -> TurnableClock:
    """Some day to begin with."""
    return TurnableClock(datetime(2026, 11, 29, tzinfo=UTC))
