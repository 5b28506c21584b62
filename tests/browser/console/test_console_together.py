"""The sides of one call played together: one timeline, apart by less than anyone notices."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.console.conftest import PHONE, OpenPage, pass_purpose
from tests.browser.console.double import START, Double, stamp

pytestmark = pytest.mark.browser

LATER_S = 2.0
DRIFT = f"""() => {{
  const [main, other] = document.querySelectorAll(".screens :is(video, audio)");
  return Math.abs(other.currentTime - (main.currentTime - {LATER_S}));
}}"""


@pytest.fixture
def second(vault: Double) -> str:
    """The path of the page of the agent, who joined later."""
    return f"/console/recordings/{vault.items[1]['id']}"


def lay(vault: Double, *sides: tuple[str, str, float], at: int = 0) -> None:
    """Make the recordings from a place of the list on sides of one call: whose, of what, and from when."""
    for item, (role, kind, begin_s) in zip(vault.items[at:], sides, strict=False):
        item.update(call_id=vault.items[0]["call_id"], leg_role=role, leg_kind=kind)
        item.update(duration_ms=24_000, codecs=["vp8", "opus"] if kind == "camera" else ["vp8"])
        item.update(started_at=stamp(START - timedelta(hours=7) + timedelta(seconds=begin_s)))


def stands_at(page: Page, wanted_s: list[float]) -> None:
    """Wait until each side shows a place of its own file, the opened one first."""
    page.wait_for_function(
        """(wanted) => {
  const sides = [...document.querySelectorAll(".screens :is(video, audio)")];
  return sides.length === wanted.length
    && sides.every((side, at) => !side.seeking && Math.abs(side.currentTime - wanted[at]) < 0.1);
}""",
        arg=wanted_s,
    )


def open_together(open_page: OpenPage, vault: Double, path: str) -> Page:
    """Open a recording whose agent joined two seconds later, and play both sides."""
    lay(vault, ("visitor", "camera", 0), ("agent", "camera", LATER_S))
    page = open_page(path)
    pass_purpose(page)
    page.get_by_role("button", name="Play the other side along").click()
    page.locator(".companion").wait_for()
    page.evaluate("document.querySelector('.screen video').muted = true")
    return page


def test_both_sides_play_and_stay_together(open_page: OpenPage, vault: Double, first: str) -> None:
    """Playing, seeking and pausing the one moves the other; apart by less than 100 ms."""
    page = open_together(open_page, vault, first)
    main = page.locator(".screen video")
    main.evaluate("(video) => { video.currentTime = 6; video.play().catch(() => {}); }")
    page.wait_for_function(
        f"() => document.querySelector('.screen video').currentTime > 8 && ({DRIFT})() < 0.1"
    )
    main.evaluate("(video) => video.pause()")
    main.evaluate("(video) => { video.currentTime = 15; }")
    page.wait_for_function(f"() => ({DRIFT})() < 0.1")
    assert page.locator(".companion video").evaluate("(video) => video.paused")


def test_the_timeline_moves_both(open_page: OpenPage, vault: Double, first: str) -> None:
    """A key and a press on it are a place in the call, not in one file; the space bar plays and pauses."""
    page = open_together(open_page, vault, first)
    timeline = page.get_by_role("slider", name="Position in the call")
    page.locator(".screen video").evaluate("(video) => { video.currentTime = 6; }")
    page.wait_for_function(f"() => ({DRIFT})() < 0.1")
    timeline.press("ArrowRight")
    stands_at(page, [11, 9])
    expect(timeline).to_have_attribute("aria-valuetext", "11 seconds of 26 seconds")
    timeline.press("Home")
    stands_at(page, [0, 0])
    timeline.press("Space")
    page.wait_for_function("() => document.querySelector('.screen video').currentTime > 0.5")
    timeline.press("Space")
    page.wait_for_function("() => document.querySelector('.screen video').paused")
    box = timeline.bounding_box()
    assert box is not None
    timeline.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    stands_at(page, [13, 11])


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
    """No side stops before the others, and the call goes on where it was, at the same moment."""
    page = open_together(open_page, vault, first)
    page.get_by_role("slider", name="Position in the call").press("End")
    stands_at(page, [23.95, 23.95])
    page.keyboard.press("ArrowLeft")
    stands_at(page, [21, 19])
    page.get_by_role("button", name="Renew the access").click()
    while len(vault.links) < 4:
        page.wait_for_timeout(50)
    expect(page.locator(".companion")).to_have_count(1)
    page.wait_for_function("() => document.querySelector('.companion video')?.readyState > 0")
    stands_at(page, [21, 19])


def test_a_side_that_cannot_be_played_stops_no_other(open_page: OpenPage, vault: Double, first: str) -> None:
    """Its word stands on it; who is there plays on."""
    page = open_page(first)
    page.route("**/media.webm", lambda route: refuse_second(vault, route))
    lay(vault, ("visitor", "camera", 0), ("agent", "camera", LATER_S))
    page.reload()
    pass_purpose(page)
    page.get_by_role("button", name="Play the other side along").click()
    expect(page.locator(".companion .side-away")).to_have_text("Cannot be played")
    page.get_by_role("slider", name="Position in the call").press("ArrowRight")
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('.screen video').currentTime > 5.5")


def refuse_second(vault: Double, route: Route) -> None:
    """Break off what goes by the second link."""
    if list(vault.links).index(route.request.url.split("/")[-2]):
        route.abort()
    else:
        route.continue_()


def test_the_page_of_a_played_call_has_no_axe_violation(
    open_page: OpenPage, vault: Double, first: str, axe: Callable[[Page], list[str]]
) -> None:
    """Two pictures, two waveforms, each with its name."""
    page = open_together(open_page, vault, first)
    expect(page.get_by_role("slider", name="Position in the call")).to_be_visible()
    expect(page.locator(".wave-track .wave-canvas > div")).to_have_count(2)
    assert axe(page) == []


def test_before_the_opened_ones_beginning_the_call_plays_too(
    open_page: OpenPage, vault: Double, second: str
) -> None:
    """From the agent's page one sees and hears the visitor wait for them, and then both."""
    page = open_together(open_page, vault, second)
    agent, visitor = page.locator(".screen"), page.locator(".companion")
    page.get_by_role("slider", name="Position in the call").press("Home")
    stands_at(page, [0, 0])
    expect(agent.locator(".side-away")).to_have_text("Not there yet")
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("() => document.querySelector('.companion video').currentTime > 0.5")
    assert agent.locator("video").evaluate("(video) => video.paused && video.currentTime === 0")
    page.wait_for_function(
        """() => {
  const [agent, visitor] = document.querySelectorAll(".screens video");
  return agent.currentTime > 1 && Math.abs(visitor.currentTime - agent.currentTime - 2) < 0.1;
}"""
    )
    expect(agent.locator(".side-away")).to_be_hidden()
    assert visitor.locator("video").evaluate("(video) => !video.paused")


def test_the_call_goes_on_where_the_opened_side_ends(
    open_page: OpenPage, vault: Double, first: str, axe: Callable[[Page], list[str]]
) -> None:
    """The visitor left at 24 seconds; the agent is heard to the end of the call, at 26."""
    page = open_together(open_page, vault, first)
    timeline = page.get_by_role("slider", name="Position in the call")
    page.locator(".screen video").evaluate("(video) => { video.currentTime = 22.5; }")
    timeline.press("Space")
    expect(page.locator(".screen .side-away")).to_have_text("No longer there")
    assert page.locator(".companion video").evaluate("(video) => !video.paused")
    assert axe(page) == []
    expect(timeline).to_have_attribute("aria-valuetext", "26 seconds of 26 seconds")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert page.locator(".companion video").evaluate("(video) => video.currentTime") > 23.5


def test_three_sides_and_a_screen_keep_to_one_clock(open_page: OpenPage, vault: Double) -> None:
    """A colleague joined, then showed a screen once every camera was gone; silence has its place."""
    lay(vault, ("visitor", "camera", 0), ("agent", "camera", 2), ("agent", "camera", 10))
    lay(vault, ("agent", "screen", 36), at=3)
    vault.items[2]["participant"] = vault.items[3]["participant"] = "agent-2"
    page = open_page(f"/console/recordings/{vault.items[1]['id']}", size=PHONE)
    pass_purpose(page)
    page.get_by_role("button", name="Play the other side along").click()
    expect(page.locator(".screens .side-name")).to_have_text(
        ["Agent 1", "Visitor", "Agent 2", "Screen of agent 2"]
    )
    timeline = page.get_by_role("slider", name="Position in the call")
    page.get_by_role("button", name=re.compile("joined")).press("Enter")
    stands_at(page, [0, 2, 0, 0])
    for _ in range(2):
        timeline.press("ArrowRight")
    stands_at(page, [10, 12, 2, 0])
    expect(page.locator(".screens > .is-away")).to_have_count(1)
    page.locator(".screens video").nth(2).evaluate("(video) => { video.currentTime = 23.5; }")
    timeline.press("Space")
    page.wait_for_function("() => document.querySelectorAll('.screens > .is-away').length === 4")
    page.wait_for_function("() => document.querySelectorAll('.screens video')[3].currentTime > 0.5")
    words = ["No longer there"] * 3
    expect(page.locator(".side-away")).to_have_text([*words, ""])
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
