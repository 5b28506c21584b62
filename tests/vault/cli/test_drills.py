"""``callvault backup drill``: a restore tried out beside the vault, told in rows, recorded, and gone."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.vault.cli.command import Cli, argv, environment
from tests.vault.cli.recordings import lay_down
from tests.vault.cli.test_backups import with_backups
from vault.cli.exits import Exit
from vault.drill.folder import PREFIX


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files, of this test alone."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def drilling(vault: Path, cli: Cli) -> Path:
    """A vault with a recording and a backup of each database."""
    config = with_backups(vault)
    cli("keys", "init", "-c", config)
    asyncio.run(lay_down(config, playable=True))
    assert cli("backup", "create", "-c", config).code == 0
    return config


def test_a_drill_tells_what_a_restore_would_bring_and_the_ledger_has_it(
    drilling: Path, cli: Cli, temporary: Path
) -> None:
    """Exit code 0, times and counts, no folder left, the live databases as they were but for one entry."""
    before = json.loads(cli("ledger", "verify", "-c", drilling, "--json").out)["entries"]
    ended = cli("backup", "drill", "-c", drilling, "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told["ok"] is True
    assert (told["recordings"], told["sampled"], told["findings"]) == (1, 1, [])
    assert 0 < told["rto_s"] <= told["seconds"]
    assert list(temporary.iterdir()) == []
    assert json.loads(cli("ledger", "verify", "-c", drilling, "--json").out)["entries"] == before + 1
    assert "rto_s" in cli("backup", "drill", "-c", drilling).out


def test_a_drill_that_finds_something_says_what_to_do_and_fails(
    drilling: Path, cli: Cli, temporary: Path
) -> None:
    """The object is gone from the store: the drill sees it before anybody needs it, and asks for a check."""
    for path in (drilling.parent / "objects" / "media").rglob("*"):
        if path.is_file():
            path.unlink()
    ended = cli("backup", "drill", "-c", drilling, "--json")
    assert ended.code == Exit.FAILED
    assert json.loads(ended.out)["ok"] is False
    assert "callvault check" in ended.err
    assert list(temporary.iterdir()) == []


def test_a_drill_migrates_nothing_that_lives(drilling: Path, cli: Cli) -> None:
    """A newer program tried out beside the one that runs: it says so, and its schema stays its own."""
    with closing(sqlite3.connect(drilling.parent / "callvault.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0017'")
        connection.commit()
        ended = cli("backup", "drill", "-c", drilling)
        assert ended.code == Exit.CONFIGURATION
        assert "schema 0017" in ended.err
        (now,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert now == "0017"


def test_a_drill_needs_places_of_backups_and_a_live_vault(vault: Path, cli: Cli) -> None:
    """Without either there is nothing to try, and the line says what to set or to make."""
    ended = cli("backup", "drill", "-c", vault)
    assert ended.code == Exit.FAILED
    assert "callvault backup create" in ended.err


def test_what_is_kept_lies_in_a_folder_of_its_own(drilling: Path, cli: Cli, tmp_path: Path) -> None:
    """For whoever wants to look; never beside anything else."""
    kept = tmp_path / "kept"
    assert cli("backup", "drill", "--keep", kept, "-c", drilling).code == 0
    assert {"main.db", "keys.db"} <= {path.name for path in kept.iterdir()}
    again = cli("backup", "drill", "--keep", drilling.parent, "-c", drilling)
    assert again.code == Exit.FAILED
    assert "not empty" in again.err


def test_a_drill_that_is_killed_leaves_its_folder_alone_and_the_next_removes_it(
    drilling: Path, cli: Cli, tmp_path: Path
) -> None:
    """Kill -9 in the middle: the vault is untouched, and nothing is recorded."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    before = json.loads(cli("ledger", "verify", "-c", drilling, "--json").out)["entries"]
    process = subprocess.Popen(
        argv("backup", "drill", "-c", drilling),
        env=environment({"TMPDIR": str(folder)}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while not list(folder.glob(f"{PREFIX}*/main.db")) and time.monotonic() < until:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    (left,) = folder.iterdir()
    assert left.stat().st_mode & 0o777 == 0o700
    assert json.loads(cli("ledger", "verify", "-c", drilling, "--json").out)["entries"] == before
    again = subprocess.run(
        argv("backup", "drill", "-c", drilling, "--json"),
        env=environment({"TMPDIR": str(folder)}),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["ok"] is True
    assert list(folder.iterdir()) == []
