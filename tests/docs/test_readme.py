"""The README: short, honest, two commands."""

import re

from scripts.write_docs import MARK, TARGET
from tests.docs.pages import blocks
from tests.repo import tree


def test_the_readme_can_be_read_in_four_minutes() -> None:
    """400 to 900 words, the list of commands apart."""
    words = re.findall(r"[A-Za-z][\w'-]*", MARK.sub("", tree.text("README.md")))
    assert 400 <= len(words) <= 900


def test_two_commands_lead_to_a_running_vault() -> None:
    """A stranger copies one block of two lines, and the second is a target of the Makefile."""
    first = next(blocks("README.md"))
    fetch, start = first.body.strip().splitlines()
    assert fetch.startswith("git clone ")
    assert start.removeprefix("make ") in dict(TARGET.findall(tree.text("Makefile")))


def test_the_readme_says_what_the_program_is_not() -> None:
    """Who reads only this page must not believe in end-to-end encryption, or in a whole call centre."""
    told = tree.text("README.md").partition("## What it is not")[2].partition("\n## ")[0]
    for missing in ("end-to-end encrypted", "call centre", "copies"):
        assert missing in told


def test_the_widget_is_embedded_as_the_widget_itself_is_named() -> None:
    """The two lines of HTML name the element and the script that the program serves."""
    html = next(block.body for block in blocks("README.md") if block.language == "html")
    element = re.findall(r"<([a-z]+-[a-z]+) ", html)
    assert [f'define("{name}"' in tree.text("vault/web/widget/widget.js") for name in element] == [True]
    assert "/widget.js" in html
