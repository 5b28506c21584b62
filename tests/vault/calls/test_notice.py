"""The notice: every word of it is evidence, so every version is pinned by its hash."""

import hashlib

import pytest

from vault.calls.notice import LANGUAGES, VERSION, Language, Notice, make_notice

BOTH = ("audio", "video")
# A changed sentence changes a hash: then VERSION changes too, and a line is added here.
PINNED: dict[tuple[str, Language, tuple[str, ...], bool], str] = {
    (
        "2026-11-28",
        "fr",
        ("audio",),
        True,
    ): "d8d7372ada33fa76cf45239255bb905dceef86d1f7df9a75f3858f26b954c660",
    (
        "2026-11-28",
        "fr",
        ("audio",),
        False,
    ): "83e5b98512df0cf4cbfee42ad599a565011e17911a5b37aeba95b8b01ee397ff",
    ("2026-11-28", "fr", BOTH, True): "4377b17f23a87df642e20df95bae3beac7cf7813d29103a05276a146a8083e92",
    ("2026-11-28", "fr", BOTH, False): "83e5b98512df0cf4cbfee42ad599a565011e17911a5b37aeba95b8b01ee397ff",
    (
        "2026-11-28",
        "en",
        ("audio",),
        True,
    ): "c7cb16de725d5f7680a5fba6583d8b60dae42d41b0e39eac7f5199b428b7b923",
    (
        "2026-11-28",
        "en",
        ("audio",),
        False,
    ): "fe5abe5f4dfd84100c963aa289d2b751be465aab17cba5b7f58215c2178dffda",
    ("2026-11-28", "en", BOTH, True): "05393170d6070d54e333dafc94cd7b844953c029c4e1b516212835fdd6dabb41",
    ("2026-11-28", "en", BOTH, False): "fe5abe5f4dfd84100c963aa289d2b751be465aab17cba5b7f58215c2178dffda",
}


def notice(
    language: Language, media: tuple[str, ...] = BOTH, *, records: bool = True, days: int = 30
) -> Notice:
    """The notice of a sample tenant."""
    return make_notice(
        tenant_name="Acme",
        purpose="support",
        retention_days=days,
        media=media,
        records=records,
        language=language,
    )


@pytest.mark.parametrize(("key", "pinned"), PINNED.items())
def test_the_words_of_each_version_stay_what_they_were(
    key: tuple[str, Language, tuple[str, ...], bool], pinned: str
) -> None:
    """A consent of years ago names a hash: the same words must give it."""
    version, language, media, records = key
    made = notice(language, media, records=records)
    assert (made.version, made.hash) == (version, pinned)


def test_every_language_and_kind_of_the_version_is_pinned() -> None:
    """No sentence is left out of the table."""
    wanted = {
        (VERSION, language, media, records)
        for language in LANGUAGES
        for media in (("audio",), BOTH)
        for records in (True, False)
    }
    assert set(PINNED) == wanted


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_visitor_is_told_who_why_what_and_how_long(language: Language) -> None:
    """EPrivacy 5(1), GDPR 13: each fact the law wants is in the text, and what cannot be promised is said."""
    told = notice(language, days=42)
    assert all(fact in told.text for fact in ("Acme", "support", "42"))
    assert told.records == BOTH
    assert ("bout en bout" if language == "fr" else "end-to-end") in told.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_unrecorded_call_does_not_ask_for_recording(language: Language) -> None:
    """It says that nothing is kept, and names no retention."""
    told = notice(language, records=False, days=42)
    assert told.records == ()
    assert "42" not in told.text
    assert told.hash != notice(language, days=42).hash


def test_each_fact_changes_the_hash() -> None:
    """Two notices that differ in anything the visitor read cannot be taken for each other."""
    hashes = {
        notice(language, media, days=days).hash
        for language in LANGUAGES
        for media in (("audio",), BOTH)
        for days in (1, 2)
    }
    assert len(hashes) == 8


def test_the_hash_is_of_version_language_and_text() -> None:
    """Anyone with the words can compute it."""
    told = notice("en")
    assert told.hash == hashlib.sha256(f"{told.version}\nen\n{told.text}".encode()).hexdigest()
