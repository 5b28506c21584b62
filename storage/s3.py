"""Objects in a bucket of any S3 service, through boto3 in a bounded pool of threads.

boto3 knows versions, uploads, locks and regions, which proven erasure and residency need; its calls block,
so each runs in a thread. What services do differently is gathered in `storage.s3_upload` (put),
`storage.s3_versions` (erase), `storage.s3_probe` (start) and `storage.s3_errors` (codes).

A reading is a row of ranged requests, each held to the first one's ETag: a slow reader keeps no connection
open, an erased object ends the reading, and memory is one range at a time, two for who reads on and on.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from storage.errors import BadKeyError, ChangedError, OutOfRangeError, RefusedError, UnavailableError
from storage.pool import Pool, settled
from storage.s3_client import S3Credentials, S3Settings, make_clients
from storage.s3_errors import translated
from storage.s3_probe import placement, probe
from storage.s3_upload import Upload, version_of
from storage.s3_versions import erase, hidden, remaining
from storage.store import (
    ByteRange,
    Erasure,
    ObjectKey,
    ObjectStore,
    Placement,
    ProbeReport,
    Reading,
    StoredObject,
    checked_prefix,
    collect,
    span,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, ListObjectsV2OutputTypeDef

__all__ = ["S3Credentials", "S3Settings", "S3Store"]


class S3Store(ObjectStore):
    """One bucket that exists. Make the store with `create`; config/bucket-policy.json tells the rights."""

    def __init__(self, settings: S3Settings, pool: Pool, client: S3Client, stranger: S3Client) -> None:
        self.settings = settings
        self._bucket = settings.bucket
        self._pool = pool
        self._client = client
        self._stranger = stranger

    @classmethod
    async def create(
        cls, settings: S3Settings, credentials: S3Credentials | Callable[[], S3Credentials] | None = None
    ) -> Self:
        """Make the clients, without a request yet; raises `RefusedError` for settings boto3 cannot use.

        What gives credentials is asked before each request, in a thread of the store: see `make_clients`.
        """
        pool = Pool(settings.threads, "store-s3")
        try:
            with translated("cannot use the storage settings"):
                client, stranger = await pool.run(make_clients, settings, credentials)
        except ValueError as cause:  # botocore's answer to an endpoint that is no URL
            await pool.aclose()
            raise RefusedError("cannot use the storage settings: the endpoint is no URL") from cause
        except BaseException:
            await pool.aclose()
            raise
        return cls(settings, pool, client, stranger)

    async def put(
        self, key: ObjectKey, body: bytes | AsyncIterator[bytes], *, if_absent: bool = False
    ) -> StoredObject:
        """Store an object; see `ObjectStore.put`."""
        return await Upload(self._client, self._pool, self.settings, key).run(body, if_absent=if_absent)

    @asynccontextmanager
    async def open(
        self, key: ObjectKey, byte_range: ByteRange | None = None, *, etag: str | None = None
    ) -> AsyncIterator[Reading]:
        """Open an object; see `ObjectStore.open`."""
        wanted = byte_range or ByteRange(0)
        first_stop = wanted.start + self.settings.first_read_bytes
        if wanted.stop is not None:
            first_stop = min(first_stop, wanted.stop)
        try:
            stored, first = await self._range(key, wanted.start, first_stop, etag)
        except OutOfRangeError as cause:
            stored, first = await self._nothing(key, byte_range, etag, cause), b""
        _, stop = span(byte_range, stored.size_bytes)
        async with aclosing(self._blocks(stored, wanted.start, first, stop)) as blocks:
            yield Reading(stored, blocks)

    async def _nothing(
        self, key: ObjectKey, byte_range: ByteRange | None, etag: str | None, cause: OutOfRangeError
    ) -> StoredObject:
        """Tell an empty object, of which no range can be asked, from a range behind the end."""
        stored = await self.head(key)
        if etag is not None and etag != stored.etag:
            raise ChangedError(f"{key} is another object now") from cause
        if byte_range is not None or stored.size_bytes:
            raise OutOfRangeError(f"{key}: behind its end", size_bytes=stored.size_bytes) from cause
        return stored

    async def _blocks(
        self, stored: StoredObject, start: int, first: bytes, stop: int
    ) -> AsyncGenerator[bytes, None]:
        """Give the bytes behind the first, reading one block ahead of whoever has taken one already.

        A player that seeks takes a block or two; who takes more wants it all, and opens it meanwhile.
        """
        if first:
            yield first
        at = start + len(first)
        del first
        ahead: asyncio.Task[tuple[StoredObject, bytes]] | None = None
        try:
            while at < stop:
                is_going_on = at >= start + self.settings.first_read_bytes + self.settings.read_bytes
                _, some = await (ahead or self._next(stored, at, stop))
                at, ahead = at + len(some), None
                if is_going_on and at < stop:
                    ahead = asyncio.create_task(self._next(stored, at, stop), name=f"ahead-{stored.key}")
                yield some
                del some
        finally:
            if ahead is not None:
                ahead.cancel()
                await settled(ahead)

    async def _next(self, stored: StoredObject, at: int, stop: int) -> tuple[StoredObject, bytes]:
        return await self._range(stored.key, at, min(at + self.settings.read_bytes, stop), stored.etag)

    async def _range(
        self, key: ObjectKey, start: int, stop: int, etag: str | None
    ) -> tuple[StoredObject, bytes]:
        with translated(f"cannot read {key}"):
            return await self._pool.look(self._fetch, key, start, stop, etag)

    def _fetch(self, key: ObjectKey, start: int, stop: int, etag: str | None) -> tuple[StoredObject, bytes]:
        request: GetObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": key,
            "Range": f"bytes={start}-{stop - 1}",
        }
        if etag is not None:
            request["IfMatch"] = f'"{etag}"'
        answer = self._client.get_object(**request)
        with answer["Body"] as stream:
            # One byte more than asked for: a service which ignores ranges is noticed, and not swallowed.
            some = stream.read(stop - start + 1)
        told = answer.get("ContentRange", "").rpartition("/")[2]
        if not told.isdecimal() or len(some) > stop - start:
            raise RefusedError(f"the store does not answer ranges (RFC 9110, 14.4): asked for {key}")
        size_bytes = int(told)
        if len(some) != min(stop, size_bytes) - start:
            raise UnavailableError(f"{key}: the answer ended early")
        version = version_of(answer.get("VersionId"))
        return StoredObject(key, size_bytes, answer["ETag"].strip('"'), version=version), some

    async def read(self, key: ObjectKey, byte_range: ByteRange | None = None, *, limit_bytes: int) -> bytes:
        """Return an object or a range; see `ObjectStore.read`."""
        return await collect(self.open(key, byte_range), limit_bytes)

    async def head(self, key: ObjectKey) -> StoredObject:
        """Tell about an object; see `ObjectStore.head`."""
        with translated(f"cannot look at {key}"):
            found = await self._pool.look(self._client.head_object, Bucket=self._bucket, Key=key)
        version = version_of(found.get("VersionId"))
        return StoredObject(key, found["ContentLength"], found["ETag"].strip('"'), version=version)

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Give objects under a prefix; see `ObjectStore.list`.

        What is no key of ours is a stranger's (a service's console marks its folders with empty objects) and
        is left out, as the file store leaves out strangers' files; `remains` tells of it.
        """
        pages = iter(
            self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=checked_prefix(prefix)
            )
        )
        while True:
            with translated("cannot list objects"):
                page: ListObjectsV2OutputTypeDef | None = await self._pool.look(next, pages, None)
            if page is None:
                return
            for found in page.get("Contents", ()):
                if key := _own_key(found["Key"]):
                    yield StoredObject(key, found["Size"], found["ETag"].strip('"'))

    async def erase(self, key: ObjectKey) -> Erasure:
        """Delete versions, markers and uploads; see `ObjectStore.erase`."""
        with translated(f"cannot erase {key}"):
            return await self._pool.run(erase, self._client, self._bucket, key)

    async def remains(self, where: str) -> tuple[str, ...]:
        """Return what is still there; see `ObjectStore.remains`."""
        if not where or where.endswith("/"):
            checked_prefix(where)
        return await self._pool.look(remaining, self._client, self._bucket, where)

    async def hidden(self, *, older_s: float) -> AsyncIterator[tuple[ObjectKey, ...]]:
        """Give older versions, markers and old uploads; see `ObjectStore.hidden`."""
        pages = hidden(self._client, self._bucket, datetime.now(UTC) - timedelta(seconds=older_s))
        while True:
            with translated("cannot list versions and uploads"):
                page = await self._pool.look(next, pages, None)
            if page is None:
                return
            yield tuple(key for text in page if (key := _own_key(text)))

    async def placement(self) -> Placement:
        """Ask the service where the bucket lies; see `ObjectStore.placement`."""
        with translated("cannot locate the bucket"):
            return await self._pool.look(placement, self._client, self.settings)

    async def probe(self) -> ProbeReport:
        """Look at versioning, lock, public access and clean-up; write, read and erase an object."""
        with translated("cannot probe the bucket"):
            return await self._pool.run(probe, self._client, self._stranger, self.settings)

    async def aclose(self) -> None:
        """Wait for running requests, end the threads, close connections."""
        await self._pool.aclose()
        self._client.close()
        self._stranger.close()


def _own_key(text: str) -> ObjectKey | None:
    try:
        return ObjectKey(text)
    except BadKeyError:
        return None
