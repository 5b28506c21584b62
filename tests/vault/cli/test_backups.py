"""``callvault backup`` and ``callvault keys turn``: from an empty machine back to a playing recording."""

import asyncio
import json
import shutil
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


def with_backups(vault: Path) -> Path:
    """Give the vault's backups places beside it."""
    vault.write_text(vault.read_text() + PLACES.format(folder=vault.parent))
    return vault


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
