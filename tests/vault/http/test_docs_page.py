"""The API page in a real browser, under the policy it is served with."""

import pytest
from playwright.async_api import async_playwright

from tests.servers.parts import need
from tests.vault.http.house import House

ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.mark.browser
async def test_the_api_page_renders_without_breaking_its_policy_or_asking_elsewhere(house: House) -> None:
    """No inline code, no other host: every operation is shown, nothing is blocked, nothing leaves."""
    program = need("chromium")["chromium"]
    complaints: list[str] = []
    asked: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        page = await browser.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(house.url + "/docs")
        await page.locator(".opblock").first.wait_for(timeout=20_000)
        shown = await page.locator(".opblock").count()
        await browser.close()
    assert shown > 15
    assert [text for text in complaints if "favicon" not in text and "404" not in text] == []
    assert {url.split("/")[2] for url in asked if not url.startswith("data:")} == {f"127.0.0.1:{house.port}"}
