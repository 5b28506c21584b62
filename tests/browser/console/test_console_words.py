"""The console's two catalogues, and what its pages may contain."""

import re
from pathlib import Path

import pytest

from tests.browser.console.double import WEB, words
from vault.http.pages import CATALOGUES
from vault.http.problem_rows import PROBLEMS
from vault.ledger.leaf import EntryType
from vault.model import ErasureReason, MediaState, Role
from webrtc.fragment_format import GapCause
from webrtc.lifecycle import CloseReason

CONSOLE = WEB / "console"
SOURCES = sorted(path for path in CONSOLE.rglob("*") if path.suffix in {".js", ".html", ".css"})
LISTS = {name.format(language) for name in CATALOGUES for language in ("en", "fr")}
ELSEWHERE = {
    "system",
    "exit",
    "evidence",
    "backup",
    "epoch",
    "team",
    "tenant",
    "person",
    "invitation",
    "own_link",
    "issuer",
    "session",
    "sign_in_code",
}  # entries that are about no recording
# Met by the widget, by a program or by an operator, never by a request of this console.
NOT_FOR_PEOPLE = {
    "configuration",
    "consent_missing",
    "derivation_failed",
    "export_failed",
    "internal",
    "ledger_broken",
    "method_not_allowed",
    "notice_changed",
    "offer_refused",
    "origin_refused",
    "precondition_failed",
    "precondition_required",
    "range_not_satisfiable",
    "receipt_invalid",
    "schema_too_new",
    "too_large",
    "too_many_legs",
    "unsupported_media_type",
    "upgrade_required",
    "visitor_token",
}


def test_both_languages_have_the_same_sentences() -> None:
    """A key missing in one language would show itself as a key."""
    assert list(words("fr")) == list(words("en"))


def test_both_languages_fill_in_the_same_values() -> None:
    """A value named in one language only would be lost, or stand there in braces."""
    french, english = words("fr"), words("en")
    differing = [
        key
        for key in french
        if set(re.findall(r"\{\w+\}", french[key])) != set(re.findall(r"\{\w+\}", english[key]))
    ]
    assert differing == []


def test_french_never_leaves_a_mark_alone_at_the_start_of_a_line() -> None:
    """French sets a no-break space before two-part marks."""
    assert [key for key, sentence in words("fr").items() if re.search(r" [:;!?»]", sentence)] == []


def test_each_problem_a_person_can_meet_has_its_own_sentence() -> None:
    """Each stable code is either said in plain words or known to be met by programs only."""
    said = {key.removeprefix("problem.") for key in words("fr") if key.startswith("problem.")}
    assert set(PROBLEMS) - said == NOT_FOR_PEOPLE


@pytest.mark.parametrize(
    ("family", "codes"),
    [
        ("state", MediaState),
        ("role", Role),
        ("reason", ErasureReason),
        ("end", CloseReason),
        ("gap", [cause.name.lower() for cause in GapCause]),
        ("event", [kind for kind in EntryType if kind.partition(".")[0] not in ELSEWHERE]),
    ],
)
def test_each_code_the_vault_writes_is_said_in_words(family: str, codes: list[str]) -> None:
    """States, roles, reasons, endings, gaps and the ledger's entries about a call or a recording."""
    assert [code for code in codes if f"{family}.{code}" not in words("en")] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_source_is_short_and_needs_no_exception_from_the_policy(source: Path) -> None:
    """No inline script, style or handler, nothing from elsewhere, no markup from text; under 500 lines."""
    text = source.read_text("utf-8")
    forbidden = r"""<script>|<style|\sstyle=|\son\w+="|https?://(?!www\.w3\.org)|innerHTML|insertAdjacentHTML|eval\("""
    assert re.findall(forbidden, text) == []
    assert len(text.splitlines()) < 500 or source.name in LISTS  # one line a sentence


def test_every_sentence_is_used() -> None:
    """A sentence nobody says is a sentence nobody checks."""
    code = "\n".join(path.read_text("utf-8") for path in SOURCES if path.name not in LISTS)
    built = set(re.findall(r"""[`"]([a-z]+)\.[a-z_]*\$\{""", code))  # t(`link.${act}`)
    built |= set(re.findall(r"""(?:named|knows|counted)\("([a-z.]+)\"""", code))
    built |= {"list", "about", "role", "title"}  # words["title." ~ page]
    parts = {key: {key.partition(".")[0], key.rpartition(".")[0]} for key in words("fr")}
    assert [key for key in words("fr") if f'"{key}"' not in code and not parts[key] & built] == []
