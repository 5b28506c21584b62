"""The sides of one call played together: one timeline, apart by less than anyone notices."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.conftest import OpenPage, pass_purpose
from tests.browser.console.double import START, Double, stamp

pytestmark = pytest.mark.browser

LATER_S = 2.0
DRIFT = f"""() => {{
  const [main, other] = document.querySelectorAll(".screens :is(video, audio)");
  return Math.abs(other.currentTime - (main.currentTime - {LATER_S}));
}}"""


def open_together(open_page: OpenPage, vault: Double, first: str) -> Page:
    """Open a recording whose agent joined two seconds later, and play both sides."""
    visitor, agent = vault.items[0], vault.items[1]
    agent.update(call_id=visitor["call_id"], leg_role="agent", duration_ms=24_000)
    agent.update(started_at=stamp(START - timedelta(hours=7) + timedelta(seconds=LATER_S)))
    page = open_page(first)
    pass_purpose(page)
    page.get_by_role("button", name="Play the other side along").click()
    page.locator(".companion").wait_for()
    page.evaluate("document.querySelector('.screen video').muted = true")
    return page


def test_both_sides_play_and_stay_together(open_page: OpenPage, vault: Double, first: str) -> None:
    """Playing, seeking and pausing the one moves the other; apart by less than 100 ms."""
    page = open_together(open_page, vault, first)
    main = page.locator(".screen video")
    main.evaluate("(video) => { video.currentTime = 6; return video.play(); }")
    page.wait_for_function(
        f"() => document.querySelector('.screen video').currentTime > 8 && ({DRIFT})() < 0.1"
    )
    main.evaluate("(video) => video.pause()")
    main.evaluate("(video) => { video.currentTime = 15; }")
    page.wait_for_function(f"() => ({DRIFT})() < 0.1")
    assert page.locator(".companion video").evaluate("(video) => video.paused")


def test_the_other_waveform_moves_both(open_page: OpenPage, vault: Double, first: str) -> None:
    """A key on the second waveform is a place in the call, not in that file."""
    page = open_together(open_page, vault, first)
    page.locator(".screen video").evaluate("(video) => { video.currentTime = 6; }")
    page.wait_for_function(f"() => ({DRIFT})() < 0.1")
    page.locator(".wave-track .wave").nth(1).press("ArrowRight")
    page.wait_for_function(
        f"() => Math.abs(document.querySelector('.screen video').currentTime - 11) < 0.2 && ({DRIFT})() < 0.1"
    )


def test_a_side_that_was_not_there_yet_waits(open_page: OpenPage, vault: Double, first: str) -> None:
    """Before the agent joined there is nothing of them to see."""
    page = open_together(open_page, vault, first)
    page.locator(".screen video").evaluate("(video) => { video.currentTime = 0.5; }")
    expect(page.locator(".companion")).to_have_class("companion is-away")


def test_closing_gives_both_links_back(open_page: OpenPage, vault: Double, first: str) -> None:
    """Each side was opened by a link of its own, for the same purpose."""
    page = open_together(open_page, vault, first)
    assert [link["purpose"] for link in vault.links.values()] == ["quality", "quality"]
    page.get_by_role("button", name="Close the access").click()
    page.locator("form.purpose").wait_for()
    page.wait_for_timeout(500)
    assert [link["open"] for link in vault.links.values()] == [False, False]


def test_renewing_renews_every_side(open_page: OpenPage, vault: Double, first: str) -> None:
    """No side stops before the others."""
    page = open_together(open_page, vault, first)
    page.get_by_role("button", name="Renew the access").click()
    expect(page.locator(".companion")).to_have_count(1)
    page.wait_for_function("() => document.querySelector('.companion video')?.readyState > 0")
    assert len(vault.links) == 4


def test_the_page_of_a_played_call_has_no_axe_violation(
    open_page: OpenPage, vault: Double, first: str, axe: Callable[[Page], list[str]]
) -> None:
    """Two pictures, two waveforms, each with its name."""
    page = open_together(open_page, vault, first)
    expect(page.get_by_role("slider", name="Position in the call, Agent")).to_be_visible()
    assert axe(page) == []
