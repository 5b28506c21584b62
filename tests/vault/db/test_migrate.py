"""Migrations: what the tables say is what a database gets, and a newer one is refused."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, select, text

from vault.db.engine import Database, open_database
from vault.db.key_tables import key_metadata
from vault.db.migrate import Which, _config, current_revision, head_revision, migrate, require_head
from vault.db.tables import erasures, metadata
from vault.errors import ConfigurationError, SchemaTooNewError

ERASURES = "object_id, tenant_id, request_id, kind, state, evidence"
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


async def test_a_migrated_database_is_left_alone(tmp_path: Path) -> None:
    """Migrating twice is migrating once."""
    database = open_database(f"sqlite:///{tmp_path}/a.db")
    assert await migrate(database, "main") == await migrate(database, "main") == head_revision("main")
    assert await current_revision(database) == head_revision("main")
    await database.aclose()


async def test_what_was_erased_before_is_found_by_its_epoch(any_database: Database) -> None:
    """The column is filled from what the evidence says; there may be none."""
    config = _config("main")
    before = ScriptDirectory.from_config(config).get_revision("0022").down_revision

    def upgraded(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, str(before))

    async with any_database.write() as connection:
        await connection.run_sync(upgraded)
        for table, columns, values in (
            ("tenants", "id, name, retention_days, created_at", "'ten_1', 'A', 1, 0"),
            (
                "deletion_requests",
                "id, tenant_id, requested_by, scope, reason, requested_at",
                "'del_1', 'ten_1', 'system', 'media', 'legal', 0",
            ),
            ("erasures", ERASURES, """'rec_1', 'ten_1', 'del_1', 'export', 'complete', '{"epoch": 7}'"""),
            ("erasures", ERASURES, """'rec_2', 'ten_1', 'del_1', 'export', 'complete', '{"gen": 0}'"""),
        ):
            await connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"))  # noqa: S608  # of this file
    await migrate(any_database, "main")
    async with any_database.read() as connection:
        rows = await connection.execute(select(erasures.c.object_id, erasures.c.epoch))
        assert {row.object_id: row.epoch for row in rows} == {"rec_1": 7, "rec_2": None}


async def test_who_migrates_nothing_is_told_of_another_schema(tmp_path: Path) -> None:
    """Older or empty: nothing is changed."""
    database = open_database(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(ConfigurationError, match="of none"):
        await require_head(database, "main")
    await migrate(database, "main")
    await require_head(database, "main")
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
