"""The console for everyone: axe finds nothing, the keyboard is enough, nothing spills over."""

from collections.abc import Callable
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.conftest import DESK, PHONE, OpenPage, pass_purpose
from tests.browser.console.double import START, Double, ident, stamp

pytestmark = pytest.mark.browser

Axe = Callable[[Page], list[str]]
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
VIEWS = pytest.mark.parametrize(
    ("size", "scheme", "language"),
    [(DESK, "light", "fr"), (DESK, "dark", "en"), (PHONE, "light", "en"), (PHONE, "dark", "fr")],
    ids=["desk-light-fr", "desk-dark-en", "phone-light-en", "phone-dark-fr"],
)


def spills(page: Page) -> bool:
    """Tell whether the page has to be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@VIEWS
def test_no_page_has_an_axe_violation(
    open_page: OpenPage,
    vault: Double,
    faults: list[str],
    axe: Axe,
    first: str,
    size: dict[str, int],
    scheme: str,
    language: str,
) -> None:
    """Signing in, list, purpose, player, dialog, receipt: WCAG 2.2 AA, best practice, the policy."""
    for number, state in enumerate(["capturing", "finishing", "lost", "erasing"], 1):
        vault.items[number]["state"] = state
    vault.items[5].update(state="erased", erased_at=stamp(START), deletion_request_id=ident("del", 9))
    page = open_page("/console/login", size=size, language=language, color_scheme=scheme)
    page.locator("form button").click()
    assert (axe(page), spills(page)) == ([], False)
    page.goto(f"{vault.address}/console")
    page.locator(".recordings").wait_for()
    assert (axe(page), spills(page)) == ([], False)
    page.goto(vault.address + first)
    page.locator("form.purpose button").click()
    assert (axe(page), spills(page)) == ([], False)
    pass_purpose(page)
    page.locator(".wave").wait_for()
    assert faults == []  # from here on axe itself sets inline styles, which the policy stops
    assert (axe(page), spills(page)) == ([], False)
    page.locator(".danger-quiet").click()
    page.locator("dialog .danger").click()
    assert axe(page) == []
    page.locator("#erase-reason").select_option("legal")
    page.locator("#erase-confirm").check()
    page.locator("dialog .danger").click()
    page.locator(".badge-complete").wait_for()
    assert (axe(page), spills(page)) == ([], False)


def press_until(page: Page, selector: str, presses: int = 60) -> None:
    """Press Tab until an element of this kind has the focus."""
    for _ in range(presses):
        page.keyboard.press("Tab")
        if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"the keyboard never reached {selector}")


def test_the_keyboard_is_enough_from_the_list_to_the_receipt(open_page: OpenPage) -> None:
    """Tab, arrows, Space, Enter: open, give a purpose, seek, erase."""
    page = open_page("/console")
    page.locator(".recordings").wait_for()
    press_until(page, ".recordings a")
    page.keyboard.press("Enter")
    page.locator("form.purpose").wait_for()
    press_until(page, "#purpose")
    page.keyboard.press("ArrowDown")
    press_until(page, "form.purpose button")
    page.keyboard.press("Enter")
    page.locator(".wave").wait_for()
    press_until(page, ".wave")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".wave")).to_have_attribute("aria-valuenow", "5")
    press_until(page, ".danger-quiet")
    page.keyboard.press("Enter")
    expect(page.locator("#erase-reason")).to_be_focused()
    page.keyboard.press("ArrowDown")
    press_until(page, "#erase-confirm")
    page.keyboard.press("Space")
    press_until(page, "dialog .danger")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Erased recording")).to_be_focused()


def test_the_first_stop_skips_to_the_content(open_page: OpenPage) -> None:
    """WCAG 2.4.1."""
    page = open_page("/console")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_a_page_has_its_landmarks_and_language(open_page: OpenPage, first: str) -> None:
    """Banner, main, one first heading, and the page's own language for the voice."""
    page = open_page(first, language="fr")
    page.locator("form.purpose").wait_for()
    expect(page.get_by_role("banner")).to_have_count(1)
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert page.locator("html").get_attribute("lang") == "fr"


def test_nothing_moves_for_those_who_asked_for_less_motion(open_page: OpenPage, vault: Double) -> None:
    """prefers-reduced-motion stops what breathes."""
    vault.items[0]["state"] = "capturing"
    page = open_page("/console", reduced_motion="reduce")
    page.locator(".badge-capturing").wait_for()
    assert page.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length") == 0


@SCHEMES
def test_the_waveform_takes_the_colours_of_the_scheme(open_page: OpenPage, first: str, scheme: str) -> None:
    """What is drawn on a canvas follows when the scheme turns while it is shown."""
    other: Literal["dark", "light"] = "dark" if scheme == "light" else "light"
    page = open_page(first, color_scheme=scheme)
    pass_purpose(page)
    page.locator(".wave").wait_for()
    shadow = "document.querySelector('.wave-canvas > div').shadowRoot"
    cursor = f"{shadow}.querySelector('.cursor').style.backgroundColor"
    before = page.evaluate(cursor)
    page.emulate_media(color_scheme=other)
    page.wait_for_function(f"(before) => {cursor} !== before", arg=before)
