"""Colleagues in a browser: one joins, then has the call; a visitor calls back through a link, on a phone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.conftest import PHONE
from tests.browser.console.desk import WAIT_MS, CallCentre, call_centre, picture, take

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

Axe = Callable[[Page], list[str]]
PLAYING = """(wanted) => {
  const root = document.querySelector('call-button').shadowRoot;
  const shown = [...root.querySelectorAll('.others .tile video')];
  return shown.filter((one) => one.getVideoPlaybackQuality().totalVideoFrames > 5).length === wanted;
}"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallCentre]:
    """One program and one browser for all of them."""
    with call_centre(tmp_path_factory.mktemp("centre") / "vault") as centre:
        yield centre


@pytest.fixture
def centre(running: CallCentre) -> Iterator[CallCentre]:
    """Nobody is there yet, and nobody stays."""
    running.faults.clear()
    yield running
    running.clear()
    assert running.faults == []


def test_a_colleague_joins_and_then_has_the_call(centre: CallCentre, axe: Axe, tmp_path: Path) -> None:
    """Three see each other; after the handover two do, and the first agent reads what became of the call."""
    claire = centre.agent()
    visitor = centre.visitor()
    take(claire)
    ben = centre.agent(name="Ben", size=PHONE)
    claire.get_by_role("button", name="Add a colleague").click()
    dialog = claire.get_by_role("dialog")
    choice = dialog.get_by_role("button", name="Ben")
    expect(choice).to_contain_text("Free")
    expect(choice).to_be_focused()
    assert axe(claire) == []
    claire.screenshot(path=tmp_path / "choice.png")
    claire.keyboard.press("Enter")
    expect(claire.locator(".call-main .note", has_text="Ringing: Ben")).to_be_visible()
    expect(ben.locator(".ring")).to_contain_text("asks you to join a call")
    assert axe(ben) == []
    ben.screenshot(path=tmp_path / "ring.png")
    ben.get_by_role("button", name="Join the call").click()
    picture(ben)
    expect(claire.locator(".call-main")).to_contain_text("Ben is in the call.", timeout=WAIT_MS)
    visitor.wait_for_function(PLAYING, arg=2)
    for page in (claire, ben):
        expect(page.locator(".call-stage figure.tile")).to_have_count(2, timeout=WAIT_MS)
    claire.screenshot(path=tmp_path / "three.png")
    ben.get_by_role("button", name="Hang up").click()
    expect(claire.locator(".call-stage figure.tile")).to_have_count(1, timeout=WAIT_MS)
    ben.get_by_role("button", name="Close").click()
    claire.get_by_role("button", name="Transfer").click()
    claire.get_by_role("dialog").get_by_role("button", name="Ben").click()
    expect(ben.locator(".ring")).to_contain_text("hands a call over to you")
    ben.get_by_role("button", name="Take the call").click()
    picture(ben)
    expect(claire.locator(".call-end")).to_contain_text("You handed the call over.", timeout=WAIT_MS)
    visitor.wait_for_function(PLAYING, arg=1)
    assert visitor.evaluate("() => document.querySelector('call-button').state") == "live"
    ben.get_by_role("button", name="Hang up").click()
    visitor.wait_for_function("() => document.querySelector('call-button').state === 'ended'")


def test_who_is_asked_and_declines_leaves_the_call_where_it_is(centre: CallCentre) -> None:
    """The one who asked reads it, and nothing else has changed."""
    claire = centre.agent()
    centre.visitor()
    take(claire)
    cleo = centre.agent(name="Cleo")
    claire.get_by_role("button", name="Transfer").click()
    claire.get_by_role("dialog").get_by_role("button", name="Cleo").click()
    cleo.locator(".ring").get_by_role("button", name="Decline").click()
    expect(claire.locator(".call-main")).to_contain_text("Cleo declined. The call stays with you.")
    claire.get_by_role("button", name="OK").click()
    expect(claire.get_by_role("button", name="Transfer")).to_be_enabled()


def test_a_visitor_calls_back_through_a_link_on_a_phone(centre: CallCentre, axe: Axe, tmp_path: Path) -> None:
    """Made, opened, loaded anew, used once; whoever made it is rung with what they wrote."""
    agent = centre.agent()
    agent.get_by_role("button", name="Call somebody").click()
    dialog = agent.get_by_role("dialog")
    dialog.get_by_label("Name (if known)").fill("Zoé")
    dialog.get_by_role("button", name="Make the link").click()
    url = dialog.get_by_label("The link.").input_value()
    expect(dialog.locator(".kept")).to_contain_text("Not opened yet")
    assert axe(agent) == []
    agent.screenshot(path=tmp_path / "invite.png")
    phone = centre.phone(url, size=PHONE)
    expect(phone.get_by_role("heading", level=1)).to_contain_text("invites you to call")
    assert axe(phone) == []
    phone.screenshot(path=tmp_path / "link.png")
    phone.reload()
    phone.locator(".call").first.click()
    phone.locator("button[value=accepted]").click()
    card = agent.locator(".ring")
    expect(card).to_contain_text("Zoé", timeout=WAIT_MS)
    expect(card).to_contain_text("your link was opened")
    agent.get_by_role("dialog").get_by_role("button", name="Close").click()
    take(agent)
    other = centre.phone(url, size=PHONE)
    expect(other.get_by_role("heading", level=1)).to_contain_text("This link is no longer valid")
    assert axe(other) == []
    agent.get_by_role("button", name="Hang up").click()
