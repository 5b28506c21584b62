"""The command ``callvault``: its groups, and how every ending becomes an exit code and a line."""

import os
import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import Annotated, Final

import typer
from typer.main import get_command

from vault import __version__
from vault.cli import (
    agents,
    backups,
    buttons,
    config,
    evidence,
    holds,
    issuers,
    keys,
    leaving,
    ledger,
    media,
    options,
    receipts,
    restrictions,
    retention,
    storage,
    teams,
    tenants,
)
from vault.cli.check import check
from vault.cli.dev import dev
from vault.cli.exits import EXPECTED, MEANINGS, Exit, exit_of, lines_of
from vault.cli.health import health
from vault.cli.migrate import migrate
from vault.cli.output import note, say, show
from vault.cli.serve import serve

GROUPS: Final = (
    config,
    keys,
    backups,
    tenants,
    agents,
    teams,
    issuers,
    buttons,
    media,
    receipts,
    restrictions,
    retention,
    holds,
    leaving,
    ledger,
    evidence,
    storage,
)

app: Final = typer.Typer(
    name="callvault",
    help="A vault for recorded support calls: sealed at once, played by right, erased with proof.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: " + "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items()) + ".",
)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; every expected error is one line on standard error."""
    command = get_command(app)
    try:
        result = command.main(list(arguments), prog_name="callvault", standalone_mode=False)
    except KeyboardInterrupt:
        note("callvault: stopped")
        return Exit.FAILED
    except Exception as error:  # noqa: BLE001  # the last place that can keep a value out of a traceback
        return _ended_by(error)
    return int(result) if isinstance(result, int) else Exit.OK


def _ended_by(error: Exception) -> int:
    """Say what went wrong, and choose the exit code."""
    if isinstance(error, EXPECTED):
        for line in lines_of(error):
            note(f"callvault: {line}")
        return exit_of(error)
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has enough; the interpreter must not complain about it at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    elif isinstance(error, OSError):
        note(f"callvault: {error.strerror or type(error).__name__}: {error.filename or ''}".rstrip(": "))
    elif isinstance(error, typer.Abort):
        note("callvault: nothing was done")
    else:
        return _unexpected(error)
    return Exit.FAILED


def _unexpected(error: Exception) -> int:
    show_usage = getattr(error, "show", None)
    code = getattr(error, "exit_code", None)
    if show_usage is not None and code is not None:  # the parser's own errors: usage, and what to write
        show_usage()
        return int(code)
    trace, place = error.__traceback__, ""
    while trace is not None:
        place = f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    note(f"callvault: a fault of the program ({type(error).__name__} at {place}); please report it")
    return Exit.FAILED


@app.callback(invoke_without_command=True)
def _root(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    if version:
        say(__version__)
        raise typer.Exit


@app.command("version")
def _version(*, as_json: options.Json = False) -> None:
    """Print the version."""
    if as_json:
        show({"version": __version__}, as_json=True)
    else:
        say(f"callvault {__version__}")


app.command("dev")(dev)
app.command("serve")(serve)
app.command("migrate")(migrate)
app.command("check")(check)
app.command("health")(health)
for _group in GROUPS:
    app.add_typer(_group.GROUP)
