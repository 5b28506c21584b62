"""Links between documents, and to files, lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import pages
from tests.repo import tree

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
PICTURE_BYTES = 300 * 1024


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    titles = HEADING.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", pages())
def test_each_link_of_a_page_leads_to_a_file_and_a_heading(page: str) -> None:
    """A page that was moved, or a heading that was renamed, is found by who still points at it."""
    here = (tree.ROOT / page).parent
    broken = []
    for link in LINK.findall(FENCED.sub("", tree.text(page))):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (here / name).resolve() if name else tree.ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_document_can_be_reached_from_the_readme() -> None:
    """A page that nothing points to is read by nobody."""
    seen, waiting = set(), [tree.ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        if page.is_dir():
            waiting += page.glob("*.md")
        elif page.suffix == ".md":
            links = (link.partition("#")[0] for link in LINK.findall(page.read_text(encoding="utf-8")))
            local = ((page.parent / link).resolve() for link in links if link and "://" not in link)
            waiting += [target for target in local if target.exists()]
    assert [page for page in pages() if tree.ROOT / page not in seen] == []


@pytest.mark.parametrize("picture", tree.files(".png"))
def test_a_picture_is_small_and_shown(picture: str) -> None:
    """Pictures of the documents are under 300 KiB, and a page shows each."""
    if not picture.startswith("docs/"):
        pytest.skip("not a picture of the documents")
    assert (tree.ROOT / picture).stat().st_size <= PICTURE_BYTES
    assert any(Path(picture).name in tree.text(page) for page in pages())
