"""Fixtures of the door's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.vault.http.house import House, open_house
from tests.vault.http.listeners import Page, person_page, program, visitor_page

UNLIMITED = dict.fromkeys(
    ("requests_per_minute", "sign_in_per_minute", "calls_per_minute", "evidence_per_minute"), 10**6
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A running door with two tenants."""
    async with open_house(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """One door for a module whose tests leave it as they found it, or each bring things of their own."""
    async with open_house(tmp_path_factory.mktemp("house"), limits=UNLIMITED) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["person", "program", "visitor"])
async def page(shared_house: House, request: pytest.FixtureRequest) -> AsyncIterator[Page]:
    """A page of each kind of listener, for tests that hold for all of them."""
    make = {"person": person_page, "program": program, "visitor": visitor_page}
    yield await make[request.param](shared_house)
