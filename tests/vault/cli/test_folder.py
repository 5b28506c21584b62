"""Development folders: claimed once, recognised wherever a path lies inside."""

from pathlib import Path

import pytest

from vault.cli.folder import MARKER, claim, database_path, is_development, places
from vault.errors import RefusedByPolicyError
from vault.settings import DatabaseSettings, KeysSettings, Settings, StorageSettings


def test_an_empty_folder_is_claimed_and_taken_up_again(tmp_path: Path) -> None:
    """The marker is written once, for this user alone."""
    folder = tmp_path / "a" / "dev"
    claim(folder)
    (folder / "callvault.db").write_text("x")
    claim(folder)
    assert (folder / MARKER).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_with_somebody_s_files_is_not_claimed(tmp_path: Path) -> None:
    """`dev --dir .` in a vault's own folder must not mark it as a trial."""
    (tmp_path / "callvault.db").write_text("x")
    with pytest.raises(RefusedByPolicyError, match="--dir"):
        claim(tmp_path)
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize("place", ["database", "keys", "objects", "key file"])
def test_one_thing_inside_a_development_folder_makes_it_a_trial(tmp_path: Path, place: str) -> None:
    """Whatever is left in the folder, `serve` must not carry real calls with it."""
    folder = tmp_path / "dev"
    claim(folder)
    inside = {
        "database": Settings(database=DatabaseSettings(url=f"sqlite:///{folder}/x.db")),
        "keys": Settings(keys=KeysSettings(database_url=f"sqlite:///{folder}/x.db")),
        "objects": Settings(storage=StorageSettings(url=f"file://{folder}/deep/objects")),
        "key file": Settings(keys=KeysSettings(key_file=folder / "keys" / "root.key")),
    }
    assert is_development(inside[place])


def test_a_link_into_a_development_folder_is_followed(tmp_path: Path) -> None:
    """The place counts, not the name that leads there."""
    claim(tmp_path / "dev")
    (tmp_path / "keys").symlink_to(tmp_path / "dev")
    assert is_development(Settings(keys=KeysSettings(key_file=tmp_path / "keys" / "root.key")))


def test_servers_and_buckets_are_no_places_on_this_machine() -> None:
    """Only files can lie in a folder."""
    settings = Settings(
        database=DatabaseSettings(url="postgresql://u@h/n"), storage=StorageSettings(url="s3://b?region=x")
    )
    assert database_path("postgresql://u@h/n") is None
    assert database_path("sqlite:////srv/x.db") == Path("/srv/x.db")
    assert len(places(settings)) == 4
    assert not is_development(settings)
