"""Signing in to the console, and out again."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.console.conftest import OpenPage
from tests.browser.console.double import Double

pytestmark = pytest.mark.browser


def test_a_one_time_link_signs_in_and_leaves_no_trace_in_the_address(
    open_page: OpenPage, vault: Double
) -> None:
    """The code stands in the fragment: no server log has it, and the history does not keep it."""
    page = open_page("/console/login#code=one-time-code", signed_in=False)
    page.wait_for_url("**/console")
    assert not any("one-time-code" in path for _, path in vault.seen)
    page.go_back()
    assert "one-time-code" not in page.url


def test_a_link_to_another_page_signs_in_too(open_page: OpenPage, vault: Double) -> None:
    """A link's code is used up and does not stay in the address."""
    fresh = open_page("/console#code=one-time-code", signed_in=False)
    fresh.wait_for_url(re.compile(rf"^{vault.address}/console$"))
    assert "code" not in fresh.url
    assert ("POST", "/v1/sessions") in vault.seen


def test_a_link_never_takes_the_place_of_a_session_unasked(open_page: OpenPage, vault: Double) -> None:
    """Else anybody's link would let a person work in another's account without noticing."""
    page = open_page("/console#code=one-time-code")
    expect(page.get_by_text("You are signed in as Camille Durand.")).to_be_visible()
    assert "code" not in page.url
    assert ("POST", "/v1/sessions") not in vault.seen
    expect(page.get_by_role("button", name="Stay signed in")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/console")
    assert vault.codes == {"one-time-code"}


def test_who_asked_for_a_link_uses_it_though_signed_in(open_page: OpenPage, vault: Double) -> None:
    """One press more; then the link's session is the one."""
    page = open_page("/console/login#code=one-time-code")
    page.get_by_role("button", name="Use the link").click()
    page.wait_for_url("**/console")
    assert vault.codes == set()


def test_a_used_link_is_refused_in_plain_words(open_page: OpenPage, vault: Double) -> None:
    """A link works once."""
    vault.codes.clear()
    page = open_page("/console/login#code=one-time-code", signed_in=False)
    expect(page.get_by_role("alert")).to_contain_text("ask for a new one")
    assert page.url.endswith("/console/login")


@pytest.mark.parametrize(
    "pasted", ["one-time-code", "https://vault.example/console/login#code=one-time-code", "a.b.c"]
)
def test_what_was_handed_over_can_be_pasted(open_page: OpenPage, pasted: str) -> None:
    """A whole link, its code, or a token."""
    page = open_page("/console/login", signed_in=False)
    page.get_by_label("Sign-in link or access token").fill(pasted)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console")


def test_nothing_pasted_is_said_at_the_field(open_page: OpenPage, vault: Double) -> None:
    """The fault stands at its field, which has the focus; no request is made."""
    page = open_page("/console/login", signed_in=False)
    page.get_by_role("button", name="Sign in").click()
    field = page.get_by_label("Sign-in link or access token")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#secret-fault")).to_have_text("Paste a sign-in link or an access token.")
    assert ("POST", "/v1/sessions") not in vault.seen


def test_an_ended_session_leads_to_sign_in_and_back(open_page: OpenPage, vault: Double, first: str) -> None:
    """Nobody loses their place by a session that ended."""
    page = open_page(first)
    page.locator("form.purpose").wait_for()
    page.wait_for_load_state("networkidle")  # what the page still asks for would lead to sign-in as well
    vault.sessions.clear()
    page.locator("#purpose").select_option("quality")
    page.get_by_role("button", name="Open the recording").click()
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.get_by_label("Sign-in link or access token").fill("one-time-code")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{first}")


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/console",
        "//evil.example",
        "/v1/media",
        "javascript:alert(1)",
        "/console/login",
        "/console/keeping/../../v1/media",
    ],
)
def test_signing_in_never_leads_out_of_the_console(
    open_page: OpenPage, vault: Double, elsewhere: str
) -> None:
    """An address crafted by someone else ends at the console all the same."""
    page = open_page(f"/console/login?next={elsewhere}#code=one-time-code", signed_in=False)
    page.wait_for_url(re.compile(rf"^{vault.address}/console$"))


def test_someone_already_signed_in_is_sent_on(open_page: OpenPage, first: str) -> None:
    """A link on another site arrives without the strict cookie; the sign-in page finds it and goes on."""
    page = open_page(f"/console/login?why=ended&next={first}")
    page.wait_for_url(f"**{first}")


def test_signing_out_ends_the_session(open_page: OpenPage, vault: Double) -> None:
    """The session is ended on the server, not only forgotten here."""
    page = open_page("/console")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert vault.sessions == set()


def test_the_other_language_is_one_press_away_and_stays(open_page: OpenPage) -> None:
    """The choice holds on the next page too."""
    page = open_page("/console")
    page.get_by_role("button", name="Français").click()
    expect(page.get_by_role("heading", name="Enregistrements")).to_be_visible()
    assert page.title() == "Enregistrements · Callvault"
    page.locator(".recordings a").first.click()
    expect(page.get_by_role("heading", name="Pourquoi ouvrez-vous cet enregistrement")).to_be_visible()
