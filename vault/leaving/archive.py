"""What a tenant takes along: volumes, each an archive sealed to the tenant's own key (docs/FORMAT.md, exit).

A volume holds either the rows, the ledger's entries with their proofs, and every receipt; or recordings and
exports as players know them, with their manifests. It is one object of the store, made again from its
beginning where a crash came between. Which volumes there are, ``vault.leaving.packing`` decides.
"""

import base64
import json
import mimetypes
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, or_, select

from storage.errors import StorageError
from storage.store import ObjectStore
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import deletion_requests, leaves
from vault.errors import (
    ConflictError,
    DependencyError,
    ErasedError,
    KeyForgottenError,
    NotFoundError,
    RestrictedError,
    TamperedError,
    VaultError,
)
from vault.leaving.age import sealed_for
from vault.leaving.records import LEFT_OUT, Records
from vault.leaving.tar import Member, archive_of, member
from vault.ledger import tree
from vault.ledger.checkpoints import Checkpoints, size_of
from vault.media.places import volume_key
from vault.media.reading import Reader, StoredPart
from vault.model import Id, Part
from vault.rights.asked import request_of_row
from vault.rights.receipts import Receipts

LEAVES_AT_ONCE: Final = 500
WATCHED_BYTES: Final = 64 << 20  # of one file, between two looks whether it is still wanted
TAKEN: Final = (Part.MEDIA, Part.MANIFEST)
README: Final = f"""What a call vault held of you. Each volume: `age -d -i KEY 000001.tar.age | tar -x`.

tables/*.jsonl       the rows about your company, a line of JSON each; what was sealed is opened
media/<id>/          each recording and export as a file that players know, and its manifest
ledger/checkpoint    the ledger's signed head (C2SP signed note)
ledger/leaves-*.jsonl  your entries: index, exact text, and the path that proves it under that head (RFC 6962)
receipts/<id>.json   the receipt of each erasure; `callvault receipt verify` checks it with the ledger's key
media/<id>/WITHHELD.txt  why a file is not here: restricted, erased meanwhile, or damaged. What was restricted
                     and is so no more lies in a later volume.

A value {{"withheld": ...}} says why it is not told. Hashes of secrets are left out, and these tables:
{"".join(f"  {name}: {why}" + chr(10) for name, why in LEFT_OUT.items())}"""


class Withheld(StrEnum):
    """Why a volume has a note in the place of a media item."""

    RESTRICTED = "restricted"
    ERASED = "erased"
    DAMAGED = "damaged"


NOTES: Final = {
    Withheld.RESTRICTED: b"its processing is restricted (Art. 18 GDPR): it is not opened meanwhile\n",
    Withheld.ERASED: b"it has been erased\n",
    Withheld.DAMAGED: b"it does not open as it was stored\n",
}


@dataclass(frozen=True, slots=True)
class Stored:
    """A volume as it lies in the store; ``sha256`` is of the sealed bytes, in hexadecimal."""

    sealed_bytes: int
    sha256: str
    withheld: dict[Id, Withheld] = field(default_factory=dict)


class WithdrawnError(VaultError):
    """What is being made holds what must not be in it any more: it is deleted, and made anew without."""

    def __init__(self) -> None:
        super().__init__("the volume is not wanted any more")


class _DamagedError(VaultError):
    """An item that does not open, found in the middle of its file: the volume is made again without it."""

    def __init__(self, media_id: Id) -> None:
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


Wanted = Callable[[], Awaitable[None]]
"""Raises WithdrawnError where what is being made is not wanted any more."""


class Archive:
    """Makes volumes, one at a time."""

    def __init__(self, sources: Sources) -> None:
        self._from = sources

    async def volume(
        self, row: Row[Any], number: int, items: Collection[Id], require_wanted: Wanted
    ) -> Stored:
        """Make a volume of an exit and store it: of these media items, or without any of the rows.

        Raises WithdrawnError; DependencyError where the store or the database does not answer; and whatever
        opening an item raises that may open the next time: then the volume is tried again.
        """
        damaged: set[Id] = set()
        while True:
            withheld: dict[Id, Withheld] = {}
            members = self._media(items, damaged, withheld) if items else self._rows(row)
            try:
                stored = await self._stored(row, number, _watched(members, require_wanted))
            except _DamagedError as error:
                damaged.add(error.media_id)
            else:
                return replace(stored, withheld=withheld)

    async def _stored(self, row: Row[Any], number: int, members: AsyncIterator[Member]) -> Stored:
        key = volume_key(tenant_id=row.tenant_id, exit_id=row.id, number=number)
        try:
            await self._from.store.erase(key)  # a database that was set back does not know what lies there
            stored = await self._from.store.put(key, sealed_for(row.recipient, archive_of(members)))
        except StorageError as cause:
            raise DependencyError("the store does not take the archive; it is tried again") from cause
        return Stored(stored.size_bytes, stored.sha256.hex() if stored.sha256 else "")

    # rows

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

    # media

    async def _media(
        self, items: Collection[Id], damaged: Collection[Id], withheld: dict[Id, Withheld]
    ) -> AsyncGenerator[Member]:
        for media_id in items:
            now = self._from.clock.now()
            parts, why = await self._parts(media_id)
            if why is None and media_id in damaged:
                why = Withheld.DAMAGED
            if why is not None:
                withheld[media_id] = why
                yield member(f"media/{media_id}/WITHHELD.txt", NOTES[why], now)
                continue
            for part in parts:
                suffix = mimetypes.guess_extension(part.content_type) or ".bin"
                name = f"media/{media_id}/{part.part.value}{suffix}"
                yield Member(name, part.size_bytes, now, self._content(part))

    async def _parts(self, media_id: Id) -> tuple[list[StoredPart], Withheld | None]:
        """Find what there is of an item; what may be found the next time is raised."""
        try:
            return [await self._from.reader.part(media_id, part) for part in TAKEN], None
        except RestrictedError:
            return [], Withheld.RESTRICTED
        except ErasedError:
            return [], Withheld.ERASED
        except (TamperedError, NotFoundError):
            return [], Withheld.DAMAGED

    async def _content(self, part: StoredPart) -> AsyncGenerator[bytes]:
        """Give a file. What will never open damages it; a key service or a store that is away does not."""
        try:
            async for block in self._from.reader.stream(part, 0, part.size_bytes):
                yield bytes(block)
        except (TamperedError, KeyForgottenError) as cause:
            raise _DamagedError(part.media_id) from cause


async def _watched(members: AsyncIterator[Member], require_wanted: Wanted) -> AsyncGenerator[Member]:
    """Look before each file, and in the middle of long ones, whether the volume is still wanted."""
    async for each in members:
        await require_wanted()
        yield replace(each, content=_watched_content(each.content, require_wanted))


async def _watched_content(content: AsyncIterator[bytes], require_wanted: Wanted) -> AsyncGenerator[bytes]:
    given = 0
    async for piece in content:
        given += len(piece)
        if given >= WATCHED_BYTES:
            await require_wanted()
            given = 0
        yield piece


def _base64(node: bytes) -> str:
    return base64.b64encode(node).decode("ascii")
