"""``callvault media``: list and erase."""

import asyncio
import json
from pathlib import Path

from tests.vault.cli.command import Cli
from tests.vault.cli.recordings import lay_down
from vault.cli.exits import Exit
from vault.model import MediaState


def test_a_recording_is_erased_with_proof(vault: Path, cli: Cli) -> None:
    """Key forgotten, object gone, request complete; afterwards it is listed as erased."""
    recording = asyncio.run(lay_down(vault))
    ended = cli("media", "erase", recording, "--reason", "visitor_request", "--yes", "-c", vault, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["complete"] is True
    assert "callvault receipt get" in ended.err
    (row,) = json.loads(cli("media", "list", "-c", vault, "--json").out)
    assert (row["id"], row["state"]) == (recording, "erased")
    assert not [path for path in (vault.parent / "objects").rglob("*") if recording[4:12] in str(path)]
    again = cli("media", "erase", recording, "--reason", "other", "--yes", "-c", vault)
    assert again.code == Exit.FAILED
    assert "has been erased" in again.err


def test_a_dry_run_shows_and_leaves_everything(vault: Path, cli: Cli) -> None:
    """What would be erased, before somebody says yes."""
    recording = asyncio.run(lay_down(vault))
    shown = cli("media", "erase", recording, "--reason", "other", "--dry-run", "-c", vault, "--json")
    assert json.loads(shown.out)["id"] == recording
    (row,) = json.loads(cli("media", "list", "-c", vault, "--json").out)
    assert row["state"] == "ready"


def test_nothing_is_erased_without_a_yes(vault: Path, cli: Cli) -> None:
    """There is no way back, so a script has to say so."""
    recording = asyncio.run(lay_down(vault))
    assert cli("media", "erase", recording, "--reason", "other", "-c", vault).code == Exit.USAGE
    (row,) = json.loads(cli("media", "list", "-c", vault, "--json").out)
    assert row["state"] == "ready"


def test_a_recording_that_is_still_being_made_is_left_to_the_server(vault: Path, cli: Cli) -> None:
    """This process cannot stop the capture of another: forgetting the key under it would lose the reason."""
    recording = asyncio.run(lay_down(vault, state=MediaState.CAPTURING))
    ended = cli("media", "erase", recording, "--reason", "other", "--yes", "-c", vault)
    assert ended.code == Exit.FAILED
    assert "still being made" in ended.err
