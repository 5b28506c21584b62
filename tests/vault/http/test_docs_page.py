"""The API page in a real browser, under the policy it is served with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, async_playwright

from tests.servers.chromium import ARGUMENTS
from tests.servers.parts import need
from tests.vault.http.house import House


@asynccontextmanager
async def watched_page() -> AsyncIterator[tuple[Page, list[str], list[str]]]:
    """A page, what the browser complained about, and every address it asked."""
    program = need("chromium")["chromium"]
    complaints: list[str] = []
    asked: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        yield page, complaints, asked
        await browser.close()


@pytest.mark.browser
async def test_the_api_page_renders_without_breaking_its_policy_or_asking_elsewhere(house: House) -> None:
    """No inline code, no other host: every operation is shown, nothing is blocked, nothing leaves."""
    async with watched_page() as (page, complaints, asked):
        await page.goto(house.url + "/docs")
        await page.locator(".opblock").first.wait_for(timeout=20_000)
        shown = await page.locator(".opblock").count()
    assert shown > 15
    assert [text for text in complaints if "favicon" not in text and "404" not in text] == []
    assert {url.split("/")[2] for url in asked if not url.startswith("data:")} == {f"127.0.0.1:{house.port}"}


@pytest.mark.browser
async def test_a_problems_type_leads_to_its_words_also_on_a_phone(house: House) -> None:
    """The link in an answer opens at that problem; nothing is wider than the screen, nothing is blocked."""
    _, problem, _ = await house.ask("GET", "/v1/me")
    async with watched_page() as (page, complaints, _):
        await page.goto(house.url + problem["type"])
        assert await page.locator("article:target").get_attribute("id") == problem["code"]
        assert problem["title"] in await page.locator("article:target").inner_text()
        frame = "() => getComputedStyle(document.querySelector('article')).borderTopWidth"
        assert await page.evaluate(frame) == "1px"
        assert await page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert [text for text in complaints if "favicon" not in text and "404" not in text] == []
