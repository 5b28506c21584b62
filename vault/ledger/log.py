"""Appending to the ledger, reading it back, and what its entries tell about one object."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock, from_text
from vault.db.engine import Database, after_commit
from vault.db.tables import leaf_details, leaves
from vault.errors import KeyForgottenError, KeyProviderError, TamperedError
from vault.keys.blobs import Blobs
from vault.ledger import tree
from vault.ledger.leaf import RESERVED, UNWAITING, Blind, Entry, canonical, detail_commitment, make_leaf

SYSTEM_ACTOR: Final = "system"
UNNAMED: Final = "unnamed"  # a person, whom nobody could name then: the key provider did not answer
DETAIL_PART: Final = "ledger-detail"
HISTORY_MAX: Final = 200  # one page


@dataclass(frozen=True, slots=True)
class Told:
    """One entry as the history of an object tells it; ``detail`` is empty once its key is forgotten."""

    index: int
    type: str
    at: datetime
    actor: str
    facts: dict[str, Any]
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ready:
    """An entry with its actor named and its detail sealed: what is left to do needs no key."""

    entry: Entry
    actor: str
    blind: Blind = field(repr=False)
    sealed: bytes | None


class Ledger:
    """The one writer of leaves. ``append`` runs inside the transaction of the act it records."""

    def __init__(self, database: Database, blobs: Blobs, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._watchers: list[Callable[[Entry], None]] = []

    def watch(self, told: Callable[[Entry], None]) -> None:
        """Have each entry of this process told once it is durable; ``told`` neither waits nor fails."""
        self._watchers.append(told)

    async def ready(self, entry: Entry) -> Ready:
        """Do what needs keys, best before the transaction: the key store may keep it waiting.

        Raises KeyForgottenError where the actor's or the detail's key is gone. KeyProviderError where the key
        provider does not answer; but what a call does not wait for is written without what needs a key.
        """
        actor, sealed, blind = SYSTEM_ACTOR, None, Blind.new()
        try:
            if entry.actor_id is not None and entry.tenant_id is not None:
                actor = UNNAMED
                actor = await self._blobs.pseudonym(tenant_id=entry.tenant_id, subject_id=entry.actor_id)
            if entry.detail and entry.tenant_id is not None:
                sealed = await self._blobs.seal(
                    tenant_id=entry.tenant_id,
                    object_id=_detail_key(entry),
                    part=DETAIL_PART,
                    value={"key": blind.entry_key.hex(), "detail": canonical(entry.detail)},
                )
        except KeyProviderError:
            if entry.type not in UNWAITING:
                raise
            return Ready(replace(entry, detail={}), actor, blind, None)
        return Ready(entry, actor, blind, sealed)

    async def know(self, *, tenant_id: str, person_id: str) -> None:
        """Learn how a person is named, while their key is at hand: their acts in a call are then named."""
        with suppress(KeyForgottenError, KeyProviderError):
            await self._blobs.pseudonym(tenant_id=tenant_id, subject_id=person_id)

    async def append(self, connection: AsyncConnection, new: Entry | Ready) -> int:
        """Add an entry to the caller's transaction and return its index in the ledger."""
        ready = new if isinstance(new, Ready) else await self.ready(new)
        entry = ready.entry
        await tree.lock_for_append(connection)
        index = await tree.size(connection)
        now = self._clock.now()
        at = now.replace(microsecond=now.microsecond // 1_000 * 1_000)  # the leaf's own precision
        leaf = make_leaf(entry, at=at, actor=ready.actor, blind=ready.blind)
        await connection.execute(
            insert(leaves).values(
                leaf_index=index,
                leaf=leaf,
                type=entry.type.value,
                tenant_id=entry.tenant_id,
                object_id=entry.object_id,
                at=at,
            )
        )
        await tree.grow(connection, index, leaf.encode("ascii"))
        if ready.sealed is not None:
            key_object = _detail_key(entry)
            await connection.execute(
                insert(leaf_details).values(leaf_index=index, key_object=key_object, sealed=ready.sealed)
            )
        for told in self._watchers:
            after_commit(connection, partial(told, entry))
        return index

    async def record(self, entry: Entry) -> int:
        """Add an entry in a transaction of its own, where the act itself changes no row."""
        ready = await self.ready(entry)
        async with self._database.write() as connection:
            return await self.append(connection, ready)

    async def leaf(self, index: int, *, tenant_id: str) -> str | None:
        """Return the exact text of a tenant's leaf, or of the deployment's own; None for any other."""
        own = or_(leaves.c.tenant_id == tenant_id, leaves.c.tenant_id.is_(None))
        query = select(leaves.c.leaf).where(leaves.c.leaf_index == index, own)
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def history(
        self, object_id: str, *, before: int | None = None, limit: int = HISTORY_MAX
    ) -> Sequence[Told]:
        """Tell what happened to an object, newest first, at most ``limit`` entries older than ``before``."""
        query = (
            select(leaves, leaf_details.c.key_object, leaf_details.c.sealed)
            .outerjoin(leaf_details, leaf_details.c.leaf_index == leaves.c.leaf_index)
            .where(leaves.c.object_id == object_id)
            .order_by(leaves.c.leaf_index.desc())
            .limit(min(limit, HISTORY_MAX))
        )
        if before is not None:
            query = query.where(leaves.c.leaf_index < before)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [await self._tell(row) for row in rows]

    async def forget_details(self, connection: AsyncConnection, *, key_object: str) -> int:
        """Delete the details sealed under an object's key; the commitments in the leaves stay, unlinkable."""
        gone = await connection.execute(delete(leaf_details).where(leaf_details.c.key_object == key_object))
        return gone.rowcount

    async def _tell(self, row: Any) -> Told:
        leaf: dict[str, Any] = json.loads(row.leaf)
        detail: dict[str, Any] = {}
        if row.sealed is not None:
            try:
                opened = await self._blobs.open(
                    row.sealed, tenant_id=row.tenant_id, object_id=row.key_object, part=DETAIL_PART
                )
                detail = json.loads(opened["detail"])
                # Two details of one object open at each other's place: only the leaf tells them apart.
                if detail_commitment(bytes.fromhex(opened["key"]), detail) != leaf["detail"]:
                    raise TamperedError("a detail of the ledger stands beside another entry than its own")
            except KeyForgottenError:
                detail = {}
        facts = {name: value for name, value in leaf.items() if name not in RESERVED}
        return Told(row.leaf_index, leaf["type"], from_text(leaf["time"]), leaf["actor"], facts, detail)


def _detail_key(entry: Entry) -> str:
    """Name the object whose data key seals an entry's detail: its own, the object's, or the tenant's."""
    return entry.detail_key or entry.object_id or entry.tenant_id or ""
