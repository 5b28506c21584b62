"""``callvault migrate``."""

import sqlite3
from pathlib import Path

import pytest

from tests.vault.cli.command import Cli
from vault.cli.exits import Exit
from vault.db.migrate import head_revision


def test_both_databases_are_brought_to_the_newest_schema(config: Path, cli: Cli) -> None:
    """The revisions reached are told; keys are not needed for it."""
    ended = cli("migrate", "-c", config)
    assert ended.lines == [f"main: {head_revision('main')}", f"keys: {head_revision('keys')}"]


def test_the_statements_make_the_same_tables(config: Path, cli: Cli) -> None:
    """For administrators who run them by hand: the printed SQL makes what `migrate` makes."""
    ended = cli("migrate", "--sql", "-c", config)
    assert ended.code == 0
    assert not (config.parent / "callvault.db").exists()
    main, _, keys = ended.out.partition("-- key store")
    cli("migrate", "-c", config)
    for printed, file in ((main, "callvault.db"), ("-- " + keys, "keys.db")):
        by_hand = sqlite3.connect(":memory:")
        by_hand.executescript(printed)
        made = sqlite3.connect(config.parent / file)
        assert names(by_hand) == names(made)
        by_hand.close()
        made.close()


def test_postgresql_statements_are_printed_for_postgresql(
    cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dialect is the one of the settings' URL; nothing is connected to."""
    monkeypatch.setenv("CALLVAULT_DATABASE__URL", "postgresql://nobody@192.0.2.1/none")
    ended = cli("migrate", "--sql", "-c", config)
    assert ended.code == 0
    assert "-- main database (postgresql)" in ended.out
    assert "BYTEA" in ended.out


def test_a_database_that_does_not_answer_is_code_four(
    cli: Cli, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unreachable is not misconfigured: a script may try again."""
    monkeypatch.setenv("CALLVAULT_DATABASE__URL", "postgresql://nobody@127.0.0.1:9/none")
    ended = cli("migrate", "-c", config)
    assert ended.code == Exit.UNREACHABLE
    assert len(ended.err.splitlines()) == 1


def test_a_schema_of_a_newer_program_is_refused(cli: Cli, config: Path) -> None:
    """An older program does not guess: code 3, and which program to start."""
    cli("migrate", "-c", config)
    with sqlite3.connect(config.parent / "callvault.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    ended = cli("migrate", "-c", config)
    assert ended.code == Exit.CONFIGURATION
    assert "start a newer one" in ended.err


def names(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """List tables and indexes."""
    query = "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2"
    return list(connection.execute(query))
