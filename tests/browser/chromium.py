"""Chromium for tests that use two browsers at once: the same commands as `firefox.Firefox` takes."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from playwright.async_api import async_playwright

from tests.servers.parts import need

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from playwright.async_api import BrowserContext, Page

WAIT_MS: Final = 15_000


class Chromium:
    """One browser with one page. Selectors may cross shadow roots with ``>>>``."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._faults: list[str] = []
        page.on("pageerror", lambda error: self._faults.append(str(error)))

    async def open(self, url: str) -> None:
        """Go to a page and wait until it has loaded."""
        await self.page.goto(url)

    async def click(self, selector: str) -> None:
        """Wait until the element is visible, then click it."""
        await self.page.locator(_css(selector)).first.click(timeout=WAIT_MS)

    async def fill(self, selector: str, text: str) -> None:
        """Type into a field."""
        await self.page.locator(_css(selector)).first.fill(text, timeout=WAIT_MS)

    async def wait(self, expression: str, *, timeout_s: float = 30.0) -> None:
        """Wait until a JavaScript expression is true."""
        await self.page.wait_for_function(f"() => ({expression})", timeout=timeout_s * 1000, polling=50)

    async def wait_for_call(self, state: str, *, timeout_s: float = 30.0) -> None:
        """Wait until the page's call button is in that state."""
        expression = f"document.querySelector('call-button')?.state === {json.dumps(state)}"
        await self.wait(expression, timeout_s=timeout_s)

    async def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, which may be a promise."""
        return await self.page.evaluate(f"(async () => ({expression}))()")

    async def text(self, selector: str) -> str:
        """Return the words of an element once it is visible."""
        return await self.page.locator(_css(selector)).first.inner_text(timeout=WAIT_MS)

    async def cookies(self) -> list[dict[str, Any]]:
        """Return the page's cookies, HttpOnly ones included."""
        return [dict(cookie) for cookie in await self.page.context.cookies()]

    async def prepare(self, script: str) -> None:
        """Run a script in each page from now on, before the page's own."""
        await self.page.add_init_script(script)

    async def screenshot(self, path: Path) -> None:
        """Write a picture of the page."""
        await self.page.screenshot(path=str(path))

    async def resize(self, width: int, height: int) -> None:
        """Change the size of the page, in CSS pixels."""
        await self.page.set_viewport_size({"width": width, "height": height})

    async def faults(self) -> list[str]:
        """Return the uncaught errors of the page so far."""
        return list(self._faults)


def _css(selector: str) -> str:
    """Playwright goes through open shadow roots without being told."""
    return selector.replace(" >>> ", " ")


@asynccontextmanager
async def chromium(arguments: Sequence[str]) -> AsyncIterator[Chromium]:
    """Run a headless Chromium with these switches for the length of the block."""
    program = need("chromium")["chromium"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(arguments))
        try:
            yield Chromium(await (await _context(browser)).new_page())
        finally:
            await browser.close()


async def _context(browser: Any) -> BrowserContext:
    context: BrowserContext = await browser.new_context(
        viewport={"width": 1280, "height": 800},
        locale="en-GB",
        permissions=["camera", "microphone"],
        extra_http_headers={"Accept-Language": "en"},
    )
    return context
