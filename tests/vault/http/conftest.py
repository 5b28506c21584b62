"""Fixtures of the door's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.vault.http.house import House, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A running door with two tenants."""
    async with open_house(tmp_path) as opened:
        yield opened
