"""The S3 services of the storage tests: one of each for all tests, a bucket of its own for each test."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import boto3
import pytest
from botocore.config import Config
from mypy_boto3_s3 import S3Client

from storage.s3 import S3Credentials, S3Settings
from tests.servers.ceph import Ceph, ceph_server
from tests.servers.moto import Moto, moto_server
from tests.servers.swift import Swift, swift_server

PART_BYTES = 5 * 1024 * 1024  # the smallest S3 allows: more parts for fewer bytes


@dataclass(frozen=True)
class Service:
    """A running S3 service and the administrator's client."""

    settings: S3Settings
    credentials: S3Credentials
    admin: S3Client


def service(settings: S3Settings, credentials: S3Credentials) -> Service:
    """Make the administrator's client of a service."""
    admin = boto3.session.Session().client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        verify=None if settings.ca_file is None else str(settings.ca_file),
        config=Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path"},
        ),
    )
    return Service(settings, credentials, admin)


@pytest.fixture(scope="session")
def ceph() -> Iterator[Ceph]:
    """One Ceph gateway for the session."""
    with ceph_server() as running:
        yield running


@pytest.fixture(scope="session")
def moto() -> Iterator[Moto]:
    """One moto server for the session."""
    with moto_server() as running:
        yield running


@pytest.fixture(scope="session")
def swift() -> Iterator[Swift]:
    """One Swift for the session."""
    with swift_server() as running:
        yield running


@pytest.fixture(scope="session")
def ceph_http(ceph: Ceph) -> Iterator[Service]:
    """Ceph over plain http."""
    settings = S3Settings("unset", ceph.region, ceph.http, part_bytes=PART_BYTES)
    made = service(settings, S3Credentials(ceph.access_key, ceph.secret_key))
    yield made
    made.admin.close()


@pytest.fixture(scope="session")
def ceph_tls(ceph: Ceph) -> Iterator[Service]:
    """Ceph over TLS."""
    settings = S3Settings("unset", ceph.region, ceph.https, ceph.ca_file, part_bytes=PART_BYTES)
    made = service(settings, S3Credentials(ceph.access_key, ceph.secret_key))
    yield made
    made.admin.close()


@pytest.fixture(scope="session")
def moto_http(moto: Moto) -> Iterator[Service]:
    """The moto server."""
    settings = S3Settings("unset", moto.region, moto.endpoint, part_bytes=PART_BYTES)
    made = service(settings, S3Credentials("anyone", "anything"))
    yield made
    made.admin.close()


@pytest.fixture(scope="session")
def swift_http(swift: Swift) -> Iterator[Service]:
    """Swift over plain http."""
    settings = S3Settings("unset", swift.region, swift.http, part_bytes=PART_BYTES)
    made = service(settings, S3Credentials(swift.access_key, swift.secret_key))
    yield made
    made.admin.close()


@pytest.fixture
def make_bucket() -> Callable[..., str]:
    """Make a bucket: ``make_bucket(service, is_versioned=True, has_lock=False)`` returns its name."""

    def make(of: Service, *, is_versioned: bool = False, has_lock: bool = False) -> str:
        name = f"t-{secrets.token_hex(6)}"
        of.admin.create_bucket(
            Bucket=name,
            ObjectLockEnabledForBucket=has_lock,
            CreateBucketConfiguration={"LocationConstraint": of.settings.region},  # type: ignore[typeddict-item]
        )
        if is_versioned:
            of.admin.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    return make
