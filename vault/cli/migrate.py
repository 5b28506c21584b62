"""``callvault migrate``: bring both databases to this program's schema, or print how."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from vault.cli import options

if TYPE_CHECKING:
    from vault.settings import Settings


def migrate(
    *,
    config: options.Config = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the statements that make the schema; open nothing.")
    ] = False,
) -> None:
    """Migrate the main database and the key store. ``serve`` does the same at its start."""
    from vault.cli.output import say
    from vault.cli.rooms import settings_of

    settings = settings_of(config)
    if sql:
        for line in _statements(settings):
            say(line)
        return
    for name, revision in asyncio.run(_migrated(settings)):
        say(f"{name}: {revision}")


async def _migrated(settings: "Settings") -> list[tuple[str, str]]:
    from vault.db.migrate import current_revision
    from vault.ground import open_databases

    async with open_databases(settings) as (main, keys):
        return [("main", await current_revision(main) or ""), ("keys", await current_revision(keys) or "")]


def _statements(settings: "Settings") -> list[str]:
    from vault.db.migrate import schema_sql

    main, keys = settings.database.url.partition(":")[0], settings.keys.database_url.partition(":")[0]
    return [
        f"-- main database ({main})",
        schema_sql("main", dialect=main),
        f"-- key store ({keys}), a database of its own",
        schema_sql("keys", dialect=keys),
    ]
