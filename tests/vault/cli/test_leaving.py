"""``callvault exit``."""

from pathlib import Path

import pyrage

from tests.vault.cli.command import Cli
from vault.cli.exits import Exit

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
