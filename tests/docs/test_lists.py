"""The lists in the documents are the lists in the code."""

import pytest

from scripts.write_docs import DOCUMENTS, MARK, SECTIONS, written
from tests.docs.pages import pages
from tests.repo import tree

REMEDY = "the code has changed: run `make docs`, read what changed, commit it"


@pytest.mark.parametrize("page", DOCUMENTS)
def test_each_list_in_a_document_is_the_one_in_the_code(page: str) -> None:
    """Settings, routes, errors, roles, entries, states, commands, exit codes, targets: one home each."""
    text = tree.text(page)
    assert written(text) == text, REMEDY


def test_every_list_stands_in_exactly_one_document() -> None:
    """A list that is written nowhere is forgotten, one that is written twice is read in the wrong place."""
    placed = [found[1] for page in pages() for found in MARK.finditer(tree.text(page))]
    assert sorted(placed) == sorted(SECTIONS)


def test_a_mark_without_its_end_is_noticed() -> None:
    """A broken mark would leave an old list standing for ever."""
    for page in pages():
        text = tree.text(page)
        assert text.count("<!-- generated: ") == text.count("<!-- end: ") == len(MARK.findall(text)), page


def test_an_old_list_is_written_anew_and_the_words_around_it_stay() -> None:
    """What a person wrote is not touched."""
    old = "before\n<!-- generated: prefixes -->\nsomething old\n<!-- end: prefixes -->\nafter\n"
    new = written(old)
    assert new.startswith("before\n<!-- generated: prefixes -->\n| prefix")
    assert new.endswith("<!-- end: prefixes -->\nafter\n")
    assert "something old" not in new
    assert written(new) == new
