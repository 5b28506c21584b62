"""``callvault keys init``."""

import json
from pathlib import Path

from tests.vault.cli.command import Cli
from vault.cli.exits import Exit


def test_what_was_made_is_told_as_json_too(config: Path, cli: Cli) -> None:
    """Provisioning scripts read which files to copy away."""
    told = json.loads(cli("keys", "init", "-c", config, "--json").out)
    assert [(row["key"], row["made"]) for row in told] == [("root", True), ("ledger", True), ("tokens", True)]
    assert all(Path(row["file"]).exists() for row in told)


def test_keys_are_not_made_for_a_ledger_without_a_name(tmp_path: Path, cli: Cli) -> None:
    """Nothing is half done: the name is asked for before any file is made."""
    ended = cli("keys", "init")
    assert ended.code == Exit.CONFIGURATION
    assert "server.public_url" in ended.err
    assert not (tmp_path / "keys").exists()
