"""Erasure in buckets with a history."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from storage.s3 import S3Store
from storage.store import REMAINS_MAX, ObjectKey
from tests.storage.conftest import Service
from tests.storage.contract import KEY, SMALL

pytestmark = pytest.mark.ceph
Bucket = Callable[..., str]


async def test_erasure_goes_through_more_than_one_page(ceph_http: Service, make_bucket: Bucket) -> None:
    """Over a thousand versions beside a key that begins alike: all of the one, none of the other."""
    bucket = make_bucket(ceph_http, is_versioned=True)
    store = await S3Store.create(replace(ceph_http.settings, bucket=bucket), ceph_http.credentials)
    other = ObjectKey(f"{KEY}.other")
    await store.put(other, SMALL)

    def put(_: int) -> None:
        ceph_http.admin.put_object(Bucket=bucket, Key=KEY, Body=b"")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, range(REMAINS_MAX + 10)))
    ceph_http.admin.delete_object(Bucket=bucket, Key=KEY)
    assert len(await store.remains("")) == REMAINS_MAX
    erasure = await store.erase(KEY)
    assert (erasure.versions_deleted, erasure.markers_deleted) == (REMAINS_MAX + 10, 1)
    assert await store.remains("") == (f"version {other}",)
    await store.aclose()


async def test_versions_of_before_a_suspension_go_too(ceph_http: Service, make_bucket: Bucket) -> None:
    """Suspending versioning hides old versions from readers, not from erasure."""
    bucket = make_bucket(ceph_http, is_versioned=True)
    store = await S3Store.create(replace(ceph_http.settings, bucket=bucket), ceph_http.credentials)
    await store.put(KEY, b"while on")
    ceph_http.admin.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    await store.put(KEY, b"while suspended")
    ceph_http.admin.delete_object(Bucket=bucket, Key=KEY)
    assert len(await store.remains(KEY)) >= 2
    await store.erase(KEY)
    assert await store.remains("") == ()
    await store.aclose()


async def test_what_no_listing_shows_is_told_of(ceph_http: Service, make_bucket: Bucket) -> None:
    """A version behind the current one, a delete marker, an upload that is old enough; nothing else."""
    bucket = make_bucket(ceph_http, is_versioned=True)
    store = await S3Store.create(replace(ceph_http.settings, bucket=bucket), ceph_http.credentials)
    twice, deleted, begun = (ObjectKey(f"hidden/{name}") for name in ("twice", "deleted", "begun"))
    for key in (KEY, twice, twice):
        await store.put(key, SMALL)
    ceph_http.admin.delete_object(Bucket=bucket, Key=deleted)
    ceph_http.admin.create_multipart_upload(Bucket=bucket, Key=begun)

    async def told(older_s: float) -> list[ObjectKey]:
        return sorted([key async for page in store.hidden(older_s=older_s) for key in page])

    assert await told(-60.0) == [begun, deleted, twice]
    assert await told(86_400.0) == [deleted, twice]
    for key in (twice, deleted, begun):
        await store.erase(key)
    assert await told(-60.0) == []
    await store.aclose()
