"""One Chromium and one real vault for the tests of the visitor's own page."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.servers.chromium import ARGUMENTS
from tests.servers.parts import need
from tests.vault.http.conftest import UNLIMITED
from tests.vault.http.house import House, open_house

AXE: Final = Path(__file__).resolve().parents[3] / "node_modules" / "axe-core" / "axe.min.js"
RULES: Final = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PHONE: Final = (390, 844)
DESK: Final = (1280, 900)
OpenPage = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A vault of its own: its rule and its calls are the tests'."""
    async with open_house(tmp_path_factory.mktemp("house"), limits=UNLIMITED) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, with a profile of its own that goes away with it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=need("chromium")["chromium"], args=ARGUMENTS
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(chromium: Browser) -> AsyncIterator[OpenPage]:
    """Open an address, in a context of its own; every page has to end without a script error."""
    faults: list[str] = []
    contexts = []

    async def opened(url: str, *, size: tuple[int, int] = PHONE, locale: str = "en-GB") -> Page:
        viewport = {"width": size[0], "height": size[1]}
        context = await chromium.new_context(viewport=viewport, locale=locale, timezone_id="Europe/Paris")  # type: ignore[arg-type]
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(40_000)  # the page itself asks again after 15 s at most
        page.on("pageerror", lambda error: faults.append(str(error)))
        await page.add_init_script(
            "addEventListener('securitypolicyviolation', (e) => { throw new Error('CSP ' + e.blockedURI) })"
        )
        await page.goto(url)
        await page.wait_for_selector("main:not([aria-busy])")
        return page

    yield opened
    for context in contexts:
        await context.close()
    assert faults == []


async def barriers(page: Page) -> list[Any]:
    """What axe finds wrong on the page, and how much wider than the screen it is."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate(
        f"axe.run(document, {json.dumps(RULES)}).then(({{ violations }}) =>"
        " violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))"
    )
    wider = await page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    return [*found, *([["wider", wider]] if wider > 0 else [])]
