"""Key files: made once, and never in place of ones that something rests on."""

from pathlib import Path

import pytest

from tests.vault.cli.command import Cli
from vault.cli.keyfiles import ledger_origin, make_key_files
from vault.errors import ConfigurationError, RefusedByPolicyError
from vault.ledger.signing import LedgerKeys
from vault.settings import LedgerSettings, ServerSettings, Settings
from vault.settings.sources import load_settings


def test_missing_files_are_made_private_and_existing_ones_are_kept(config: Path, cli: Cli) -> None:
    """0600, each in its file; a second run touches nothing."""
    first = cli("keys", "init", "-c", config)
    assert first.code == 0
    assert "copy of the root key offline" in first.err
    files = sorted((config.parent / "keys").iterdir())
    assert [file.name for file in files] == ["backup.key", "ledger.key", "root.key", "tokens.key"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    before = [file.read_bytes() for file in files]
    second = cli("keys", "init", "-c", config)
    assert [line.split()[-1] for line in second.lines] == ["MADE", "no", "no", "no", "no"]
    assert [file.read_bytes() for file in files] == before


def test_the_ledger_is_named_after_the_public_host(config: Path, cli: Cli) -> None:
    """Its name stands in every checkpoint for ever, so it comes from the settings or is asked for."""
    cli("keys", "init", "-c", config)
    assert LedgerKeys.open(config.parent / "keys" / "ledger.key").origin == "calls.example.org/ledger"
    told = Settings(ledger=LedgerSettings(origin="other.example/log"))
    assert ledger_origin(told) == "other.example/log"
    with pytest.raises(ConfigurationError, match=r"ledger\.origin"):
        ledger_origin(Settings(server=ServerSettings(public_url="")))


@pytest.mark.parametrize(
    ("lost", "says"), [("root.key", "key store rests on"), ("ledger.key", "ledger was signed")]
)
async def test_a_lost_key_is_not_replaced_in_silence(config: Path, lost: str, says: str) -> None:
    """A new root key opens nothing that was sealed, a new ledger key breaks the chain of signatures."""
    from vault.app import open_rooms

    settings = load_settings(environ={}, file=config).settings
    await make_key_files(settings)
    async with open_rooms(settings) as rooms:
        await rooms.identity.tenants.add(name="Atelier Essai", retention_days=1)
        await rooms.checkpoints.newest()
    (config.parent / "keys" / lost).unlink()
    with pytest.raises(RefusedByPolicyError, match=says):
        await make_key_files(settings)
    assert not (config.parent / "keys" / lost).exists()


async def test_a_lost_token_key_is_made_anew(config: Path) -> None:
    """Only tokens rest on it, and they live for hours."""
    settings = load_settings(environ={}, file=config).settings
    await make_key_files(settings)
    settings.sessions.key_file.unlink()
    made = await make_key_files(settings)
    assert [key.purpose for key in made if key.made] == ["tokens"]
