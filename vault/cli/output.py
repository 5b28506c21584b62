"""What commands print: data to standard output, everything else to standard error."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, TextIO

import typer

from vault.cli.exits import CommandError, Exit
from vault.clock import to_text

RED: Final = "\x1b[31m"
PLAIN: Final = "\x1b[0m"


def say(text: str = "") -> None:
    """Print a line of data."""
    typer.echo(text)


def note(text: str) -> None:
    """Print a remark for the person at the terminal."""
    typer.echo(text, err=True)


def show(value: Any, *, as_json: bool, columns: Sequence[str] = ()) -> None:
    """Print one record, or a list of records as a table; ``as_json`` prints the same as JSON."""
    if as_json:
        say(json.dumps(value, default=_as_json, ensure_ascii=False, indent=2))
    elif isinstance(value, Mapping):
        width = max((len(name) for name in value), default=0)
        for name, item in value.items():
            say(f"{name:{width}}  {cell(item)}")
    else:
        _table(value, columns)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be taken back; without a terminal, only ``--yes`` goes on."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError("nothing was done: nobody can be asked here; add --yes", code=Exit.USAGE)
    if not typer.confirm(question, err=True):
        raise CommandError("nothing was done")


def cell(value: Any) -> str:
    """Write a value as a table shows it. Names come from outside: no control character reaches a terminal."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list | frozenset):
        return " ".join(cell(item) for item in value) or "-"
    if isinstance(value, Mapping):
        return " ".join(f"{cell(name)}={cell(item)}" for name, item in value.items()) or "-"
    text = value if isinstance(value, str) else _as_json(value)
    return "".join(mark if mark.isprintable() else "?" for mark in str(text))


def in_red(text: str, stream: TextIO) -> str:
    """Colour a warning where a terminal shows colours and nobody said not to (no-color.org)."""
    return f"{RED}{text}{PLAIN}" if stream.isatty() and not os.environ.get("NO_COLOR") else text


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    if not rows:
        note("nothing to show")
        return
    names = list(columns or rows[0])
    cells = [[cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[at]) for line in cells)) for at, name in enumerate(names)]
    for line in [[name.upper() for name in names], *cells]:
        say("  ".join(f"{text:{width}}" for text, width in zip(line, widths, strict=True)).rstrip())


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_text(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)
