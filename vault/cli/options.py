"""Options that many commands share, said once."""

from pathlib import Path
from typing import Annotated

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


def group(name: str, about: str) -> typer.Typer:
    """Make a group of commands."""
    return typer.Typer(name=name, help=about, no_args_is_help=True, rich_markup_mode=None)
