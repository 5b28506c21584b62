"""Options that many commands share, said once."""

from pathlib import Path
from typing import Annotated, Final

import typer

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file; else CALLVAULT_CONFIG_FILE, else ./callvault.toml."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Tenant = Annotated[
    str | None, typer.Option("--tenant", help="Tenant id; may be left out where there is only one.")
]


NAME_CHARS: Final = 200  # as over HTTP


def named(text: str) -> str:
    """Take a name that people will read, in a notice or a list; refuse one that shows nothing or too much."""
    if not text.strip() or len(text) > NAME_CHARS or not text.isprintable():
        raise typer.BadParameter(f"write 1 to {NAME_CHARS} visible characters")
    return text


def group(name: str, about: str) -> typer.Typer:
    """Make a group of commands."""
    return typer.Typer(name=name, help=about, no_args_is_help=True, rich_markup_mode=None)
