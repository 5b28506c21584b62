"""A browser, a shop page of another origin with the strictest policy, and the contract double behind it."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import async_playwright

from tests.browser.widget.shop import Shop, Urls
from tests.servers.chromium import ARGUMENTS, CAMERA
from tests.servers.parts import need
from tests.servers.ports import answers, free_port
from tests.servers.process import server

OpenShop = Callable[..., Awaitable[Shop]]


@pytest.fixture(scope="session")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Urls]:
    """The double, running for the session."""
    vault, shop = free_port(), free_port()
    log = tmp_path_factory.mktemp("double") / "log"
    argv = [sys.executable, "-m", "tests.browser.widget.double", str(vault), str(shop)]
    with server(argv, log=log, is_ready=lambda: answers(vault) and answers(shop)):
        yield Urls(vault=f"http://127.0.0.1:{vault}", shop=f"http://localhost:{shop}")


@pytest.fixture
async def open_shop(urls: Urls) -> AsyncIterator[OpenShop]:
    """Opens shop pages, each in a browser context of its own; every one has to end without a script error."""
    shops: list[Shop] = []
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())

        async def open_one(*, devices: bool = True, cameras: str = CAMERA, **options: object) -> Shop:
            # No fake user interface: permissions are the context's, so that a refusal is a real one.
            args = [*ARGUMENTS, cameras] if devices else ARGUMENTS
            browser = await playwright.chromium.launch(
                executable_path=need("chromium")["chromium"], args=args
            )
            stack.push_async_callback(browser.close)
            shop = await Shop.open(browser, urls, **options)  # type: ignore[arg-type]  # the options of Shop.open
            shops.append(shop)
            return shop

        yield open_one
    assert [fault for shop in shops for fault in shop.faults] == []
