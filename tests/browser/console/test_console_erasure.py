"""Erasing from the console: what is said, what is asked, what is shown afterwards."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.conftest import OpenPage, pass_purpose
from tests.browser.console.double import PLAYS, Double, ident

pytestmark = pytest.mark.browser


def ask(page: Page) -> None:
    """Open the dialog."""
    page.get_by_role("button", name="Erase this recording…").click()
    page.get_by_role("dialog").wait_for()


def erase(page: Page, reason: str = "visitor_request") -> None:
    """Go through with it."""
    ask(page)
    page.get_by_label("Reason").select_option(reason)
    page.get_by_label("I have understood that this cannot be undone.").check()
    page.get_by_role("button", name="Erase for good").click()


def test_the_dialog_says_what_will_happen_and_until_when(open_page: OpenPage, first: str) -> None:
    """At once for the live copies, by a date for the backups, and what stays."""
    page = open_page(first)
    ask(page)
    dialog = page.get_by_role("dialog", name="Erase this recording?")
    for sentence in [
        "Its key is destroyed",
        "By December 1, 2026 at the latest",
        "A receipt that proves the erasure",
    ]:
        expect(dialog).to_contain_text(sentence)


def test_without_a_promised_date_none_is_invented(open_page: OpenPage, vault: Double, first: str) -> None:
    """The page repeats the server's date or refers to the receipt."""
    vault.irrecoverable_by = None
    page = open_page(first)
    ask(page)
    expect(page.get_by_role("dialog")).to_contain_text("The receipt states the day from which no backup")


def test_nothing_is_erased_without_a_reason_and_a_confirmation(
    open_page: OpenPage, vault: Double, first: str
) -> None:
    """Each missing answer is said; the first one has the focus; no request is made."""
    page = open_page(first)
    ask(page)
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_label("Reason")).to_be_focused()
    expect(page.get_by_text("Tick the box to go on.")).to_be_visible()
    assert not any(method == "DELETE" for method, _ in vault.seen)


def test_keeping_it_is_as_easy_as_escape(open_page: OpenPage, vault: Double, first: str) -> None:
    """Escape closes, the focus returns to the button, nothing happens."""
    page = open_page(first)
    ask(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Erase this recording…")).to_be_focused()
    assert vault.requests == {}


def test_an_erasure_ends_in_a_receipt_to_take_away(
    open_page: OpenPage, vault: Double, first: str, tmp_path: Path
) -> None:
    """Pending at first, complete by itself, then a file and the way to verify it."""
    page = open_page(first)
    pass_purpose(page)
    erase(page, "consent_withdrawn")
    expect(page.get_by_role("heading", name="Erased recording")).to_be_focused()
    expect(page.locator("video")).to_have_count(0)
    receipt = page.get_by_role("region", name="Receipt of erasure")
    expect(receipt).to_contain_text("Complete", timeout=15_000)
    expect(receipt).to_contain_text("The visitor withdrew consent")
    expect(receipt).to_contain_text("callvault receipt verify")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the receipt").click()
    download.value.save_as(tmp_path / "receipt.json")
    assert json.loads((tmp_path / "receipt.json").read_text())["request"] == ident("del", 1)
    assert ("DELETE", f"/v1/media/{vault.items[0]['id']}?reason=consent_withdrawn") in vault.seen


def test_the_keys_come_as_the_verifier_reads_them(open_page: OpenPage, first: str, tmp_path: Path) -> None:
    """One key on each line, in the file that the shown command names."""
    page = open_page(first)
    erase(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the verification key").click()
    download.value.save_as(tmp_path / "keys")
    assert (tmp_path / "keys").read_text() == "vault.example+0a+AQ==\nvault.example+0b+Bg==\n"
    expect(page.locator("pre")).to_contain_text(f"--key {download.value.suggested_filename}")


def test_a_pending_erasure_says_that_it_is_not_proved_yet(
    open_page: OpenPage, vault: Double, first: str
) -> None:
    """Nothing is called complete before it is."""
    vault.finishes_erasures = False
    page = open_page(first)
    erase(page)
    receipt = page.get_by_role("region", name="Receipt of erasure")
    expect(receipt).to_contain_text("In progress")
    expect(receipt.get_by_role("listitem").filter(has_text="Proved")).to_contain_text("Not yet")


def test_an_erased_recordings_page_shows_the_receipt_again(
    open_page: OpenPage, vault: Double, first: str
) -> None:
    """The proof does not live in one browser's memory."""
    page = open_page(first)
    erase(page)
    page.get_by_role("heading", name="Receipt of erasure").wait_for()
    page.reload()
    expect(page.get_by_role("region", name="Receipt of erasure")).to_contain_text("Complete", timeout=15_000)


def test_a_role_without_receipts_learns_when_it_was_erased(
    open_page: OpenPage, vault: Double, first: str
) -> None:
    """The agent's page of an erased recording."""
    vault.permissions = PLAYS
    gone = {"state": "erased", "erased_at": "2026-11-20T10:00:00Z", "deletion_request_id": ident("del", 1)}
    vault.items[0].update(gone)
    page = open_page(first)
    expect(page.get_by_text("This recording was erased on November 20, 2026.")).to_be_visible()
    expect(page.get_by_role("link", name="Download the receipt")).to_have_count(0)


def test_a_refused_erasure_is_explained_in_the_dialog(open_page: OpenPage, vault: Double, first: str) -> None:
    """A rule of the house, say: the dialog stays, with the answers given."""
    vault.refusals["DELETE", "/v1/media"] = (423, "refused_by_policy")
    page = open_page(first)
    erase(page)
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("A rule of this installation")
    expect(page.get_by_label("Reason")).to_have_value("visitor_request")
    expect(page.get_by_role("button", name="Erase for good")).to_be_enabled()
