"""A screen is shown from either side: seen by the other, told to whoever shows it, and kept on its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.desk import WAIT_MS, CallCentre, call_centre, take
from tests.end_to_end.fake_devices import decode

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

# What is shown: orange, its brightness moving a little, for a picture that never changes is hardly sent.
SLIDES = """<!doctype html><title>Slides</title><style>
@keyframes move { to { background: rgb(240 130 20) } }
body { background: rgb(250 140 20); animation: move 0.4s steps(4) infinite alternate }</style>"""
COLOUR = """(video) => {
  const canvas = new OffscreenCanvas(1, 1), pen = canvas.getContext("2d");
  pen.drawImage(video, video.videoWidth / 2, video.videoHeight / 2, 1, 1, 0, 0, 1, 1);
  return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""
SHARE = ".share-screen"
BANNER = {"visitor": ".share:visible", "agent": ".sharing"}
SEEN_BY = {
    "visitor": ".tile.screen:not(.no-picture) video",
    "agent": ".stage-main [data-kind=screen] video",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallCentre]:
    """A browser that shows the tab of that title whenever a page asks what to show."""
    arguments = ["--auto-select-tab-capture-source-by-title=Slides"]
    with call_centre(tmp_path_factory.mktemp("centre") / "vault", arguments) as centre:
        yield centre


@pytest.fixture
def centre(running: CallCentre) -> Iterator[CallCentre]:
    """With slides to show."""
    running.faults.clear()
    yield running
    running.clear()
    assert running.faults == []


def is_orange(colour: Any) -> bool:
    """Whether these are the slides, after two encoders."""
    red, green, blue = colour
    return bool(red > 200 and 90 < green < 180 and blue < 80)


def sees_the_slides(page: Page, side: str) -> None:
    """Wait until the large picture of this side's page shows the other's screen, by its content."""
    video = page.locator(SEEN_BY[side])
    video.wait_for()
    page.wait_for_function(f"(v) => ({COLOUR})(v)[0] > 200", arg=video.element_handle())
    assert is_orange(video.evaluate(COLOUR))


def show_a_screen(side: str, page: Page) -> None:
    """Press what shows a screen, and read to whom and that it is kept, before and while it lasts."""
    banner = page.locator(BANNER[side])
    if side == "agent":
        page.get_by_role("button", name="Share screen").click()
        expect(banner).to_contain_text("The visitor sees what you share. It is recorded.")
        return
    page.locator(SHARE).click()
    expect(banner).to_contain_text("will see the tab, window or screen that you choose. It will be")
    page.get_by_role("button", name="Choose what to show").click()
    expect(banner).to_contain_text("sees what you share. It is recorded.")


@pytest.mark.parametrize(
    ("side", "other", "name", "place"),
    [("visitor", "agent", "Visitor’s screen", 1), ("agent", "visitor", "Agent’s screen", 2)],  # noqa: RUF001
)
def test_a_screen_is_seen_by_the_other_side_and_kept_on_its_own(
    centre: CallCentre, side: str, other: str, name: str, place: int
) -> None:
    """Shown, told, large at the other side by its content, gone with the browser's own bar, and kept."""
    pages = {"agent": centre.agent(), "visitor": centre.visitor()}
    take(pages["agent"])
    slides = pages[side].context.new_page()
    slides.set_viewport_size({"width": 640, "height": 360})  # three encoders run on this machine
    slides.set_content(SLIDES)
    pages[side].bring_to_front()
    show_a_screen(side, pages[side])
    pages[other].bring_to_front()
    sees_the_slides(pages[other], other)
    pages[other].wait_for_timeout(1500)
    slides.close()  # as the browser's own bar: what was shown is there no longer
    expect(pages[side].locator(BANNER[side])).to_be_hidden()
    expect(pages[other].locator(SEEN_BY[other])).to_have_count(0, timeout=WAIT_MS)
    agent = pages["agent"]
    agent.bring_to_front()
    agent.get_by_role("button", name="Hang up").click()
    expect(agent.locator(".kept .badge-ready")).to_have_count(3, timeout=WAIT_MS)
    expect(agent.locator(".kept a").nth(place)).to_have_text(name)
    address = agent.locator(".kept a").nth(place).get_attribute("href") or ""
    seen = decode(centre.fetched(agent, Path(address).name))
    assert is_orange(seen.left)
    assert is_orange(seen.right)
    assert seen.samples_s == 0


def test_whoever_chooses_nothing_shows_nothing_and_reads_so(centre: CallCentre) -> None:
    """The browser's question is closed without a choice: no leg, honest words, and it may be tried again."""
    agent = centre.agent()
    visitor = centre.visitor(choice="refused")
    take(agent)
    for page in (agent, visitor):
        page.evaluate(
            "() => { navigator.mediaDevices.getDisplayMedia ="
            " () => Promise.reject(new DOMException('Permission denied', 'NotAllowedError')) }"
        )
    visitor.locator(SHARE).click()
    expect(visitor.locator(".share:visible")).to_contain_text("It is not recorded.")
    visitor.get_by_role("button", name="Choose what to show").click()
    expect(visitor.locator(".share:visible")).to_contain_text("Nothing was chosen: your screen is not shown.")
    agent.get_by_role("button", name="Share screen").click()
    expect(agent.locator(".sharing")).to_contain_text("Nothing was chosen: your screen is not shown.")
    expect(agent.locator("[data-kind=screen]")).to_have_count(0)
    expect(visitor.locator(".share-screen.on")).to_have_count(0)


def test_a_browser_that_cannot_show_a_screen_says_so(centre: CallCentre) -> None:
    """Phones have no such thing: a line in the menu instead of a button that does nothing."""
    gone = "delete MediaDevices.prototype.getDisplayMedia"
    agent = centre.agent()
    visitor = centre.visitor(script=gone)
    take(agent)
    expect(visitor.locator(".share-screen")).to_be_hidden()
    visitor.get_by_role("button", name="More", exact=True).click()
    visitor.get_by_role("button", name="Share your screen").click()
    expect(visitor.locator(".share:visible")).to_contain_text("This browser cannot share a screen.")
