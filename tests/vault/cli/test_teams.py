"""``callvault team``."""

import json
from pathlib import Path
from typing import Any

from tests.vault.cli.command import Cli
from vault.cli.exits import Exit


def test_a_team_is_added_filled_emptied_and_deleted(vault: Path, cli: Cli) -> None:
    """Each command shows the team as it is now."""

    def told(*arguments: str) -> Any:
        ended = cli(*arguments, "-c", vault, "--json")
        assert ended.code == 0, ended.err
        return json.loads(ended.out)

    person = told("agent", "add", "Camille")["id"]
    team = told("team", "add", "Heating")
    assert (team["name"], team["person_ids"]) == ("Heating", [])
    assert told("team", "join", team["id"], person)["person_ids"] == [person]
    assert told("team", "list") == [{**team, "person_ids": [person]}]
    assert told("team", "leave", team["id"], person)["person_ids"] == []
    assert cli("team", "delete", team["id"], "--yes", "-c", vault).code == 0
    assert told("team", "list") == []


def test_a_team_that_is_not_there_is_said_so(vault: Path, cli: Cli) -> None:
    """One line, and the exit code of what is missing."""
    ended = cli("team", "delete", "team_" + "0" * 32, "--yes", "-c", vault)
    assert ended.code == Exit.FAILED
    assert "no such team" in ended.err
