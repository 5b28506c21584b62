"""The command as a whole: usage, version, faults, import cost."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.vault.cli.command import Cli, argv, environment, process
from vault import __version__
from vault.cli import main
from vault.cli.exits import Exit


def test_the_module_and_its_version(cli: Cli) -> None:
    """`callvault version`, `--version` and `--json` agree."""
    assert cli("version").out == f"callvault {__version__}\n"
    assert cli("--version").out == f"{__version__}\n"
    assert cli("version", "--json").out.split() == ["{", '"version":', f'"{__version__}"', "}"]


@pytest.mark.parametrize(
    "arguments", [["--bogus"], ["bogus"], ["receipt", "verify"], ["agent", "add", "x", "--role", "visitor"]]
)
def test_a_wrong_command_line_is_code_two_and_says_how(cli: Cli, arguments: list[str]) -> None:
    """Usage goes to standard error; nothing is printed as data."""
    ended = cli(*arguments)
    assert ended.code == Exit.USAGE
    assert ended.out == ""
    assert "Usage: callvault" in ended.err


def test_a_command_that_does_not_exist_outweighs_nothing_else(cli: Cli) -> None:
    """Without arguments the commands are listed; that is a usage error too."""
    ended = cli()
    assert ended.code == Exit.USAGE
    assert "serve" in ended.out + ended.err


def test_a_fault_of_the_program_shows_its_place_and_no_value(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A traceback could carry a personal datum into a terminal, a log, a ticket."""

    def fail() -> dict[str, object]:
        raise KeyError("visitor@example.org")

    monkeypatch.setattr("vault.settings.example.sections", fail)
    ended = cli("config", "example")
    assert ended.code == Exit.FAILED
    assert ended.err.startswith("callvault: a fault of the program (KeyError at test_main.py:")
    assert "visitor" not in ended.err


def test_a_file_that_cannot_be_written_is_one_line(cli: Cli, vault: Path) -> None:
    """The operating system's own sentence, and which file."""
    ended = cli("config", "show", "-c", vault.parent)
    assert ended.code == Exit.CONFIGURATION
    assert len(ended.err.splitlines()) == 1


def test_help_is_quick_because_commands_import_late() -> None:
    """Databases, WebRTC, stores and codecs are loaded by the commands that use them."""
    heavy = "{'sqlalchemy', 'aiohttp', 'aiortc', 'av', 'boto3', 'alembic', 'jwt', 'structlog'}"
    code = f"import sys; import vault.cli.main; print(sorted({heavy} & set(sys.modules)))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout == "[]\n"


def test_python_dash_m_is_the_same_command_and_files_are_private(tmp_path: Path, config: Path) -> None:
    """`python -m vault` and `callvault`: what it writes is for this user alone."""
    ended = process("migrate", "-c", config)
    assert ended.code == 0
    assert [re.sub(r"\d{4}$", "N", line) for line in ended.lines] == ["main: N", "keys: N"]
    assert (tmp_path / "callvault.db").stat().st_mode & 0o777 == 0o600


def test_a_reader_that_leaves_early_is_no_fault(tmp_path: Path) -> None:
    """`callvault config example | head -1` ends without a word."""
    running = subprocess.Popen(
        argv("config", "example"), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    said = running.stderr.read()
    running.stderr.close()
    assert running.wait(60) in {Exit.OK, Exit.FAILED}
    assert b"Error" not in said


def test_every_command_has_a_sentence_of_help() -> None:
    """`--help` is the manual's first page."""
    mute = [
        command.name
        for group in main.app.registered_groups
        if group.typer_instance is not None
        for command in group.typer_instance.registered_commands
        if command.callback is None or not command.callback.__doc__
    ]
    assert mute == []
