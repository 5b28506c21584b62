"""``callvault serve``: the program for real calls, without conveniences."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vault.cli import options

if TYPE_CHECKING:
    from vault.app import App


def serve(
    *,
    config: options.Config = None,
    make_keys: Annotated[
        bool,
        typer.Option(
            "--make-keys", help="Make missing key files, as `keys init` does: for a container's first start."
        ),
    ] = False,
) -> None:
    """Run the vault until SIGTERM. Refuses what is not fit for real calls, and says what to do."""
    import structlog

    from vault.cli.checks import cautions, require_startable
    from vault.cli.keyfiles import make_key_files
    from vault.cli.pace import run_in_time
    from vault.cli.rooms import settings_of
    from vault.cli.runner import run
    from vault.insight.logs import configure_logging

    settings = settings_of(config)
    configure_logging(settings.log.level, form="json", stream=sys.stdout)
    require_startable(settings, keys_needed=not make_keys)
    for caution in cautions(settings):
        structlog.get_logger("vault.run").warning("server.caution", hint=caution)
    if make_keys:
        asyncio.run(make_key_files(settings))
    run_in_time(run(settings, development=False, when_ready=_say_so))


async def _say_so(app: "App") -> None:
    import structlog

    from vault import __version__

    structlog.get_logger("vault.run").info("server.ready", version=__version__, number=app.port)
