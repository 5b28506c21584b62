"""The restore fence: a database that was set back serves nothing that was erased since.

What it lacks lies beside the objects: the ledger's entries. They are appended again as they were, and every
erasure among them is asked for again in the same transaction, so that what it reaches is out of reach from
that moment on, wherever a crash comes. A key store that was set back, alone or too, is told first.
"""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import calls, deletion_requests, erasures, invitations, media, notes
from vault.keys.store import KeyStore
from vault.ledger.checkpoints import Checkpoints
from vault.ledger.continuing import candidates, plain
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import MEDIA_MOVES, ErasureState, MediaState, before
from vault.rights.requests import SYSTEM

log = structlog.get_logger(__name__)

IDS_AT_ONCE: Final = 500  # names in one statement
OF_THE_KEY: Final = ("gen", "epoch", "key_commitment", "ct_sha256", "ct_len")  # in the entry that it is gone
WITH_A_KEY: Final = ("rec", "exp", "call", "chat", "note", "inv")  # of what an erasure reaches


class Fence:
    """Stands before the doors at each start."""

    def __init__(
        self, database: Database, keys: KeyStore, ledger: Ledger, checkpoints: Checkpoints, clock: Clock
    ) -> None:
        self._database = database
        self._keys = keys
        self._ledger = ledger
        self._checkpoints = checkpoints
        self._clock = clock

    async def let_through(self) -> int:
        """Bring what was set back up to date; tells how many entries the database lacked.

        Raises LedgerBrokenError where the database is no earlier state of the published ledger.
        """
        lacked = await self._checkpoints.require_continued(self._redo)
        keys = await self._forget_again()
        if lacked or keys:
            log.warning("system.restored", entries=lacked, keys=keys)
            facts = {"entries": lacked, "keys": keys}
            await self._ledger.record(Entry(EntryType.SYSTEM_RESTORED, facts=facts))
        return lacked

    async def _redo(self, connection: AsyncConnection, leaves: Sequence[str]) -> None:
        """Forget the keys of what these entries say is shredded, and ask for every erasure again."""
        fields = [json.loads(leaf) for leaf in leaves]
        gone = {each["object"]: each for each in fields if each["type"] == EntryType.OBJECT_SHREDDED}
        await self._keys.forget_all([name for uuid in gone for name in candidates(uuid, WITH_A_KEY)])
        held = {each["object"] for each in fields if each["type"] == EntryType.ERASURE_HELD} - set(gone)
        for each in fields:
            if each["type"] == EntryType.ERASURE_REQUESTED and each["object"] not in held:
                shredded = gone.get(each["object"], {})
                known = {name: shredded[name] for name in OF_THE_KEY if name in shredded}
                await self._ask_again(connection, each, known)

    async def _ask_again(
        self, connection: AsyncConnection, asked: dict[str, Any], evidence: dict[str, Any]
    ) -> None:
        found = await _found(connection, candidates(asked["object"], WITH_A_KEY))
        if found is None:
            return  # it was made after the copy: nothing here leads to it, and its key is forgotten
        kind, object_id = found
        tenant_id = f"ten_{plain(asked['tenant'])}"
        known = select(deletion_requests.c.id).where(deletion_requests.c.id == asked["request"])
        if (await connection.execute(known)).first() is None:
            request = {
                "id": asked["request"],
                "tenant_id": tenant_id,
                "requested_by": SYSTEM,
                "scope": asked["scope"],
                "reason": asked["reason"],
                "requested_at": self._clock.now(),
            }
            await connection.execute(insert(deletion_requests).values(request))
        row = {
            "object_id": object_id,
            "tenant_id": tenant_id,
            "request_id": asked["request"],
            "kind": kind,
            "state": ErasureState.REQUESTED.value,
            "evidence": evidence,
        }
        already = select(erasures.c.object_id).where(erasures.c.object_id == object_id)
        if (await connection.execute(already)).first() is None:
            await connection.execute(insert(erasures).values(row))
        await connection.execute(
            update(media)
            .where(media.c.id == object_id, media.c.state.in_(before(MEDIA_MOVES, MediaState.ERASING)))
            .values(state=MediaState.ERASING.value)
        )

    async def _forget_again(self) -> int:
        """Forget keys that a restored key store has of what the main database knows to be erased."""
        forgotten = 0
        async for some in self._erased():
            forgotten += await self._keys.forget_all(some)
        return forgotten

    async def _erased(self) -> AsyncIterator[Sequence[str]]:
        after = ""
        while True:
            query = (
                select(erasures.c.object_id)
                .where(erasures.c.object_id > after, erasures.c.state != ErasureState.REQUESTED.value)
                .order_by(erasures.c.object_id)
                .limit(IDS_AT_ONCE)
            )
            async with self._database.read() as connection:
                some = (await connection.execute(query)).scalars().all()
            if not some:
                return
            yield some
            after = some[-1]


async def _found(connection: AsyncConnection, names: Sequence[str]) -> tuple[str, str] | None:
    """Find what a leaf speaks of: its kind, as erasures call it, and its identifier."""
    item = (await connection.execute(select(media.c.id, media.c.kind).where(media.c.id.in_(names)))).first()
    if item is not None:
        return item.kind, item.id
    named = {
        "call": select(calls.c.id).where(calls.c.id.in_(names)),
        "chat": select(calls.c.chat_id).where(calls.c.chat_id.in_(names)),
        "note": select(notes.c.id).where(notes.c.id.in_(names)),
        "invitation": select(invitations.c.id).where(invitations.c.id.in_(names)),
    }
    for kind, query in named.items():
        found = (await connection.execute(query)).scalar_one_or_none()
        if found is not None:
            return kind, found
    return None
