"""The ground on a service of S3: its keys rotated, its locks, and backups kept there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from storage.errors import RefusedError
from storage.store import ObjectKey
from tests.servers.ceph import Ceph
from tests.storage.conftest import Service, ceph, ceph_http, make_bucket
from tests.vault.http.house import settings_in
from vault.app import open_rooms
from vault.backups.dump import Kind, tables_of
from vault.backups.key import create_backup_key
from vault.clock import SystemClock
from vault.db.engine import Database
from vault.errors import ConfigurationError
from vault.ground import open_backups, open_databases, open_ground, open_store
from vault.keys.private_file import write_private
from vault.ledger.checkpoints import PUBLISHED
from vault.media.inventory import What
from vault.settings import BackupSettings, ReplicaSettings, Settings, StorageSettings

__all__ = ["ceph", "ceph_http", "make_bucket"]
pytestmark = [pytest.mark.ceph, pytest.mark.timeout(240)]
Bucket = Callable[..., str]
KEY = ObjectKey("media/one")


def in_bucket(of: Service, bucket: str, **more: Any) -> StorageSettings:
    """A store in a bucket of Ceph."""
    region = of.settings.region
    url = f"s3://{bucket}?region={region}&endpoint={of.settings.endpoint}"
    return StorageSettings(url=url, regions={region: "FR"}, **more)


async def test_a_store_s_keys_are_rotated_under_a_running_vault(
    tmp_path: Path, ceph: Ceph, ceph_http: Service, make_bucket: Bucket
) -> None:
    """The service drops the old pair: what is asked is refused until the file has the new one."""
    file, old = tmp_path / "s3.credentials", ceph.new_key()
    write_private(file, "\n".join(old).encode())
    lyon = in_bucket(ceph_http, make_bucket(ceph_http))
    replica = ReplicaSettings(name="lyon", url=lyon.url, credentials_file=file)
    storage = in_bucket(
        ceph_http, make_bucket(ceph_http), credentials_file=file, replicas=(replica,), acknowledge="all"
    )
    async with open_store(storage) as store:
        await store.put(KEY, b"before")
        ceph.remove_key(old[0])
        with pytest.raises(RefusedError, match="InvalidAccessKeyId") as refused:
            await store.read(KEY, limit_bytes=10)
        assert old[1] not in str(refused.value)
        write_private(file, "\n".join(ceph.new_key()).encode())
        assert await store.read(KEY, limit_bytes=10) == b"before"
        await store.put(ObjectKey("media/two"), b"after")
        for place in store.places.values():
            assert [stored.key async for stored in place.list("media/")] == [KEY, "media/two"]
        await store.erase(KEY)
        assert await store.remains(KEY) == ()


async def test_a_bucket_that_locks_by_default_is_refused_at_the_start(
    tmp_path: Path, ceph: Ceph, ceph_http: Service, make_bucket: Bucket
) -> None:
    """Nothing could be erased from it. With lock alone the vault starts, and the log tells."""
    bucket = make_bucket(ceph_http, has_lock=True)
    storage = in_bucket(ceph_http, bucket, access_key=ceph.access_key, secret_key=ceph.secret_key)
    settings = settings_in(tmp_path).model_copy(update={"storage": storage})
    with capture_logs() as logs:
        async with open_ground(settings, development=True, clock=SystemClock()):
            pass
    assert ("object_lock", False) in [(entry.get("code"), entry.get("serious")) for entry in logs]
    rule: Any = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    ceph_http.admin.put_object_lock_configuration(
        Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
    )
    with pytest.raises(
        ConfigurationError, match=r"\(primary\) cannot be used: .* take the default"
    ) as refused:
        async with open_ground(settings, development=True, clock=SystemClock()):
            pytest.fail("the vault started")
    assert "retention off the bucket" in str(refused.value)


def kept_in(folder: Path, main: StorageSettings, keys: StorageSettings, file: Path) -> Settings:
    """A vault of its own, with the backups of both databases in buckets, the key store's in both."""
    lyon = ReplicaSettings(name="lyon", url=main.url, credentials_file=file)
    key = folder.parent / "backup.key"
    if not key.exists():
        create_backup_key(key)
    backup = BackupSettings(key_file=key, main_url=main.url, keys_url=keys.url, keys_replicas=(lyon,))
    settings = settings_in(folder)
    own = {"url": settings.storage.url, "country": "FR"}
    return settings.model_copy(update={"backup": backup, "storage": main.model_copy(update=own)})


async def rows(database: Database, kind: Kind) -> dict[str, list[Any]]:
    """Everything a database holds, in the order of its primary keys."""
    async with database.read() as connection:
        return {
            table.name: list(
                (await connection.execute(select(table).order_by(*table.primary_key.columns))).all()
            )
            for table in tables_of(kind)
        }


async def test_backups_in_buckets_are_read_back_and_restored_into_empty_databases(
    tmp_path: Path, ceph: Ceph, ceph_http: Service, make_bucket: Bucket
) -> None:
    """To any store, versions kept or not; and their places take up another key pair, too."""
    file, old = tmp_path / "s3.credentials", ceph.new_key()
    write_private(file, "\n".join(old).encode())
    main, keys = (
        in_bucket(ceph_http, make_bucket(ceph_http, is_versioned=versioned), credentials_file=file)
        for versioned in (False, True)
    )
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    settings = kept_in(tmp_path / "here", main, keys, file)
    async with open_rooms(settings) as rooms:
        await rooms.identity.tenants.add(name="Atelier Essai", retention_days=1)
        made = {kind: await rooms.backups.create(kind) for kind in (Kind.MAIN, Kind.KEYS)}
        assert [each.place for each in made[Kind.KEYS]] == ["primary", "lyon"]
        expected = {
            Kind.MAIN: await rows(rooms.database, Kind.MAIN),
            Kind.KEYS: await rows(rooms.key_database, Kind.KEYS),
        }
        write_private(file, "\n".join(ceph.new_key()).encode())
        ceph.remove_key(old[0])
        for shelf in [shelf for kind in Kind for shelf in rooms.backups.shelves(kind)]:
            assert [(await shelf.verify(each.name)).kind for each in await shelf.all()]
    settings = kept_in(tmp_path / "there", main, keys, file)
    async with open_databases(settings) as (main_database, key_database):
        databases = {Kind.MAIN: main_database, Kind.KEYS: key_database}
        async with open_backups(settings, databases, SystemClock()) as backups:
            for kind, database in databases.items():
                assert (await backups.restore_newest(kind)).passed_over == []
                assert await rows(database, kind) == expected[kind]


async def test_what_no_listing_of_a_bucket_shows_is_counted_as_an_orphan(
    tmp_path: Path, ceph: Ceph, ceph_http: Service, make_bucket: Bucket
) -> None:
    """A version behind the current one, a marker, a volume that no row leads to; not the ledger's head."""
    bucket = make_bucket(ceph_http, is_versioned=True)
    storage = in_bucket(ceph_http, bucket, access_key=ceph.access_key, secret_key=ceph.secret_key)
    stranger, item = ObjectKey("something/else"), ObjectKey(f"media/{uuid4()}/{uuid4()}/1/media")
    volume = ObjectKey(f"archive/{uuid4()}/{uuid4()}/000001.tar.age")
    async with open_rooms(settings_in(tmp_path).model_copy(update={"storage": storage})) as rooms:
        for _ in range(2):
            await rooms.checkpoints.turn(publishing=True)
            await rooms.store.put(PUBLISHED, b"again")
        assert (await rooms.inventory.take()).findings == []
        for key in (stranger, item, volume):
            await rooms.store.put(key, b"sealed")
            ceph_http.admin.delete_object(Bucket=bucket, Key=key)
        await rooms.store.put(volume, b"sealed")
        stock = await rooms.inventory.take()
        found = sorted((one.key, one.what) for one in stock.findings)
        expected = [
            (volume, What.HIDDEN),
            (volume, What.UNKNOWN),
            (item, What.UNKNOWN),
            (stranger, What.HIDDEN),
        ]
        assert found == sorted(expected)
        assert stock.orphans == 4
