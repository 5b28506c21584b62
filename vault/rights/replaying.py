"""What entries of the ledger say, done again in a database that was set back behind them.

Erasures, and what decides whether a thing may be erased or opened: holds and restrictions. A hold comes back
without its reason, which was sealed beside the entry and is lost; who asked for its release has to ask again.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock, from_text
from vault.db.tables import calls, holds, invitations, media, notes, restrictions, tenants
from vault.ledger.continuing import candidates, plain
from vault.ledger.leaf import EntryType
from vault.model import Id
from vault.rights.belongings import calls_of
from vault.rights.holds import HoldState
from vault.rights.requests import SYSTEM, DeletionRequests
from vault.rights.restrictions import mark
from vault.rights.tenant_rows import TENANT

Leaf = Mapping[str, Any]

OF_THE_KEY: Final = ("gen", "epoch", "key_commitment", "ct_sha256", "ct_len")  # in the entry that it is gone
WITH_A_KEY: Final = ("ten", "rec", "exp", "call", "chat", "note", "inv")  # of what an erasure reaches
ENDS: Final = {
    EntryType.HOLD_RELEASED.value: HoldState.RELEASED,
    EntryType.HOLD_EXPIRED.value: HoldState.EXPIRED,
}


class Replay:
    """Does it again, in the caller's transaction. What no row of this database leads to is left out."""

    def __init__(self, requests: DeletionRequests, clock: Clock) -> None:
        self._requests = requests
        self._clock = clock

    async def run(self, connection: AsyncConnection, leaves: Sequence[str]) -> None:
        """Do again what these leaves say, in their order; what is erased comes last, when holds are known."""
        fields: list[Leaf] = [json.loads(leaf) for leaf in leaves]
        for leaf in fields:
            match leaf["type"]:
                case EntryType.HOLD_PLACED:
                    await _hold(connection, leaf)
                case EntryType.HOLD_RELEASED | EntryType.HOLD_EXPIRED:
                    await _end_hold(connection, leaf)
                case EntryType.RESTRICTION_PLACED:
                    await self._restrict(connection, leaf)
                case EntryType.RESTRICTION_LIFTED:
                    await self._lift(connection, leaf)
        shredded = {leaf["object"]: leaf for leaf in fields if leaf["type"] == EntryType.OBJECT_SHREDDED}
        for leaf in fields:
            if leaf["type"] == EntryType.ERASURE_REQUESTED:
                await self._erase(connection, leaf, shredded.get(leaf["object"], {}))

    async def _erase(self, connection: AsyncConnection, asked: Leaf, shredded: Leaf) -> None:
        found = await _found(connection, asked)
        if found is None:
            return  # made after the copy: nothing here leads to it
        await self._requests.ask_again(
            connection,
            *found,
            tenant_id=_tenant(asked),
            facts={name: asked[name] for name in ("request", "reason", "scope")},
            evidence={name: shredded[name] for name in OF_THE_KEY if name in shredded},
        )

    async def _restrict(self, connection: AsyncConnection, placed: Leaf) -> None:
        where = await _place(connection, placed)
        if where is None:
            return
        row = {
            **where,
            "id": f"rst_{plain(placed['restriction'])}",
            "ground": placed["ground"],
            "subject": placed["subject"],
            "placed_by": SYSTEM,
            "placed_at": from_text(placed["time"]),
        }
        await connection.execute(insert(restrictions).values(row))
        await mark(connection, where["call_id"], self._clock.now())

    async def _lift(self, connection: AsyncConnection, lifted: Leaf) -> None:
        this = restrictions.c.id == f"rst_{plain(lifted['restriction'])}"
        ended = {"lifted_at": from_text(lifted["time"]), "lifted_by": SYSTEM}
        rows = await connection.execute(
            update(restrictions).where(this).values(ended).returning(restrictions.c.call_id)
        )
        for (call_id,) in rows.all():
            await mark(connection, call_id, self._clock.now())


async def _hold(connection: AsyncConnection, placed: Leaf) -> None:
    where = await _place(connection, placed)
    if where is None:
        return
    row = {
        **where,
        "id": f"hold_{plain(placed['hold'])}",
        "ground": placed["ground"],
        "owner_id": SYSTEM,
        "placed_by": SYSTEM,
        "placed_at": from_text(placed["time"]),
        "expires_at": from_text(placed["until"]),
    }
    await connection.execute(insert(holds).values(row))


async def _end_hold(connection: AsyncConnection, ended: Leaf) -> None:
    values = {"ended_at": from_text(ended["time"]), "end_reason": ENDS[ended["type"]].value}
    this = holds.c.id == f"hold_{plain(ended['hold'])}"
    await connection.execute(update(holds).where(this).values(values))


async def _place(connection: AsyncConnection, leaf: Leaf) -> dict[str, Any] | None:
    """Say where a hold or a restriction belongs; None where this database does not know what it covers."""
    found = await _found(connection, leaf)
    if found is None:
        return None
    kind, object_id = found
    return {
        "tenant_id": _tenant(leaf),
        "call_id": (await calls_of(connection, [found]))[object_id],
        "media_id": None if kind == "call" else object_id,
    }


def _tenant(leaf: Leaf) -> Id:
    return Id(f"ten_{plain(leaf['tenant'])}")


async def _found(connection: AsyncConnection, leaf: Leaf) -> tuple[str, Id] | None:
    """Find what a leaf speaks of: its kind, as erasures call it, and its identifier."""
    names = candidates(leaf["object"], WITH_A_KEY)
    item = (await connection.execute(select(media.c.id, media.c.kind).where(media.c.id.in_(names)))).first()
    if item is not None:
        return item.kind, item.id
    named = {
        TENANT: select(tenants.c.id).where(tenants.c.id.in_(names)),
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
