"""A drill: what a restore would bring, found out beside the vault, and what would be wrong with it."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from crypto.keys import DataKey
from storage.memory import MemoryStore
from storage.read_only import ReadOnlyStore
from storage.store import ObjectKey
from tests.vault.backups.shelves import placed, spoil
from tests.vault.backups.test_backups import RULES, empty
from tests.vault.media.workshop import Workshop, open_workshop
from vault.backups.backups import BackupParts, Backups
from vault.backups.dump import Kind
from vault.clock import TurnableClock
from vault.db.engine import Database
from vault.db.key_tables import data_keys, epochs
from vault.db.tables import leaves, media
from vault.drill.checks import KeysOfErased
from vault.drill.drill import Drill, Drilled, DrillParts
from vault.errors import LedgerBrokenError, NotFoundError
from vault.keys.file_provider import FileKeyProvider
from vault.keys.ring_file import RingFile
from vault.media.places import media_prefix
from vault.model import ErasureReason, RestrictionGround, RestrictionSubject
from vault.rights.restrictions import NewRestriction
from vault.settings.keeping import DEFAULT_HOLDER

KEY = DataKey.generate()


@pytest.fixture
def place() -> MemoryStore:
    """Where the backups lie."""
    return MemoryStore(country="FR")


def backups_of(work: Workshop, place: MemoryStore, main: Database, keys: Database) -> Backups:
    """Backups of these databases, in that place, with the vault's ring."""
    places = dict.fromkeys(Kind, placed(place))
    parts = BackupParts({Kind.MAIN: main, Kind.KEYS: keys}, places, KEY, work.clock, work.ground.root_key)
    return Backups(parts, RULES)


async def backed_up(work: Workshop, place: MemoryStore) -> None:
    """A backup of each database, now."""
    for kind in Kind:
        await backups_of(work, place, work.database, work.key_database).create(kind)


@asynccontextmanager
async def drill_of(work: Workshop, place: MemoryStore, folder: Path) -> AsyncIterator[Drill]:
    """A drill in two empty databases of a folder, SQLite whatever the vault's are."""
    async with AsyncExitStack() as opened:
        main, keys = [
            await opened.enter_async_context(empty(kind, f"sqlite:///{folder}/drill-{kind.value}.db"))
            for kind in (Kind.MAIN, Kind.KEYS)
        ]
        yield Drill(
            DrillParts(
                main=main,
                keys=keys,
                backups=backups_of(work, place, main, keys),
                live=work.database,
                store=ReadOnlyStore(work.ground.store),
                holders={DEFAULT_HOLDER: FileKeyProvider.open(work.ground.root_key)},
                ledger_keys=work.ledger_keys,
                clock=work.clock,
                ring=RingFile(work.ground.root_key),
            )
        )


async def drilled(work: Workshop, place: MemoryStore, folder: Path, *, sample: int = 20) -> Drilled:
    """How a drill goes."""
    async with drill_of(work, place, folder) as drill:
        return await drill.run(sample=sample)


async def everything(work: Workshop) -> tuple[object, ...]:
    """All that a drill may not touch: objects, the ring, the ledger, the wrapped keys."""
    store = work.ground.store
    objects = {one.key: await store.read(one.key, limit_bytes=1 << 24) async for one in store.list()}
    async with work.database.read() as connection:
        told = await connection.execute(select(leaves.c.leaf).order_by(leaves.c.leaf_index))
        texts = [*told.scalars()]
    async with work.key_database.read() as connection:
        wrapped = [bytes(one) for one in (await connection.execute(select(data_keys.c.wrapped))).scalars()]
    return objects, work.ground.root_key.read_bytes(), texts, sorted(wrapped)


async def test_a_drill_shows_that_what_was_erased_since_stays_erased_and_touches_nothing(
    any_work: Workshop, place: MemoryStore, tmp_path: Path
) -> None:
    """An erasure after the backup, on either engine: the fence does it again, there; here nothing changes."""
    work = any_work
    kept, gone = await work.ready(), await work.ready()
    await backed_up(work, place)
    await work.requests.of_media(gone.media_id, ErasureReason.VISITOR_REQUEST, by=work.by())
    assert await work.keeper.turn() == 0
    await work.checkpoints.publish_now()
    before = await everything(work)
    async with drill_of(work, place, tmp_path) as drill:
        told = await drill.run(sample=20)
        assert await everything(work) == before
        assert told.findings == []
        assert (told.erased, told.recordings, told.sampled) == (1, 1, 1)
        assert told.entries > 0
        assert 0 < (told.rto_s or 0) <= told.seconds
        assert told.rpo_s is not None
        await drill.record(told)
    (entry,) = [each for each in await ledger_of(work) if each["type"] == "backup.drilled"]
    assert entry["ok"] is True
    assert entry["recordings"] == 1
    assert entry["rto_ms"] > 0
    assert await work.plain(kept)


async def ledger_of(work: Workshop) -> list[dict[str, Any]]:
    """Every entry's fields."""
    async with work.database.read() as connection:
        told = await connection.execute(select(leaves.c.leaf).order_by(leaves.c.leaf_index))
        return [json.loads(text) for text in told.scalars()]


async def test_a_backup_that_was_damaged_is_found_and_the_ledger_says_so(
    work: Workshop, place: MemoryStore, tmp_path: Path
) -> None:
    """It comes no further; the entry has no time in which one could have served."""
    await work.ready()
    await backed_up(work, place)
    (name,) = [one.key async for one in place.list("backups/main/")]
    sealed = await place.read(ObjectKey(name), limit_bytes=1 << 24)
    await place.put(ObjectKey(name), sealed[:-1] + bytes([sealed[-1] ^ 1]))
    async with drill_of(work, place, tmp_path) as drill:
        told = await drill.run(sample=20)
        assert len(told.findings) == 1
        assert "does not open" in told.findings[0]
        assert "callvault backup create" in told.findings[0]
        await drill.record(told)
    newest = (await ledger_of(work))[-1]
    assert (newest["type"], newest["ok"], newest["findings"]) == ("backup.drilled", False, 1)
    assert "rto_ms" not in newest


async def test_a_drill_that_is_refused_on_its_way_fails_and_the_ledger_says_so(
    work: Workshop, place: MemoryStore, tmp_path: Path
) -> None:
    """Whatever stops it would stop a restore; here the database that it is to fill is not empty."""
    await backed_up(work, place)
    async with drill_of(work, place, tmp_path) as drill:
        async with work.key_database.read() as connection:
            rows = [row._asdict() for row in await connection.execute(select(epochs))]
        async with drill._parts.keys.write() as connection:
            await connection.execute(insert(epochs), rows)
        told = await drill.run(sample=20)
        assert len(told.findings) == 1
        assert "report this" in told.findings[0]
        await drill.record(told)
    newest = (await ledger_of(work))[-1]
    assert (newest["type"], newest["ok"]) == ("backup.drilled", False)


async def test_a_drill_goes_on_with_an_older_backup_as_a_restore_would_and_says_so(
    work: Workshop, place: MemoryStore, tmp_path: Path
) -> None:
    """What could be restored is measured; that the newest could not is the finding."""
    await work.ready()
    await backed_up(work, place)
    (newest,) = await backups_of(work, place, work.database, work.key_database).create(Kind.KEYS)
    await spoil(place, newest)
    told = await drilled(work, place, tmp_path)
    (finding,) = told.findings
    assert newest.name in finding
    assert told.made_at[Kind.KEYS] < newest.made_at
    assert (told.recordings, told.sampled) == (1, 1)


async def test_an_object_that_is_missing_or_damaged_is_found_but_what_is_erased_meanwhile_is_not(
    work: Workshop, place: MemoryStore, tmp_path: Path
) -> None:
    """The restored database knows nothing yet of an erasure that goes on beside the drill."""
    lost, spoiled, erasing, _ = [await work.ready() for _ in range(4)]
    await backed_up(work, place)
    for begun in (lost, spoiled, erasing):
        prefix = media_prefix(tenant_id=begun.tenant_id, media_id=begun.media_id)
        async for one in work.ground.store.list(prefix):
            if not one.key.endswith("/media"):
                continue
            sealed = await work.ground.store.read(one.key, limit_bytes=1 << 24)
            await work.ground.store.erase(one.key)
            if begun is spoiled:
                await work.ground.store.put(one.key, sealed[:-1] + bytes([sealed[-1] ^ 1]))
    async with work.database.write() as connection:
        await connection.execute(update(media).where(media.c.id == erasing.media_id).values(state="erasing"))
    (finding,) = (await drilled(work, place, tmp_path)).findings
    assert finding.startswith("2 objects are recorded, and do not play")
    assert lost.media_id in finding
    assert spoiled.media_id in finding
    assert "callvault check --read-data --repair" in finding


async def test_a_recording_whose_key_the_backup_lacks_is_found(
    work: Workshop, place: MemoryStore, tmp_path: Path
) -> None:
    """A key store's backup that is older than the main one's: what lies in between would be lost."""
    await backups_of(work, place, work.database, work.key_database).create(Kind.KEYS)
    begun = await work.ready()
    await backups_of(work, place, work.database, work.key_database).create(Kind.MAIN)
    told = await drilled(work, place, tmp_path)
    assert any(begun.media_id in finding and "key is missing" in finding for finding in told.findings)


async def test_a_key_of_something_erased_is_found_whatever_the_fence_thinks(work: Workshop) -> None:
    """Looked for leaf by leaf, in what comes behind the fence."""
    begun = await work.ready()
    await work.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=work.by())
    async with work.key_database.read() as connection:
        rows = await connection.execute(select(data_keys).where(data_keys.c.object_id == begun.media_id))
        record = rows.one()._asdict()
    assert await work.keeper.turn() == 0
    looked = KeysOfErased(work.database, work.keys)
    assert await looked.found() == []
    async with work.key_database.write() as connection:
        await connection.execute(insert(data_keys).values(record))
    assert await looked.found() == [begun.media_id]


async def test_what_is_restricted_is_counted_and_not_opened(
    work: Workshop, place: MemoryStore, tmp_path: Path
) -> None:
    """Its key is looked at like any other; nobody reads it, not for a drill either."""
    begun = await work.ready()
    why = NewRestriction(begun.media_id, RestrictionGround.OBJECTION, RestrictionSubject.VISITOR, "why")
    await work.custody.restrictions.place(why, by=work.by())
    await backed_up(work, place)
    told = await drilled(work, place, tmp_path)
    assert told.ok
    assert (told.recordings, told.sampled) == (1, 0)


async def test_a_sample_is_drawn_of_all_and_is_no_larger_than_asked_for(
    work: Workshop, place: MemoryStore, tmp_path: Path, quick_child: None
) -> None:
    """Every key is opened, of the recordings only as many as one wants."""
    for _ in range(4):
        await work.ready()
    await backed_up(work, place)
    told = await drilled(work, place, tmp_path, sample=3)
    assert (told.recordings, told.sampled) == (4, 3)


async def test_a_backup_from_before_an_epochs_end_is_told_before_anybody_needs_it(
    work: Workshop, place: MemoryStore, tmp_path: Path
) -> None:
    """The epoch's key is destroyed: what the backup of the key store holds opens nothing."""
    await work.ready()
    await backed_up(work, place)
    await work.keys.epochs.turn()
    provider = FileKeyProvider.open(work.ground.root_key)
    await provider.destroy_epoch(1, now=work.clock.now())
    (finding,) = (await drilled(work, place, tmp_path)).findings
    assert "epoch 1" in finding
    assert "gone" in finding


async def test_a_ring_that_its_backup_lacks_is_found(
    work: Workshop, place: MemoryStore, tmp_path: Path
) -> None:
    """On an empty machine the ring comes from the backup of the key store, or nothing opens."""
    await backed_up(work, place)
    parts = BackupParts({Kind.KEYS: work.key_database}, {Kind.KEYS: placed(place)}, KEY, work.clock)
    (held,) = [one.key async for one in place.list("backups/keys/")]
    await place.erase(ObjectKey(held))
    await Backups(parts, RULES).create(Kind.KEYS)
    told = await drilled(work, place, tmp_path)
    assert any("ring" in finding for finding in told.findings)


async def test_a_vault_without_a_backup_or_set_back_itself_is_not_drilled(
    work: Workshop, place: MemoryStore, tmp_path: Path
) -> None:
    """Nothing is written into a ledger that would go another way than the one outside."""
    with pytest.raises(NotFoundError, match="no backup"):
        await drilled(work, place, tmp_path)
    await backed_up(work, place)
    await work.tenants.add(name="Later", retention_days=30)
    await work.checkpoints.publish_now()
    newest = len(await ledger_of(work)) - 1
    async with work.database.write() as connection:
        await connection.execute(delete(leaves).where(leaves.c.leaf_index == newest))
    with pytest.raises(LedgerBrokenError):
        await drilled(work, place, tmp_path)
    late = Drilled(dict.fromkeys(Kind, work.clock.now()), ledger_size=newest + 5)
    async with drill_of(work, place, tmp_path) as drill:
        with pytest.raises(LedgerBrokenError, match="older than its backup"):
            await drill.record(late)


async def test_how_much_would_be_lost_is_the_older_backups_age_at_the_newest_entry(
    place: MemoryStore, tmp_path: Path
) -> None:
    """Entries outside tell until when the vault lived; the hour after them was nobody's."""
    clock = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        await backups_of(work, place, work.database, work.key_database).create(Kind.KEYS)
        clock.turn(timedelta(hours=1))
        await backups_of(work, place, work.database, work.key_database).create(Kind.MAIN)
        clock.turn(timedelta(hours=2))
        await work.tenants.add(name="Later", retention_days=30)
        await work.checkpoints.publish_now()
        clock.turn(timedelta(hours=1))
        told = await drilled(work, place, tmp_path)
    assert told.rpo_s == timedelta(hours=3).total_seconds()
