"""A vault, a Chromium and a Firefox in front of the page that checks receipts."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser.chromium import Chromium, chromium
from tests.browser.firefox import Firefox, firefox
from tests.servers.chromium import ARGUMENTS
from tests.vault.http.conftest import UNLIMITED
from tests.vault.http.house import House, open_house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A vault that serves the page, and whose receipts it checks."""
    async with open_house(tmp_path_factory.mktemp("house"), limits=UNLIMITED) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def in_chromium() -> AsyncIterator[Chromium]:
    """Debian's Chromium."""
    async with chromium(ARGUMENTS) as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def in_firefox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Firefox]:
    """Debian's Firefox."""
    async with firefox(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(params=["chromium", "firefox"])
def reader(request: pytest.FixtureRequest) -> Chromium | Firefox:
    """Each of the two in turn."""
    found: Chromium | Firefox = request.getfixturevalue(f"in_{request.param}")
    return found
