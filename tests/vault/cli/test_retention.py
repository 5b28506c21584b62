"""``callvault retention``."""

import json
from pathlib import Path
from typing import Any

from tests.vault.cli.command import Cli
from vault.cli.exits import Exit


def test_rules_are_set_listed_and_taken_back(vault: Path, cli: Cli) -> None:
    """Each command shows what counts from then on."""

    def told(*arguments: str) -> Any:
        ended = cli(*arguments, "-c", vault, "--json")
        assert ended.code == 0, ended.err
        return json.loads(ended.out)

    assert told("retention", "set", "export", "3")["source"] == "tenant"
    listed = told("retention", "list")
    assert [(one["kind"], one["days"]) for one in listed if one["kind"] == "export"] == [("export", 3)]
    assert told("retention", "unset", "export")["source"] == "house"


def test_what_is_not_there_is_said_so(vault: Path, cli: Cli) -> None:
    """One line, and the exit code of what is missing."""
    for thing in ("call_" + "0" * 32, "rec_" + "0" * 32):
        ended = cli("retention", "why", thing, "-c", vault)
        assert ended.code == Exit.FAILED
        assert "no such thing" in ended.err


def test_a_clock_that_was_always_believed_has_nothing_to_resume(vault: Path, cli: Cli) -> None:
    """The command says so, and does no harm."""
    ended = cli("retention", "resume", "-c", vault, "--json")
    assert (ended.code, json.loads(ended.out)) == (0, {"resumed": False})


def test_what_is_kept_is_looked_at_before_it_is_shortened(vault: Path, cli: Cli) -> None:
    """Nothing is kept here, so nothing is asked for; a change that is not there is not cancelled."""
    ended = cli("retention", "shorten", "recording", "5", "-c", vault, "--json")
    assert (ended.code, json.loads(ended.out)["moves"]) == (0, 0)
    assert cli("retention", "changes", "-c", vault).code == 0
    assert cli("retention", "cancel", "rtc_" + "0" * 32, "-c", vault).code == Exit.FAILED
