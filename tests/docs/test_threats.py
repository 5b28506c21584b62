"""Each promise of THREATS.md names the tests that hold it, and those exist."""

import re

from tests.repo import tree

PAGE = "docs/THREATS.md"
ROW = re.compile(r"^\| (P\d+\.\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)
HEADING = re.compile(r"^### (P\d+): ", re.MULTILINE)
FACT = re.compile(r"^\| (F\d+) \| ", re.MULTILINE)
CITED = re.compile(r"\b[PF]\d{1,2}\b")
TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[A-Za-z0-9_]+)`")


def promises() -> list[tuple[str, str, str]]:
    """Give each row of the tables of promises: its name, its sentence, its tests."""
    return ROW.findall(tree.text(PAGE))


def test_every_promise_names_a_test() -> None:
    """A promise that nothing holds is a wish."""
    assert promises()
    assert [name for name, _, tests in promises() if not TEST.findall(tests)] == []
    assert [name for name, _, tests in promises() if TEST.sub("", tests).strip(", ")] == []


def test_every_test_that_a_promise_names_exists() -> None:
    """A test that was renamed takes its promise along."""
    named = TEST.findall(tree.text(PAGE))
    gone = [
        f"{path}::{test}"
        for path, test in named
        if not (tree.ROOT / path).is_file()
        or test not in {function.name for function in tree.functions(path)}
    ]
    assert gone == []


def test_promises_have_names_of_their_own() -> None:
    """Issues and commits speak of a promise by its name."""
    names = [*HEADING.findall(tree.text(PAGE)), *(name for name, _, _ in promises())]
    assert len(names) == len(set(names))


def test_every_promise_and_fact_that_the_code_cites_is_on_the_page() -> None:
    """Where a docstring says P8 or F10, a reader can look it up."""
    text = tree.text(PAGE)
    known = {*HEADING.findall(text), *FACT.findall(text)}
    ours = (path for path in tree.files(".py") if not path.startswith(("tests/docs/", "vault/web/")))
    cited = {name: path for path in ours for name in CITED.findall(tree.text(path))}
    assert {name: path for name, path in cited.items() if name not in known} == {}


def test_what_is_not_true_yet_is_said() -> None:
    """The page has both lists that a reader would miss: what can still be done, and what is not there."""
    text = tree.text(PAGE)
    assert "## What somebody can still do" in text
    assert "## Not true yet" in text
    for missing in (
        "end-to-end",
        "restore fence",
        "No second node",
    ):
        assert missing in text
