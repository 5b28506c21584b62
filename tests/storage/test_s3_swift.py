"""The S3 store on OpenStack Swift: a second engine, which reads the S3 documents otherwise than Ceph."""

import pytest

from storage.store import Versioning
from tests.storage.conftest import Service
from tests.storage.contract import KEY, some_bytes
from tests.storage.test_s3 import Bucket, S3Contract, opened

pytestmark = pytest.mark.ceph


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
    """Where it lies, no lock, not public; that nothing removes unfinished uploads is all it complains of."""
    store = await opened(swift_http, make_bucket(swift_http))
    report = await store.probe()
    assert (report.versioning, report.object_lock, report.public) == (Versioning.OFF, None, False)
    assert [finding.code for finding in report.findings] == ["no_upload_cleanup"]
    assert (await store.placement()).region == swift_http.settings.region
    await store.aclose()


async def test_an_object_in_parts_comes_back_whole_and_goes_whole(
    swift_http: Service, make_bucket: Bucket
) -> None:
    """Swift keeps parts in a container beside the bucket: after an erasure that holds nothing either."""
    bucket = make_bucket(swift_http)
    store = await opened(swift_http, bucket)
    whole = some_bytes(12_000_000)
    stored = await store.put(KEY, whole)
    assert stored.etag == (await store.head(KEY)).etag
    assert await store.read(KEY, limit_bytes=len(whole)) == whole
    await store.erase(KEY)
    assert await store.remains("") == ()
    parts = swift_http.admin.list_objects_v2(Bucket=f"{bucket}+segments")
    assert parts.get("Contents", []) == []
    await store.aclose()
