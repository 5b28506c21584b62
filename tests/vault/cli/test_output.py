"""What commands print."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vault.cli.exits import CommandError
from vault.cli.output import cell, confirm, in_red, show
from vault.model import Role


def test_a_table_has_a_column_for_each_name_and_a_line_for_each_row(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """People read columns; the header names them."""
    show([{"id": "a", "on": True}, {"id": "bcd", "on": None}], as_json=False, columns=("id", "on"))
    assert capsys.readouterr().out == "ID   ON\na    yes\nbcd  -\n"


def test_the_same_as_json_keeps_types_and_writes_times_as_the_api_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Scripts read --json: times are RFC 3339 in UTC, roles and paths their texts."""
    value = {"at": datetime(2026, 1, 2, tzinfo=UTC), "role": Role.AGENT, "at_path": Path("/x"), "n": 1}
    show(value, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told == {"at": "2026-01-02T00:00:00.000Z", "role": "agent", "at_path": "/x", "n": 1}


def test_an_empty_list_is_empty_output_and_a_remark_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe gets nothing; the person is told."""
    show([], as_json=False)
    assert capsys.readouterr() == ("", "nothing to show\n")


def test_a_name_from_outside_cannot_steer_the_terminal() -> None:
    """Names come from visitors and identity providers: control characters are not printed."""
    assert cell("Eve\x1b]0;owned\x07\n") == "Eve?]0;owned??"


def test_nobody_to_ask_means_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a script a destructive command needs --yes."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(CommandError, match="add --yes"):
        confirm("Erase?", yes=False)
    confirm("Erase?", yes=True)


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """No escape sequence goes into a file, or to somebody who set NO_COLOR (no-color.org)."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert in_red("x", io.StringIO()) == "x"
    assert in_red("x", Terminal()) == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert in_red("x", Terminal()) == "x"
