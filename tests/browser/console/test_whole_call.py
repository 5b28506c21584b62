"""A call as a whole on the recording's page: one timeline, what happened, and files made of it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.conftest import PHONE, OpenPage
from tests.browser.console.double import Double
from tests.browser.console.test_console_together import open_together

pytestmark = pytest.mark.browser


def test_both_waveforms_lie_where_their_sides_were(open_page: OpenPage, vault: Double, first: str) -> None:
    """Two seconds of twenty-six: the later side's line begins later, with its gaps and the marks below."""
    page = open_together(open_page, vault, first)
    expect(page.locator(".wave-track .wave").nth(1)).to_be_visible()
    lines = page.locator(".wave-track .wave")
    left, later = (lines.nth(at).bounding_box() for at in (0, 1))
    assert left is not None
    assert later is not None
    whole = later["x"] + later["width"] - left["x"]
    assert (later["x"] - left["x"]) / whole == pytest.approx(2 / 26, abs=0.02)
    expect(lines.nth(1).locator(".wave-gap")).to_have_count(1)
    expect(page.locator(".call-mark")).to_have_count(2)  # what came before the first frame has no place


def test_a_moment_of_the_call_is_a_place_to_go(open_page: OpenPage, vault: Double, first: str) -> None:
    """The list is in words, works by keyboard, and moves all sides."""
    page = open_together(open_page, vault, first)
    moments = page.get_by_role("region", name="What happened")
    expect(moments.get_by_role("listitem")).to_have_count(3)
    moments.get_by_role("button", name="Recording paused").press("Enter")
    page.wait_for_function("() => Math.abs(document.querySelector('.screen video').currentTime - 6) < 0.2")


def test_an_export_is_asked_for_and_its_progress_is_seen(
    open_page: OpenPage, vault: Double, first: str, axe: Callable[[Page], list[str]], faults: list[str]
) -> None:
    """On a phone too: a format, a bar, then a link to where it is played for a purpose."""
    vault.permissions.append("media:export")
    page = open_page(first, size=PHONE)
    exports = page.get_by_role("region", name="Exports")
    exports.get_by_label("Format").select_option("mp3")
    exports.get_by_role("button", name="Make").click()
    expect(exports.get_by_role("progressbar")).to_have_js_property("value", 40)
    assert axe(page) == []
    vault.exports[0].update(state="ready", progress=100)
    link = exports.get_by_role("link", name="Sound, MP3")
    expect(link).to_have_attribute("href", f"/console/recordings/{vault.exports[0]['id']}")
    assert faults == []


def test_who_may_not_export_sees_what_there_is(open_page: OpenPage, vault: Double, first: str) -> None:
    """The list without the form."""
    page = open_page(first)
    exports = page.get_by_role("region", name="Exports")
    expect(exports).to_be_visible()
    expect(exports.get_by_role("button", name="Make")).to_have_count(0)
