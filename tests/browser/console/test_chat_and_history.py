"""Writing to each other, noting, and finding the call again, through the real program."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.console.conftest import DESK, PHONE
from tests.browser.console.desk import WAIT_MS, CallCentre, call_centre, take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SHOTS = os.environ.get("CALLVAULT_TEST_SHOTS")  # a folder for pictures of what was tested
TELLS = """document.addEventListener("DOMContentLoaded", () => {
  const { dataset } = document.querySelector("call-button");
  Object.assign(dataset, { name: "Grace Hopper", reference: "customer 7", phone: "+33 6 12 34 56 78" });
});"""


@pytest.fixture(autouse=True)
def patient() -> Iterator[None]:
    """A machine that does much else may take a while."""
    expect.set_options(timeout=WAIT_MS)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallCentre]:
    """One program and one browser."""
    with call_centre(tmp_path_factory.mktemp("centre") / "vault") as opened:
        yield opened
        opened.clear()
        assert opened.faults == []


def shot(page: Page, name: str) -> None:
    """Keep a picture, where somebody wants to look."""
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def sized(page: Page, size: Any) -> None:
    """Look at a page on a desk or on a phone."""
    page.set_viewport_size(size)


def test_two_write_one_notes_and_the_call_is_found_again(
    centre: CallCentre, axe: Callable[[Page], list[str]]
) -> None:
    """Both ways, unread counted, note kept through the end; the list, the search and the call opened."""
    agent, visitor = centre.agent(), centre.visitor(script=TELLS)
    take(agent)
    field = agent.get_by_label("Write a message")
    field.fill("Good morning")
    field.press("Enter")
    expect(agent.locator(".message.mine:not(.draft)")).to_contain_text("Good morning")
    button = visitor.get_by_role("button", name="Messages, 1 unread")
    button.click()
    panel = visitor.locator("call-button .chat")
    expect(panel.locator(".message")).to_contain_text("Good morning")
    writing = visitor.get_by_label("Write a message")
    expect(writing).to_be_focused()
    writing.fill("Hello")
    writing.press("Shift+Enter")
    writing.press_sequentially("my boiler leaks")
    writing.press("Enter")
    expect(panel.locator(".message.mine:not(.draft) p")).to_have_text("Hello\nmy boiler leaks")
    expect(panel).to_contain_text("What you write here is recorded with the call.")
    expect(agent.locator(".message").last).to_contain_text("my boiler leaks")
    paused_and_resumed(agent, visitor)
    agent.get_by_label("How it went").select_option("resolved")
    agent.get_by_label("Note", exact=True).fill("Sends a picture of the boiler")
    expect(agent.locator(".note-panel [role=status]")).to_have_text("Saved.")
    for page, name in ((agent, "call"), (visitor, "widget-chat")):
        shot(page, f"{name}-desk")
        assert axe(page) == []
        sized(page, PHONE)
        shot(page, f"{name}-phone")
    sized(agent, DESK)
    agent.get_by_role("button", name="Hang up").click()
    expect(agent.locator(".call-end").get_by_label("Note", exact=True)).to_have_value(
        "Sends a picture of the boiler"
    )
    agent.get_by_role("link", name="The call: who called, messages, notes").click()
    opened(agent, axe)
    agent.get_by_role("link", name="All calls").click()
    listed(agent, axe)


def paused_and_resumed(agent: Page, visitor: Page) -> None:
    """While the recording is paused both sides read that the chat is off, and can write afterwards."""
    off = "The chat is off while the recording is paused."
    agent.get_by_role("button", name="Pause recording").click()
    for page, place in ((agent, ".call-chat-section"), (visitor, "call-button .chat")):
        expect(page.locator(place)).to_contain_text(off)
        expect(page.get_by_role("button", name="Send", exact=True)).to_be_disabled()
    agent.get_by_role("button", name="Resume recording").click()
    expect(visitor.get_by_role("button", name="Send", exact=True)).to_be_enabled()
    writing = visitor.get_by_label("Write a message").bounding_box()
    controls = visitor.locator("call-button .controls").bounding_box()
    assert writing is not None
    assert controls is not None
    assert writing["y"] + writing["height"] <= controls["y"]  # what one writes is in sight


def opened(page: Page, axe: Callable[[Page], list[str]]) -> None:
    """Nothing personal before it is asked for; then all of it."""
    expect(page.get_by_role("heading", name="Who called")).to_be_visible()
    assert "Grace" not in page.content()
    page.get_by_role("button", name="Open", exact=True).click()
    main = page.locator(".dossier-main")
    for words in ("Grace Hopper", "customer 7", "my boiler leaks", "Sends a picture of the boiler"):
        expect(main).to_contain_text(words)
    assert axe(page) == []
    shot(page, "dossier-desk")
    sized(page, PHONE)
    shot(page, "dossier-phone")
    sized(page, DESK)


def listed(page: Page, axe: Callable[[Page], list[str]]) -> None:
    """One line without a name; found by the number in another spelling, and not by a part of it."""
    rows = page.locator("#list tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Answered")
    expect(rows).to_contain_text("Resolved")
    assert "Grace" not in page.content()
    page.get_by_label("Find by").select_option("phone")
    page.get_by_label("Exact value").fill("0033612345678")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#search-clear")).to_be_visible()
    expect(rows).to_have_count(1)
    assert "0033" not in page.url
    shot(page, "history-desk")
    page.get_by_label("Exact value").fill("0033612345")
    page.get_by_label("Exact value").press("Enter")
    expect(page.get_by_text("No call has exactly this value.")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("button", name="Show all calls").click()
    expect(rows).to_have_count(1)
    sized(page, PHONE)
    assert axe(page) == []
    shot(page, "history-phone")


def test_a_visitor_who_refused_reads_that_nothing_is_kept(centre: CallCentre) -> None:
    """Said on both screens; what is written arrives all the same, and is in no list afterwards."""
    centre.clear()
    agent, visitor = centre.agent(), centre.visitor(choice="refused")
    take(agent)
    expect(agent.locator(".call-chat-section")).to_contain_text("What is written here is not kept")
    agent.get_by_label("Write a message").fill("Just between us")
    agent.get_by_role("button", name="Send").click()
    visitor.get_by_role("button", name="Messages, 1 unread").click()
    expect(visitor.locator("call-button .chat")).to_contain_text("Just between us")
    expect(visitor.locator("call-button .chat")).to_contain_text("What you write here is not kept")
    agent.get_by_role("button", name="Hang up").click()
    agent.get_by_role("link", name="The call: who called, messages, notes").click()
    agent.get_by_role("button", name="Open", exact=True).click()
    expect(agent.locator(".dossier-main")).to_contain_text("Nothing was written, or nothing is kept.")


def page_of_messages(route: Route) -> None:
    """Answer with what was written after a place: 405 messages, never more than 200 at once."""
    asked = parse_qs(urlsplit(route.request.url).query)
    after, most = int(asked["after"][0]), int(asked.get("limit", ["200"])[0])
    who = {"role": "visitor", "name": "", "mine": False, "at": "2026-11-30T09:00:00.000Z", "kept": True}
    items = [{"id": f"msg_{n}", "n": n, "text": f"Line {n}", **who} for n in range(1, 406) if n > after]
    route.fulfill(json={"items": items[: min(most, 200)]})


def test_what_was_written_is_read_to_its_end_on_both_screens(centre: CallCentre) -> None:
    """After a long break more was missed than one answer holds: it is asked until an answer is short."""
    centre.clear()
    agent, visitor = centre.agent(), centre.visitor()
    take(agent)
    for page in (agent, visitor):
        page.route(re.compile(r"/messages\?"), page_of_messages)
    agent.get_by_label("Write a message").fill("Are you there?")
    agent.get_by_role("button", name="Send").click()
    expect(agent.locator(".message:not(.draft)").last).to_contain_text("Line 405")
    expect(agent.locator(".message:not(.draft)")).to_have_count(405)
    visitor.get_by_role("button", name="Messages").click()
    expect(visitor.locator("call-button .chat .message")).to_have_count(405)
