"""One recording: purpose, player, waveform, manifest, history, and the link's short life."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.conftest import OpenPage, pass_purpose
from tests.browser.console.double import PLAYS, Double, ident

pytestmark = pytest.mark.browser


def position(page: Page) -> float:
    """Where the player is, in seconds."""
    return float(page.evaluate("document.querySelector('.player video, .player audio').currentTime"))


def wait_until(page: Page, at_s: float) -> None:
    """Wait until the player has come to a place, and has a picture of it."""
    media = "document.querySelector('.player video, .player audio')"
    page.wait_for_function(
        f"(at) => Math.abs({media}.currentTime - at) < 0.6 && {media}.readyState > 1", arg=at_s
    )


def test_nothing_of_a_recording_is_fetched_before_a_purpose_is_given(
    open_page: OpenPage, vault: Double, first: str
) -> None:
    """The purpose comes first; without one there is not even a link."""
    page = open_page(first)
    page.get_by_role("button", name="Open the recording").click()
    expect(page.get_by_label("Purpose")).to_be_focused()
    expect(page.locator("#purpose-fault")).to_have_text("Choose a purpose.")
    assert vault.links == {}
    assert not any(path.startswith("/p/") for _, path in vault.seen)


def test_another_reason_must_be_said(open_page: OpenPage, vault: Double, first: str) -> None:
    """The list's last entry means nothing without words."""
    page = open_page(first)
    page.get_by_label("Purpose").select_option("other")
    page.get_by_role("button", name="Open the recording").click()
    expect(page.get_by_label("Details")).to_be_focused()
    assert vault.links == {}


def test_the_purpose_goes_into_the_link_and_is_read_back_in_the_history(
    open_page: OpenPage, vault: Double, first: str
) -> None:
    """What was answered is what the history shows, in the reader's language."""
    page = open_page(first)
    pass_purpose(page, "complaint", "case 4711")
    assert [link["purpose"] for link in vault.links.values()] == ["complaint: case 4711"]
    newest = page.get_by_role("region", name="Access history").get_by_role("listitem").first
    expect(newest).to_contain_text("Handle a complaint or a dispute (case 4711)")
    expect(page.locator("video")).to_be_focused()


def test_the_recording_plays_sound_and_picture(open_page: OpenPage, first: str) -> None:
    """Native controls over a real WebM: time passes, a picture has a size, the whole length is known."""
    page = open_page(first)
    pass_purpose(page)
    page.evaluate("document.querySelector('video').play()")
    page.wait_for_function("() => document.querySelector('video').currentTime > 1")
    facts = page.evaluate(
        "(({videoWidth: width, duration, controls}) => [width, duration, controls])"
        "(document.querySelector('video'))"
    )
    assert facts == [640, pytest.approx(24, abs=0.2), True]


def test_sound_alone_has_an_audio_player(open_page: OpenPage, vault: Double) -> None:
    """No black rectangle where there never was a picture."""
    page = open_page(f"/console/recordings/{vault.items[3]['id']}")
    pass_purpose(page)
    expect(page.locator("audio")).to_be_visible()
    expect(page.locator("video")).to_have_count(0)


def test_the_waveform_seeks_and_follows_by_pointer_and_by_keyboard(open_page: OpenPage, first: str) -> None:
    """A press moves the player; the player moves the slider; arrows, Page keys, Home and End work."""
    page = open_page(first)
    pass_purpose(page)
    wave = page.get_by_role("slider", name="Position in the recording")
    box = wave.bounding_box()
    assert box is not None
    wave.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    wait_until(page, 12)
    page.evaluate("document.querySelector('video').currentTime = 6")
    expect(wave).to_have_attribute("aria-valuenow", "6")
    wave.focus()
    for key, at_s in [
        ("ArrowRight", 11),
        ("ArrowLeft", 6),
        ("Home", 0),
        ("PageUp", 24),
        ("PageDown", 0),
        ("End", 24),
    ]:
        page.keyboard.press(key)
        wait_until(page, at_s)
    expect(wave).to_have_attribute("aria-valuetext", "24 seconds of 24 seconds")
    progress = page.evaluate(
        "document.querySelector('.wave-canvas > div').shadowRoot.querySelector('.progress').style.width"
    )
    assert float(progress.removesuffix("%")) > 98


def test_steps_of_ten_seconds_stop_at_both_ends(open_page: OpenPage, first: str) -> None:
    """Back from 3 s is the beginning, not an error."""
    page = open_page(first)
    pass_purpose(page)
    page.get_by_role("button", name="Forward 10 s").click()
    wait_until(page, 10)
    page.get_by_role("button", name="Back 10 s").click()
    page.get_by_role("button", name="Back 10 s").click()
    wait_until(page, 0)


def test_the_manifest_stands_beside_in_plain_words(open_page: OpenPage, first: str) -> None:
    """Who consented when, what is missing and why; a gap leads to its place."""
    page = open_page(first)
    pass_purpose(page)
    about = page.locator("#about")
    for sentence in [
        "The visitor agreed to be recorded on Nov 12, 2026",
        "Notice 3, read in French.",
        "2 gaps in the recording:",
        "12 packets were lost on the network.",
        "what was stored has been recovered",
        "The visitor hung up.",
    ]:
        expect(about).to_contain_text(sentence)
    about.get_by_role("button", name=re.compile("At 0:09, 1.5 sec of video: lost on the network")).click()
    wait_until(page, 9)
    expect(page.locator(".wave-gap")).to_have_count(2)


def test_older_history_comes_on_demand(open_page: OpenPage, vault: Double, first: str) -> None:
    """Pages of history join what is there already."""
    page = open_page(first)
    pass_purpose(page)
    page.get_by_role("button", name="Show older entries").click()
    events = page.get_by_role("region", name="Access history").get_by_role("listitem")
    expect(events).to_have_count(4)
    expect(events.filter(has_text="Tried to open")).to_contain_text("Refused")


def test_the_history_names_people_only_to_those_who_may_know(
    open_page: OpenPage, vault: Double, first: str
) -> None:
    """A pseudonym is shortened, the vault is called by its name, and an ending has its reason."""
    vault.actors = ["TJyDRO14jV8pBKJ1nVrsEfDfvpb9mWW0aZ6XvFQZ6Yc=", "system", "Camille Durand"]
    events = open_page(first).get_by_role("region", name="Access history").get_by_role("listitem")
    expect(events.nth(0)).to_contain_text("Person TJyDRO ·")
    expect(events.nth(1)).to_contain_text("Callvault itself ·")
    expect(events.nth(1)).to_contain_text("Reason: The visitor hung up.")


def test_a_link_that_ends_stops_the_player_and_renewing_goes_on_there(
    open_page: OpenPage, vault: Double, first: str
) -> None:
    """The right is short; a new one of the same purpose takes up where the old one ended."""
    vault.link_s = 3
    page = open_page(first)
    pass_purpose(page)
    page.evaluate("document.querySelector('video').currentTime = 8")
    expect(page.get_by_role("heading", name="Access has ended")).to_be_visible()
    expect(page.locator("video")).to_be_hidden()
    vault.link_s = 900
    page.get_by_role("button", name="Renew the access", exact=True).click()
    wait_until(page, 8)
    assert [link["purpose"] for link in vault.links.values()] == ["quality", "quality"]
    expect(page.get_by_text(re.compile(r"Access ends in 1[45]:\d\d")).first).to_be_visible()


def test_the_time_left_does_not_depend_on_this_machines_clock(open_page: OpenPage, first: str) -> None:
    """A clock that is a day late neither shortens nor lengthens what is shown."""
    page = open_page(first)
    page.evaluate("{ const now = Date.now; Date.now = () => now() - 86400000; }")
    pass_purpose(page)
    expect(page.get_by_text(re.compile(r"Access ends in 1[45]:\d\d")).first).to_be_visible()


def test_closing_gives_the_right_back_and_asks_again(open_page: OpenPage, vault: Double, first: str) -> None:
    """Closed means closed on the server; what needed the right is gone from the page."""
    page = open_page(first)
    pass_purpose(page)
    page.get_by_role("button", name="Close the access").click()
    expect(page.get_by_label("Purpose")).to_be_visible()
    assert [link["open"] for link in vault.links.values()] == [False]
    expect(page.get_by_text("Notice 3")).to_have_count(0)


def test_a_recording_erased_while_it_plays_shows_its_receipt(
    open_page: OpenPage, vault: Double, first: str
) -> None:
    """The next bytes, or the next link, are refused with 410; the page says what that means."""
    vault.requests[ident("del", 1)] = {
        "id": ident("del", 1),
        "state": "complete",
        "reason": "legal",
        "requested_at": "2026-11-12T15:00:00Z",
        "completed_at": "2026-11-12T15:00:02Z",
        "items": [],
        "asked": 1,
    }
    page = open_page(first)
    pass_purpose(page)
    vault.items[0].update(state="erased", deletion_request_id=ident("del", 1))
    page.get_by_role("button", name="Renew").click()
    expect(page.get_by_role("heading", name="Receipt of erasure")).to_be_visible()
    expect(page.locator("video")).to_have_count(0)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("capturing", "The call is going on."),
        ("finishing", "The recording is being prepared."),
        ("lost", "Nothing could be kept of this recording."),
    ],
)
def test_a_recording_that_is_not_ready_says_why(
    open_page: OpenPage, vault: Double, first: str, state: str, sentence: str
) -> None:
    """No player and no purpose for what cannot be played."""
    vault.items[0]["state"] = state
    page = open_page(first)
    expect(page.locator("#stage")).to_contain_text(sentence)
    expect(page.get_by_label("Purpose")).to_have_count(0)


def test_a_restricted_recording_says_so_and_offers_no_player(
    open_page: OpenPage, vault: Double, first: str, axe: Callable[[Page], list[str]]
) -> None:
    """Art. 18: since when stands beside; there is no purpose to choose, and nothing that axe minds."""
    vault.items[0]["restricted_at"] = vault.items[0]["created_at"]
    page = open_page(first)
    expect(page.locator("#stage")).to_contain_text("The processing of this recording is restricted.")
    expect(page.get_by_label("Purpose")).to_have_count(0)
    expect(page.locator("#about")).to_contain_text("Restricted since")
    assert axe(page) == []


def test_a_recording_opens_by_itself_once_it_is_ready(open_page: OpenPage, vault: Double, first: str) -> None:
    """Nobody has to reload a page to learn that it is ready."""
    vault.items[0]["state"] = "finishing"
    page = open_page(first)
    page.get_by_text("The recording is being prepared.").wait_for()
    vault.items[0]["state"] = "ready"
    expect(page.get_by_label("Purpose")).to_be_visible()


def test_another_companys_recording_does_not_exist(open_page: OpenPage) -> None:
    """Missing and foreign look the same."""
    page = open_page(f"/console/recordings/{ident('rec', 999)}")
    expect(page.get_by_role("heading", name="No such recording")).to_be_visible()


def test_a_role_that_does_not_play_sees_the_history_only(
    open_page: OpenPage, vault: Double, first: str
) -> None:
    """The auditor's page."""
    vault.permissions = ["media:list", "media:history"]
    page = open_page(first)
    expect(page.get_by_text("Your role shows the history of recordings")).to_be_visible()
    expect(page.get_by_role("region", name="Access history")).to_be_visible()
    expect(page.get_by_role("button", name="Erase this recording…")).to_have_count(0)


def test_a_role_that_does_not_erase_is_not_offered_to(open_page: OpenPage, vault: Double, first: str) -> None:
    """The agent's page."""
    vault.permissions = PLAYS
    page = open_page(first)
    page.get_by_label("Purpose").wait_for()
    expect(page.get_by_role("heading", name="Erase")).to_have_count(0)


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (403, "forbidden", "Your role does not allow this."),
        (503, "key_provider", "Recordings stay closed until it does."),
        (500, "never_heard_of", "give this number to your administrator: req_1"),
    ],
)
def test_a_refused_link_is_explained_where_it_was_asked(
    open_page: OpenPage, vault: Double, first: str, status: int, code: str, sentence: str
) -> None:
    """A known code in plain words, an unknown one with the number that helps to find it."""
    vault.refusals["POST", "/v1/media"] = (status, code)
    page = open_page(first)
    page.get_by_label("Purpose").select_option("quality")
    page.get_by_role("button", name="Open the recording").click()
    expect(page.get_by_role("alert")).to_contain_text(sentence)


def test_a_stream_that_breaks_says_so_and_can_be_tried_again(
    open_page: OpenPage, vault: Double, first: str
) -> None:
    """A fault on the way is not an empty player."""
    vault.refusals["GET", "/p/"] = (503, "dependency_unavailable")
    page = open_page(first)
    page.get_by_label("Purpose").select_option("quality")
    page.get_by_role("button", name="Open the recording").click()
    expect(page.get_by_text("The recording stopped playing.")).to_be_visible()
    vault.refusals.clear()
    page.get_by_role("button", name="Try again").click()
    page.wait_for_function("() => document.querySelector('video').readyState > 1")
