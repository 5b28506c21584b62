"""Fixtures of the program's own tests: both databases, real."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from vault.db.engine import Database, open_database


@pytest.fixture(params=["sqlite", "postgresql"])
async def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/any.db"
    else:
        url = request.getfixturevalue("postgres_database")
    database = open_database(url)
    yield database
    await database.aclose()
