"""Beginning to leave, in the console: what is said before, what is checked, what is asked last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.company import ADMIN, AUDITOR, KEY, NAME, CompanyDouble
from tests.browser.console.double import PLAYS, Running
from tests.browser.console.keepers import judge, press, reach, submit, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.browser.console.conftest import OpenPage

    Axe = Callable[[Page], list[str]]

pytestmark = pytest.mark.browser

PATH = "/console/leaving"
LANGUAGES = pytest.mark.parametrize("language", ["en", "fr"])


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[CompanyDouble]:
    """The contract, as a company that may leave sees it."""
    with Running(CompanyDouble(tmp_path)) as double:
        assert isinstance(double, CompanyDouble)
        yield double


def fill(page: Page, key: str = KEY, *, days: str = "30") -> None:
    """Fill the form in by keyboard, and send it."""
    write(page, "#exit-key", key)
    write(page, "#exit-mail", "dpo@example.org")
    write(page, "#exit-days", days)
    reach(page, ".leave-form [type=submit]")
    page.keyboard.press("Enter")


def test_it_is_said_what_leaving_means_before_anything_is_asked(
    open_page: OpenPage, vault: CompanyDouble, faults: list[str]
) -> None:
    """Four steps in plain words, how a key is made, and what stays."""
    page = open_page(PATH)
    what = page.get_by_role("region", name="What happens")
    headings = what.get_by_role("heading", level=3)
    expect(headings).to_have_text(["No new calls", "Everything is packed", "Time to fetch it", "The end"])
    expect(what).to_contain_text("At least 30 days.")
    expect(what).to_contain_text("What stays here")
    press(page, "We have no such key")
    expect(page.get_by_text("age-keygen -o exit-key.txt")).to_be_visible()
    expect(page.get_by_text("send it to nobody")).to_be_visible()
    expect(page.get_by_role("link", name="Leaving")).to_have_attribute("aria-current", "page")
    assert faults == []
    assert not any(method == "POST" for method, _ in vault.seen)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("", "Paste your public key"),
        ("AGE-SECRET-KEY-1QQPQQ", "It was sent nowhere"),
        (KEY[:-1] + "q", "a character is wrong or missing"),
        (KEY[:-1], "a character is wrong or missing"),
        (KEY.replace("age1", "agf1"), "a character is wrong or missing"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "a character is wrong or missing"),
    ],
    ids=["none", "secret", "a letter", "cut", "another name", "another kind"],
)
def test_a_key_is_checked_before_anything_is_sent(
    open_page: OpenPage, vault: CompanyDouble, key: str, said: str
) -> None:
    """What is wrong is said beside the field, which has the focus; no dialog opens, nothing is sent."""
    page = open_page(PATH)
    fill(page, key)
    expect(page.locator("#exit-key-fault")).to_contain_text(said)
    expect(page.locator("#exit-key")).to_be_focused()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert vault.asked == []


@pytest.mark.parametrize("days", ["29", "366", "", "30.5"], ids=["fewer", "more", "none", "half"])
def test_days_outside_of_what_may_be_asked_are_not_sent(
    open_page: OpenPage, vault: CompanyDouble, days: str
) -> None:
    """Not under the vault's own, which the page names."""
    page = open_page(PATH)
    fill(page, days=days)
    expect(page.get_by_text("Enter whole days, from 30 to 365.")).to_be_visible()
    assert vault.asked == []


def test_it_begins_only_with_the_companys_name(open_page: OpenPage, vault: CompanyDouble) -> None:
    """Another name sends nothing; spaces and capitals do not matter. Sent once, under one key."""
    page = open_page(PATH)
    fill(page, f"  {KEY}\n")
    dialog = page.get_by_role("dialog", name=f"Shall {NAME} leave Callvault?")
    expect(dialog).to_contain_text("No new call begins")
    expect(dialog).to_contain_text("at the earliest, everything is erased for good")
    write(page, "#exit-name", "Chaleur")
    page.keyboard.press("Enter")
    expect(dialog.get_by_text(f"Type the name as it stands here: {NAME}")).to_be_visible()
    assert vault.asked == []
    write(page, "#exit-name", " chaleur  &  CIE ")
    submit(page)
    expect(page.get_by_text("It has begun: no new call begins.").first).to_be_visible()
    expect(page.locator("#title")).to_be_focused()
    expect(page.locator("#leaving-bar")).to_contain_text("Your company is leaving Callvault")
    expect(page.get_by_role("region", name="How far it is")).to_contain_text("Being packed")
    (asked,) = vault.asked
    assert asked.pop("key")
    assert asked == {"recipient": KEY, "notify": "dpo@example.org", "grace_days": 30}


def test_escape_is_as_good_as_never_asked(open_page: OpenPage, vault: CompanyDouble) -> None:
    """The dialog closes, what was written stays, the focus returns to the button."""
    page = open_page(PATH)
    fill(page)
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Leave…")).to_be_focused()
    expect(page.locator("#exit-key")).to_have_value(KEY)
    assert vault.asked == []


def test_who_takes_nothing_along_is_asked_for_no_key(open_page: OpenPage, vault: CompanyDouble) -> None:
    """By the arrow keys; and the dialog says that nothing is packed."""
    page = open_page(PATH)
    reach(page, "#take-all")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#exit-key")).to_be_hidden()
    reach(page, ".leave-form [type=submit]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("you take nothing along")
    write(page, "#exit-name", NAME)
    submit(page)
    assert [asked["recipient"] for asked in vault.asked] == [None]
    expect(page.get_by_role("region", name="What you take along")).to_have_count(0)


def test_a_key_that_only_the_vault_finds_wrong_is_told_at_the_field(
    open_page: OpenPage, vault: CompanyDouble
) -> None:
    """The server's word is the last; what was written is still there."""
    vault.knows_key = False
    page = open_page(PATH)
    fill(page)
    write(page, "#exit-name", NAME)
    submit(page)
    expect(page.locator("#exit-key")).to_be_focused()
    expect(page.locator("#exit-key-fault")).to_contain_text("This is no age public key")
    expect(page.locator("#exit-mail")).to_have_value("dpo@example.org")


def test_a_refusal_is_said_in_the_dialog(open_page: OpenPage, vault: CompanyDouble) -> None:
    """Somebody else was faster: nothing is lost, and it says what to do."""
    vault.refusals["POST", "/v1/exit"] = (409, "conflict")
    page = open_page(PATH)
    fill(page)
    write(page, "#exit-name", NAME)
    reach(page, "dialog [type=submit]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("is leaving already")


def test_where_no_mail_is_sent_none_is_asked_for(open_page: OpenPage, vault: CompanyDouble) -> None:
    """It says instead how the end can be followed."""
    vault.notifies = False
    page = open_page(PATH)
    expect(page.get_by_text("This installation sends no notices by mail.")).to_be_visible()
    expect(page.locator("#exit-mail")).to_have_count(0)


def test_what_lasts_is_said_before_it_keeps_the_end_waiting(
    open_page: OpenPage, vault: CompanyDouble
) -> None:
    """A hold or a restriction of the company, with the way to it."""
    vault.lasting = {"restrictions": 1}
    page = open_page(PATH)
    expect(page.get_by_text("what is restricted is not packed")).to_be_visible()
    expect(page.get_by_role("link", name="See what lasts")).to_have_attribute("href", "/console/keeping")


def test_an_auditor_reads_it_and_begins_nothing(open_page: OpenPage, vault: CompanyDouble) -> None:
    """No form, and the sentence who begins."""
    vault.role, vault.permissions = "auditor", [*AUDITOR]
    page = open_page(PATH)
    expect(page.get_by_text("An administrator of your company begins")).to_be_visible()
    expect(page.locator("form")).to_have_count(0)


def test_who_may_not_see_it_is_told_who_does(open_page: OpenPage, vault: CompanyDouble) -> None:
    """An agent who comes by a link; their pages lead to neither."""
    vault.role, vault.permissions = "agent", [*PLAYS]
    page = open_page(PATH)
    expect(page.get_by_text("Administrators and auditors of your company see it.")).to_be_visible()
    expect(page.get_by_role("link", name="Leaving")).to_have_count(0)
    assert ADMIN[0] not in vault.permissions


@LANGUAGES
def test_neither_form_nor_dialog_is_a_barrier(
    open_page: OpenPage, vault: CompanyDouble, axe: Axe, language: str
) -> None:
    """WCAG 2.2 AA on a desk and on a phone: as it opens, with every fault, with the question."""
    vault.lasting = {"holds": 1}
    page = open_page(PATH, language=language)
    page.locator(".leave-form").wait_for()
    judge(page, axe, f"leaving-{language}")
    page.locator("details summary").click()
    fill(page, "AGE-SECRET-KEY-1", days="1")
    judge(page, axe, f"leaving-faults-{language}")
    fill(page)
    reach(page, "dialog [type=submit]")
    page.keyboard.press("Enter")
    judge(page, axe, f"leaving-dialog-{language}")
