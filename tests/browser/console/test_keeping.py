"""Rules, legal holds and restrictions in the console, through the real program, by keyboard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console import keepers
from tests.browser.console.conftest import pass_purpose
from tests.browser.console.desk import WAIT_MS, CallCentre, call_centre
from tests.browser.console.keepers import choose, judge, press, reach, signed_in, submit, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Axe = Callable[[Page], list[str]]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


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


@pytest.fixture(scope="module")
def recorded(centre: CallCentre) -> tuple[str, str]:
    """The pages of one call and of its visitor's recording."""
    return keepers.record_call(centre)


@pytest.fixture(autouse=True)
def everybody_goes_home(centre: CallCentre) -> Iterator[None]:
    """Windows of one test are closed before the next."""
    yield
    centre.clear()


def place_hold(page: Page, reason: str, days: str = "30") -> None:
    """Place a hold from the page that is open, by keyboard."""
    press(page, "Place a legal hold")
    choose(page, "#hold-ground", "legal_claim")
    write(page, "#hold-reason", reason)
    write(page, "#hold-days", days)
    submit(page)


def restrict(page: Page, reason: str) -> None:
    """Restrict what the open page shows, by keyboard."""
    press(page, "Restrict its processing")
    choose(page, "#restriction-ground", "objection")
    choose(page, "#restriction-subject", "visitor")
    write(page, "#restriction-reason", reason)
    submit(page)


def test_a_recording_says_until_when_it_is_kept_and_by_which_rule(
    centre: CallCentre, recorded: tuple[str, str]
) -> None:
    """An agent reads it too, and is offered nothing that would be refused."""
    page = signed_in(centre, "agent", "Awa Agent")
    page.goto(centre.program.base + recorded[1])
    panel = page.get_by_role("region", name="Why is this still here?")
    expect(panel).to_contain_text(re.compile(r"It is kept until \w+ \d+, \d{4}\. Then it is erased"))
    expect(panel).to_contain_text("The rule today: 180 days")
    expect(panel.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("link", name="Keeping", exact=True)).to_have_count(0)
    page.goto(centre.program.base + recorded[0])
    panel = page.get_by_role("region", name="Why is this still here?")
    expect(panel.get_by_role("listitem").filter(has_text="Visitor")).to_contain_text("Until")
    expect(panel.get_by_role("button")).to_have_count(0)


def test_a_restricted_recording_is_not_played_until_it_is_lifted(
    centre: CallCentre, recorded: tuple[str, str], axe: Axe
) -> None:
    """In place of the player a sentence, in place of erasing another; lifted once the person was told."""
    page = signed_in(centre, "admin", "Ada Admin")
    page.goto(centre.program.base + recorded[1])
    page.get_by_label("Purpose").wait_for()
    judge(page, axe, "recording-kept")
    restrict(page, "she says it was not her")
    expect(page.locator("#stage")).to_contain_text("The processing of this recording is restricted.")
    expect(page.locator("#kept-title")).to_be_focused()
    expect(page.get_by_label("Purpose")).to_have_count(0)
    expect(page.get_by_role("button", name="Erase this recording…")).to_have_count(0)
    expect(page.get_by_text("It cannot be erased while its processing is restricted.")).to_be_visible()
    expect(page.get_by_text("she says it was not her")).to_be_visible()
    judge(page, axe, "recording-restricted")
    press(page, "Lift…")
    reach(page, "dialog button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Tell the person first, then tick the box.")).to_be_visible()
    expect(page.locator("#lift-told")).to_be_focused()
    judge(page, axe, "restriction-lift")
    page.keyboard.press("Space")
    submit(page)
    expect(page.get_by_label("Purpose")).to_be_visible()


def test_a_recording_restricted_while_its_page_is_open_is_not_opened(
    centre: CallCentre, recorded: tuple[str, str]
) -> None:
    """Whoever had the page open, or plays, reads the same sentence instead of an error."""
    asks, plays = (signed_in(centre, "agent", name) for name in ("Awa Agent", "Ben Agent"))
    admin = signed_in(centre, "admin", "Ada Admin")
    for page in (asks, plays, admin):
        page.goto(centre.program.base + recorded[1])
    pass_purpose(plays)
    asks.get_by_label("Purpose").select_option("quality")
    restrict(admin, "objects")
    asks.get_by_role("button", name="Open the recording").press("Enter")
    plays.get_by_role("button", name="Renew").press("Enter")
    for page in (asks, plays):
        expect(page.locator("#stage")).to_contain_text("The processing of this recording is restricted.")
    press(admin, "Lift…")
    reach(admin, "#lift-told")
    admin.keyboard.press("Space")
    submit(admin)


def test_a_restricted_call_is_not_opened(centre: CallCentre, recorded: tuple[str, str], axe: Axe) -> None:
    """Who called and what was written stay closed; the whole call says so, and so do its recordings."""
    page = signed_in(centre, "admin", "Ada Admin")
    page.goto(centre.program.base + recorded[0])
    restrict(page, "objects to all of it")
    expect(page.locator("#personal")).to_contain_text("The processing of this call is restricted.")
    expect(page.get_by_role("button", name="Open", exact=True)).to_have_count(0)
    judge(page, axe, "call-restricted")
    page.goto(f"{centre.program.base}/console/keeping")
    restrictions = page.get_by_role("region", name="Restrictions of processing")
    expect(restrictions).to_contain_text("objects to all of it")
    expect(restrictions.get_by_role("link", name="A whole call")).to_have_attribute("href", recorded[0])
    press(page, "Lift…")
    reach(page, "#lift-told")
    page.keyboard.press("Space")
    submit(page)
    expect(restrictions).to_contain_text("Nothing is restricted.")
    expect(page.locator("#restrictions-title")).to_be_focused()


def test_a_rule_is_set_and_shortened_for_what_is_kept_and_cancelled(
    centre: CallCentre, recorded: tuple[str, str], axe: Axe
) -> None:
    """From now on at once; for what is there looked at first, asked for, and taken back."""
    page = signed_in(centre, "auditor", "Odile Auditor")
    press(page, "Keeping")
    rules = page.get_by_role("region", name="How long things are kept")
    demo = rules.get_by_role("row", name="Demo")
    expect(demo.get_by_role("cell").first).to_have_text(re.compile("180 days.*its own rule"))
    judge(page, axe, "keeping")
    press(page, "Change… (Demo)")
    write(page, "#rule-days", "0")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Enter whole days, from 1 to 3650.")).to_be_visible()
    judge(page, axe, "rule-dialog")
    write(page, "#rule-days", "90")
    submit(page)
    expect(demo).to_contain_text("90 days")
    expect(page.get_by_role("button", name="Change… (Demo)")).to_be_focused()
    expect(rules).to_contain_text("What is kept already keeps its date.")
    press(page, "Shorten that, too")
    shorten = page.get_by_role("region", name="Shorter for what is kept already")
    expect(shorten.get_by_role("status")).to_contain_text("2 recordings would end earlier.")
    expect(shorten).to_contain_text("None of them is under a legal hold or restricted.")
    judge(page, axe, "shorten-preview")
    press(page, "Ask for it")
    expect(page.get_by_role("dialog")).to_contain_text("Until that day you can cancel.")
    submit(page)
    changes = page.get_by_role("region", name="Shorter rules that wait")
    expect(page.locator("#changes-title")).to_be_focused()
    expect(changes.get_by_role("listitem")).to_contain_text("Recordings, Demo: 90 days")
    judge(page, axe, "shorten-waits")
    page.goto(centre.program.base + recorded[1])
    expect(page.get_by_text("A shorter rule waits: 90 days")).to_be_visible()
    page.goto(f"{centre.program.base}/console/keeping")
    press(page, "Cancel it")
    expect(changes).to_contain_text("None waits.")
    page.goto(centre.program.base + recorded[1])
    expect(page.get_by_role("region", name="Why is this still here?")).to_contain_text("It is kept until")
    expect(page.get_by_text("A shorter rule waits")).to_have_count(0)


def test_a_button_has_a_rule_of_its_own_and_gives_it_up(
    centre: CallCentre, recorded: tuple[str, str]
) -> None:
    """Where a number comes from stands under it."""
    page = signed_in(centre, "admin", "Ada Admin")
    page.goto(f"{centre.program.base}/console/keeping")
    row = page.get_by_role("region", name="How long things are kept").get_by_role("row").nth(2)
    name = row.get_by_role("rowheader").inner_text()
    press(page, f"Change… ({name})")
    choose(page, "#rule-kind", "note")
    write(page, "#rule-days", "30")
    submit(page)
    expect(row.get_by_role("cell").nth(2)).to_contain_text("30 days")
    expect(row.get_by_role("cell").nth(2)).to_contain_text("its own rule")
    press(page, f"Change… ({name})")
    choose(page, "#rule-kind", "note")
    press(page, "Do as the company does again", within="dialog")
    expect(row.get_by_role("cell").nth(2)).to_contain_text("as the company")


def test_who_may_only_read_sees_no_button_that_would_fail(
    centre: CallCentre, recorded: tuple[str, str], axe: Axe
) -> None:
    """A supervisor looks at everything, also at what a shorter rule would do, and changes nothing."""
    page = signed_in(centre, "supervisor", "Sam Supervisor", language="fr")
    page.get_by_role("link", name="Conservation", exact=True).click()
    expect(page.get_by_text("Votre rôle le lit")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Changer"))).to_have_count(0)
    page.locator("#shorten-days").fill("3")
    page.get_by_role("button", name="Voir ce que cela ferait").click()
    expect(page.get_by_text("Un bouton qui a sa propre règle se regarde à part")).to_be_visible()
    page.locator("#shorten-scope").select_option(label="Demo")
    page.get_by_role("button", name="Voir ce que cela ferait").click()
    expect(page.locator(".shorten-found")).to_contain_text("finiraient plus tôt")
    expect(page.locator(".shorten-found").get_by_role("button")).to_have_count(0)
    judge(page, axe, "keeping-reader-fr")
    page.goto(centre.program.base + recorded[1])
    panel = page.get_by_role("region", name="Pourquoi est-ce encore là")
    expect(panel).to_contain_text("Conservé jusqu")
    expect(panel.get_by_role("button")).to_have_count(0)
    agent = signed_in(centre, "agent", "Awa Agent")
    agent.goto(f"{centre.program.base}/console/keeping")
    expect(agent.get_by_text("Your role does not show this.")).to_be_visible()


@pytest.mark.parametrize(
    ("opens", "form", "placed", "ends"),
    [
        ("Placer un gel légal", "hold", "Un gel légal le retient", "Demander sa levée…"),
        ("Limiter son traitement", "restriction", "Son traitement est limité", "Lever…"),
    ],
    ids=["hold", "restriction"],
)
def test_in_french_no_question_about_keeping_is_a_barrier(
    centre: CallCentre, recorded: tuple[str, str], axe: Axe, opens: str, form: str, placed: str, ends: str
) -> None:
    """Asked, answered wrongly, placed on a whole call, and the question that ends it."""
    admin = signed_in(centre, "admin", "Anne Admin", language="fr")
    admin.goto(centre.program.base + recorded[0])
    press(admin, opens)
    judge(admin, axe, f"{form}-dialog-fr")
    reach(admin, "dialog button[type=submit]")
    admin.keyboard.press("Enter")
    expect(admin.locator("dialog .fault:not([hidden])").first).to_be_visible()
    judge(admin, axe, f"{form}-dialog-faults-fr")
    choose(admin, f"#{form}-ground", "legal_claim" if form == "hold" else "unlawful")
    if form == "restriction":
        choose(admin, "#restriction-subject", "visitor")
    write(admin, f"#{form}-reason", "dossier 2026-118")
    submit(admin)
    expect(admin.get_by_role("region", name="Pourquoi est-ce encore là")).to_contain_text(placed)
    admin.goto(f"{centre.program.base}/console/keeping#{form}s-title")
    expect(admin.locator(f"#{form}s-title")).to_be_focused()
    press(admin, ends)
    judge(admin, axe, f"{form}-end-dialog-fr")
    if form == "restriction":
        reach(admin, "#lift-told")
        admin.keyboard.press("Space")
    submit(admin)
    if form == "hold":
        second = signed_in(centre, "auditor", "Odile Auditrice", language="fr")
        second.goto(f"{centre.program.base}/console/keeping")
        press(second, "Confirmer la levée…")
        submit(second)


def test_a_held_recording_is_erased_once_two_people_released_it(
    centre: CallCentre, recorded: tuple[str, str], axe: Axe
) -> None:
    """Placed, asked to be erased, held; released by one who asks and another who confirms; then gone."""
    admin = signed_in(centre, "admin", "Ada Admin")
    admin.goto(centre.program.base + recorded[1])
    place_hold(admin, "case 2026-118, expert report pending")
    panel = admin.get_by_role("region", name="Why is this still here?")
    expect(panel).to_contain_text("A legal hold keeps it, until")
    expect(panel).to_contain_text("case 2026-118, expert report pending")
    judge(admin, axe, "recording-held")
    auditor = signed_in(centre, "auditor", "Odile Auditor", language="fr")
    auditor.goto(centre.program.base + recorded[1])
    auditor.get_by_role("heading", name="Gels légaux").wait_for()
    erased_but_held(admin, axe)
    restricted_too_late(auditor)
    asked_for_release(admin, axe)
    auditor.goto(f"{centre.program.base}/console/keeping")
    expect(auditor.get_by_text("Ada Admin a demandé sa levée.")).to_be_visible()
    judge(auditor, axe, "keeping-release-fr")
    press(auditor, "Confirmer la levée…")
    expect(auditor.get_by_role("dialog")).to_contain_text("case 2026-118")
    judge(auditor, axe, "release-dialog-fr")
    submit(auditor)
    expect(auditor.locator("#holds-title")).to_be_focused()
    expect(auditor.get_by_text("Aucun gel légal.")).to_be_visible()
    admin.goto(centre.program.base + recorded[1])
    expect(admin.locator(".receipt .badge-complete")).to_be_visible()
    expect(admin.get_by_role("heading", name="Erased recording")).to_be_visible()


def erased_but_held(page: Page, axe: Axe) -> None:
    """Erasing says before and after that a hold keeps it waiting."""
    expect(page.locator(".erase-place")).to_contain_text("it is carried out when the hold ends")
    press(page, "Erase this recording")
    expect(page.get_by_role("dialog")).to_contain_text("When the hold ends")
    judge(page, axe, "erase-held")
    choose(page, "#erase-reason", "visitor_request")
    reach(page, "#erase-confirm")
    page.keyboard.press("Space")
    submit(page)
    expect(page.get_by_role("heading", name="Erasure that a legal hold keeps waiting")).to_be_visible()
    expect(page.locator(".receipt")).to_contain_text("a legal hold keeps it from being destroyed")
    expect(page.get_by_text("It is erased as soon as the hold ends.")).to_be_visible()
    judge(page, axe, "erased-held")


def restricted_too_late(page: Page) -> None:
    """A page that was open before still offers it: the refusal says why, and what was written stays."""
    press(page, "Limiter son traitement")
    choose(page, "#restriction-ground", "unlawful")
    choose(page, "#restriction-subject", "other")
    write(page, "#restriction-reason", "trop tard")
    reach(page, "dialog button[type=submit]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="son effacement a été demandé")).to_be_visible()
    expect(page.locator("#restriction-reason")).to_have_value("trop tard")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def asked_for_release(page: Page, axe: Axe) -> None:
    """Who asks reads that somebody else confirms, and has no button to do it themselves."""
    press(page, "Ask for its release… (A legal claim")
    expect(page.get_by_role("dialog")).to_contain_text("Who asks cannot confirm.")
    submit(page)
    expect(page.get_by_text("You asked for its release.")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Confirm the release"))).to_have_count(0)
    judge(page, axe, "release-asked")
