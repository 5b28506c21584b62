"""Acting on a vault from its own machine: which settings, which tenant, as whom."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.servers.postgres import Postgres
from tests.vault.cli.command import Cli
from vault.app import open_app, open_rooms
from vault.cli.exits import Exit
from vault.cli.rooms import operator_of, settings_of
from vault.ledger import tree
from vault.model import Role, new_id


def test_with_one_tenant_there_is_nothing_to_choose(vault: Path, cli: Cli) -> None:
    """--tenant may be left out, and a wrong one is refused."""
    assert cli("button", "list", "-c", vault).code == 0
    ended = cli("button", "list", "--tenant", new_id("ten"), "-c", vault)
    assert ended.code == Exit.FAILED
    assert "callvault tenant list" in ended.err


def test_with_several_tenants_one_has_to_be_named(vault: Path, cli: Cli) -> None:
    """No command guesses whose data it is about."""
    second = json.loads(cli("tenant", "add", "Deuxième", "-c", vault, "--json").out)["id"]
    assert cli("agent", "list", "-c", vault).code == Exit.USAGE
    assert cli("agent", "list", "--tenant", second, "-c", vault).code == 0


def test_without_a_tenant_the_way_to_one_is_told(config: Path, cli: Cli) -> None:
    """The first step of a new vault."""
    cli("keys", "init", "-c", config)
    ended = cli("agent", "list", "-c", config)
    assert ended.code == Exit.FAILED
    assert "callvault tenant add" in ended.err


def test_the_settings_file_may_be_named_by_the_environment(
    config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """CALLVAULT_CONFIG_FILE, for images and units."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert settings_of(None).storage.country == ""
    monkeypatch.setenv("CALLVAULT_CONFIG_FILE", str(config))
    assert settings_of(None).storage.country == "FR"


@pytest.mark.postgres
def test_the_same_commands_work_on_postgresql(
    config: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, postgres: Postgres
) -> None:
    """Keys, a tenant, a person, an honest ledger; and a lost root key is noticed there too."""
    with postgres.database() as main, postgres.database() as keys:
        monkeypatch.setenv("CALLVAULT_DATABASE__URL", main)
        monkeypatch.setenv("CALLVAULT_KEYS__DATABASE_URL", keys)
        assert cli("keys", "init", "-c", config).code == 0
        assert cli("tenant", "add", "Atelier Essai", "-c", config).code == 0
        assert cli("agent", "add", "Alex", "--role", "admin", "-c", config).code == 0
        told = json.loads(cli("ledger", "verify", "-c", config, "--json").out)
        assert told["entries"] == 2
        (config.parent / "keys" / "root.key").unlink()
        assert cli("keys", "init", "-c", config).code == Exit.REFUSED


def test_a_command_before_the_first_start_after_a_restore_is_refused_and_ruins_nothing(
    vault: Path, cli: Cli, tmp_path: Path
) -> None:
    """It would open what was erased since, and its entry would make the ledger another one."""

    async def laid_outside() -> None:
        async with open_rooms(settings_of(vault)) as rooms:
            await rooms.checkpoints.publish_now()

    async def started() -> int:
        async with open_app(settings_of(vault)) as app, app.rooms.database.read() as connection:
            return await tree.size(connection)

    database = next(path for path in vault.parent.rglob("*.db") if "keys" not in path.name)
    before = {path: path.read_bytes() for path in database.parent.glob(f"{database.name}*")}
    assert cli("tenant", "add", "Second", "-c", vault).code == Exit.OK
    asyncio.run(laid_outside())
    for path in database.parent.glob(f"{database.name}*"):
        path.unlink()
    for path, content in before.items():
        path.write_bytes(content)
    for command in (("tenant", "add", "Third"), ("evidence", "make", "--out", tmp_path), ("media", "list")):
        ended = cli(*command, "-c", vault)
        assert ended.code == Exit.FAILED
        assert "start the server" in ended.err
    assert asyncio.run(started()) > 2
    assert cli("tenant", "add", "Third", "-c", vault).code == Exit.OK


def test_the_operator_is_an_administrator_of_one_tenant_only() -> None:
    """Policy holds for the command line too."""
    tenant = new_id("ten")
    operator = operator_of(tenant)
    assert (operator.tenant_id, operator.role) == (tenant, Role.ADMIN)
