"""Each browser hides its permissions elsewhere: the visitor reads the way of the one in front of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser.widget.conftest import OpenShop

pytestmark = pytest.mark.browser

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0"
BROWSERS = [
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", 0, "chromium"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/140.0.0.0", 10, "chromium"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME} Safari/537.36", 0, "chromium"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", 0, "firefox"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.0 Safari/605.1.15", 0, "safari"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.0 Safari/605.1.15", 5, "ios"),
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) {APPLE} Version/18.0 Mobile Safari/604.1", 5, "ios"),
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) {APPLE} CriOS/140.0 Mobile Safari/604.1", 5, "ios_app"),
    (f"Mozilla/5.0 (Linux; Android 15; Pixel 9) {CHROME} Mobile Safari/537.36", 5, "android"),
    ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", 5, "android"),
]


async def test_each_browser_gets_its_own_steps(open_shop: OpenShop) -> None:
    """Chrome, Edge, Firefox, Safari, phones; an iPad that calls itself a Mac is found by its touch."""
    shop = await open_shop(lang="en")
    found = await shop.page.evaluate(
        "async ([vault, browsers]) => {"
        " const { kindOf } = await import(`${vault}/shared/help.js`);"
        " return browsers.map(([userAgent, maxTouchPoints]) => kindOf({ userAgent, maxTouchPoints })); }",
        [shop.urls.vault, [[agent, touches] for agent, touches, _ in BROWSERS]],
    )
    assert found == [kind for *_, kind in BROWSERS]


async def test_the_steps_name_this_browsers_own_place(open_shop: OpenShop) -> None:
    """In Chromium they begin at the address; the system's own switch is named too."""
    shop = await open_shop(lang="en", granted=[])
    await shop.press()
    await shop.inside("button[value=accepted]").click()
    await shop.inside(".steps").wait_for()
    words = await shop.text()
    assert "Click the icon to the left of the site’s address" in words  # noqa: RUF001  typography
    assert "Check that the system allows this browser" in words
