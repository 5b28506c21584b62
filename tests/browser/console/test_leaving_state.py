"""An exit that is under way, in the console: each state as it is, and the way back while there is one."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.company import AUDITOR, MAIN, SECRET, VOLUMES, CompanyDouble, leaving
from tests.browser.console.double import PLAYS, Running, ident, stamp
from tests.browser.console.keepers import judge, press, reach, submit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.browser.console.conftest import OpenPage

    Axe = Callable[[Page], list[str]]

pytestmark = pytest.mark.browser

PATH = "/console/leaving"
FOLLOW = f"{PATH}/{ident('xit', 1)}"
RECEIPT = json.dumps({"v": 1, "request": ident("del", 1), "status": "complete", "entries": []}, indent=1)
LANGUAGES = pytest.mark.parametrize("language", ["en", "fr"])


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[CompanyDouble]:
    """The contract, as a company that leaves sees it."""
    with Running(CompanyDouble(tmp_path)) as double:
        assert isinstance(double, CompanyDouble)
        yield double


def within(days: float) -> str:
    """A moment in so many days."""
    return stamp(datetime.now(UTC) + timedelta(days=days))


def ready(**changes: Any) -> dict[str, Any]:
    """Everything lies ready, for 22 days and a bit."""
    return leaving("ready", **{"ends_at": within(22.5), "volumes": [*VOLUMES], **changes})


def gone() -> dict[str, Any]:
    """The end, proven."""
    at = {"erasing_since": within(-0.1), "ended_at": within(0), "ends_at": within(-0.1)}
    counts = {"versions": 51_234, "rows": 1_200}
    return leaving("gone", **at, erased=counts, request_id=ident("del", 1), receipt=RECEIPT)


def region(page: Page, name: str = "How far it is") -> Any:
    """A part of the page."""
    return page.get_by_role("region", name=name)


def test_packing_is_counted_and_what_is_ready_can_be_fetched(
    open_page: OpenPage, vault: CompanyDouble, faults: list[str]
) -> None:
    """So many of so many; the page goes on by itself to the day of the end, and says it."""
    vault.exit = leaving("exporting", items_left=86, volumes=[*VOLUMES[:2]])
    page = open_page(PATH)
    bar = page.get_by_role("progressbar", name="214 of 300 recordings and exports are packed")
    expect(bar).to_have_attribute("value", "214")
    volumes = region(page, "What you take along")
    expect(volumes.get_by_role("listitem")).to_have_count(2)
    expect(volumes).to_contain_text("More volumes follow.")
    volumes.get_by_role("link", name="Download (Volume 1)").focus()
    vault.exit = ready()
    expect(region(page)).to_contain_text("23 days left")
    expect(volumes.get_by_role("listitem")).to_have_count(3)
    expect(volumes.get_by_role("link", name="Download (Volume 1)")).to_be_focused()
    expect(volumes).not_to_contain_text("More volumes follow.")
    expect(page.locator("#leaving-bar")).to_contain_text("everything here is erased")
    assert faults == []


def test_a_volume_is_fetched_as_it_was_stored(
    open_page: OpenPage, vault: CompanyDouble, tmp_path: Path
) -> None:
    """Its name, size and fingerprint stand beside it; so does how to check and open it."""
    vault.exit = ready()
    page = open_page(PATH)
    item = region(page, "What you take along").get_by_role("listitem").first
    expect(item).to_contain_text(hashlib.sha256(MAIN).hexdigest())
    expect(item).to_contain_text("Volume 1 · 2.6 MB")
    reach(page, ".volume a")
    with page.expect_download() as caught:
        page.keyboard.press("Enter")
    assert caught.value.suggested_filename == "000001.tar.age"
    caught.value.save_as(tmp_path / "volume")
    assert (tmp_path / "volume").read_bytes() == MAIN
    press(page, "How to check and open a volume")
    expect(page.get_by_text("age -d -i exit-key.txt -o 000001.tar 000001.tar.age")).to_be_visible()


@pytest.mark.parametrize(
    ("what", "words", "href"),
    [
        ("hold", "It waits for a legal hold", "/console/keeping#holds-title"),
        ("restriction", "the processing of something is restricted", "/console/keeping#restrictions-title"),
        ("call", "It waits for the last call to end", "/console/calls?state=live"),
    ],
)
def test_it_says_what_the_end_waits_for_and_leads_there(
    open_page: OpenPage, vault: CompanyDouble, what: str, words: str, href: str
) -> None:
    """No date is promised any more."""
    vault.exit = ready(waits_for=what, ends_at=within(-2))
    page = open_page(PATH)
    expect(region(page)).to_contain_text(words)
    expect(region(page).get_by_role("link")).to_have_attribute("href", href)
    expect(page.locator("#leaving-bar")).to_contain_text("as soon as nothing keeps it waiting")


def test_before_the_first_volume_it_waits_for_the_last_call(
    open_page: OpenPage, vault: CompanyDouble
) -> None:
    """So that nothing is left out."""
    vault.exit = leaving("exporting", items_left=4, waits_for="call")
    page = open_page(PATH)
    expect(region(page)).to_contain_text("Packing begins once the last call has ended")
    expect(region(page).get_by_role("link", name="See the calls going on")).to_be_visible()


def test_what_will_keep_the_end_is_said_while_there_is_time(
    open_page: OpenPage, vault: CompanyDouble
) -> None:
    """A hold that lasts today, though the day has not come."""
    vault.exit, vault.lasting = ready(), {"holds": 3}
    page = open_page(PATH)
    expect(region(page)).to_contain_text("A legal hold lasts.")
    expect(region(page).get_by_role("link", name="See the legal holds")).to_be_visible()


def test_staying_is_asked_once_and_everything_is_as_before(open_page: OpenPage, vault: CompanyDouble) -> None:
    """By keyboard: a question, the way back, and the page of before with a word on it."""
    vault.exit = ready()
    page = open_page(PATH)
    press(page, "Stay after all…")
    expect(page.get_by_role("dialog", name="Stay after all?")).to_contain_text("Calls begin again at once")
    submit(page)
    expect(page.get_by_text("Your company stays: calls begin again.").first).to_be_visible()
    expect(region(page, "What happens")).to_be_visible()
    expect(page.locator("#leaving-bar")).to_be_hidden()
    assert vault.exit is None


def test_staying_too_late_says_so(open_page: OpenPage, vault: CompanyDouble) -> None:
    """The erasure was faster."""
    vault.exit = ready()
    vault.refusals["DELETE", "/v1/exit"] = (409, "conflict")
    page = open_page(PATH)
    press(page, "Stay after all…")
    reach(page, "dialog [type=submit]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("It is too late")


def test_an_auditor_sees_fingerprints_and_fetches_nothing(open_page: OpenPage, vault: CompanyDouble) -> None:
    """Neither volumes nor the way back; the link to the end is theirs, too."""
    vault.role, vault.permissions, vault.exit = "auditor", [*AUDITOR], ready()
    page = open_page(PATH)
    volumes = region(page, "What you take along")
    expect(volumes.get_by_role("listitem")).to_have_count(3)
    expect(volumes.get_by_role("link")).to_have_count(0)
    expect(page.get_by_role("button", name="Stay after all…")).to_have_count(0)
    expect(page.get_by_role("textbox", name="Link for afterwards")).to_have_value(
        f"{vault.address}{FOLLOW}#{SECRET}"
    )


def test_everybody_reads_until_when_and_who_may_see_more_is_led_there(
    open_page: OpenPage, vault: CompanyDouble
) -> None:
    """On every page, in the reader's language and time zone."""
    vault.exit = ready(ends_at="2026-12-31T23:30:00Z")
    page = open_page("/console", language="fr")
    expect(page.locator("#leaving-bar")).to_contain_text("Le 1er janvier 2027, tout est effacé ici")
    expect(page.locator("#leaving-bar").get_by_role("link")).to_have_attribute("href", PATH)
    vault.role, vault.permissions = "agent", [*PLAYS]
    page.reload()
    expect(page.locator("#leaving-bar")).to_contain_text("Le 1er janvier 2027")
    expect(page.locator("#leaving-bar").get_by_role("link")).to_have_count(0)


def test_the_page_goes_on_to_the_end_when_nobody_is_let_in(
    open_page: OpenPage, vault: CompanyDouble, faults: list[str], tmp_path: Path
) -> None:
    """Not to the sign-in page: what is deleted is counted, then the receipt is there to take away."""
    vault.exit = ready()
    page = open_page(PATH)
    region(page).wait_for()
    counts = {"versions": 51_234, "rows": 1_200}
    vault.exit = leaving("leaving", erasing_since=within(0), erased=counts, request_id=ident("del", 1))
    page.wait_for_url(f"**{FOLLOW}#{SECRET}")
    expect(region(page)).to_contain_text("Being erased")
    expect(region(page)).to_contain_text("51,234")
    vault.exit = gone()
    expect(region(page)).to_contain_text("Everything that was kept of the company is erased")
    expect(page.locator("#said")).to_contain_text("Everything that was kept of the company is erased")
    receipt = region(page, "Receipt of erasure")
    expect(receipt).to_contain_text("It is not final yet")
    expect(receipt.get_by_role("link", name="Or check it in a browser")).to_have_attribute("href", "/verify")
    reach(page, ".receipt button")
    with page.expect_download() as caught:
        page.keyboard.press("Enter")
    assert caught.value.suggested_filename == f"receipt-{ident('del', 1)}.json"
    caught.value.save_as(tmp_path / "receipt")
    assert (tmp_path / "receipt").read_text() == RECEIPT
    with page.expect_download() as caught:
        press(page, "Download the verification key")
    assert caught.value.suggested_filename == "callvault-ledger-key.txt"
    assert faults == []


def test_a_link_that_leads_nowhere_says_what_to_do(open_page: OpenPage, vault: CompanyDouble) -> None:
    """Cut off, or of another vault; nobody is sent to sign in."""
    vault.exit = ready()
    page = open_page(f"{FOLLOW}#{SECRET[:-1]}x", signed_in=False)
    expect(page.get_by_text("This link leads nowhere")).to_be_visible()
    expect(page.get_by_role("region")).to_have_count(0)


def test_an_exit_that_was_taken_back_is_told_as_such(open_page: OpenPage, vault: CompanyDouble) -> None:
    """Whoever has the link learns it there."""
    vault.exit = leaving("cancelled", ended_at=within(0), waits_for="hold")
    page = open_page(f"{FOLLOW}#{SECRET}", signed_in=False)
    expect(region(page)).to_contain_text("Taken back")
    expect(region(page)).to_contain_text("The company took it back and stays. Nothing was erased.")


def test_who_has_to_sign_in_first_comes_back_to_it(open_page: OpenPage, vault: CompanyDouble) -> None:
    """The line on every page, and a link in a mail, lead to it also when a session has ended."""
    vault.exit = ready()
    page = open_page(PATH, signed_in=False)
    page.wait_for_url(f"**/console/login?why=ended&next={PATH}")
    page.locator("#secret").fill("one-time-code")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{PATH}")
    expect(region(page)).to_contain_text("everything is erased")


STATES: dict[str, Callable[[], dict[str, Any]]] = {
    "packing": lambda: leaving("exporting", items_left=86, volumes=[*VOLUMES[:2]]),
    "packing-rows": lambda: leaving("exporting", items_left=0),
    "packing-call": lambda: leaving("exporting", items_left=3, waits_for="call"),
    "packing-nothing": lambda: leaving("exporting", recipient=None),
    "ready": ready,
    "ready-nothing": lambda: ready(recipient=None, volumes=[]),
    "ready-last-day": lambda: ready(ends_at=within(0.4)),
    "waits": lambda: ready(waits_for="hold", ends_at=within(-2)),
}
ENDS: dict[str, Callable[[], dict[str, Any]]] = {
    "packing": lambda: leaving("exporting", items_left=86),
    "ready": ready,
    "waits": lambda: ready(waits_for="restriction", ends_at=within(-2)),
    "leaving": lambda: leaving("leaving", erasing_since=within(0), erased={"versions": 7, "rows": 40}),
    "gone": gone,
    "cancelled": lambda: leaving("cancelled"),
}


@LANGUAGES
@pytest.mark.parametrize("state", STATES)
def test_no_state_is_a_barrier(
    open_page: OpenPage, vault: CompanyDouble, axe: Axe, state: str, language: str
) -> None:
    """WCAG 2.2 AA on a desk and on a phone, nothing spills over; with what lasts, and with the question."""
    vault.exit, vault.lasting = STATES[state](), {"holds": 1, "restrictions": 1}
    scheme = "dark" if language == "fr" else "light"
    page = open_page(PATH, language=language, color_scheme=scheme)
    page.locator(".exit-status").wait_for()
    judge(page, axe, f"exit-{state}-{language}")
    if state == "ready":
        page.locator("details summary").click()
        page.locator(".sheet-side [aria-haspopup=dialog]").click()
        judge(page, axe, f"exit-stay-{language}")


@LANGUAGES
@pytest.mark.parametrize("state", ENDS)
def test_no_state_of_the_end_is_a_barrier(
    open_page: OpenPage, vault: CompanyDouble, axe: Axe, state: str, language: str
) -> None:
    """As above, for whoever has nothing but the link."""
    vault.exit = ENDS[state]()
    scheme = "dark" if language == "fr" else "light"
    page = open_page(f"{FOLLOW}#{SECRET}", language=language, signed_in=False, color_scheme=scheme)
    page.locator("#follow-said").wait_for()
    judge(page, axe, f"follow-{state}-{language}")
