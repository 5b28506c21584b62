"""The folder of a drill: private, alone, gone afterwards, and cleared of what a killed one left."""

from pathlib import Path

import pytest

from vault.drill.folder import kept_folder, private_folder
from vault.errors import ConfigurationError, ConflictError


def test_it_is_for_this_user_alone_and_gone_afterwards_whatever_happens(tmp_path: Path) -> None:
    """Also when what runs inside fails."""

    def fail() -> None:
        with private_folder("vault", within=tmp_path) as folder:
            assert folder.stat().st_mode & 0o777 == 0o700
            (folder / "main.db").write_text("rows")
            (folder / "deep").mkdir()
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_drill_left_is_removed_by_the_next_of_the_same_vault(tmp_path: Path) -> None:
    """Its name follows from the vault; another vault's is let alone."""
    with private_folder("vault", within=tmp_path) as folder:
        name = folder.name
    left = tmp_path / name
    left.mkdir(mode=0o700)
    (left / "keys.db").write_text("wrapped keys")
    with private_folder("another", within=tmp_path) as folder:
        assert folder.name != name
        assert (left / "keys.db").exists()
    with private_folder("vault", within=tmp_path) as folder:
        assert folder == left
        assert list(folder.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_two_drills_of_one_vault_take_turns(tmp_path: Path) -> None:
    """The second is told; the first keeps its folder."""
    with private_folder("vault", within=tmp_path) as folder:
        with pytest.raises(ConflictError), private_folder("vault", within=tmp_path):
            pass
        assert folder.exists()


def test_a_folder_that_somebody_else_laid_in_the_way_is_not_used(tmp_path: Path) -> None:
    """One that others may enter, or a link: neither is filled, neither is removed."""
    with private_folder("vault", within=tmp_path) as folder:
        name = folder.name
    (tmp_path / name).mkdir(mode=0o755)
    with pytest.raises(ConfigurationError, match="TMPDIR"), private_folder("vault", within=tmp_path):
        pass
    (tmp_path / name).rmdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError), private_folder("vault", within=tmp_path):
        pass
    assert (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_kept_must_be_empty(tmp_path: Path) -> None:
    """A drill never lies beside anything."""
    with kept_folder(tmp_path / "kept") as folder:
        (folder / "main.db").write_text("")
        assert folder.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "kept" / "main.db").exists()
    with pytest.raises(ConflictError, match="not empty"), kept_folder(tmp_path / "kept"):
        pass
