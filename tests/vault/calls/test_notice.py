"""The notice: every word of it is evidence, so every version is pinned by its hash."""

import hashlib

import pytest

from vault.calls.notice import LANGUAGES, VERSION, Language, Notice, make_notice

BOTH = ("audio", "video")
# A changed sentence changes a hash: then VERSION changes too, and a line is added here.
PINNED: dict[tuple[str, Language, tuple[str, ...], bool], str] = {
    ("2026-11", "fr", ("audio",), True): "9eaeb4b7c6f010c27013116b7342568d714501a6cbf62133b38e6119dc9e9142",
    ("2026-11", "fr", ("audio",), False): "f128fd85216deaa41654b2ee1783f97a2a1bae9b73cf39144861d23079d59515",
    ("2026-11", "fr", BOTH, True): "f1e7333defec87cb9a63f3c338c3c0befc79f71be776cfc0ebd7a4e2758222d0",
    ("2026-11", "fr", BOTH, False): "f128fd85216deaa41654b2ee1783f97a2a1bae9b73cf39144861d23079d59515",
    ("2026-11", "en", ("audio",), True): "b91ceb4f9d150e5398209bdc928ab8e4c03d79b03641a9cf9b4cd688896b6cb1",
    ("2026-11", "en", ("audio",), False): "58e261e6f4c2d3fbe01a8e9ef7b7c3eebddf8ffbe908b1c6a59d8f62495453fe",
    ("2026-11", "en", BOTH, True): "47a12036606a3057efdb7795b68fa4fdbbd98e4a090600b56128ce59730c7317",
    ("2026-11", "en", BOTH, False): "58e261e6f4c2d3fbe01a8e9ef7b7c3eebddf8ffbe908b1c6a59d8f62495453fe",
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
