"""What a restored vault must show before anybody relies on it."""

import json
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from sqlalchemy import select

from vault.db.engine import Database
from vault.db.ledger_tables import is_shredded, leaves
from vault.db.tables import media
from vault.errors import DependencyError, VaultError
from vault.keys.store import KeyStore
from vault.ledger.continuing import candidates
from vault.media.reading import Reader
from vault.model import Id, MediaState, Part
from vault.rights.erasure import went_along
from vault.rights.replaying import WITH_A_KEY

PAGE: Final = 500  # rows of one statement
_GONE: Final = frozenset({MediaState.ERASING.value, MediaState.ERASED.value})


class KeysOfErased:
    """Looks, leaf by leaf, for keys of what the ledger says is shredded."""

    def __init__(self, database: Database, keys: KeyStore) -> None:
        self._database = database
        self._keys = keys
        self.checked = 0

    async def found(self) -> Sequence[str]:
        """Name the objects that still have a key; none is what every receipt says."""
        found: list[str] = []
        async for page in self._shredded():
            fields = [json.loads(row.leaf) for row in page]
            uuids = [uuid for each in fields for uuid in (each["object"], *went_along(each))]
            found += await self._keys.holding(
                [name for uuid in uuids for name in candidates(uuid, WITH_A_KEY)]
            )
            self.checked += len(page)
        return found

    async def _shredded(self) -> AsyncIterator[Sequence[Any]]:
        after = -1
        while True:
            query = (
                select(leaves.c.leaf_index, leaves.c.leaf)
                .where(is_shredded, leaves.c.leaf_index > after)
                .order_by(leaves.c.leaf_index)
                .limit(PAGE)
            )
            async with self._database.read() as connection:
                page = (await connection.execute(query)).all()
            if not page:
                return
            yield page
            after = page[-1].leaf_index


class KeysOfReady:
    """Opens the key of every recording that can be played, and draws a sample of them."""

    def __init__(self, database: Database, keys: KeyStore, *, sample: int) -> None:
        self._database = database
        self._keys = keys
        self._wanted = sample
        self._random = random.SystemRandom()
        self._drawn = 0
        self.checked = 0
        self.sample: list[Id] = []

    async def lost(self) -> Sequence[str]:
        """Name the recordings whose key is missing or does not open."""
        lost: list[str] = []
        async for page in self._ready():
            lost += await self._keys.unopened([(row.tenant_id, row.id, row.gen) for row in page])
            self.checked += len(page)
            for row in page:
                if row.restricted_at is None:  # what is restricted is not opened
                    self._draw(row.id)
        return lost

    def _draw(self, media_id: Id) -> None:
        """Keep each with the same chance, however many there are (Vitter's algorithm R)."""
        self._drawn += 1
        if len(self.sample) < self._wanted:
            self.sample.append(media_id)
        elif (place := self._random.randrange(self._drawn)) < self._wanted:
            self.sample[place] = media_id

    async def _ready(self) -> AsyncIterator[Sequence[Any]]:
        after = ""
        while True:
            query = (
                select(media.c.id, media.c.tenant_id, media.c.gen, media.c.restricted_at)
                .where(media.c.state == MediaState.READY.value, media.c.id > after)
                .order_by(media.c.id)
                .limit(PAGE)
            )
            async with self._database.read() as connection:
                page = (await connection.execute(query)).all()
            if not page:
                return
            yield page
            after = page[-1].id


async def unplayable(reader: Reader, sample: Sequence[Id], *, live: Database) -> Sequence[str]:
    """Open the first and the last segment of each; name those that do not, but what ``live`` erased since."""
    found: list[str] = []
    for media_id in sample:
        try:
            await _open_ends(reader, media_id)
        except DependencyError:
            raise  # it says nothing of the recording
        except VaultError:
            if not await _is_gone(live, media_id):
                found.append(media_id)
    return found


async def _open_ends(reader: Reader, media_id: Id) -> None:
    part = await reader.part(media_id, Part.MEDIA)
    size_bytes = part.size_bytes
    if not size_bytes:
        return
    for start, stop in ((0, min(size_bytes, part.segment_bytes)), (size_bytes - 1, size_bytes)):
        async for _ in reader.stream(part, start, stop):
            continue


async def _is_gone(live: Database, media_id: Id) -> bool:
    async with live.read() as connection:
        state = (await connection.execute(select(media.c.state).where(media.c.id == media_id))).scalar()
    return state in _GONE
