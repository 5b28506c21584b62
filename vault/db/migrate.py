"""Bring a database to this program's schema, under a lock; refuse one that is newer."""

import io
from pathlib import Path
from typing import Final, Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from vault.db.engine import Database
from vault.errors import ConfigurationError, SchemaTooNewError

Which = Literal["main", "keys"]

MIGRATIONS: Final = Path(__file__).parent / "migrations"
LOCK_ID: Final = 0x63616C6C  # "call": any constant will do, all nodes must use the same


async def migrate(database: Database, which: Which) -> str:
    """Run what is missing and return the revision reached.

    Two programs that start together take turns: SQLite by its write lock, PostgreSQL by an advisory lock.
    Raises SchemaTooNewError for a database that a newer program has migrated.
    """
    async with database.write() as connection:
        if database.dialect == "postgresql":
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK_ID})
        return await connection.run_sync(_upgrade, which)


async def require_head(database: Database, which: Which) -> None:
    """Raise ConfigurationError unless a database is at this program's schema; nothing is migrated."""
    now = await current_revision(database)
    if now != head_revision(which):
        raise ConfigurationError(
            f"the {which} database has schema {now or 'of none'}, this program's is {head_revision(which)}: "
            "start the program once, or use the version that it was started with"
        )


async def current_revision(database: Database) -> str | None:
    """Return the revision a database is at, None for an empty one."""
    async with database.read() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


def head_revision(which: Which) -> str:
    """Return the newest revision this program knows."""
    return ScriptDirectory.from_config(_config(which)).get_current_head() or ""


def schema_sql(which: Which, *, dialect: str) -> str:
    """Write the statements that make the newest schema in an empty database, to be run by hand."""
    config = _config(which)
    config.attributes["dialect"] = dialect
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    return config.output_buffer.getvalue()


def _upgrade(connection: Connection, which: Which) -> str:
    config = _config(which)
    now = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if now is not None and now not in known:
        raise SchemaTooNewError(
            f"the {which} database has schema {now}, which this program does not know; start a newer one"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return head_revision(which)


def _config(which: Which) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS / which))
    return config
