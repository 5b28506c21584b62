"""Folders of a file store: what is told durable was synced, and no more often than needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage import folders as module
from storage.folders import MOST_KNOWN, Folders

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Each folder that is really synced, in order."""
    seen: list[Path] = []
    sync = module.sync_folder

    def note(folder: Path) -> None:
        seen.append(folder)
        sync(folder)

    monkeypatch.setattr(module, "sync_folder", note)
    return seen


def made(root: Path, name: str) -> tuple[Folders, Path]:
    """Folders, and one below the root that exists."""
    folders = Folders(root)
    folder = root / name
    folders.make(folder)
    return folders, folder


def test_each_new_folder_is_private_and_its_name_durable(tmp_path: Path, synced: list[Path]) -> None:
    """Whoever makes a folder syncs the one that holds its name; the mode lets nobody else in."""
    _, folder = made(tmp_path, "a/b/c")
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a/b"]
    assert {oct(each.stat().st_mode & 0o777) for each in (folder, folder.parent)} == {"0o700"}


def test_the_names_above_are_synced_once(tmp_path: Path, synced: list[Path]) -> None:
    """The first object below a folder pays for the whole way, the next ones for their own name only."""
    folders, folder = made(tmp_path, "a/b")
    synced.clear()
    folders.sync(folder)
    assert synced == [folder, tmp_path / "a", tmp_path]
    synced.clear()
    folders.sync(folder)
    assert synced == [folder]


def test_a_folder_that_was_removed_is_synced_anew(tmp_path: Path, synced: list[Path]) -> None:
    """Erasing the last object removes its folders; the next object there asks for their names again."""
    folders, folder = made(tmp_path, "a/b")
    folders.sync(folder)
    folders.prune(folder)
    assert not (tmp_path / "a").exists()
    folders.make(folder)
    synced.clear()
    folders.sync(folder)
    assert synced == [folder, tmp_path / "a", tmp_path]


def test_a_folder_that_somebody_lives_in_stays(tmp_path: Path) -> None:
    """Pruning stops at the first folder with something in it."""
    folders, folder = made(tmp_path, "a/b")
    (tmp_path / "a" / "x").touch()
    folders.prune(folder)
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["x"]


def test_what_is_remembered_is_bounded(tmp_path: Path, synced: list[Path]) -> None:
    """A store of many recordings forgets and asks again, rather than growing without end."""
    folders, folder = made(tmp_path, "a")
    folders._durable.update(tmp_path / str(number) for number in range(MOST_KNOWN))
    folders.sync(folder)
    assert len(folders._durable) == 2
    synced.clear()
    folders.sync(folder)
    assert synced == [folder]


def test_pruning_beside_another_erasure_syncs_what_is_left(
    tmp_path: Path, synced: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that another thread removes between our look and our sync: the one above is synced."""
    folders, folder = made(tmp_path, "a/b")
    (folder / "x").touch()
    sync = module.sync_folder

    def beside(asked: Path) -> None:
        if asked == folder:
            (folder / "x").unlink(missing_ok=True)
            folder.rmdir()
        sync(asked)

    monkeypatch.setattr(module, "sync_folder", beside)
    folders.prune(folder)
    assert synced[-1] == tmp_path / "a"
