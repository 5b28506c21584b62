"""``callvault backup`` and ``callvault keys turn``: from an empty machine back to a playing recording."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto.streaming import open_sealed
from tests.vault.cli.command import Cli
from tests.vault.cli.recordings import CANARY, lay_down
from vault.app import open_rooms
from vault.cli.exits import Exit
from vault.cli.rooms import tenant_of
from vault.errors import KeyProviderError
from vault.media.places import FINAL_SEGMENT_BYTES, part_associated, part_key
from vault.model import Id, Part
from vault.settings.sources import load_settings

PLACES = """
[backup]
key_file = "{folder}/keys/backup.key"
main_url = "file://{folder}/backups"
keys_url = "file://{folder}/key-backups"
country = "FR"
"""


REPLICA = """
[[backup.keys_replicas]]
name = "lyon"
url = "file://{folder}/key-backups"
country = "FR"
"""


def with_backups(vault: Path, *, least_copies: int = 1) -> Path:
    """Give the vault's backups places beside it."""
    told = vault.read_text().replace("[keys]\n", f"[keys]\nleast_copies = {least_copies}\n")
    vault.write_text(told + PLACES.format(folder=vault.parent))
    return vault


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder that is not on the disk of the others."""
    with tempfile.TemporaryDirectory(prefix="callvault-", dir="/dev/shm") as name:  # a disk apart
        yield Path(name)


async def opened(config: Path, media_id: Id) -> bytes:
    """The recording's plain bytes, with the keys as they are."""
    async with open_rooms(load_settings(environ={}, file=config).settings) as rooms:
        tenant = await tenant_of(rooms, None)
        named = {"tenant_id": tenant, "media_id": media_id}
        sealed = await rooms.store.read(part_key(**named, gen=1, part=Part.MEDIA), limit_bytes=1 << 20)
        key = await rooms.keys.data_key(tenant_id=tenant, object_id=media_id)
        associated = part_associated(**named, gen=1, part=Part.MEDIA)
        return open_sealed(key, sealed, associated_data=associated, segment_bytes=FINAL_SEGMENT_BYTES)


def lose(vault: Path, *names: str) -> None:
    """Take files and folders of the vault away, as a dead disk does."""
    for name in names:
        for path in vault.parent.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_an_empty_machine_with_the_backup_key_has_everything_back(vault: Path, cli: Cli) -> None:
    """Databases and the ring of epoch keys are gone; the backups, the objects and three key files are not."""
    config = with_backups(vault)
    cli("keys", "init", "-c", config)
    recording = asyncio.run(lay_down(config))
    turned = cli("keys", "turn", "--at-once", "-c", config, "--json")
    assert turned.code == 0, turned.err
    assert [each["state"] for each in json.loads(turned.out)] == ["destroyed", "current"]
    made = cli("backup", "create", "-c", config, "--json")
    assert made.code == 0, made.err
    assert [each["kind"] for each in json.loads(made.out)] == ["main", "keys"]
    lose(config, "*.db*", "keys/root.key")
    restored = cli("backup", "restore", "-c", config)
    assert restored.code == 0, restored.err
    assert asyncio.run(opened(config, recording)) == CANARY
    again = cli("backup", "restore", "-c", config)
    assert again.code == Exit.FAILED
    assert "empty" in again.err


def test_an_epoch_ends_only_with_two_copies_that_are_not_lost_together(
    vault: Path, cli: Cli, elsewhere: Path
) -> None:
    """One place, then two on one disk: the turn waits and says so. A place apart: it ends."""
    config = with_backups(vault, least_copies=2)
    cli("keys", "init", "-c", config)
    one = cli("keys", "turn", "--at-once", "-c", config, "--json")
    (old, new) = json.loads(one.out)
    assert (one.code, old["state"], old["copies"], old["least_copies"]) == (0, "retired", 1, 2)
    assert (new["state"], new["copies"]) == ("current", None)
    assert "epoch 1 does not end: 1 good backups" in one.err
    config.write_text(config.read_text() + REPLICA.format(folder=config.parent / "other"))
    same_disk = cli("keys", "turn", "--at-once", "-c", config, "--json")
    assert json.loads(same_disk.out)[0]["copies"] == 1
    assert len(json.loads(cli("backup", "list", "-c", config, "--json").out)) == 2
    config.write_text(config.read_text().replace(f"{config.parent / 'other'}", f"{elsewhere}"))
    assert "epoch 1 does not end" in cli("keys", "status", "-c", config).err
    apart = cli("keys", "turn", "--at-once", "-c", config, "--json")
    assert json.loads(apart.out)[0]["state"] == "destroyed"
    assert "does not end" not in apart.err


def test_a_key_store_comes_back_from_the_place_that_is_left(vault: Path, cli: Cli, elsewhere: Path) -> None:
    """The disk with the databases and the first place's backups is gone; what was passed over is said."""
    config = with_backups(vault)
    config.write_text(config.read_text() + REPLICA.format(folder=elsewhere))
    cli("keys", "init", "-c", config)
    recording = asyncio.run(lay_down(config))
    made = json.loads(cli("backup", "create", "-c", config, "--json").out)
    assert [(each["kind"], each["place"]) for each in made] == [
        ("main", "primary"),
        ("keys", "primary"),
        ("keys", "lyon"),
    ]
    lose(config, "keys.db*", "keys/root.key")
    (first,) = (config.parent / "key-backups").glob("**/*z-*")
    first.write_bytes(first.read_bytes()[:-1])
    told = cli("backup", "verify", "-c", config, "--json")
    assert (told.code, len(json.loads(told.out))) == (Exit.FAILED, 2)
    assert "primary" in told.err
    lose(config, "key-backups")
    restored = cli("backup", "restore", "--main", "none", "-c", config, "--json")
    assert restored.code == 0, restored.err
    assert [each["place"] for each in json.loads(restored.out)] == ["lyon"]
    assert asyncio.run(opened(config, recording)) == CANARY


def test_a_key_store_from_before_the_turn_opens_nothing(vault: Path, cli: Cli) -> None:
    """The backup that was made before opens with its key, and what it holds is worth nothing."""
    config = with_backups(vault)
    cli("keys", "init", "-c", config)
    recording = asyncio.run(lay_down(config))
    (_, old) = json.loads(cli("backup", "create", "-c", config, "--json").out)
    assert cli("keys", "turn", "--at-once", "-c", config).code == 0
    lose(config, "keys.db*")
    assert cli("backup", "restore", "--main", "none", "--keys", old["name"], "-c", config).code == 0
    ended = cli("media", "list", "-c", config)  # the rooms open; what is sealed does not
    assert ended.code == 0, ended.err
    with pytest.raises(KeyProviderError, match="epoch 1"):
        asyncio.run(opened(config, recording))


def test_what_has_no_place_is_said_and_what_is_there_is_listed_and_verified(vault: Path, cli: Cli) -> None:
    """Before and after the settings name places."""
    assert "backup.main_url" in cli("backup", "create", "-c", vault).err
    config = with_backups(vault)
    cli("keys", "init", "-c", config)
    assert cli("backup", "create", "-c", config).code == 0
    assert len(json.loads(cli("backup", "list", "-c", config, "--json").out)) == 2
    assert len(json.loads(cli("backup", "verify", "-c", config, "--json").out)) == 2
    (epoch,) = json.loads(cli("keys", "status", "-c", config, "--json").out)
    assert (epoch["epoch"], epoch["state"]) == (1, "current")
