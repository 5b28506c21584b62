"""The S3 store on OpenStack Swift: a second engine, which reads the S3 documents otherwise than Ceph.

With the vault's own patience around it: Swift ends a connection now and then right behind an answer, without
saying so in it, and whoever uses it again at once is cut off.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.resilient import ResilientStore
from storage.store import ObjectStore, Versioning
from tests.servers.swift import Swift
from tests.storage.conftest import Service
from tests.storage.contract import KEY, some_bytes
from tests.storage.test_s3 import Bucket, S3Contract, opened


class TestSwift(S3Contract):
    """Swift, no versions."""

    if_absent_is_a_lock = False  # each of several at once may find nothing and store

    @pytest.fixture
    def of(self, swift_http: Service) -> Service:
        """The service."""
        return swift_http

    @pytest.fixture
    async def store(self, of: Service, bucket: str) -> AsyncIterator[ObjectStore]:
        """A store over an empty bucket, as the vault opens it."""
        store = await patient(of, bucket)
        yield store
        await store.aclose()


class TestSwiftVersions(TestSwift):
    """Swift, with versions."""

    is_versioned = True


async def test_the_probe_says_what_swift_does_not_have(swift_http: Service, make_bucket: Bucket) -> None:
    """No lock, not public; conditions are not honoured, and nothing removes unfinished uploads."""
    store = await patient(swift_http, make_bucket(swift_http))
    report = await store.probe()
    assert (report.versioning, report.object_lock, report.public) == (Versioning.OFF, False, False)
    assert [finding.code for finding in report.findings] == ["no_condition", "no_upload_cleanup"]
    assert (await store.placement()).region == swift_http.settings.region
    await store.aclose()


async def test_an_object_in_parts_comes_back_whole_and_goes_whole(
    swift_http: Service, swift: Swift, make_bucket: Bucket
) -> None:
    """Swift keeps parts as objects beside the bucket: after an erasure no disk has one of them either."""
    store = await patient(swift_http, make_bucket(swift_http))
    before = bodies(swift.objects)
    whole = some_bytes(12_000_000)
    stored = await store.put(KEY, whole)
    assert stored.etag == (await store.head(KEY)).etag
    assert await store.read(KEY, limit_bytes=len(whole)) == whole
    assert len(bodies(swift.objects) - before) >= 3
    await store.erase(KEY)
    assert await store.remains("") == ()
    assert bodies(swift.objects) <= before
    await store.aclose()


async def patient(of: Service, bucket: str) -> ResilientStore:
    """Open a store as the vault does."""
    return ResilientStore(await opened(of, bucket))


def bodies(folder: Path) -> set[Path]:
    """The files that hold bytes of objects."""
    return set(folder.glob("**/*.data"))
