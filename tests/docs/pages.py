"""The documents, as the tests of this folder read them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.repo import tree

WRITTEN_BY_HAND = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
_BLOCK = re.compile(
    r"(?:^<!-- run(?P<takes>[^>]*) -->\n)?^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """One code block. ``takes`` is None where it is not marked to run, else ``NAME=path NAME=path``."""

    page: str
    language: str
    body: str
    takes: str | None


def pages() -> list[str]:
    """List every document of ours, by its path."""
    ours = (path for path in tree.files(".md") if not path.startswith((tree.VENDORED, "vault/")))
    return sorted({*ours, *WRITTEN_BY_HAND})


def blocks(page: str) -> Iterator[Block]:
    """Give each code block of a page, in order."""
    for found in _BLOCK.finditer(tree.text(page)):
        yield Block(page, found["language"], found["body"], found["takes"])


def prose(page: str) -> str:
    """Return a page without its code blocks and marks."""
    return re.sub(r"<!--.*?-->", "", _BLOCK.sub("", tree.text(page)))


def spans(page: str) -> list[str]:
    """Return what stands between backticks in the prose of a page."""
    return re.findall(r"`([^`\n]+)`", prose(page))
