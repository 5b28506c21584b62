"""Places of backups as the settings name them: which there are, and which are lost together."""

from pathlib import Path

import pytest

from vault.backups.dump import Kind
from vault.backups.places import backup_places, beside_itself, failure_domain
from vault.settings import BackupSettings, ReplicaSettings, Settings, StoreSettings

BUCKET = "s3://keys?region=eu-west-3"


def replica(name: str, url: str) -> ReplicaSettings:
    """A further place."""
    return ReplicaSettings(name=name, url=url, country="DE")


def test_the_first_place_takes_what_the_objects_store_has_and_the_others_bring_their_own() -> None:
    """Threads, timeout and access keys of `storage`; the country of `backup`, or of the place itself."""
    told = BackupSettings(
        main_url="file:///a", keys_url="file:///b", country="FR", keys_replicas=(replica("lyon", BUCKET),)
    )
    places = backup_places(Settings(backup=told))
    assert [(one.url, one.country) for one in places[Kind.MAIN].values()] == [("file:///a", "FR")]
    assert {name: (one.url, one.country) for name, one in places[Kind.KEYS].items()} == {
        "primary": ("file:///b", "FR"),
        "lyon": (BUCKET, "DE"),
    }
    assert backup_places(Settings()) == {Kind.MAIN: {}, Kind.KEYS: {}}


def test_a_name_of_two_places_is_refused() -> None:
    """Logs and evidence tell places by their names."""
    for names in (("lyon", "lyon"), ("primary", "lyon")):
        with pytest.raises(ValueError, match="a name of its own"):
            BackupSettings(keys_replicas=tuple(replica(name, BUCKET) for name in names))


def test_folders_of_one_disk_are_lost_together_and_buckets_apart(tmp_path: Path) -> None:
    """A folder that is not made yet lies where it will; memory and disk are two things."""
    here, there = f"file://{tmp_path}/a", f"file://{tmp_path}/not/yet/made"
    elsewhere = "file:///dev/shm/callvault"
    urls = (here, there, elsewhere, BUCKET, f"{BUCKET}&endpoint=https://s3.example.org")
    domains = [failure_domain(StoreSettings(url=url)) for url in urls]
    assert domains[0] == domains[1]
    assert len(set(domains)) == 4


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("file:///srv/a", "file:///srv/a", True),
        ("file:///srv/a", "file:///srv/b/../a", True),
        ("file:///srv/a", "file:///srv/a/b", True),
        ("file:///srv/a/b", "file:///srv/a", True),
        ("file:///srv/a", "file:///srv/ab", False),
        (BUCKET, f"{BUCKET}&more=1", True),
        (BUCKET, "s3://other?region=eu-west-3", False),
        (BUCKET, "file:///srv/a", False),
    ],
)
def test_a_copy_beside_itself_is_told(one: str, other: str, *, is_one: bool) -> None:
    """The same bucket, the same folder by another name, or a folder inside the other."""
    assert beside_itself(StoreSettings(url=one), StoreSettings(url=other)) is is_one
