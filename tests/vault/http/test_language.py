"""Accept-Language as browsers and strangers send it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.http.language import LANGUAGES, choose_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("FR-ca", "fr"),
        ("fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7", "fr"),
        ("en-US,en;q=0.9,fr;q=0.8", "en"),
        ("en;q=0.2, fr;q=0.3", "fr"),
        ("de,fr;q=0.1", "fr"),
        ("de", "en"),
        ("*", "en"),
        ("de, *;q=0.5", "en"),
        ("fr;q=0", "en"),
        ("fr;q=0, en;q=0", "en"),
        ("fr;q=much", "en"),
        ("fr;level=1", "en"),
        ("french", "en"),
        (" fr ; q=1.0 ", "fr"),
    ],
)
def test_the_best_liked_language_of_ours_is_chosen(header: str, language: str) -> None:
    """RFC 9110, 12.5.4: weights decide, sub-tags do not; what makes no sense counts as absent."""
    assert choose_language(header) == language


def test_the_rest_of_an_endless_header_is_not_read() -> None:
    """Twenty ranges are looked at: a long header costs no more than they do."""
    assert choose_language("de," * 19 + "fr") == "fr"
    assert choose_language("de," * 20 + "fr") == "en"


@given(st.text(max_size=200))
def test_any_header_gives_a_language(header: str) -> None:
    """Whatever is sent, answers speak one of the two."""
    assert choose_language(header) in LANGUAGES
