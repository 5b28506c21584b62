"""``callvault tenant``."""

import json
from pathlib import Path

from tests.vault.cli.command import Cli
from vault.cli.exits import Exit
from vault.model import is_id


def test_a_tenant_is_added_and_listed(vault: Path, cli: Cli) -> None:
    """Its id is what other commands take with --tenant."""
    made = json.loads(cli("tenant", "add", "Deuxième", "--retention-days", "30", "-c", vault, "--json").out)
    assert is_id(made["id"], "ten")
    listed = json.loads(cli("tenant", "list", "-c", vault, "--json").out)
    assert [row["name"] for row in listed] == ["Atelier Essai", "Deuxième"]


def test_keys_come_before_tenants(config: Path, cli: Cli) -> None:
    """Without key files nothing is made; the line says how to make them."""
    ended = cli("tenant", "add", "X", "-c", config)
    assert ended.code == Exit.CONFIGURATION
    assert "root.key is missing" in ended.err
