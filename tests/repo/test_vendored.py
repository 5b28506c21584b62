"""What the browser loads of others' work lies here, unchanged."""

import hashlib
import re

import pytest

from tests.repo import tree

ROW = re.compile(r"^\| `([^`]+)` \| `[^`]+` \| `([0-9a-f]{64})` \|$", re.MULTILINE)
FOLDERS = sorted({path.split("/")[3] for path in tree.files() if path.startswith(tree.VENDORED)})


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_vendored_file_has_the_hash_its_readme_states(folder: str) -> None:
    """A changed or added file is found: the README's table is the whole list."""
    base = tree.VENDORED + folder
    listed = dict(ROW.findall(tree.text(f"{base}/README.md")))
    present = {path.removeprefix(f"{base}/") for path in tree.files() if path.startswith(f"{base}/")}
    actual = {
        name: hashlib.sha256((tree.ROOT / base / name).read_bytes()).hexdigest()
        for name in present - {"README.md"}
    }
    assert actual == listed


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_vendored_folder_brings_its_licence(folder: str) -> None:
    """What is handed on is handed on with its terms."""
    assert "licence" in tree.text(f"{tree.VENDORED}{folder}/README.md").lower()
    assert tree.text(f"{tree.VENDORED}{folder}/LICENSE").strip()
