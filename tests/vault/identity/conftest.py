"""Fixtures of the identity room."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.vault.identity.room import Room, open_room
from vault.db.engine import Database


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """The room on SQLite."""
    async with open_room(tmp_path) as opened:
        yield opened


@pytest.fixture
async def any_room(tmp_path: Path, any_database: Database) -> AsyncIterator[Room]:
    """The room on each kind of database."""
    async with open_room(tmp_path, any_database) as opened:
        yield opened
