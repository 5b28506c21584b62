"""All a bucket holds of a key, to count and to erase: versions, delete markers, unfinished uploads."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal

from botocore.exceptions import ClientError

from storage.errors import AbsentError, RefusedError, RetainedError, UnavailableError
from storage.s3_errors import code_of, translated
from storage.store import REMAINS_MAX, Erasure, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mypy_boto3_s3 import S3Client

ERASE_ROUNDS: Final = 4  # each further one is needed only when somebody stores the key meanwhile

Kind = Literal["version", "marker", "upload"]


@dataclass(frozen=True, slots=True)
class Remainder:
    """One thing a bucket still holds; `id` is its version id or upload id."""

    kind: Kind
    key: str
    id: str


def remainders(client: S3Client, bucket: str, where: str) -> Iterator[Remainder]:
    """Give what there is of a key, or under a prefix. Blocks, a page at a time."""
    is_prefix = not where or where.endswith("/")
    found = chain(_uploads(client, bucket, where), _versions(client, bucket, where, is_prefix=is_prefix))
    for one in found:
        # The service compares beginnings: asked for "a" it also tells of "a.b".
        if one.key.startswith(where) if is_prefix else one.key == where:
            yield one


def _uploads(client: S3Client, bucket: str, prefix: str) -> Iterator[Remainder]:
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
        for upload in page.get("Uploads", ()):
            yield Remainder("upload", upload["Key"], upload["UploadId"])


def _versions(client: S3Client, bucket: str, prefix: str, *, is_prefix: bool) -> Iterator[Remainder]:
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        markers = [Remainder("marker", it["Key"], it["VersionId"]) for it in page.get("DeleteMarkers", ())]
        versions = [Remainder("version", it["Key"], it["VersionId"]) for it in page.get("Versions", ())]
        yield from markers
        yield from versions
        # Pages are in the order of keys, and a key comes before all it is the beginning of.
        if not is_prefix and any(one.key > prefix for one in markers + versions):
            return


def hidden(client: S3Client, bucket: str, before: datetime) -> Iterator[list[str]]:
    """Give the keys of what no listing of objects shows, by pages; see `ObjectStore.hidden`. Blocks."""
    for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket):
        yield [upload["Key"] for upload in page.get("Uploads", ()) if upload["Initiated"] < before]
    for versions in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        yield [
            *(it["Key"] for it in versions.get("DeleteMarkers", ())),
            *(it["Key"] for it in versions.get("Versions", ()) if not it["IsLatest"]),
        ]


def remaining(client: S3Client, bucket: str, where: str) -> tuple[str, ...]:
    """Return what there is in words, at most `REMAINS_MAX` lines; see `ObjectStore.remains`. Blocks."""
    words: list[str] = []
    with translated(f"cannot look for {where or 'anything'}"):
        for one in remainders(client, bucket, where):
            words.append(f"{one.kind} {one.key}")
            if len(words) >= REMAINS_MAX:
                break
        if not words and where and not where.endswith("/") and _is_served(client, bucket, where):
            words.append(f"object {where}")
    return tuple(words)


def _is_served(client: S3Client, bucket: str, key: str) -> bool:
    """Ask for an object that no listing shows."""
    try:
        with translated(f"cannot look for {key}"):
            client.head_object(Bucket=bucket, Key=key)
    except AbsentError:
        return False
    return True


def erase(client: S3Client, bucket: str, key: ObjectKey) -> Erasure:
    """Delete all there is of a key, and look again until nothing is found. Blocks.

    Uploads go first, so that a put under way fails instead of completing behind us. Each version is deleted
    by its id, one request each: the bulk request needs a checksum that engines disagree about, and a key of
    the vault has one version.
    """
    count = {"version": 0, "marker": 0, "upload": 0}
    for _ in range(ERASE_ROUNDS):
        with translated(f"cannot erase {key}"):
            found = list(remainders(client, bucket, key))
        if not found:
            return Erasure(count["version"], count["marker"], count["upload"])
        for one in found:
            with suppress(AbsentError):  # somebody else erased it
                _delete(client, bucket, one)
                count[one.kind] += 1
    raise UnavailableError(
        f"{key} keeps coming back while it is erased: end what stores it, then erase again"
    )


def _delete(client: S3Client, bucket: str, one: Remainder) -> None:
    try:
        with translated(f"cannot erase {one.key}"):
            if one.kind == "upload":
                client.abort_multipart_upload(Bucket=bucket, Key=one.key, UploadId=one.id)
            else:
                client.delete_object(Bucket=bucket, Key=one.key, VersionId=one.id)
    except RefusedError as cause:
        if _is_done(cause):
            return
        if one.kind == "version" and is_locked(client, bucket):
            raise RetainedError(f"{one.key} is kept by the bucket's object lock") from cause
        raise


def _is_done(refusal: RefusedError) -> bool:
    """Tell whether the service says that there is no such bucket; the next listing shows what is true.

    OpenStack Swift says so of a bucket that it listed a moment ago: the version is deleted, then it tries to
    restore an older one, takes that of a neighbour whose key begins alike, and does not find it.
    """
    return isinstance(refusal.__cause__, ClientError) and code_of(refusal.__cause__) == "NoSuchBucket"


def is_locked(client: S3Client, bucket: str) -> bool:
    """Tell whether the bucket has object lock: then a refused delete means retention or a hold. Blocks."""
    try:
        configured = client.get_object_lock_configuration(Bucket=bucket)
    except ClientError as cause:
        if code_of(cause) == "ObjectLockConfigurationNotFoundError":
            return False
        raise RefusedError(f"cannot read the object lock of {bucket}: {code_of(cause)}") from cause
    return configured["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled"
