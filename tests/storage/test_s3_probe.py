"""Where a bucket lies and what it does, asked of real services."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from storage.errors import MisplacedError, RefusedError, RetainedError
from storage.residency import Residency, ResidentStore
from storage.s3 import S3Credentials, S3Store
from storage.store import Versioning
from tests.servers.ceph import Ceph
from tests.storage.conftest import Service
from tests.storage.contract import KEY, SMALL
from tests.storage.test_residency import LIST

pytestmark = pytest.mark.ceph
Bucket = Callable[..., str]


async def opened(of: Service, bucket: str, **changes: object) -> S3Store:
    """Return a store over a bucket of a service."""
    return await S3Store.create(replace(of.settings, bucket=bucket, **changes), of.credentials)  # type: ignore[arg-type]


async def codes(store: S3Store) -> set[tuple[str, bool]]:
    """Return the probe's findings, each with whether it is serious, and close the store."""
    report = await store.probe()
    await store.aclose()
    return {(finding.code, finding.serious) for finding in report.findings}


async def test_the_placement_is_the_services_own_word(
    ceph_http: Service, moto_http: Service, make_bucket: Bucket
) -> None:
    """GetBucketLocation and HeadBucket tell the region; the evidence names which of them did."""
    on_ceph = await opened(ceph_http, make_bucket(ceph_http))
    placement = await on_ceph.placement()
    assert (placement.provider, placement.region, placement.country) == ("127.0.0.1", "lab-paris", None)
    assert placement.evidence == "GetBucketLocation at 127.0.0.1"
    on_moto = await opened(moto_http, make_bucket(moto_http))
    assert (await on_moto.placement()).evidence == "GetBucketLocation and HeadBucket at 127.0.0.1"
    await on_ceph.aclose()
    await on_moto.aclose()


async def test_a_bucket_elsewhere_than_the_settings_say_is_refused(
    ceph_http: Service, make_bucket: Bucket
) -> None:
    """The setting is only what we expect to hear."""
    store = await opened(ceph_http, make_bucket(ceph_http), region="eu-west-3")
    with pytest.raises(MisplacedError, match="says lab-paris"):
        await store.placement()
    await store.aclose()


async def test_a_wrong_region_is_refused_before_anything_is_written(
    ceph_http: Service, make_bucket: Bucket
) -> None:
    """A region nobody declared, or declared outside the EU, takes no object; declared inside, it does."""
    bucket = make_bucket(ceph_http)
    store = await opened(ceph_http, bucket)
    for own in ({}, {"lab-paris": "US"}):
        resident = ResidentStore(store, Residency.from_toml(LIST.read_text(), own_regions=own))
        with pytest.raises(MisplacedError):
            await resident.put(KEY, SMALL)
    assert await store.remains("") == ()
    resident = ResidentStore(store, Residency.from_toml(LIST.read_text(), own_regions={"lab-paris": "FR"}))
    stored = await resident.put(KEY, SMALL)
    assert stored.placement is not None
    assert stored.placement.country == "FR"
    await store.aclose()


async def test_a_private_bucket_has_nothing_serious(ceph_http: Service, make_bucket: Bucket) -> None:
    """Ceph's default bucket is private and unversioned; only the missing clean-up is told."""
    store = await opened(ceph_http, make_bucket(ceph_http))
    report = await store.probe()
    assert (report.versioning, report.object_lock, report.public) == (Versioning.OFF, False, False)
    assert report.serious == ()
    assert await codes(store) == {("no_upload_cleanup", False)}


async def test_versioning_is_told(ceph_http: Service, make_bucket: Bucket) -> None:
    """On and suspended are told apart."""
    bucket = make_bucket(ceph_http, is_versioned=True)
    store = await opened(ceph_http, bucket)
    assert (await store.probe()).versioning is Versioning.ON
    ceph_http.admin.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert (await store.probe()).versioning is Versioning.SUSPENDED
    assert await store.remains("") == ()
    await store.aclose()


async def test_a_clean_up_rule_is_recognised(ceph_http: Service, make_bucket: Bucket) -> None:
    """A lifecycle rule for unfinished uploads silences the finding."""
    bucket = make_bucket(ceph_http)
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}}
    rule |= {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}}
    ceph_http.admin.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={"Rules": [rule]},  # type: ignore[list-item]
    )
    assert await codes(await opened(ceph_http, bucket)) == set()


async def test_a_locked_bucket_is_reported_and_its_objects_are_retained(
    ceph_http: Service, make_bucket: Bucket
) -> None:
    """Lock alone is told; with a default retention it is serious, for nothing could be erased."""
    bucket = make_bucket(ceph_http, has_lock=True)
    assert ("object_lock", False) in await codes(await opened(ceph_http, bucket))
    ceph_http.admin.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}},
        },
    )
    store = await opened(ceph_http, bucket)
    report = await store.probe()
    assert [finding.code for finding in report.serious] == ["object_lock_default"]
    assert report.object_lock is True
    assert await store.remains("") == (), "the probe must not leave an object nobody can delete"
    await store.put(KEY, SMALL)
    with pytest.raises(RetainedError):
        await store.erase(KEY)
    assert await store.remains(KEY) == (f"version {KEY}",)
    await store.aclose()


async def test_a_public_bucket_is_serious(ceph_http: Service, make_bucket: Bucket) -> None:
    """Whether by access list or by policy: what a stranger can read is found by trying."""
    by_list, by_policy = make_bucket(ceph_http), make_bucket(ceph_http)
    ceph_http.admin.put_bucket_acl(Bucket=by_list, ACL="public-read")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    policy = {"Version": "2012-10-17", "Statement": [statement | {"Resource": f"arn:aws:s3:::{by_policy}/*"}]}
    ceph_http.admin.put_bucket_policy(Bucket=by_policy, Policy=json.dumps(policy))
    for bucket in (by_list, by_policy):
        assert ("public", True) in await codes(await opened(ceph_http, bucket))


async def test_a_wrong_secret_is_refused(ceph: Ceph, ceph_http: Service, make_bucket: Bucket) -> None:
    """A credential the service does not know is RefusedError, and stays out of the message."""
    bucket = make_bucket(ceph_http)
    for wrong in (S3Credentials(ceph.access_key, "wrong-secret"), S3Credentials("nobody", "wrong-secret")):
        store = await S3Store.create(replace(ceph_http.settings, bucket=bucket), wrong)
        for call in (store.put(KEY, SMALL), store.read(KEY, limit_bytes=1), store.placement()):
            with pytest.raises(RefusedError) as refused:
                await call
            assert "wrong-secret" not in str(refused.value)
        assert "wrong-secret" not in repr(wrong)
        await store.aclose()


async def test_an_unknown_bucket_is_refused(ceph_http: Service) -> None:
    """A bucket that is not there is a setting to mend, not an absent object."""
    store = await opened(ceph_http, "no-such-bucket")
    for call in (store.put(KEY, SMALL), store.erase(KEY), store.remains(""), store.probe()):
        with pytest.raises(RefusedError):
            await call
    await store.aclose()


async def test_a_certificate_nobody_vouches_for_is_refused(ceph_tls: Service, make_bucket: Bucket) -> None:
    """Over TLS, an unknown authority ends the call; it is not retried."""
    store = await opened(ceph_tls, make_bucket(ceph_tls), ca_file=None)
    with pytest.raises(RefusedError, match="TLS"):
        await store.head(KEY)
    await store.aclose()


async def test_the_written_permissions_are_enough(ceph_http: Service, make_bucket: Bucket) -> None:
    """config/bucket-policy.json names every action the store asks for, and none that it does not."""
    policy = json.loads((LIST.parent / "bucket-policy.json").read_text())
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    store = await opened(ceph_http, make_bucket(ceph_http, is_versioned=True))
    asked = {"ListParts"}  # only asked when a part went wrong
    store._client.meta.events.register("before-call.s3", lambda model, **_: asked.add(model.name))
    await store.probe()
    await store.placement()
    await store.put(KEY, SMALL, if_absent=True)
    await store.put(KEY, bytes(11_000_000))
    upload = ceph_http.admin.create_multipart_upload(Bucket=store.settings.bucket, Key=KEY)
    assert upload["UploadId"]
    await store.read(KEY, limit_bytes=11_000_000)
    assert [stored.key async for stored in store.list()] == [KEY]
    await store.erase(KEY)
    await store.aclose()
    needed = {action for operation in asked for action in ACTIONS[operation]}
    assert needed == allowed


# The permission each operation needs (Service Authorization Reference of Amazon S3).
ACTIONS = {
    "AbortMultipartUpload": ["s3:AbortMultipartUpload"],
    "CompleteMultipartUpload": ["s3:PutObject"],
    "CreateMultipartUpload": ["s3:PutObject"],
    "DeleteObject": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    "GetBucketAcl": ["s3:GetBucketAcl"],
    "GetBucketLifecycleConfiguration": ["s3:GetLifecycleConfiguration"],
    "GetBucketLocation": ["s3:GetBucketLocation"],
    "GetBucketPolicyStatus": ["s3:GetBucketPolicyStatus"],
    "GetBucketVersioning": ["s3:GetBucketVersioning"],
    "GetObject": ["s3:GetObject"],
    "GetObjectLockConfiguration": ["s3:GetBucketObjectLockConfiguration"],
    "HeadBucket": ["s3:ListBucket"],
    "HeadObject": ["s3:GetObject"],
    "ListMultipartUploads": ["s3:ListBucketMultipartUploads"],
    "ListObjectVersions": ["s3:ListBucketVersions"],
    "ListObjectsV2": ["s3:ListBucket"],
    "ListParts": ["s3:ListMultipartUploadParts"],
    "PutObject": ["s3:PutObject"],
    "UploadPart": ["s3:PutObject"],
}
