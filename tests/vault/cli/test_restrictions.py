"""``callvault restrictions``."""

from pathlib import Path

from tests.vault.cli.command import Cli
from vault.cli.exits import Exit

NONE = "0" * 32


def test_what_is_not_there_is_said_so(vault: Path, cli: Cli) -> None:
    """One line, and the exit code of what is missing; nobody lifts anything without a word."""
    place = ("place", f"call_{NONE}", "--ground", "objection", "--reason", "an objection")
    for command in (place, ("lift", f"rst_{NONE}", "--yes")):
        ended = cli("restrictions", *command, "-c", vault)
        assert ended.code == Exit.FAILED
        assert "no such thing" in ended.err
    assert cli("restrictions", "lift", f"rst_{NONE}", "-c", vault).code == Exit.USAGE
    assert cli("restrictions", "list", "-c", vault).code == 0
