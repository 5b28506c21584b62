"""Fixtures of the rooms' tests: the rooms on SQLite, and on both databases where queries matter."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.vault.media.workshop import Workshop, open_workshop
from vault.media import derive


@pytest.fixture
async def work(tmp_path: Path) -> AsyncIterator[Workshop]:
    """The rooms over SQLite and a store in memory."""
    async with open_workshop(tmp_path) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
async def any_work(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Workshop]:
    """The rooms over each kind of database."""
    if request.param == "sqlite":
        async with open_workshop(tmp_path) as opened:
            yield opened
        return
    postgres = request.getfixturevalue("postgres")
    with postgres.database() as main, postgres.database() as keys:
        async with open_workshop(tmp_path, urls=(main, keys)) as opened:
            yield opened


@pytest.fixture
def quick_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that decodes nothing, for campaigns about something else: an interpreter instead of FFmpeg."""
    answer = '{"poster": null, "peaks": [1, 2], "peaks_per_s": 20}'
    monkeypatch.setattr(derive, "_CHILD", f"import sys; sys.stdin.buffer.read(); print({answer!r})")
