"""Finished parts, opened for reading: any byte range, only the segments it needs, nothing unverified."""

from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, select

from crypto.errors import CryptoError
from crypto.layout import Layout
from crypto.streaming import RangeOpener
from storage.errors import AbsentError, ChangedError, OutOfRangeError, StorageError
from storage.store import ByteRange, ObjectKey, ObjectStore
from vault.db.engine import Database
from vault.db.tables import media, parts
from vault.errors import (
    ConflictError,
    DependencyError,
    ErasedError,
    NotFoundError,
    RangeError,
    TamperedError,
)
from vault.keys.store import KeyStore
from vault.media.opening import Opening
from vault.media.places import part_associated
from vault.media.restricting import refusal
from vault.model import Id, MediaState, Part

HEADER_BYTES: Final = 40
HEADERS_KEPT: Final = 1_000  # stream headers are public; keeping them saves a store request per seek

# Made once: a player asks dozens of times, and building the statement costs as much as running it.
_PART: Final = (
    select(parts, media.c.tenant_id, media.c.state, media.c.restricted_at)
    .select_from(media)
    .outerjoin(
        parts,
        (parts.c.media_id == media.c.id) & (parts.c.gen == media.c.gen) & (parts.c.part == bindparam("part")),
    )
    .where(media.c.id == bindparam("media_id"))
)


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One finished part as its row and its key record describe it; ``size_bytes`` is of the plain bytes."""

    tenant_id: Id
    media_id: Id
    gen: int
    part: Part
    object_key: ObjectKey
    size_bytes: int
    sealed_bytes: int
    segment_bytes: int
    content_type: str

    @property
    def etag(self) -> str:
        """A strong entity tag (RFC 9110, 8.8.3): identity and generation, never a digest of the content."""
        return f"{self.media_id}-{self.gen}-{self.part.value}"


class Reader:
    """Finds parts and streams ranges of them."""

    def __init__(self, database: Database, keys: KeyStore, store: ObjectStore) -> None:
        self._database = database
        self._keys = keys
        self._store = store
        self._headers: OrderedDict[ObjectKey, bytes] = OrderedDict()
        self._bound: OrderedDict[tuple[str, int], int] = OrderedDict()

    async def part(self, media_id: str, part: Part) -> StoredPart:
        """Find a part.

        Raises NotFoundError, ErasedError, RestrictedError, ConflictError (not ready), TamperedError.
        """
        async with self._database.read() as connection:
            row = (await connection.execute(_PART, {"media_id": media_id, "part": part.value})).first()
        if row is None:
            raise NotFoundError
        if row.state in {MediaState.ERASING, MediaState.ERASED}:
            raise ErasedError("this recording has been erased")
        if row.restricted_at is not None:
            raise refusal()
        if row.state != MediaState.READY:
            raise ConflictError("this recording is not ready to be played")
        if row.object_key is None:
            raise NotFoundError("this recording has no such part")
        found = StoredPart(
            tenant_id=row.tenant_id,
            media_id=row.media_id,
            gen=row.gen,
            part=part,
            object_key=ObjectKey(row.object_key),
            size_bytes=row.plain_bytes,
            sealed_bytes=row.sealed_bytes,
            segment_bytes=row.segment_bytes,
            content_type=row.content_type,
        )
        await self._require_bound(found)
        return found

    async def stream(self, stored: StoredPart, start: int, stop: int) -> AsyncGenerator[memoryview]:
        """Yield the plain bytes ``start <= byte < stop``; every byte is authenticated before it is yielded.

        A block is good until the next is asked for: its memory is used again (`vault.media.opening`).
        Raises RangeError, TamperedError, KeyForgottenError, ErasedError (gone meanwhile), DependencyError.
        """
        if not 0 <= start < stop <= stored.size_bytes:
            raise RangeError("the range lies outside the recording", size_bytes=stored.size_bytes)
        key = await self._keys.data_key(tenant_id=stored.tenant_id, object_id=stored.media_id, gen=stored.gen)
        try:
            layout = Layout(stored.sealed_bytes, stored.segment_bytes)
            opener = RangeOpener(
                key,
                await self._header(stored),
                associated_data=part_associated(
                    tenant_id=stored.tenant_id, media_id=stored.media_id, gen=stored.gen, part=stored.part
                ),
                layout=layout,
            )
            opening = Opening(opener, start, stop)
            async with (
                self._store.open(stored.object_key, opening.sealed) as sealed,
                aclosing(opening.blocks(sealed)) as blocks,
            ):
                async for block in blocks:
                    yield block
        except CryptoError as cause:
            self._headers.pop(stored.object_key, None)  # it may be what was changed
            raise TamperedError("the stored recording was changed; nothing more of it is served") from cause
        except (OutOfRangeError, ChangedError) as cause:
            raise TamperedError("the stored recording was cut short or replaced") from cause
        except AbsentError as cause:
            await self.part(stored.media_id, stored.part)  # says so where it was erased
            raise TamperedError("the stored recording is missing from the store") from cause
        except StorageError as cause:
            raise DependencyError("the store does not answer; try again") from cause

    async def read(self, stored: StoredPart) -> bytes:
        """Return a small part whole: poster, peaks, manifest."""
        if stored.size_bytes == 0:
            return b""
        return b"".join([bytes(block) async for block in self.stream(stored, 0, stored.size_bytes)])

    async def _require_bound(self, stored: StoredPart) -> None:
        """The media part's length is bound by the key's wrap: a shorter authentic version does not pass.

        A length that was found bound is not looked up again: it cannot come to be of another generation.
        """
        if stored.part is not Part.MEDIA:
            return
        place = (stored.media_id, stored.gen)
        if self._bound.get(place) == stored.sealed_bytes:
            return
        for record in await self._keys.records(object_id=stored.media_id):
            if record.gen == stored.gen and record.sealed_bytes != stored.sealed_bytes:
                raise TamperedError("the recording's length is not the one its key was bound to")
        self._bound[place] = stored.sealed_bytes
        while len(self._bound) > HEADERS_KEPT:
            self._bound.popitem(last=False)

    async def _header(self, stored: StoredPart) -> bytes:
        kept = self._headers.get(stored.object_key)
        if kept is not None:
            return kept
        header = await self._store.read(
            stored.object_key, ByteRange(0, HEADER_BYTES), limit_bytes=HEADER_BYTES
        )
        self._headers[stored.object_key] = header
        while len(self._headers) > HEADERS_KEPT:
            self._headers.popitem(last=False)
        return header
