"""The button for everyone: keyboard, screen reader, phone, dark, and a page with the strictest policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.widget.shop import DESKTOP, PHONE

if TYPE_CHECKING:
    from tests.browser.widget.conftest import OpenShop
    from tests.browser.widget.shop import Shop

pytestmark = pytest.mark.browser

FOCUSED = "document.activeElement.shadowRoot?.activeElement"


async def focused(shop: Shop) -> str:
    """Words of what has the keyboard's attention inside the button."""
    words: str = await shop.page.evaluate(f"({FOCUSED}?.ariaLabel ?? {FOCUSED}?.innerText ?? '').trim()")
    return words


@pytest.mark.parametrize(("lang", "size", "scheme"), [("fr", DESKTOP, "light"), ("en", PHONE, "dark")])
async def test_no_state_has_a_barrier(
    open_shop: OpenShop, lang: str, size: tuple[int, int], scheme: str
) -> None:
    """There is nothing that axe finds against WCAG 2.2 A and AA in any state."""
    shop = await open_shop(lang=lang, size=size, scheme=scheme, granted=["microphone"])
    found = {"idle": await shop.barriers()}
    await shop.press()
    await shop.inside("summary").click()
    found["asking"] = await shop.barriers()
    await shop.inside(".last button").first.click()
    await shop.inside(".check .aside").wait_for()
    found["checking"] = await shop.barriers()
    await shop.inside("button[value=accepted]").click()
    await shop.inside(".steps").wait_for()
    found["denied"] = await shop.barriers()
    await shop.inside(".choices button").last.click()
    await shop.until("live")
    found["live"] = await shop.barriers()
    await shop.inside(".hang-up").click()
    await shop.until("ended")
    found["ended"] = await shop.barriers()
    await shop.inside(".main").click()
    await shop.page.context.set_offline(True)
    await shop.press()
    found["failed"] = await shop.barriers()
    assert {state: barriers for state, barriers in found.items() if barriers} == {}


async def test_a_whole_call_needs_no_mouse(open_shop: OpenShop) -> None:
    """Tab, Enter and Space are enough, and the focus is always somewhere that makes sense."""
    shop = await open_shop(lang="en")
    keys = shop.page.keyboard
    await keys.press("Tab")
    assert await focused(shop) == "Talk to a technician"
    await keys.press("Enter")
    await shop.inside("button[value=accepted]").wait_for()
    assert await focused(shop) == "Before we start"
    for _ in range(3):
        await keys.press("Tab")
    assert await focused(shop) == "Accept recording"
    await keys.press("Enter")
    await shop.until("live")
    assert await focused(shop) == "On the line with Atelier Lumen"
    await keys.press("Tab")
    await keys.press("Space")
    assert await focused(shop) == "Turn the microphone on"
    await keys.press("Tab")
    await keys.press("Tab")
    await keys.press("Enter")
    await shop.until("ended")
    assert await focused(shop) == "Call ended"
    await shop.named("link", "Open your page").wait_for()
    for _ in range(5):
        await keys.press("Tab")
    assert await focused(shop) == "Close"
    await keys.press("Enter")
    await shop.until("idle")
    assert await focused(shop) == "Talk to a technician"


async def test_the_question_holds_the_focus_and_escape_leaves_it(open_shop: OpenShop) -> None:
    """Tab stays in the dialog; Escape cancels and returns to the button. Nothing was recorded."""
    shop = await open_shop(lang="en")
    await shop.press()
    inside = []
    for _ in range(12):
        await shop.page.keyboard.press("Tab")
        inside.append(
            await shop.page.evaluate(
                f"!!{FOCUSED}?.closest('dialog') || !document.hasFocus() ||"
                " document.activeElement === document.body"
            )
        )
    assert all(inside)
    await shop.page.keyboard.press("Escape")
    await shop.until("idle")
    assert await focused(shop) == "Talk to a technician"
    assert (await shop.facts())["consents"] == []


async def test_a_live_call_leaves_the_page_usable_and_escape_does_not_end_it(open_shop: OpenShop) -> None:
    """The visitor can read the page to the agent; a stray key does not hang up."""
    shop = await open_shop(size=PHONE)
    await shop.call()
    await shop.page.keyboard.press("Escape")
    await shop.page.get_by_role("heading", name="Shop").click()
    await shop.inside(".call").click()
    assert await focused(shop) == "En ligne avec Atelier Lumen"
    await shop.until("live")


@pytest.mark.parametrize("size", [PHONE, (320, 568)])
async def test_nothing_is_wider_than_a_small_phone(open_shop: OpenShop, size: tuple[int, int]) -> None:
    """No sideways scrolling at 320 pixels (WCAG 2.2, 1.4.10), and each target is at least 44 pixels high."""
    shop = await open_shop(size=size)
    await shop.press()
    width = await shop.page.evaluate("document.scrollingElement.scrollWidth")
    panel = await shop.inside("dialog").evaluate("one => one.scrollWidth - one.clientWidth")
    heights = await shop.inside("dialog button").evaluate_all(
        "buttons => buttons.map((one) => one.getBoundingClientRect().height)"
    )
    assert (width, panel) == (size[0], 0)
    assert min(heights) >= 44


async def test_the_language_follows_the_element_then_the_page(open_shop: OpenShop) -> None:
    """The button's own lang wins over the page's, and a change is seen at once."""
    shop = await open_shop(lang="fr", extra='lang="en-GB"')
    await shop.page.wait_for_function(
        "() => document.querySelector('call-button').shadowRoot"
        ".querySelector('.call').innerText.includes('Talk')"
    )
    await shop.page.evaluate("document.querySelector('call-button').removeAttribute('lang')")
    assert await shop.inside(".call").inner_text() == "Parler à un technicien"
