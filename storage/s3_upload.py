"""One put into a bucket: in one request when it fits, else as a multipart upload with bounded memory."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from storage.errors import (
    AbsentError,
    ChangedError,
    ExistsError,
    RefusedError,
    TooLargeError,
    UnavailableError,
)
from storage.pool import settled
from storage.retrying import Patience, retried
from storage.s3_client import PARTS_MAX
from storage.s3_errors import UNSUPPORTED, code_of, translated
from storage.store import ObjectKey, StoredObject

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        CompletedPartTypeDef,
        CompleteMultipartUploadRequestTypeDef,
        DeleteObjectRequestTypeDef,
        HeadObjectOutputTypeDef,
        PutObjectOutputTypeDef,
        PutObjectRequestTypeDef,
    )

    from storage.pool import Pool
    from storage.s3_client import S3Settings

TICKET: Final = "callvault-put"  # metadata: a random word by which a put knows its own object again
PART_PATIENCE: Final = Patience()


async def in_parts(body: bytes | AsyncIterator[bytes], part_bytes: int) -> AsyncIterator[bytes]:
    """Give a body in pieces of exactly this size, the last one shorter; nothing for an empty body."""
    if isinstance(body, bytes):
        for at in range(0, len(body), part_bytes):
            yield body[at : at + part_bytes]
        return
    filling = bytearray()
    async for some in body:
        rest = memoryview(some)
        while rest:
            taken = rest[: part_bytes - len(filling)]
            filling += taken
            rest = rest[len(taken) :]
            if len(filling) == part_bytes:
                yield bytes(filling)
                filling = bytearray()
    if filling:
        yield bytes(filling)


def version_of(answer_version: str | None) -> str | None:
    """Return a version id; the word ``null`` means that there is none."""
    return None if answer_version in {None, "", "null"} else answer_version


class Upload:
    """One put. `run` once; whatever it raises except UnavailableError, nothing of it is left."""

    def __init__(self, client: S3Client, pool: Pool, settings: S3Settings, key: ObjectKey) -> None:
        self._client = client
        self._pool = pool
        self._settings = settings
        self._bucket = settings.bucket
        self._key = key
        self._ticket = secrets.token_hex(16)
        self._digest = hashlib.sha256()
        self._size_bytes = 0
        self._upload_id: str | None = None
        self._sending: deque[asyncio.Task[CompletedPartTypeDef]] = deque()
        self._sent: list[CompletedPartTypeDef] = []

    async def run(self, body: bytes | AsyncIterator[bytes], *, if_absent: bool) -> StoredObject:
        """Store the body."""
        if if_absent:
            await self._refuse_taken()
        parts = in_parts(body, self._settings.part_bytes)
        first = await anext(parts, b"")
        await self._count(first)
        second = await anext(parts, None) if len(first) == self._settings.part_bytes else None
        if second is None:
            return await self._in_one(first, if_absent=if_absent)
        try:
            await self._begin()
            await self._send(first)
            del first
            await self._count(second)
            await self._send(second)
            del second
            async for part in parts:
                await self._count(part)
                await self._send(part)
            while self._sending:
                self._sent.append(await self._sending.popleft())
        except BaseException:
            await self._abort()
            raise
        return await self._complete(if_absent=if_absent)

    async def _count(self, part: bytes) -> None:
        await self._pool.run(self._digest.update, part)
        self._size_bytes += len(part)

    # --- in one request ------------------------------------------------------------------------------------

    async def _in_one(self, body: bytes, *, if_absent: bool) -> StoredObject:
        try:
            with translated(f"cannot store {self._key}"):
                answer = await self._pool.run(self._put_object, body, if_absent=if_absent)
        except ChangedError as cause:
            raise ExistsError(f"{self._key} is taken") from cause
        except UnavailableError:
            # The answer may have been lost behind a success.
            if mine := await self._mine():
                return self._stored(mine["ETag"], mine.get("VersionId"))
            raise
        except asyncio.CancelledError:
            await self._take_back()
            raise
        return self._stored(answer["ETag"], answer.get("VersionId"))

    def _put_object(self, body: bytes, *, if_absent: bool) -> PutObjectOutputTypeDef:
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": self._key,
            "Body": body,
            "Metadata": {TICKET: self._ticket},
        }
        if if_absent:
            try:
                return self._client.put_object(**(request | {"IfNoneMatch": "*"}))
            except ClientError as cause:
                # Some engines (Swift) take no condition. The probe tells; the key was asked for beforehand.
                if code_of(cause) not in UNSUPPORTED:
                    raise
        return self._client.put_object(**request)

    async def _refuse_taken(self) -> None:
        # If-None-Match is no lock on some engines, and Ceph 16 ignores it where a multipart upload completes.
        # Asking first makes at least one writer after another see the truth everywhere.
        with suppress(AbsentError):
            await self._head()
            raise ExistsError(f"{self._key} is taken")

    # --- in parts ------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        with translated(f"cannot store {self._key}"):
            await self._pool.run(self._create)

    def _create(self) -> None:
        # Kept from inside the thread: a caller cancelled meanwhile must still know what to abort.
        answer = self._client.create_multipart_upload(
            Bucket=self._bucket, Key=self._key, Metadata={TICKET: self._ticket}
        )
        self._upload_id = answer["UploadId"]

    async def _send(self, part: bytes) -> None:
        """Start sending a part, and wait first when enough are under way."""
        number = len(self._sent) + len(self._sending) + 1
        if number > PARTS_MAX:
            raise TooLargeError(f"{self._key} is over {PARTS_MAX} parts of {self._settings.part_bytes} bytes")
        if len(self._sending) >= self._settings.parts_in_flight:
            self._sent.append(await self._sending.popleft())
        sending = self._send_part(number, part)
        self._sending.append(asyncio.create_task(sending, name=f"part-{number}-of-{self._key}"))

    async def _send_part(self, number: int, part: bytes) -> CompletedPartTypeDef:
        upload_id = self._id()

        async def attempt(_failures: int) -> CompletedPartTypeDef:
            try:
                with translated(f"cannot store part {number} of {self._key}"):
                    answer = await self._pool.run(
                        self._client.upload_part,
                        Bucket=self._bucket,
                        Key=self._key,
                        UploadId=upload_id,
                        PartNumber=number,
                        Body=part,
                    )
            except UnavailableError:
                await self._still_begun()
                raise
            sent: CompletedPartTypeDef = {"PartNumber": number, "ETag": answer["ETag"]}
            # With checksums on, S3 wants each one back when the upload completes.
            if crc32 := answer.get("ChecksumCRC32"):
                sent["ChecksumCRC32"] = crc32
            return sent

        try:
            return await retried(attempt, PART_PATIENCE)
        except AbsentError as cause:
            raise RefusedError(f"{self._key} was erased while it was written") from cause

    async def _still_begun(self) -> None:
        """Raise AbsentError when the upload is gone: some engines answer 500 for its parts then."""
        with translated(f"cannot look at the upload of {self._key}"):
            await self._pool.run(
                self._client.list_parts,
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._id(),
                MaxParts=1,
            )

    def _id(self) -> str:
        if self._upload_id is None:
            raise RefusedError(f"{self._key}: no upload was begun")
        return self._upload_id

    async def _complete(self, *, if_absent: bool) -> StoredObject:
        """Turn the parts into the object.

        (1) An error here says little: Ceph answers 500 for an upload it does not know, and a lost answer
        looks like a failure. So it is never repeated blindly; the object is asked whether it is ours. (2) The
        ETag is asked for in any case: Ceph 16 leaves it empty in this answer.
        """
        try:
            if if_absent:
                await self._refuse_taken()
            with translated(f"cannot complete {self._key}"):
                await self._pool.run(self._complete_upload, if_absent=if_absent)
            mine = await self._mine()  # (2)
        except ChangedError as cause:
            await self._abort()
            raise ExistsError(f"{self._key} is taken") from cause
        except (AbsentError, UnavailableError) as cause:
            mine = await self._mine()  # (1)
            if mine is None:
                await self._abort()
                if isinstance(cause, AbsentError):
                    raise RefusedError(f"{self._key} was erased while it was written") from cause
                raise
        except BaseException:
            await self._abort()
            await self._take_back()
            raise
        if mine is None:
            raise RefusedError(f"{self._key} was replaced or erased while it was written")
        return self._stored(mine["ETag"], mine.get("VersionId"))

    def _complete_upload(self, *, if_absent: bool) -> None:
        request: CompleteMultipartUploadRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": self._key,
            "UploadId": self._id(),
            "MultipartUpload": {"Parts": self._sent},
        }
        if if_absent:
            request["IfNoneMatch"] = "*"
        self._client.complete_multipart_upload(**request)

    async def _abort(self) -> None:
        """End what is under way and remove the parts.

        Parts still on the wire are waited for: one that arrives after the abort could stay for ever.
        """
        for task in self._sending:
            task.cancel()
        for task in self._sending:
            await settled(task)
        self._sending.clear()
        if self._upload_id is not None:
            with suppress(AbsentError, RefusedError, UnavailableError), translated("cannot abort"):
                await self._pool.run(
                    self._client.abort_multipart_upload,
                    Bucket=self._bucket,
                    Key=self._key,
                    UploadId=self._upload_id,
                )

    # --- whose object is it --------------------------------------------------------------------------------

    async def _head(self) -> HeadObjectOutputTypeDef:
        with translated(f"cannot look at {self._key}"):
            return await self._pool.run(self._client.head_object, Bucket=self._bucket, Key=self._key)

    async def _mine(self) -> HeadObjectOutputTypeDef | None:
        """Return the current object if this put made it. Some engines capitalise names of metadata."""
        try:
            found = await self._head()
        except AbsentError:
            return None
        metadata = {name.lower(): value for name, value in found["Metadata"].items()}
        return found if metadata.get(TICKET) == self._ticket else None

    async def _take_back(self) -> None:
        """Remove the object of a put whose caller is gone and will never know of it."""
        with suppress(AbsentError, RefusedError, UnavailableError):
            if mine := await self._mine():
                request: DeleteObjectRequestTypeDef = {"Bucket": self._bucket, "Key": self._key}
                if version := mine.get("VersionId"):
                    request["VersionId"] = version
                with translated("cannot take back"):
                    await self._pool.run(lambda: self._client.delete_object(**request))

    def _stored(self, etag: str, version: str | None) -> StoredObject:
        return StoredObject(
            self._key,
            self._size_bytes,
            etag.strip('"'),
            sha256=self._digest.digest(),
            version=version_of(version),
        )
