"""``callvault holds``."""

from pathlib import Path

from tests.vault.cli.command import Cli
from vault.cli.exits import Exit

NONE = "0" * 32


def test_what_is_not_there_is_said_so(vault: Path, cli: Cli) -> None:
    """One line, and the exit code of what is missing."""
    place = ("place", f"call_{NONE}", "--ground", "legal_claim", "--reason", "a claim", "--days", "9")
    for command in (place, ("release", f"hold_{NONE}"), ("confirm", f"hold_{NONE}")):
        ended = cli("holds", *command, "-c", vault)
        assert ended.code == Exit.FAILED
        assert "no such thing" in ended.err
    assert cli("holds", "list", "--all", "-c", vault).code == 0
