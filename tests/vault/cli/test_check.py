"""``callvault check``: exit codes and what is said, over a real vault with a replica in a folder."""

import asyncio
import json
import uuid
from pathlib import Path

import pytest

from storage.store import ObjectKey
from tests.vault.cli.command import Cli
from tests.vault.cli.recordings import lay_down
from vault.app import open_app, open_rooms
from vault.cli.exits import Exit
from vault.ledger.checkpoints import PUBLISHED
from vault.settings.sources import load_settings

STRAY = ObjectKey(f"media/{uuid.uuid4()}/{uuid.uuid4()}/1/media")


@pytest.fixture
def vault(config: Path, cli: Cli, tmp_path: Path) -> Path:
    """A vault with a tenant and a replica; its settings."""
    with config.open("a") as file:
        file.write(f'\n[[storage.replicas]]\nname = "lyon"\nurl = "file://{tmp_path}/lyon"\ncountry = "DE"\n')
    assert cli("keys", "init", "-c", config).code == Exit.OK
    assert cli("tenant", "add", "Atelier", "-c", config).code == Exit.OK
    return config


async def published(config: Path) -> str:
    """Publish the ledger's head beside the objects."""
    async with open_rooms(load_settings(environ={}, file=config).settings) as rooms:
        await rooms.checkpoints.turn(publishing=True)
        return (await rooms.store.read(PUBLISHED, limit_bytes=1 << 20)).decode()


def test_a_whole_vault_is_code_zero(vault: Path, cli: Cli) -> None:
    """Nothing to be found, in words and in JSON."""
    asyncio.run(published(vault))
    ended = cli("check", "--read-data", "-c", vault, "--json")
    assert ended.code == Exit.OK, ended.err
    told = json.loads(ended.out)
    assert (told["ok"], told["orphans"], told["left"]) == (True, 0, [])
    assert set(told["objects"]) == {"primary", "lyon"}
    assert "ok" in cli("check", "-c", vault).out


async def lay_stray(config: Path) -> None:
    """Put an object that no row knows, at the primary alone."""
    async with open_rooms(load_settings(environ={}, file=config).settings) as rooms:
        await rooms.store.places["primary"].put(STRAY, b"sealed")


def test_an_object_that_no_row_knows_is_code_one_and_stays(vault: Path, cli: Cli) -> None:
    """Also after a repair; the object of a recording that rows know is not told of."""
    asyncio.run(lay_down(vault))
    asyncio.run(lay_stray(vault))
    for more in ((), ("--repair",)):
        ended = cli("check", "-c", vault, "--json", *more)
        assert ended.code == Exit.FAILED
        told = json.loads(ended.out)
        assert (told["ok"], told["orphans"], told["repaired"]) == (False, 1, 0)
        assert told["left"] == [{"place": "primary", "key": STRAY, "what": "unknown"}]
    assert f"unknown: {STRAY} at primary" in cli("check", "-c", vault).err


def test_a_database_that_is_older_than_the_store_repairs_nothing(vault: Path, cli: Cli) -> None:
    """Code 5: what looks like nobody's may be what the database has forgotten."""
    database = next(path for path in vault.parent.rglob("*.db") if "keys" not in path.name)
    before = {path: path.read_bytes() for path in database.parent.glob(f"{database.name}*")}
    assert cli("tenant", "add", "Second", "-c", vault).code == Exit.OK
    asyncio.run(published(vault))
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()
    for path, content in before.items():
        path.write_bytes(content)
    ended = cli("check", "--repair", "-c", vault)
    assert ended.code == Exit.REFUSED
    assert "nothing was repaired" in ended.err
    assert cli("check", "-c", vault).code == Exit.OK


def test_the_running_program_brings_a_replica_what_it_lacks(vault: Path) -> None:
    """An object put before it started, by a process that is no more, and one put while it runs."""

    async def run() -> None:
        settings = load_settings(environ={}, file=vault).settings
        async with open_rooms(settings) as rooms:
            await rooms.store.put(STRAY, b"sealed")
        async with open_app(settings) as app:
            store = app.rooms.store
            await store.put(later := ObjectKey(f"{STRAY}.later"), b"sealed")
            for _ in range(1_200):
                there = {stored.key async for stored in store.places["lyon"].list("media/")}
                if there == {STRAY, later} and not await store.debts.of(later):
                    return
                await asyncio.sleep(0.05)
            pytest.fail("the replica was left behind")

    asyncio.run(run())
