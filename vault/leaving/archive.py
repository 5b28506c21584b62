"""What a tenant takes along: volumes, each an archive sealed to the tenant's own key (docs/FORMAT.md, exit).

The first volume holds the rows, the ledger's entries with their proofs, and every receipt; the others hold
recordings and exports as players know them, with their manifests. A volume is one object of the store, made
again from its beginning where a crash came between: what was counted is whole.
"""

import base64
import json
import mimetypes
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, or_, select

from storage.errors import StorageError
from storage.store import ObjectKey, ObjectStore
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import deletion_requests, leaves, media
from vault.errors import (
    ConflictError,
    DependencyError,
    ErasedError,
    NotFoundError,
    RestrictedError,
    VaultError,
)
from vault.leaving.age import sealed_for
from vault.leaving.records import Records
from vault.leaving.tar import Member, archive_of, member
from vault.ledger import tree
from vault.ledger.checkpoints import Checkpoints, size_of
from vault.media.places import archive_prefix
from vault.media.reading import Reader, StoredPart
from vault.model import Id, MediaState, Part
from vault.rights.asked import request_of_row
from vault.rights.receipts import Receipts

VOLUME_BYTES: Final = 1 << 30  # of plain media in one volume, and one item more
VOLUME_ITEMS: Final = 1_000
LEAVES_AT_ONCE: Final = 500
TAKEN: Final = (Part.MEDIA, Part.MANIFEST)
README: Final = """What a call vault held of you. Each volume: `age -d -i KEY 000001.tar.age | tar -x`.

tables/*.jsonl       every row about your company, a line of JSON each; what was sealed is opened
media/<id>/          each recording and export as a file that players know, and its manifest
ledger/checkpoint    the ledger's signed head (C2SP signed note)
ledger/leaves-*.jsonl  your entries: index, exact text, and the path that proves it under that head (RFC 6962)
receipts/<id>.json   the receipt of each erasure; `callvault receipt verify` checks it with the ledger's key
media/<id>/WITHHELD.txt  why a file is not here: restricted, erased meanwhile, or damaged
"""


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume as it lies in the store; ``last`` is the last media item in it."""

    number: int
    sealed_bytes: int
    sha256: str
    items: int
    last: str = field(default="", compare=False)

    def row(self) -> dict[str, Any]:
        """What the exit's row keeps of it."""
        return {name: value for name, value in asdict(self).items() if name != "last"}


class _DamagedError(VaultError):
    """An item that does not open, found in the middle of its file: the volume is made again without it."""

    def __init__(self, media_id: str) -> None:
        super().__init__("a recording does not open")
        self.media_id = media_id


@dataclass(frozen=True, slots=True)
class Sources:
    """Where what is taken along comes from."""

    database: Database
    store: ObjectStore
    records: Records
    reader: Reader
    checkpoints: Checkpoints
    receipts: Receipts
    clock: Clock


class Archive:
    """Makes volumes, one at a time."""

    def __init__(self, sources: Sources) -> None:
        self._from = sources
        self._damaged: set[str] = set()

    async def volume(self, row: Row[Any]) -> Volume | None:
        """Make the next volume of an exit and store it; None when there is no more to take along.

        Raises DependencyError where the store or the database does not answer.
        """
        number = len(row.volumes) + 1
        while True:
            told = _Count(row.after)
            members = self._rows(row) if number == 1 else self._media(row, told)
            if number > 1 and not await self._items(row, 1):
                return None
            try:
                return await self._stored(row, number, members, told)
            except _DamagedError as error:
                self._damaged.add(error.media_id)

    async def _stored(
        self, row: Row[Any], number: int, members: AsyncGenerator[Member], told: "_Count"
    ) -> Volume:
        key = volume_key(row.tenant_id, row.id, number)
        try:
            stored = await self._from.store.put(key, sealed_for(row.recipient, archive_of(members)))
        except StorageError as cause:
            raise DependencyError("the store does not take the archive; it is tried again") from cause
        digest = stored.sha256.hex() if stored.sha256 else ""
        return Volume(number, stored.size_bytes, digest, told.items, told.last)

    # the first volume

    async def _rows(self, row: Row[Any]) -> AsyncGenerator[Member]:
        now = self._from.clock.now()
        yield member("README.txt", README.encode(), now)
        async for each in self._from.records.files(row.tenant_id):
            yield each
        note = await self._from.checkpoints.newest()
        yield member("ledger/checkpoint", note.encode(), now)
        async for each in self._leaves(row.tenant_id, size_of(note)):
            yield each
        async for each in self._receipts(row.tenant_id):
            yield each

    async def _leaves(self, tenant_id: str, size: int) -> AsyncGenerator[Member]:
        whose = or_(leaves.c.tenant_id == tenant_id, leaves.c.tenant_id.is_(None))
        after, number = -1, 0
        while True:
            query = select(leaves.c.leaf_index, leaves.c.leaf).where(
                whose, leaves.c.leaf_index > after, leaves.c.leaf_index < size
            )
            async with self._from.database.read() as connection:
                some = (
                    await connection.execute(query.order_by(leaves.c.leaf_index).limit(LEAVES_AT_ONCE))
                ).all()
                paths = [await tree.inclusion(connection, each.leaf_index, size) for each in some]
            if not some:
                return
            number, after = number + 1, some[-1].leaf_index
            lines = [
                {"index": each.leaf_index, "leaf": each.leaf, "path": [_base64(node) for node in path]}
                for each, path in zip(some, paths, strict=True)
            ]
            text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
            yield member(f"ledger/leaves-{number:06d}.jsonl", text.encode(), self._from.clock.now())

    async def _receipts(self, tenant_id: str) -> AsyncGenerator[Member]:
        after = ""
        while True:
            query = select(deletion_requests).where(
                deletion_requests.c.tenant_id == tenant_id, deletion_requests.c.id > after
            )
            async with self._from.database.read() as connection:
                row = (await connection.execute(query.order_by(deletion_requests.c.id).limit(1))).first()
                request = None if row is None else await request_of_row(connection, row)
            if request is None:
                return
            after = request.id
            try:
                receipt = await self._from.receipts.written(request)
            except ConflictError:
                continue  # nothing is proven yet
            yield member(f"receipts/{request.id}.json", receipt, request.requested_at)

    # the others

    async def _items(self, row: Row[Any], limit: int) -> list[Id]:
        query = select(media.c.id).where(to_take(row))
        async with self._from.database.read() as connection:
            return list((await connection.execute(query.order_by(media.c.id).limit(limit))).scalars())

    async def _media(self, row: Row[Any], told: "_Count") -> AsyncGenerator[Member]:
        for media_id in await self._items(row, VOLUME_ITEMS):
            if told.plain_bytes >= VOLUME_BYTES:
                return
            async for each in self._files(media_id):
                told.plain_bytes += each.size_bytes
                yield each
            told.items += 1
            told.last = media_id

    async def _files(self, media_id: Id) -> AsyncGenerator[Member]:
        now = self._from.clock.now()
        if media_id in self._damaged:
            yield member(f"media/{media_id}/WITHHELD.txt", b"it does not open as it was stored\n", now)
            return
        try:
            found = [await self._from.reader.part(media_id, part) for part in TAKEN]
        except (RestrictedError, ErasedError, ConflictError, NotFoundError) as why:
            yield member(f"media/{media_id}/WITHHELD.txt", f"{why}\n".encode(), now)
            return
        for part in found:
            suffix = mimetypes.guess_extension(part.content_type) or ".bin"
            name = f"media/{media_id}/{part.part.value}{suffix}"
            yield Member(name, part.size_bytes, now, self._content(part))

    async def _content(self, part: StoredPart) -> AsyncGenerator[bytes]:
        try:
            async for block in self._from.reader.stream(part, 0, part.size_bytes):
                yield bytes(block)
        except DependencyError:
            raise
        except VaultError as cause:  # changed, erased or restricted in the middle
            raise _DamagedError(part.media_id) from cause


@dataclass(slots=True)
class _Count:
    """What a volume holds so far."""

    last: str
    items: int = 0
    plain_bytes: int = 0


def to_take(row: Row[Any]) -> ColumnElement[bool]:
    """Choose the media items that no volume of an exit has yet."""
    return and_(
        media.c.tenant_id == row.tenant_id,
        media.c.id > row.after,
        media.c.state == MediaState.READY.value,
    )


def volume_key(tenant_id: str, exit_id: str, number: int) -> ObjectKey:
    """Name a volume in the store."""
    return ObjectKey(f"{archive_prefix(tenant_id=tenant_id, exit_id=exit_id)}{number:06d}.tar.age")


def _base64(node: bytes) -> str:
    return base64.b64encode(node).decode("ascii")
