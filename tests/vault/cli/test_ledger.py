"""``callvault ledger``: edits, holes and cut-off ends are found."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.vault.cli.command import Cli
from vault.cli.exits import Exit


@pytest.fixture
def ledger(vault: Path, cli: Cli, tmp_path: Path) -> Path:
    """A checkpoint of five entries, kept elsewhere."""
    for number in range(4):
        assert cli("agent", "add", f"Person {number}", "--role", "admin", "-c", vault).code == 0
    kept = tmp_path / "kept.checkpoint"
    kept.write_text(cli("ledger", "checkpoint", "-c", vault).out)
    return kept


def tamper(vault: Path, *statements: str) -> None:
    """Change the main database behind the program's back."""
    connection = sqlite3.connect(vault.parent / "callvault.db")
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def test_an_honest_ledger_verifies(vault: Path, cli: Cli, ledger: Path) -> None:
    """Every entry, every checkpoint made, and the one kept elsewhere."""
    ended = cli("ledger", "verify", "--checkpoint", ledger, "-c", vault, "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert (told["ok"], told["entries"], told["kept_elsewhere"]) == (True, 5, 1)
    assert "no published checkpoint" in ended.err


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE leaves SET leaf = replace(leaf, 'admin', 'agent') WHERE leaf_index = 2",
        "DELETE FROM leaves WHERE leaf_index = 1",
        "UPDATE leaves SET leaf_index = 99 - leaf_index WHERE leaf_index IN (2, 3)",
        "UPDATE ledger_nodes SET hash = zeroblob(32) WHERE level = 1 AND node_index = 0",
        "UPDATE checkpoints SET note = replace(note, '5', '6')",
    ],
    ids=["edited", "hole", "moved", "node", "checkpoint"],
)
def test_a_tampered_ledger_is_found_broken(vault: Path, cli: Cli, ledger: Path, statement: str) -> None:
    """Each kind of change fails the check, with a line that names the place."""
    tamper(vault, statement)
    ended = cli("ledger", "verify", "-c", vault)
    assert ended.code == Exit.FAILED
    assert len(ended.err.splitlines()) == 1
    assert ended.out == ""


def test_a_cut_off_end_shows_against_a_kept_checkpoint(vault: Path, cli: Cli, ledger: Path) -> None:
    """Whoever has the database may shorten it consistently; a checkpoint elsewhere tells."""
    tamper(
        vault,
        "DELETE FROM checkpoints",
        "DELETE FROM leaf_details WHERE leaf_index = 4",
        "DELETE FROM leaves WHERE leaf_index = 4",
        "DELETE FROM ledger_nodes WHERE level = 0 AND node_index = 4",
    )
    assert cli("ledger", "verify", "-c", vault).code == 0
    ended = cli("ledger", "verify", "--checkpoint", ledger, "-c", vault)
    assert ended.code == Exit.FAILED
    assert "4 leaves, but one of 5 was signed" in ended.err


async def publish(vault: Path) -> None:
    """Leave the newest checkpoint in the object store, as the server does every ten seconds."""
    from vault.app import open_rooms
    from vault.settings.sources import load_settings

    async with open_rooms(load_settings(environ={}, file=vault).settings) as rooms:
        await rooms.checkpoints.publish(await rooms.checkpoints.newest())


def test_the_published_checkpoint_is_taken_along(vault: Path, cli: Cli, ledger: Path) -> None:
    """The one beside the objects finds a database that was restored from an older copy."""
    import asyncio

    asyncio.run(publish(vault))
    told = cli("ledger", "verify", "-c", vault, "--json")
    assert json.loads(told.out)["kept_elsewhere"] == 1
    tamper(
        vault,
        "DELETE FROM checkpoints",
        "DELETE FROM leaf_details WHERE leaf_index = 4",
        "DELETE FROM leaves WHERE leaf_index = 4",
        "DELETE FROM ledger_nodes WHERE level = 0 AND node_index = 4",
    )
    assert cli("ledger", "verify", "-c", vault).code == Exit.FAILED


def test_a_kept_file_that_is_no_text_is_named(vault: Path, cli: Cli, tmp_path: Path) -> None:
    """The wrong file is a mistake of the caller's, not a fault of the program."""
    picture = tmp_path / "picture"
    picture.write_bytes(b"\x89PNG\xff")
    ended = cli("ledger", "verify", "--checkpoint", picture, "-c", vault)
    assert ended.code == Exit.FAILED
    assert ended.lines == []
    assert f"{picture} is no text" in ended.err


def test_a_pinned_key_outweighs_the_key_file(vault: Path, cli: Cli, ledger: Path) -> None:
    """Who signs anew with another key is found by whoever pinned the first."""
    from crypto.signers import NoteSigner

    other = NoteSigner.generate("calls.example.org/ledger").verifier.vkey
    ended = cli("ledger", "verify", "--key", other, "-c", vault)
    assert ended.code == Exit.FAILED
    own = cli("ledger", "key", "-c", vault).lines
    assert cli("ledger", "verify", "--key", own[0], "--key", own[1], "-c", vault).code == 0


def test_the_public_keys_are_two_lines(vault: Path, cli: Cli) -> None:
    """Ed25519 for now, ML-DSA-44 for a receipt that is kept for ten years."""
    lines = cli("ledger", "key", "-c", vault).lines
    assert [line.partition("+")[0] for line in lines] == ["calls.example.org/ledger"] * 2
    assert json.loads(cli("ledger", "key", "-c", vault, "--json").out) == lines
