"""Backups of both databases: read back, restored whole into another engine, and worthless after a turn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from crypto.keys import DataKey
from storage.memory import MemoryStore
from storage.store import ObjectKey
from tests.servers.postgres import Postgres
from tests.vault.media.workshop import CANARY, Workshop, open_workshop
from vault.backups.backups import BackupParts, BackupRules, Backups
from vault.backups.dump import Kind, tables_of
from vault.clock import TurnableClock
from vault.db.engine import Database, open_database
from vault.db.key_tables import key_metadata
from vault.db.tables import metadata
from vault.errors import ConflictError, NotFoundError, TamperedError
from vault.keys.file_provider import FileKeyProvider
from vault.keys.store import KeyStore
from vault.model import new_id

RULES = BackupRules(timedelta(days=1), {Kind.MAIN: timedelta(days=35), Kind.KEYS: timedelta(days=7)})
KEY = DataKey.generate()


def backups_of(work: Workshop, store: MemoryStore, key: DataKey = KEY) -> Backups:
    """Backups of a workshop's databases, both in one store."""
    databases: dict[Kind, Database] = {Kind.MAIN: work.database, Kind.KEYS: work.key_database}
    return Backups(BackupParts(databases, dict.fromkeys(Kind, store), key, work.clock), RULES)


@asynccontextmanager
async def empty(kind: Kind, url: str) -> AsyncIterator[Database]:
    """An empty database with the tables that a workshop's have."""
    database = open_database(url)
    try:
        async with database.write() as connection:
            made = metadata if kind is Kind.MAIN else key_metadata
            await connection.run_sync(made.create_all)
        yield database
    finally:
        await database.aclose()


async def rows(database: Database, kind: Kind) -> dict[str, int]:
    """How many rows each table has."""
    async with database.read() as connection:
        return {
            table.name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in tables_of(kind)
        }


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_backup_of_either_engine_restores_into_the_other(
    any_work: Workshop, kind: Kind, tmp_path: Path, postgres: Postgres
) -> None:
    """Every row of every table, with what is sealed and what is structured."""
    store = MemoryStore(country="FR")
    await any_work.call()
    made = await backups_of(any_work, store).create(kind)
    source = any_work.database if kind is Kind.MAIN else any_work.key_database
    with postgres.database() as postgres_url:
        url = postgres_url if source.dialect == "sqlite" else f"sqlite:///{tmp_path}/restored.db"
        async with empty(kind, url) as target:
            parts = BackupParts({kind: target}, {kind: store}, KEY, any_work.clock)
            head = await Backups(parts, RULES).restore(kind, made.name)
            assert head.kind is kind
            assert await rows(target, kind) == await rows(source, kind)
            async with target.read() as there, source.read() as here:
                for table in tables_of(kind):
                    by_key = list(table.primary_key.columns)
                    told = [
                        (await each.execute(select(table).order_by(*by_key))).all() for each in (there, here)
                    ]
                    assert told[0] == told[1]


async def test_a_backup_holds_nothing_in_the_clear_and_opens_only_whole_with_its_key(work: Workshop) -> None:
    """Not a name, not an id; changed, cut, renamed or under another key it does not open."""
    store = MemoryStore(country="FR")
    await work.call()
    backups = backups_of(work, store)
    made = await backups.create(Kind.MAIN)
    key = ObjectKey(f"backups/main/{made.name}")
    sealed = await store.read(key, limit_bytes=1 << 24)
    assert CANARY.encode() not in sealed
    assert work.tenant_id.encode() not in sealed
    with pytest.raises(TamperedError):
        await backups_of(work, store, DataKey.generate()).verify(Kind.MAIN, made.name)
    for spoiled in (sealed[:-1], sealed[: len(sealed) // 2], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        await store.put(key, spoiled)
        with pytest.raises(TamperedError):
            await backups.verify(Kind.MAIN, made.name)
    await store.put(ObjectKey("backups/keys/" + made.name), sealed)
    with pytest.raises(TamperedError):
        await backups.verify(Kind.KEYS, made.name)
    with pytest.raises(NotFoundError):
        await backups.verify(Kind.KEYS, "none")


async def test_a_restore_goes_into_an_empty_database_only_and_leaves_nothing_of_a_broken_backup(
    work: Workshop, tmp_path: Path
) -> None:
    """Two histories are never mixed; half a backup is no backup."""
    store = MemoryStore(country="FR")
    backups = backups_of(work, store)
    made = await backups.create(Kind.MAIN)
    with pytest.raises(ConflictError):
        await backups.restore(Kind.MAIN, made.name)
    key = ObjectKey(f"backups/main/{made.name}")
    sealed = await store.read(key, limit_bytes=1 << 24)
    await store.put(key, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    async with empty(Kind.MAIN, f"sqlite:///{tmp_path}/restored.db") as target:
        parts = BackupParts({Kind.MAIN: target}, {Kind.MAIN: store}, KEY, work.clock)
        with pytest.raises(TamperedError):
            await Backups(parts, RULES).restore(Kind.MAIN, made.name)
        assert not any((await rows(target, Kind.MAIN)).values())


async def test_old_backups_go_in_time_and_the_newest_stays(tmp_path: Path) -> None:
    """Keys for days, the rest for weeks; a vault that could not make one for long keeps its last."""
    clock = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        backups = backups_of(work, MemoryStore(country="FR"))
        for _ in range(3):
            for kind in Kind:
                await backups.create(kind)
            clock.turn(timedelta(days=5))
        assert [await backups.prune(kind) for kind in (Kind.KEYS, Kind.MAIN)] == [2, 0]
        clock.turn(timedelta(days=100))
        assert [await backups.prune(kind) for kind in (Kind.KEYS, Kind.MAIN)] == [0, 2]
        assert [len(await backups.all(kind)) for kind in Kind] == [1, 1]


async def test_a_turn_waits_for_a_backup_from_after_it_that_reads_back(tmp_path: Path) -> None:
    """One from before does not count; without one, one is made."""
    clock = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        store = MemoryStore(country="FR")
        backups = backups_of(work, store)
        before = await backups.create(Kind.KEYS)
        clock.turn(timedelta(seconds=1))
        since = clock.now()
        clock.turn(timedelta(seconds=1))
        assert await backups.good_since(since)
        names = [each.name for each in await backups.all(Kind.KEYS)]
        assert len(names) == 2
        assert names[0] == before.name
        assert await backups.good_since(since)
        assert len(await backups.all(Kind.KEYS)) == 2
        await store.put(ObjectKey(f"backups/keys/{names[1]}"), b"spoiled")
        with pytest.raises(TamperedError):
            await backups_of(work, store).good_since(since)
        assert not await Backups(BackupParts({}, {}, KEY, clock), RULES).good_since(since)


async def test_a_restored_key_store_opens_what_it_held_while_its_epoch_lives(
    work: Workshop, tmp_path: Path
) -> None:
    """The way back from a lost key store: the backup, and the provider's key of the epoch."""
    store = MemoryStore(country="FR")
    object_id = new_id("rec")
    key = await work.keys.create_data_key(tenant_id=work.tenant_id, object_id=object_id)
    made = await backups_of(work, store).create(Kind.KEYS)
    async with empty(Kind.KEYS, f"sqlite:///{tmp_path}/restored.db") as target:
        parts = BackupParts({Kind.KEYS: target}, {Kind.KEYS: store}, KEY, work.clock)
        await Backups(parts, RULES).restore(Kind.KEYS, made.name)
        keys = KeyStore(target, FileKeyProvider.open(work.ground.root_key), work.clock)
        found = await keys.data_key(tenant_id=work.tenant_id, object_id=object_id)
        assert found.reveal() == key.reveal()
