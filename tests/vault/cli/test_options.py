"""Shared options: the same words on every command that has them."""

from typer.main import get_command

from vault.cli import main, options


def test_every_command_that_opens_a_vault_takes_the_settings_file() -> None:
    """``-c`` everywhere, so that nobody has to remember where; those that open nothing have none."""
    without = set()
    for name, group in get_command(main.app).commands.items():  # type: ignore[attr-defined]  # the root is a group
        for command in getattr(group, "commands", {name: group}).values():
            spelled = {word for option in command.params for word in option.opts}
            if "--config" not in spelled:
                without.add(f"{name} {command.name}")
    assert without == {"version version", "dev dev", "config example", "receipt verify"}


def test_a_group_alone_prints_its_commands() -> None:
    """`callvault agent` is a question, not an act."""
    assert options.group("x", "About.").info.no_args_is_help is True
