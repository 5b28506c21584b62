"""Backups of both databases: read back, restored whole into another engine, and worthless after a turn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from crypto.keys import DataKey
from storage.memory import MemoryStore
from storage.store import ObjectKey, ObjectStore
from tests.servers.postgres import Postgres
from tests.vault.backups.shelves import placed, spoil
from tests.vault.media.workshop import CANARY, Workshop, open_workshop
from vault.backups.backups import BackupParts, BackupRules, Backups
from vault.backups.dump import Kind, tables_of
from vault.backups.shelf import Place
from vault.clock import TurnableClock
from vault.db.engine import Database, open_database
from vault.db.key_tables import key_metadata
from vault.db.tables import metadata
from vault.errors import ConflictError, DependencyError, NotFoundError, TamperedError
from vault.keys.file_provider import FileKeyProvider
from vault.keys.store import KeyStore
from vault.model import new_id

RULES = BackupRules(timedelta(days=1), {Kind.MAIN: timedelta(days=35), Kind.KEYS: timedelta(days=7)})
RARE = BackupRules(timedelta(0), RULES.keep)  # none is made by time
KEY = DataKey.generate()


def backups_of(
    work: Workshop, *stores: ObjectStore, key: DataKey = KEY, rules: BackupRules = RULES
) -> Backups:
    """Backups of a workshop's databases, both in the same stores."""
    databases: dict[Kind, Database] = {Kind.MAIN: work.database, Kind.KEYS: work.key_database}
    return Backups(BackupParts(databases, dict.fromkeys(Kind, placed(*stores)), key, work.clock), rules)


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
    (made,) = await backups_of(any_work, store).create(kind)
    source = any_work.database if kind is Kind.MAIN else any_work.key_database
    with postgres.database() as postgres_url:
        url = postgres_url if source.dialect == "sqlite" else f"sqlite:///{tmp_path}/restored.db"
        async with empty(kind, url) as target:
            parts = BackupParts({kind: target}, {kind: placed(store)}, KEY, any_work.clock)
            restored = await Backups(parts, RULES).restore(kind, made.name)
            assert restored.head.kind is kind
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
    (made,) = await backups.create(Kind.MAIN)
    (main,), (of_keys,) = backups.shelves(Kind.MAIN), backups.shelves(Kind.KEYS)
    key = ObjectKey(f"backups/main/{made.name}")
    sealed = await store.read(key, limit_bytes=1 << 24)
    assert CANARY.encode() not in sealed
    assert work.tenant_id.encode() not in sealed
    with pytest.raises(TamperedError):
        await backups_of(work, store, key=DataKey.generate()).shelves(Kind.MAIN)[0].verify(made.name)
    for spoiled in (sealed[:-1], sealed[: len(sealed) // 2], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        await store.put(key, spoiled)
        with pytest.raises(TamperedError):
            await main.verify(made.name)
    await store.put(ObjectKey("backups/keys/" + made.name), sealed)
    with pytest.raises(TamperedError):
        await of_keys.verify(made.name)
    with pytest.raises(NotFoundError):
        await of_keys.verify("none")


async def test_a_restore_goes_into_an_empty_database_only_and_leaves_nothing_of_a_broken_backup(
    work: Workshop, tmp_path: Path
) -> None:
    """Two histories are never mixed; half a backup is no backup."""
    store = MemoryStore(country="FR")
    backups = backups_of(work, store)
    (made,) = await backups.create(Kind.MAIN)
    with pytest.raises(ConflictError):
        await backups.restore(Kind.MAIN, made.name)
    key = ObjectKey(f"backups/main/{made.name}")
    sealed = await store.read(key, limit_bytes=1 << 24)
    await store.put(key, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    async with empty(Kind.MAIN, f"sqlite:///{tmp_path}/restored.db") as target:
        parts = BackupParts({Kind.MAIN: target}, {Kind.MAIN: placed(store)}, KEY, work.clock)
        with pytest.raises(TamperedError):
            await Backups(parts, RULES).restore(Kind.MAIN, made.name)
        assert not any((await rows(target, Kind.MAIN)).values())


async def test_old_backups_go_in_time_and_the_newest_stays(tmp_path: Path) -> None:
    """Keys for days, the rest for weeks; a vault that could not make one for long keeps its last."""
    clock = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        place = MemoryStore(country="FR")
        backups, rare = backups_of(work, place), backups_of(work, place, rules=RARE)

        async def counts() -> list[int]:
            return [len((await backups.look(kind)).backups) for kind in (Kind.KEYS, Kind.MAIN)]

        for _ in range(3):
            assert await backups.keep_up(by_time=True)
            clock.turn(timedelta(days=5))
        assert await rare.keep_up(by_time=True)
        assert await counts() == [1, 3]
        clock.turn(timedelta(days=100))
        assert await rare.keep_up(by_time=True)
        assert await counts() == [1, 1]


async def test_nothing_is_thrown_away_by_a_clock_that_jumped(tmp_path: Path) -> None:
    """Years ahead in a moment every backup is old; they stay until somebody says what time it is."""
    clock = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        backups, sentry = backups_of(work, MemoryStore(country="FR")), work.custody.sentry
        assert await sentry.now()
        for _ in range(2):
            await backups.create(Kind.KEYS)
        clock.jump(timedelta(days=4000))
        assert await sentry.now() is None
        assert await backups.keep_up(by_time=await sentry.now() is not None)
        assert len((await backups.look(Kind.KEYS)).backups) == 3
        await sentry.resume()
        assert await backups.keep_up(by_time=await sentry.now() is not None)
        assert len((await backups.look(Kind.KEYS)).backups) == 1


@pytest.fixture
def later(tmp_path: Path) -> TurnableClock:
    """A clock that a test turns."""
    return TurnableClock(datetime(2026, 11, 29, tzinfo=UTC))


async def test_backups_from_before_do_not_count_and_what_lacks_is_made_at_each_place(
    tmp_path: Path, later: TurnableClock
) -> None:
    """One from before a turn is worth nothing after it; seen to once, nothing more is made."""
    async with open_workshop(tmp_path, clock=later) as work:
        stores = [MemoryStore(country="FR") for _ in range(2)]
        backups = backups_of(work, *stores)
        before = await backups.create(Kind.KEYS)
        later.turn(timedelta(seconds=1))
        since = later.now()
        later.turn(timedelta(seconds=1))
        assert await backups.read_back(since) == 0
        assert await backups.see_to(since) == await backups.read_back(since) == 2
        assert await backups.see_to(since) == 2
        there = (await backups.look(Kind.KEYS)).backups
        assert sorted(each.place for each in there) == ["lyon", "lyon", "primary", "primary"]
        assert set(before) < set(there)
        assert len({each.name for each in there}) == 4
        assert await Backups(BackupParts({}, {}, KEY, later), RULES).see_to(since) == 0


async def test_a_copy_counts_only_while_it_opens_and_what_is_lost_together_counts_once(
    tmp_path: Path, later: TurnableClock
) -> None:
    """Spoiled since, away, or on the disk of another: none. The next look makes up for a spoiled one."""
    async with open_workshop(tmp_path, clock=later) as work:
        primary, lyon = MemoryStore(country="FR"), MemoryStore(country="FR")
        backups, since = backups_of(work, primary, lyon), later.now()
        later.turn(timedelta(seconds=1))
        assert await backups.see_to(since) == 2
        at = {each.place: each for each in (await backups.look(Kind.KEYS)).backups}
        await spoil(lyon, at["lyon"])
        assert await backups.see_to(since) == 2  # read back once, and not again
        assert await backups.read_back(since) == 1
        assert await backups.see_to(since) == await backups.read_back(since) == 2
        assert await backups_of(work, primary, lyon, key=DataKey.generate()).read_back(since) == 0
        one_disk = [Place(each.name, each.store, "one disk") for each in placed(primary, lyon)]
        parts = BackupParts({Kind.KEYS: work.key_database}, {Kind.KEYS: one_disk}, KEY, later)
        assert await Backups(parts, RULES).read_back(since) == 1
        await lyon.aclose()
        assert await backups.read_back(since) == await backups.see_to(since) == 1


async def test_a_place_that_is_away_keeps_no_other_from_its_backups(work: Workshop, tmp_path: Path) -> None:
    """Made, listed, pruned where there is an answer; the fault is told at the end."""
    away, lyon = MemoryStore(country="FR"), MemoryStore(country="FR")
    await away.aclose()
    backups = backups_of(work, away, lyon)
    with pytest.raises(DependencyError, match="primary"):
        await backups.create(Kind.KEYS)
    found = await backups.look(Kind.KEYS)
    assert ([each.place for each in found.backups], found.away) == (["lyon"], ["primary"])
    assert not await backups.keep_up(by_time=True)
    assert (await backups.look(Kind.MAIN)).backups


async def test_the_newest_backup_that_opens_is_restored_from_whatever_place_has_it(
    work: Workshop, tmp_path: Path
) -> None:
    """The newest is spoiled, the first place away: the next newest does, and what was passed over is told."""
    primary, lyon, metz = (MemoryStore(country="FR") for _ in range(3))
    (_, good, _) = await backups_of(work, primary, lyon, metz).create(Kind.KEYS)
    (bad,) = await backups_of(work, metz).create(Kind.KEYS)
    await spoil(metz, bad)
    await primary.aclose()
    async with empty(Kind.KEYS, f"sqlite:///{tmp_path}/restored.db") as target:
        parts = BackupParts({Kind.KEYS: target}, {Kind.KEYS: placed(primary, lyon, metz)}, KEY, work.clock)
        restored = await Backups(parts, RULES).restore_newest(Kind.KEYS)
        assert await rows(target, Kind.KEYS) == await rows(work.key_database, Kind.KEYS)
    assert restored.backup.made_at >= good.made_at
    assert restored.backup.name != bad.name
    away, spoiled = restored.passed_over
    assert "primary" in away
    assert bad.name in spoiled


async def test_a_restore_without_any_good_backup_says_what_was_wrong_with_the_newest(
    work: Workshop, tmp_path: Path
) -> None:
    """Spoiled, away or none at all are three things, and an operator does something else for each."""
    store = MemoryStore(country="FR")
    async with empty(Kind.KEYS, f"sqlite:///{tmp_path}/restored.db") as target:
        parts = BackupParts({Kind.KEYS: target}, {Kind.KEYS: placed(store)}, KEY, work.clock)
        backups = Backups(parts, RULES)
        with pytest.raises(NotFoundError):
            await backups.restore_newest(Kind.KEYS)
        (made,) = await backups_of(work, store).create(Kind.KEYS)
        await spoil(store, made)
        with pytest.raises(TamperedError):
            await backups.restore_newest(Kind.KEYS)
        await store.aclose()
        with pytest.raises(DependencyError):
            await backups.restore_newest(Kind.KEYS)
        with pytest.raises(NotFoundError, match="no place"):
            await backups.restore_newest(Kind.MAIN)


async def test_a_restored_key_store_opens_what_it_held_while_its_epoch_lives(
    work: Workshop, tmp_path: Path
) -> None:
    """The way back from a lost key store: the backup, and the provider's key of the epoch."""
    store = MemoryStore(country="FR")
    object_id = new_id("rec")
    key = await work.keys.create_data_key(tenant_id=work.tenant_id, object_id=object_id)
    (made,) = await backups_of(work, store).create(Kind.KEYS)
    async with empty(Kind.KEYS, f"sqlite:///{tmp_path}/restored.db") as target:
        parts = BackupParts({Kind.KEYS: target}, {Kind.KEYS: placed(store)}, KEY, work.clock)
        await Backups(parts, RULES).restore(Kind.KEYS, made.name)
        keys = KeyStore(target, FileKeyProvider.open(work.ground.root_key), work.clock)
        found = await keys.data_key(tenant_id=work.tenant_id, object_id=object_id)
        assert found.reveal() == key.reveal()
