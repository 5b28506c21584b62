"""``callvault exit``."""

import asyncio
from pathlib import Path

import pyrage
import pytest

from tests.vault.cli.command import Cli
from vault.app import open_rooms
from vault.cli.exits import Exit
from vault.settings.sources import load_settings

RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())


def test_an_exit_is_begun_shown_and_taken_back(vault: Path, cli: Cli) -> None:
    """Asked before; one at a time; nothing to fetch before the running program made it."""
    assert cli("exit", "begin", "--yes", "-c", vault).code == Exit.USAGE
    assert cli("exit", "status", "-c", vault).code == Exit.FAILED
    begun = cli("exit", "begin", "--recipient", RECIPIENT, "--yes", "-c", vault)
    assert (begun.code, "exporting" in begun.out) == (0, True)
    assert cli("exit", "begin", "--take-nothing", "--yes", "-c", vault).code == Exit.FAILED
    assert "exporting" in cli("exit", "status", "-c", vault).out
    assert cli("exit", "fetch", vault.parent / "volumes", "-c", vault).code == 0
    assert "nothing is erased yet" in cli("exit", "receipt", "-c", vault).err
    assert "cancelled" in cli("exit", "cancel", "-c", vault).out
    assert cli("exit", "cancel", "-c", vault).code == Exit.FAILED


def test_what_is_no_age_key_is_refused(vault: Path, cli: Cli) -> None:
    """And nothing is begun."""
    refused = cli("exit", "begin", "--recipient", "age1nonsense", "--yes", "-c", vault)
    assert (refused.code, "age public key" in refused.err) == (Exit.FAILED, True)


@pytest.mark.parametrize("address", ["a@[", "Ada <a@example.org>"])
def test_what_is_no_address_is_refused_here_too(vault: Path, cli: Cli, address: str) -> None:
    """As over HTTP, and nothing is begun."""
    refused = cli("exit", "begin", "--take-nothing", "--notify", address, "--yes", "-c", vault)
    assert (refused.code, "no address" in refused.err) == (Exit.FAILED, True)
    assert cli("exit", "status", "-c", vault).code == Exit.FAILED


def test_what_was_fetched_whole_is_left_and_what_was_cut_off_is_fetched_again(vault: Path, cli: Cli) -> None:
    """Nobody else on the machine reads it, and a file has its name only when it is whole."""
    assert cli("exit", "begin", "--recipient", RECIPIENT, "--yes", "-c", vault).code == 0
    asyncio.run(_packed(vault))
    folder = vault.parent / "volumes"
    assert cli("exit", "fetch", folder, "-c", vault).code == 0
    (volume,) = folder.iterdir()
    assert (volume.name, volume.stat().st_mode & 0o777) == ("000001.tar.age", 0o600)
    whole, made = volume.read_bytes(), volume.stat().st_ino
    assert cli("exit", "fetch", folder, "-c", vault).code == 0
    assert volume.stat().st_ino == made
    volume.write_bytes(whole[:100])
    assert cli("exit", "fetch", folder, "-c", vault).code == 0
    assert (volume.read_bytes(), list(folder.iterdir())) == (whole, [volume])


async def _packed(config: Path) -> None:
    """What the running program does."""
    async with open_rooms(load_settings(environ={}, file=config).settings) as rooms:
        for _ in range(3):
            await rooms.leaver.turn()
