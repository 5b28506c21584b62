"""Habits that no linter rule covers."""

import re

from tests.repo import tree

# Words that mark unfinished work; written in halves because this file is looked at too.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
MOCKS = re.compile(
    r"^\s*(from unittest(\.mock)? import|import unittest\.mock|from mock import)", re.MULTILINE
)
DRAWERS = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}


def test_nothing_unfinished_is_marked_in_the_code() -> None:
    """What is left to do is an issue, not a comment."""
    ours = (
        path
        for path in tree.files(".py", ".js", ".sh", ".css", ".html", ".md")
        if tree.VENDORED not in path and path != tree.ASSEMBLED
    )
    assert [path for path in ours if UNFINISHED.search(tree.text(path))] == []


def test_no_test_replaces_a_real_part() -> None:
    """Tests drive real parts; a stand-in implements the port and passes its contract suite."""
    assert [path for path in tree.files(".py") if MOCKS.search(tree.text(path))] == []


def test_no_module_is_a_drawer() -> None:
    """A module is named after one idea."""
    assert [path for path in tree.files(".py") if path.rpartition("/")[2] in DRAWERS] == []


def test_files_hold_no_carriage_return_and_end_with_a_newline() -> None:
    """Text is text everywhere, vendored files apart."""
    suffixes = (".py", ".js", ".sh", ".css", ".html", ".md", ".toml", ".yaml", ".lock")
    ours = [path for path in tree.files(*suffixes) if tree.VENDORED not in path]
    raw = {path: (tree.ROOT / path).read_bytes() for path in ours}
    assert [path for path, content in raw.items() if b"\r" in content or not content.endswith(b"\n")] == [
        path for path, content in raw.items() if not content
    ]
