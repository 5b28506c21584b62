"""One agent's call in two windows, and a leg the vault cannot take yet: the call goes on in exactly one."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.console.conftest import PHONE
from tests.browser.console.desk import WAIT_MS, CallCentre, call_centre, picture, take

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

Axe = Callable[[Page], list[str]]
CONFLICT = {"type": "about:blank", "title": "Conflict", "status": 409, "code": "conflict"}
QUIET_MS = 5_000  # in which a page that took the call back would have taken it


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


def legs_opened(page: Page) -> list[str]:
    """The list to which each leg is added that this page asks for from now on."""
    asked: list[str] = []
    page.on(
        "request",
        lambda one: asked.append(one.url) if one.method == "POST" and one.url.endswith("/legs") else None,
    )
    return asked


def test_a_call_opened_in_a_second_window_is_left_by_the_first(centre: CallCentre, axe: Axe) -> None:
    """The first says where the call is and takes nothing back by itself; one press brings it here again."""
    first = centre.agent()
    visitor = centre.visitor()
    take(first)
    second = first.context.new_page()
    second.set_default_timeout(WAIT_MS)
    second.on("dialog", lambda dialog: dialog.accept())
    asked = legs_opened(first), legs_opened(second)
    second.goto(first.url)
    picture(second)
    expect(first.locator(".call-end")).to_contain_text(
        "You took this call in another window", timeout=WAIT_MS
    )
    expect(first.locator("#call-title")).to_have_text("In another window: A visitor")
    assert axe(first) == []
    first.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    assert axe(first) == []
    second.wait_for_timeout(QUIET_MS)
    assert [len(legs) for legs in asked] == [0, 1]
    expect(second.locator(".call-sub")).to_contain_text("Connected")
    first.get_by_role("button", name="Take it back here").click()
    picture(first)
    expect(second.locator(".call-end")).to_contain_text("It goes on there.", timeout=WAIT_MS)
    assert visitor.evaluate("() => document.querySelector('call-button').state") == "live"


class Conflicts:
    """A vault that knows of no leg of this page's, and cannot take a new one so many times."""

    def __init__(self, page: Page, *, times: int, is_out: bool = False) -> None:
        self.refused = 0
        self.times = times
        self.is_out = is_out
        page.route("**/v1/calls/*/legs*", self.legs)

    def legs(self, route: Route) -> None:
        """Answer what the page asks about legs."""
        method = route.request.method
        if method == "POST" and self.refused < self.times:
            self.refused += 1
            route.fulfill(status=409, json=CONFLICT, content_type="application/problem+json")
        elif method == "GET" and self.refused and self.is_out:
            route.fulfill(
                status=404, json=CONFLICT | {"status": 404}, content_type="application/problem+json"
            )
        elif method == "GET" and not self.refused:
            others = [leg for leg in route.fetch().json()["items"] if not leg["mine"]]
            route.fulfill(json={"items": others})
        else:
            route.continue_()


def test_a_leg_that_is_still_being_stored_is_no_end_of_the_call(centre: CallCentre) -> None:
    """A conflict while the call goes on means: not yet. The page asks again until it is in the call."""
    agent = centre.agent()
    centre.visitor()
    take(agent)
    vault = Conflicts(agent, times=2)
    agent.evaluate("dispatchEvent(new Event('online'))")
    expect(agent.locator(".call-sub")).to_contain_text("Connection lost", timeout=WAIT_MS)
    expect(agent.locator(".call-sub")).to_contain_text("Connected", timeout=WAIT_MS)
    assert vault.refused == 2
    picture(agent)


@pytest.mark.parametrize("why", ["ended", "given_back"])
def test_a_conflict_of_a_call_that_is_over_for_the_agent_ends_it_here(centre: CallCentre, why: str) -> None:
    """What the vault says of the call decides: it has ended, or whoever asks is told of no legs in it."""
    agent = centre.agent()
    centre.visitor()
    take(agent)
    Conflicts(agent, times=9, is_out=why == "given_back")
    if why == "ended":
        agent.route(
            "**/v1/calls/call_*", lambda route: route.fulfill(json={"ended_at": "2026-11-30T09:00:00Z"})
        )
    agent.evaluate("dispatchEvent(new Event('online'))")
    expect(agent.locator(".call-end")).to_contain_text("You are no longer in this call.", timeout=WAIT_MS)
