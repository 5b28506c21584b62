"""Migrations: what the tables say is what a database gets, and a newer one is refused."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, PrimaryKeyConstraint, Table, UniqueConstraint, text

from vault.db.engine import Database, open_database
from vault.db.key_tables import key_metadata
from vault.db.migrate import Which, current_revision, head_revision, migrate
from vault.db.tables import metadata
from vault.errors import SchemaTooNewError

BOTH: list[tuple[Which, MetaData]] = [("main", metadata), ("keys", key_metadata)]


def differences(connection: Connection, wanted: MetaData) -> list[object]:
    """What Alembic would still change."""
    return list(compare_metadata(MigrationContext.configure(connection), wanted))


@pytest.mark.parametrize(("which", "wanted"), BOTH)
async def test_the_migrations_make_exactly_the_tables_in_the_code(
    any_database: Database, which: Which, wanted: MetaData
) -> None:
    """vault.db.tables and the scripts never part."""
    await migrate(any_database, which)
    async with any_database.read() as connection:
        assert await connection.run_sync(differences, wanted) == []


def test_whoever_refers_to_a_row_is_found_by_an_index() -> None:
    """A tenant's end deletes a million rows: for each the database looks for who names it, in every table.

    Tenants and the ledger are never deleted.
    """
    unfound = [
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        for key in column.foreign_keys
        if key.column.table.name not in {"tenants", "leaves"} and column.name not in led_by(table)
    ]
    assert unfound == []


def led_by(table: Table) -> set[str]:
    """The columns that an index over all rows begins with."""
    whole = [index for index in table.indexes if index.dialect_options["sqlite"]["where"] is None]
    unique = [each for each in table.constraints if isinstance(each, UniqueConstraint | PrimaryKeyConstraint)]
    return {next(iter(each.columns)).name for each in (*whole, *unique)}


async def test_a_migrated_database_is_left_alone(tmp_path: Path) -> None:
    """Migrating twice is migrating once."""
    database = open_database(f"sqlite:///{tmp_path}/a.db")
    assert await migrate(database, "main") == await migrate(database, "main") == head_revision("main")
    assert await current_revision(database) == head_revision("main")
    await database.aclose()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """Older code never writes to a database that newer code has changed."""
    database = open_database(f"sqlite:///{tmp_path}/a.db")
    await migrate(database, "main")
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaTooNewError):
        await migrate(database, "main")
    await database.aclose()
