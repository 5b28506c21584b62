"""Settings of an S3 store and the boto3 client made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import boto3
import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials, ReadOnlyCredentials

from storage.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

MIB: Final = 1024 * 1024
PART_MIN_BYTES: Final = 5 * MIB  # S3: every part but the last
PARTS_MAX: Final = 10_000  # S3: 10,000 parts of 8 MiB are 78 GiB, a day of 1080p


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Which bucket, and how much of machine and network the store may use.

    Memory of one put is at most ``(parts_in_flight + 2) * part_bytes``; of one reading, twice ``read_bytes``.
    """

    bucket: str
    region: str
    endpoint: str | None = None  # None: AWS' own endpoint of the region
    ca_file: Path | None = None  # None: the system's authorities
    # "when_supported" sends checksums as a trailer over TLS, which Ceph 16 answers with 411.
    checksums: Literal["when_required", "when_supported"] = "when_required"
    threads: int = 12  # fewer: small puts queue; more: they only fight for the interpreter
    part_bytes: int = 8 * MIB  # smaller: more requests and a lower size limit; larger: memory
    parts_in_flight: int = 4  # of one put: enough to fill a line, without taking all threads
    first_read_bytes: int = 1 * MIB  # the first request of a reading: what a player waits for
    read_bytes: int = 4 * MIB  # every further one: a request's latency over enough bytes
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 20.0  # silence of the store within one request

    def __post_init__(self) -> None:
        if self.part_bytes < PART_MIN_BYTES or min(self.threads, self.parts_in_flight) < 1:
            raise RefusedError("storage settings: parts have at least 5 MiB, threads and parts at least one")


@dataclass(frozen=True, slots=True)
class S3Credentials:
    """One key pair. Without it the usual AWS chain is asked (environment, files, instance role)."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class _Current(Credentials):
    """A pair that is asked for at each request, so that clients which are open take up another one."""

    def __init__(self, current: Callable[[], S3Credentials]) -> None:
        self._current = current
        pair = current()
        super().__init__(pair.access_key, pair.secret_key, pair.session_token, method=_Given.METHOD)

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Return the pair that signs the request; botocore asks just before, in the request's thread."""
        pair = self._current()
        return ReadOnlyCredentials(pair.access_key, pair.secret_key, pair.session_token)


class _Given(CredentialProvider):
    """The whole chain of a session that is given its pair."""

    METHOD = "callvault"

    def __init__(self, current: Callable[[], S3Credentials]) -> None:
        super().__init__()
        self._current = current

    def load(self) -> Credentials:
        """Return what asks for the pair."""
        return _Current(self._current)


def make_clients(
    settings: S3Settings, credentials: S3Credentials | Callable[[], S3Credentials] | None
) -> tuple[S3Client, S3Client]:
    """Return our client and a stranger's, who has no credential: it shows what everybody can see.

    What gives a pair is called for each request, in its thread: it is quick and raises nothing.
    Reads boto3's data files and the credential chain, so call it in a thread.
    """
    # A session of our own: boto3's default one is shared by the process, and not thread-safe to build on.
    core = botocore.session.get_session()
    if callable(credentials):
        core.register_component("credential_provider", CredentialResolver([_Given(credentials)]))
        credentials = None
    session = boto3.session.Session(botocore_session=core)
    return _client(session, settings, credentials, signed=True), _client(
        session, settings, None, signed=False
    )


def _client(
    session: boto3.session.Session, settings: S3Settings, credentials: S3Credentials | None, *, signed: bool
) -> S3Client:
    """Return one client.

    Retries are not botocore's: it would repeat a CompleteMultipartUpload that must be asked about first.
    Bodies are signed over TLS too, so that an engine which checks signatures also checks the bytes.
    """
    options = Config(
        signature_version="s3v4" if signed else UNSIGNED,
        request_checksum_calculation=settings.checksums,
        response_checksum_validation=settings.checksums,
        connect_timeout=settings.connect_timeout_s,
        read_timeout=settings.read_timeout_s,
        max_pool_connections=settings.threads,
        retries={"total_max_attempts": 1, "mode": "standard"},
        s3={
            "payload_signing_enabled": True,
            # Bucket names in the host name need DNS and certificates that self-hosted services seldom have.
            "addressing_style": "path" if settings.endpoint else "auto",
        },
    )
    return session.client(
        "s3",
        region_name=settings.region,
        endpoint_url=settings.endpoint,
        verify=None if settings.ca_file is None else str(settings.ca_file),
        aws_access_key_id=credentials.access_key if credentials else None,
        aws_secret_access_key=credentials.secret_key if credentials else None,
        aws_session_token=credentials.session_token if credentials else None,
        config=options,
    )
