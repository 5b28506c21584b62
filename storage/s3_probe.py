"""Where a bucket lies and what it does: asked of the service and tried, never believed of the settings."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from storage.errors import MisplacedError, RefusedError, StorageError, UnavailableError
from storage.s3_errors import code_of, status_of, translated
from storage.s3_versions import erase
from storage.store import Finding, ObjectKey, Placement, ProbeReport, Versioning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_s3 import S3Client

    from storage.s3_client import S3Settings

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
# What GetBucketLocation says of the two oldest regions of AWS.
OLD_NAMES: Final = {"": "us-east-1", "EU": "eu-west-1"}
REGION_HEADER: Final = "x-amz-bucket-region"
FORBIDDEN: Final = 403
TAKEN: Final = frozenset({"PreconditionFailed", "412"})


def placement(client: S3Client, settings: S3Settings) -> Placement:
    """Ask both places where a service tells its region; raises `MisplacedError` where they disagree. Blocks.

    A service that tells nothing has no region: the setting is only what we expect to hear.
    """
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    answers: dict[str, str] = {}
    with translated(f"cannot reach bucket {settings.bucket}"):
        head = client.head_bucket(Bucket=settings.bucket)
    if region := head["ResponseMetadata"]["HTTPHeaders"].get(REGION_HEADER):
        answers["HeadBucket"] = region
    try:
        # The stubs know AWS' regions only; it is None for the oldest one, and any word elsewhere.
        answer = client.get_bucket_location(Bucket=settings.bucket)
        location = cast("str | None", answer["LocationConstraint"]) or ""
    except ClientError as cause:
        # Not every credential may ask, and not every engine answers; the header then stands alone.
        with_translation(cause, f"cannot locate bucket {settings.bucket}")
    else:
        if location or host.endswith(".amazonaws.com"):
            answers["GetBucketLocation"] = OLD_NAMES.get(location, location)
    told = {region.lower() for region in answers.values()}
    if not told:
        raise MisplacedError(f"{host} does not tell where bucket {settings.bucket} lies")
    if told != {settings.region.lower()}:
        words = ", ".join(f"{source} says {region}" for source, region in sorted(answers.items()))
        raise MisplacedError(f"bucket {settings.bucket}: settings say {settings.region}, {words}")
    evidence = f"{' and '.join(sorted(answers))} at {host}"
    return Placement(host, settings.region.lower(), None, evidence)


def with_translation(cause: ClientError, what: str) -> None:
    """Let a plain refusal pass; raise `UnavailableError` for what time may heal."""
    try:
        with translated(what):
            raise cause
    except UnavailableError:
        raise
    except StorageError:
        return


def probe(client: S3Client, stranger: S3Client, settings: S3Settings) -> ProbeReport:
    """Look at the bucket's settings and try a small object. Blocks."""
    findings: list[Finding] = []
    versioning = _versioning(client, settings.bucket)
    locked, retention = _object_lock(client, settings.bucket)
    if retention:
        message = (
            f"new objects are locked by default ({retention}): erasure is impossible until that ends;"
            " take the default retention off the bucket, or name another one"
        )
        findings.append(Finding("object_lock_default", serious=True, message=message))
    elif locked:
        message = "object lock is on: objects with a retention or hold of their own cannot be erased"
        findings.append(Finding("object_lock", serious=False, message=message))
    public, honours = (None, True) if retention else _try_object(client, stranger, settings.bucket)
    if not honours:
        message = (
            "a condition on storing is not honoured: of several who store one new key at once all succeed"
        )
        findings.append(Finding("no_condition", serious=False, message=message))
    if public or _granted_to_all(client, settings.bucket):
        public = True
        message = "the bucket answers without a credential: block public access"
        findings.append(Finding("public", serious=True, message=message))
    if not _cleans_up_uploads(client, settings.bucket):
        message = (
            "no lifecycle rule aborts unfinished uploads: add one of a few days, for those a crash leaves"
        )
        findings.append(Finding("no_upload_cleanup", serious=False, message=message))
    endpoint = urlsplit(client.meta.endpoint_url)
    if endpoint.scheme != "https" and endpoint.hostname not in LOOPBACK:
        message = "the endpoint is plain http: what is stored is sealed, but who reads what is visible"
        findings.append(Finding("plain_http", serious=False, message=message))
    return ProbeReport(
        f"s3 {endpoint.hostname}", versioning, object_lock=locked, public=public, findings=tuple(findings)
    )


def _asked(request: Callable[..., Any], bucket: str) -> Mapping[str, Any] | None:
    """Return the answer to a question about the bucket; None where it has no such thing or will not tell."""
    try:
        answer: Mapping[str, Any] = request(Bucket=bucket)
    except ClientError as cause:
        with_translation(cause, f"cannot probe bucket {bucket}")
        return None
    except BotoCoreError as cause:
        raise UnavailableError(f"cannot probe bucket {bucket}: {type(cause).__name__}") from cause
    return answer


def _versioning(client: S3Client, bucket: str) -> Versioning:
    answer = _asked(client.get_bucket_versioning, bucket)
    if answer is None:
        return Versioning.UNKNOWN
    known = {"Enabled": Versioning.ON, "Suspended": Versioning.SUSPENDED}
    return known.get(answer.get("Status", ""), Versioning.OFF)


def _object_lock(client: S3Client, bucket: str) -> tuple[bool | None, str]:
    """Return whether lock is on (None: not told) and the default retention in words, if any."""
    try:
        answer = client.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    except ClientError as cause:
        if code_of(cause) == "ObjectLockConfigurationNotFoundError":
            return False, ""
        with_translation(cause, f"cannot probe bucket {bucket}")
        return None, ""
    default = answer.get("Rule", {}).get("DefaultRetention")
    if not default:
        return answer.get("ObjectLockEnabled") == "Enabled", ""
    length = f"{default['Days']} days" if default.get("Days") else f"{default.get('Years', 0)} years"
    return True, f"{default.get('Mode', 'unknown mode')}, {length}"


def _try_object(client: S3Client, stranger: S3Client, bucket: str) -> tuple[bool, bool]:
    """Write, read and erase a small object; tell whether a stranger could read it, and of conditions."""
    key = ObjectKey(f"callvault-probe/{secrets.token_hex(8)}")
    body = secrets.token_bytes(32)
    try:
        with translated(f"cannot write to bucket {bucket}"):
            client.put_object(Bucket=bucket, Key=key, Body=body)
            read = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        if read != body:
            raise RefusedError(f"bucket {bucket} gives back other bytes than it was given")
        return _stranger_reads(stranger, bucket, key), _honours_condition(client, bucket, key, body)
    finally:
        erase(client, bucket, key)


def _honours_condition(client: S3Client, bucket: str, key: str, body: bytes) -> bool:
    """Tell whether storing a key that is taken is refused where only a new one was to be stored."""
    try:
        client.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
    except ClientError as cause:
        if code_of(cause) in TAKEN:
            return True
        with_translation(cause, f"cannot probe bucket {bucket}")
    return False


def _stranger_reads(stranger: S3Client, bucket: str, key: str) -> bool:
    try:
        stranger.get_object(Bucket=bucket, Key=key)["Body"].close()
    except ClientError as cause:
        if status_of(cause) != FORBIDDEN:
            with_translation(cause, f"cannot probe bucket {bucket}")
        return False
    return True


def _granted_to_all(client: S3Client, bucket: str) -> bool:
    """Tell whether policy or access list opens the bucket; a grant may be to listing or writing only."""
    status = _asked(client.get_bucket_policy_status, bucket) or {}
    if status.get("PolicyStatus", {}).get("IsPublic"):
        return True
    grants = (_asked(client.get_bucket_acl, bucket) or {}).get("Grants", ())
    groups = [grant.get("Grantee", {}).get("URI", "") for grant in grants]
    return any(group.endswith(("/AllUsers", "/AuthenticatedUsers")) for group in groups)


def _cleans_up_uploads(client: S3Client, bucket: str) -> bool:
    rules = (_asked(client.get_bucket_lifecycle_configuration, bucket) or {}).get("Rules", ())
    return any(rule.get("Status") == "Enabled" and "AbortIncompleteMultipartUpload" in rule for rule in rules)
