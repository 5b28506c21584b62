"""The recovery sheet typed by a person at a terminal."""

import io
from pathlib import Path

import pytest

from tests.vault.cli.command import Cli
from tests.vault.cli.test_keys import sheet_in, slipped
from vault.cli.exits import Exit


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        """A person, not a pipe."""
        return True


def test_a_person_types_a_wrong_line_again(
    config: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is named, and it and those after it are asked for again; after three slips nothing is done."""
    sheet = sheet_in(cli("keys", "init", "-c", config).err)
    path, copy = config.parent / "keys" / "root.key", tmp_path / "ring.copy"
    cli("keys", "copy", copy, "-c", config)
    path.unlink()
    monkeypatch.setattr("sys.stdin", Terminal("\n".join([slipped(sheet)] * 3) + "\n"))
    given_up = cli("keys", "recover", copy, "-c", config)
    assert (given_up.code, path.exists()) == (Exit.USAGE, False)
    monkeypatch.setattr("sys.stdin", Terminal(f"{slipped(sheet)}\n{sheet}\n"))
    done = cli("keys", "recover", copy, "-c", config)
    assert (done.code, "line 1" in done.err, path.exists()) == (0, True, True)
