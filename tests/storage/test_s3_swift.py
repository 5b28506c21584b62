"""The S3 store on OpenStack Swift: a second engine, which reads the S3 documents otherwise than Ceph."""

import os
from pathlib import Path

import pytest

from storage.store import Versioning
from tests.servers.swift import Swift
from tests.storage.conftest import Service
from tests.storage.contract import KEY, some_bytes
from tests.storage.test_s3 import Bucket, S3Contract, opened

# Four Python servers in a row take minutes, and the whole contract is not kept yet (docs/THREATS.md).
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.environ.get("CALLVAULT_TEST_SOAK") != "1", reason="of the long campaigns"),
]


class TestSwift(S3Contract):
    """Swift, no versions."""

    if_absent_is_a_lock = False  # each of several at once may find nothing and store

    @pytest.fixture
    def of(self, swift_http: Service) -> Service:
        """The service."""
        return swift_http


class TestSwiftVersions(TestSwift):
    """Swift, with versions."""

    is_versioned = True


async def test_the_probe_says_what_swift_does_not_have(swift_http: Service, make_bucket: Bucket) -> None:
    """No lock, not public; conditions are not honoured, and nothing removes unfinished uploads."""
    store = await opened(swift_http, make_bucket(swift_http))
    report = await store.probe()
    assert (report.versioning, report.object_lock, report.public) == (Versioning.OFF, False, False)
    assert [finding.code for finding in report.findings] == ["no_condition", "no_upload_cleanup"]
    assert (await store.placement()).region == swift_http.settings.region
    await store.aclose()


async def test_an_object_in_parts_comes_back_whole_and_goes_whole(
    swift_http: Service, swift: Swift, make_bucket: Bucket
) -> None:
    """Swift keeps parts as objects beside the bucket: after an erasure no disk has one of them either."""
    store = await opened(swift_http, make_bucket(swift_http))
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


def bodies(folder: Path) -> set[Path]:
    """The files that hold bytes of objects."""
    return set(folder.glob("**/*.data"))
