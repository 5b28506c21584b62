"""The demonstration shop: a page that says the truth, in two languages, for everyone."""

# ruff: noqa: RUF001  French typography

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.widget.shop import DESKTOP, PHONE

if TYPE_CHECKING:
    from tests.browser.widget.conftest import OpenShop
    from tests.browser.widget.shop import Urls

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("lang", "size", "scheme"), [("fr", DESKTOP, "light"), ("en", PHONE, "dark")])
async def test_the_demo_has_no_barrier(
    open_shop: OpenShop, urls: Urls, lang: str, size: tuple[int, int], scheme: str
) -> None:
    """There is nothing that axe finds, and nothing wider than the screen."""
    shop = await open_shop(path=f"{urls.vault}/demo?lang={lang}", size=size, scheme=scheme)
    await shop.page.locator("summary").first.click()
    assert await shop.barriers() == []
    assert await shop.page.evaluate("document.scrollingElement.scrollWidth") == size[0]


@pytest.mark.parametrize(
    ("lang", "title", "honest", "label"),
    [
        ("fr", "Montrez-la-nous", "il n’est pas chiffré de bout en bout", "Parler à un technicien"),
        ("en", "Show it to us", "it is not end-to-end encrypted", "Talk to a technician"),
    ],
)
async def test_the_demo_speaks_both_languages_and_hides_nothing(  # one row per language
    open_shop: OpenShop, urls: Urls, lang: str, title: str, honest: str, label: str
) -> None:
    """The page and its button speak the same language, and say that the server receives the call."""
    shop = await open_shop(path=f"{urls.vault}/demo?lang={lang}")
    assert title in await shop.page.locator("h1").inner_text()
    assert honest in await shop.page.locator("main").inner_text()
    await shop.named("button", label).wait_for()
    assert await shop.page.locator("footer a").get_attribute("href") == "/console"


async def test_a_call_from_the_demo_reaches_the_vault(open_shop: OpenShop, urls: Urls) -> None:
    """The demo's button is a real one."""
    shop = await open_shop(path=f"{urls.vault}/demo?lang=en")
    await shop.call("accepted")
    await shop.leg_until("leg.frames.audio > 10")
