"""Pausing the recording where the database is away: what holds is said at once, and what it is worth."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.console.conftest import PHONE
from tests.browser.console.desk import WAIT_MS, CallCentre, call_centre, take

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

Axe = Callable[[Page], list[str]]
AWAY = {"type": "about:blank", "title": "Away", "status": 503, "code": "dependency_unavailable"}


@pytest.fixture
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallCentre]:
    """One program and one browser."""
    with call_centre(tmp_path_factory.mktemp("centre") / "vault") as opened:
        yield opened
        opened.clear()
        assert opened.faults == []


class Away:
    """A database that does not answer: pauses hold and are not written, nothing is read of a call."""

    def __init__(self, page: Page) -> None:
        self.ids: list[str] = []
        self.is_away = True
        page.route("**/v1/calls/*/pauses", self.pause)
        page.route("**/v1/calls/call_*", self.look)

    def pause(self, route: Route) -> None:
        """The vault's own answer, but for whether it is written."""
        answer = route.fetch()
        told = answer.json()
        self.ids.append(told["id"])
        route.fulfill(response=answer, json=told | {"durable": not self.is_away})

    def look(self, route: Route) -> None:
        """Whether the call is recorded cannot be read."""
        if self.is_away:
            route.fulfill(status=503, json=AWAY, content_type="application/problem+json")
        else:
            route.continue_()


def test_a_pause_that_is_not_written_says_so_until_it_is(centre: CallCentre, axe: Axe) -> None:
    """Paused at once, with what that is worth beside it; the same pause is asked again, no other begun."""
    agent = centre.agent()
    centre.visitor()
    take(agent)
    vault = Away(agent)
    agent.get_by_role("button", name="Pause recording").click()
    banner = agent.locator(".note.pause")
    expect(banner).to_contain_text("Recording is paused.", timeout=WAIT_MS)
    expect(banner).to_contain_text("It could not be saved yet: the database does not answer.")
    expect(agent.locator(".call-sub .badge")).to_have_text("Recording paused")
    expect(agent.locator("#said")).to_contain_text("It could not be saved yet")
    assert axe(agent) == []
    agent.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    assert axe(agent) == []
    assert not agent.evaluate("document.documentElement.scrollWidth > innerWidth")
    vault.is_away = False
    expect(banner).not_to_contain_text("could not be saved", timeout=WAIT_MS)
    expect(banner).to_contain_text("Recording is paused.")
    assert len(set(vault.ids)) == 1
    asked = len(vault.ids)
    agent.get_by_role("button", name="Resume recording").click()
    expect(agent.locator(".call-sub .badge")).to_have_text("Recorded", timeout=WAIT_MS)
    agent.wait_for_timeout(4_000)  # longer than between two questions
    assert len(vault.ids) == asked
