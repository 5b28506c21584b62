"""Evidence in the console: what it is, having it made (an act), taking it away, having it checked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.company import AUDITOR, CompanyDouble
from tests.browser.console.double import PLAYS, Running
from tests.browser.console.keepers import choose, judge, press, reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.browser.console.conftest import OpenPage

pytestmark = pytest.mark.browser

PATH = "/console/evidence"
ASKED = ("GET", "/v1/evidence?months=12")


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[CompanyDouble]:
    """The contract, as an auditor sees it."""
    with Running(CompanyDouble(tmp_path, role="auditor", permissions=[*AUDITOR])) as double:
        assert isinstance(double, CompanyDouble)
        yield double


def test_it_is_said_that_making_it_is_an_act_and_looking_makes_nothing(
    open_page: OpenPage, vault: CompanyDouble, faults: list[str]
) -> None:
    """The page alone asks for no pack: each one is an entry in the ledger."""
    page = open_page(PATH)
    expect(page.get_by_text("an entry in the ledger says who had it made and when")).to_be_visible()
    expect(page.get_by_role("region", name="What is in it").get_by_role("listitem")).to_have_count(5)
    expect(page.get_by_role("link", name="Check a receipt of erasure")).to_have_attribute("href", "/verify")
    expect(page.get_by_role("link", name="Evidence")).to_have_attribute("aria-current", "page")
    assert not any(path.startswith("/v1/evidence") for _, path in vault.seen)
    assert faults == []


def test_the_file_is_saved_as_it_came(open_page: OpenPage, vault: CompanyDouble, tmp_path: Path) -> None:
    """By keyboard: made once, told with its entry and digest, downloaded byte for byte."""
    page = open_page(PATH)
    press(page, "Make the file only")
    made = page.locator(".made")
    expect(page.locator("#made-title")).to_be_focused()
    expect(made).to_contain_text("4711")
    expect(made).to_contain_text("Nov 12, 2026")
    with page.expect_download() as caught:
        press(page, "Download the file")
    assert caught.value.suggested_filename == "evidence.json"
    caught.value.save_as(tmp_path / "evidence.json")
    text = (tmp_path / "evidence.json").read_text()
    assert text == json.dumps(json.loads(text))
    assert json.loads(json.loads(text)["leaf"])["sha256"] in made.inner_text()
    assert vault.seen.count(ASKED) == 1
    expect(page.locator("pre")).to_contain_text("callvault evidence verify evidence.json")


def test_it_is_read_in_another_tab_over_the_months_that_were_chosen(open_page: OpenPage) -> None:
    """The page is the vault's own, not the console's: a link, in a tab of its own."""
    page = open_page(PATH)
    read = page.get_by_role("link", name="Make it and read it")
    expect(read).to_have_attribute("href", "/v1/evidence.html?months=12")
    expect(read).to_have_attribute("target", "_blank")
    reach(page, "#evidence-months")
    choose(page, "#evidence-months", "24")
    expect(read).to_have_attribute("href", "/v1/evidence.html?months=24")


def test_too_many_in_a_minute_are_refused_in_words(open_page: OpenPage, vault: CompanyDouble) -> None:
    """And the next try is possible."""
    vault.refusals["GET", "/v1/evidence"] = (429, "too_many_requests")
    page = open_page(PATH)
    press(page, "Make the file only")
    expect(page.get_by_role("alert")).to_contain_text("Wait 7 s")
    vault.refusals.clear()
    page.get_by_role("button", name="Make the file only").press("Enter")
    expect(page.locator("#made-title")).to_be_visible()


def test_who_may_not_have_it_made_is_told_who_may(open_page: OpenPage, vault: CompanyDouble) -> None:
    """An agent who comes by a link."""
    vault.role, vault.permissions = "agent", [*PLAYS]
    page = open_page(PATH)
    expect(page.get_by_text("Administrators and auditors of your company have it made.")).to_be_visible()
    expect(page.get_by_role("link", name="Evidence")).to_have_count(0)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_evidence_is_no_barrier(open_page: OpenPage, axe: Callable[[Page], list[str]], language: str) -> None:
    """WCAG 2.2 AA on a desk and on a phone, before and after it is made."""
    page = open_page(PATH, language=language, color_scheme="dark" if language == "fr" else "light")
    page.locator(".evidence-buttons button").wait_for()
    judge(page, axe, f"evidence-{language}")
    page.locator(".evidence-buttons button").click()
    page.locator("#made-title").wait_for()
    judge(page, axe, f"evidence-made-{language}")
