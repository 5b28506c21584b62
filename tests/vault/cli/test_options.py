"""Shared options: the same words on every command that has them."""

import pytest
from typer.main import get_command

from tests.vault.cli.command import Cli
from vault.cli import main, options
from vault.cli.exits import Exit


def test_every_command_that_opens_a_vault_takes_the_settings_file() -> None:
    """``-c`` everywhere, so that nobody has to remember where; those that open nothing have none."""
    without = set()
    for name, group in get_command(main.app).commands.items():  # type: ignore[attr-defined]  # the root is a group
        for command in getattr(group, "commands", {name: group}).values():
            spelled = {word for option in command.params for word in option.opts}
            if "--config" not in spelled:
                without.add(f"{name} {command.name}")
    assert without == {"version version", "dev dev", "config example", "evidence verify", "receipt verify"}


def test_a_group_alone_prints_its_commands() -> None:
    """`callvault agent` is a question, not an act."""
    assert options.group("x", "About.").info.no_args_is_help is True


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x1b[2J", "\u202egnirts", "x" * 201], ids=ascii)
@pytest.mark.parametrize(
    "command",
    [
        ("tenant", "add"),
        ("agent", "add"),
        ("button", "add", "--origin", "https://shop.example", "--no-record"),
        ("button", "add", "Help", "--origin", "https://shop.example", "--no-record", "--label-en"),
    ],
    ids=" ".join,
)
def test_a_name_is_something_people_can_read(cli: Cli, command: tuple[str, ...], name: str) -> None:
    """It stands in the notice, on the button, in lists; refused before anything is opened."""
    ended = cli(*command, name)
    assert ended.code == Exit.USAGE
    assert "visible characters" in ended.err
