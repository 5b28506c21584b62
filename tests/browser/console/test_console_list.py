"""The list of recordings: pages, filters, states, empty and broken."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.conftest import PHONE, OpenPage
from tests.browser.console.double import START, Double, ident, stamp

pytestmark = pytest.mark.browser


def lines(page: Page) -> list[str]:
    """The identifiers of the recordings shown, in order."""
    page.locator("#list:not([aria-busy])").wait_for()
    links = page.locator(".recordings tbody a").all()
    return [str(link.get_attribute("href")).rsplit("/", 1)[1] for link in links]


def test_next_and_previous_walk_every_recording_once(open_page: OpenPage, vault: Double) -> None:
    """Keyset pages: forward to the end, back to the start, nothing twice, nothing left out."""
    page = open_page("/console")
    walked = [lines(page)]
    for _ in range(2):
        page.get_by_role("button", name="Next").click()
        page.wait_for_function(
            "(before) => !document.querySelector(`a[href$='${before}']`)", arg=walked[-1][0]
        )
        walked.append(lines(page))
    assert [name for some in walked for name in some] == [item["id"] for item in vault.items]
    expect(page.get_by_role("button", name="Next")).to_have_count(0)
    page.get_by_role("button", name="Previous").click()
    page.wait_for_function("(wanted) => document.querySelector(`a[href$='${wanted}']`)", arg=walked[1][0])
    page.get_by_role("button", name="Previous").click()
    page.wait_for_function("(wanted) => document.querySelector(`a[href$='${wanted}']`)", arg=walked[0][0])
    expect(page.get_by_role("button", name="Previous")).to_have_count(0)


def test_a_page_reached_by_its_address_leads_to_the_first(open_page: OpenPage) -> None:
    """A shared address has no way back but the beginning."""
    page = open_page("/console?cursor=25")
    page.get_by_role("button", name="First page").click()
    expect(page.get_by_role("button", name="First page")).to_have_count(0)
    assert page.url.endswith("/console")


def test_filters_are_in_the_address_and_whole_local_days_are_asked(
    open_page: OpenPage, vault: Double
) -> None:
    """The last day belongs to the range; midnight is the reader's own."""
    page = open_page("/console")
    page.get_by_label("Call button").select_option(label="Assistance chaudière")
    page.get_by_label("State").select_option("ready")
    page.get_by_label("From").fill("2026-11-10")
    page.get_by_label("To", exact=True).fill("2026-11-11")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/console?*from=2026-11-10*")
    lines(page)
    asked = parse_qs(urlsplit(vault.seen[-1][1]).query)
    assert asked["from"] == ["2026-11-09T23:00:00.000Z"]
    assert asked["to"] == ["2026-11-11T23:00:00.000Z"]
    assert asked["state"] == ["ready"]
    assert asked["button_id"] == [ident("btn", 1)]
    page.go_back()
    expect(page.get_by_label("State")).to_have_value("")
    assert len(lines(page)) == 25


def test_days_in_the_wrong_order_are_said_and_not_asked(open_page: OpenPage) -> None:
    """A range that ends before it starts is a slip, not a question."""
    page = open_page("/console")
    page.get_by_label("From").fill("2026-11-12")
    page.get_by_label("To", exact=True).fill("2026-11-01")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("The first day is after the last day.")).to_be_visible()
    expect(page.get_by_label("From")).to_be_focused()
    assert page.url.endswith("/console")


def test_nothing_found_says_why_and_how_to_go_on(open_page: OpenPage, vault: Double) -> None:
    """Empty by the filters is another thing than empty at all."""
    page = open_page("/console?state=lost")
    expect(page.get_by_role("heading", name="Nothing matches these filters")).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    assert len(lines(page)) == 25
    vault.items.clear()
    page.reload()
    expect(page.get_by_role("heading", name="No recording yet")).to_be_visible()


def test_an_erased_recording_stays_in_the_list_as_such(open_page: OpenPage, vault: Double) -> None:
    """What was erased can be seen to have been erased."""
    vault.items[0].update(state="erased", erased_at=stamp(START), deletion_request_id=ident("del", 1))
    page = open_page("/console")
    expect(page.get_by_role("row").nth(1)).to_contain_text("Erased on November 12, 2026")


def test_a_list_that_cannot_be_read_says_what_to_do(open_page: OpenPage, vault: Double) -> None:
    """Trying again is one press away, and the sentence is the problem's own."""
    vault.refusals["GET", "/v1/media"] = (429, "too_many_requests")
    page = open_page("/console")
    expect(page.get_by_role("alert")).to_contain_text("Wait 7 s, then try again.")
    vault.refusals.clear()
    page.get_by_role("button", name="Try again").click()
    assert len(lines(page)) == 25


def test_a_phone_shows_cards_that_are_still_a_table_to_a_reader(open_page: OpenPage, vault: Double) -> None:
    """Nothing to scroll sideways; rows and heads remain for assistive technology; filters fold."""
    page = open_page("/console", size=PHONE)
    lines(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.get_by_role("row")).to_have_count(26)
    expect(page.get_by_role("columnheader", name="Duration")).to_have_count(1)
    expect(page.get_by_label("State")).to_be_hidden()
    page.get_by_text("Filters", exact=True).click()
    expect(page.get_by_label("State")).to_be_visible()
    page.locator(".recordings tbody tr").nth(1).click(position={"x": 200, "y": 60})
    page.wait_for_url(f"**/console/recordings/{vault.items[1]['id']}")
