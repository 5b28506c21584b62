"""Committed files stand alone: they name no package index and nothing of a workplace."""

import pytest

from tests.repo import tree

# Written in two halves, so that this file does not break its own rule.
FORBIDDEN = tuple(
    first + second
    for first, second in (
        ("pypi", ".org"),
        ("python", "hosted.org"),
        ("registry.", "npmjs"),
        ("npmjs", ".com"),
        ("deb.", "debian.org"),
        ("security.", "debian.org"),
        ("archive.", "ubuntu.com"),
        ("docker", ".io"),
        ("ghcr", ".io"),
        ("quay", ".io"),
        ("conda.", "anaconda"),
        ("index", "-url ="),
        ("/work", "/main"),
        ("/work", "/shared"),
        ("shared", "/design"),
        ("/tmp", "/plan"),
        (".library", "/env"),
    )
)


@pytest.mark.parametrize("forbidden", FORBIDDEN)
def test_no_file_names_a_registry_or_a_workplace(forbidden: str) -> None:
    """A clone must work wherever it lies and whichever index its machine uses."""
    assert [path for path in tree.files() if forbidden in tree.text(path).lower()] == []
