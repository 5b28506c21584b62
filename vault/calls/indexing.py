"""Calls that began while the key provider was away get what they are found by, as soon as it is back.

The keyed hashes need the tenant's own key; the call, and what the page told of its visitor, did not. The row
says that it is owed, until its indexes are there: in one transaction, so that a crash leaves the one or the
other.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import structlog
from sqlalchemy import Row, select, update

from vault.calls.invitations import PERSONAL_PART as INVITATION_PART
from vault.calls.visitors import PERSONAL_PART, Field, Visitor, add_indexes, indexes, sealed
from vault.db.engine import Database
from vault.db.tables import calls, invitations
from vault.errors import KeyForgottenError, KeyProviderError, TamperedError, VaultError
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore

log = structlog.get_logger(__name__)

BATCH: Final = 100
LOOK_EVERY_S: Final = 10.0


class Indexing:
    """Pays what is owed. Who starts ``run`` waits for it; it ends by cancellation."""

    def __init__(self, database: Database, keys: KeyStore, blobs: Blobs) -> None:
        self._database = database
        self._keys = keys
        self._blobs = blobs

    async def run(self) -> None:
        """Look again and again."""
        while True:
            try:
                await self.turn()
            except KeyProviderError:
                pass  # the watch says that it is away
            except VaultError as error:
                log.warning("calls.index_waits", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    async def turn(self) -> None:
        """Index every call that is owed it; raises KeyProviderError while the provider is away."""
        after = ""
        while rows := await self._owed(after):
            after = rows[-1].id
            for row in rows:
                await self._pay(row)

    async def _owed(self, after: str) -> Sequence[Row[Any]]:
        query = select(calls).where(calls.c.index_owed_at.is_not(None), calls.c.id > after)
        async with self._database.read() as connection:
            return (await connection.execute(query.order_by(calls.c.id).limit(BATCH))).all()

    async def _pay(self, row: Row[Any]) -> None:
        told = await self._told(row)
        names: Any = {"tenant_id": row.tenant_id, "call_id": row.id}
        visitor = Visitor(**{name: told[name] for name in Field if name in told})
        personal, found_by = row.personal, []
        try:
            found_by = await indexes(self._blobs, **names, visitor=visitor)
            if personal is None and told:
                personal = await sealed(self._blobs, **names, visitor=visitor, page_url=None)
        except KeyForgottenError:
            pass  # erased meanwhile: the row says so below
        async with self._database.write() as connection:
            held = select(calls.c.erased_at, calls.c.index_owed_at).where(calls.c.id == row.id)
            now = (await connection.execute(held.with_for_update())).first()
            if now is None or now.index_owed_at is None:  # another process was first
                return
            paid: dict[str, Any] = {"index_owed_at": None}
            if now.erased_at is None and await self._keys.holding([row.id]):
                await add_indexes(connection, found_by)
                paid["personal"] = personal
            await connection.execute(update(calls).where(calls.c.id == row.id).values(paid))

    async def _told(self, row: Row[Any]) -> dict[str, Any]:
        """Give what the page told, or the invitation knows; nothing where that is gone or does not open."""
        place = {"tenant_id": row.tenant_id, "object_id": row.id, "part": PERSONAL_PART}
        personal = row.personal
        if personal is None and row.invitation_id is not None:
            place |= {"object_id": row.invitation_id, "part": INVITATION_PART}
            query = select(invitations.c.personal).where(invitations.c.id == row.invitation_id)
            async with self._database.read() as connection:
                personal = (await connection.execute(query)).scalar_one_or_none()
        if personal is None:
            return {}
        try:
            return await self._blobs.open(personal, **place)
        except KeyForgottenError:
            return {}
        except TamperedError:
            log.error("call.not_indexed", call=row.id)
            return {}
