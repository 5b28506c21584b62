"""What entries of the ledger say, done again in a database that was set back behind them.

Erasures, and what decides whether a thing may be erased or opened: holds, restrictions, that a shorter
retention was taken back, and whether a company leaves or stayed. A hold comes back without its reason, which
was sealed beside the entry and is lost; who asked for its release has to ask again.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock, from_text
from vault.db.tables import calls, erasures, holds, invitations, media, notes, restrictions, tenants
from vault.ledger.continuing import candidates, plain
from vault.ledger.leaf import EntryType
from vault.model import ErasureState, Id, ItemKind
from vault.rights.belongings import calls_of
from vault.rights.changes import cancel_again
from vault.rights.erasure import WITH_IT, went_along
from vault.rights.exits_again import begin_again, stay_again
from vault.rights.holds import HoldState
from vault.rights.requests import SYSTEM, DeletionRequests
from vault.rights.restrictions import mark
from vault.rights.tenant_rows import TENANT

Leaf = Mapping[str, Any]

OF_THE_KEY: Final = ("gen", "epoch", "key_commitment", "ct_sha256", "ct_len")  # in the entry that it is gone
KINDS: Final = {  # of what an erasure reaches, by the prefix of its name
    "ten": TENANT,
    "rec": ItemKind.RECORDING.value,
    "exp": ItemKind.EXPORT.value,
    "call": "call",
    "chat": "chat",
    "note": "note",
    "inv": "invitation",
}
WITH_A_KEY: Final = tuple(KINDS)
WITH_A_CALL: Final = ("chat", "note")
ENDS: Final = {
    EntryType.HOLD_RELEASED.value: HoldState.RELEASED,
    EntryType.HOLD_EXPIRED.value: HoldState.EXPIRED,
}


class Replay:
    """Does it again, in the caller's transaction. What neither a row nor a key leads to is left out."""

    def __init__(self, requests: DeletionRequests, clock: Clock) -> None:
        self._requests = requests
        self._clock = clock

    async def run(
        self, connection: AsyncConnection, leaves: Sequence[str], *, keyed: Collection[str] = ()
    ) -> None:
        """Do again what these leaves say, in their order; what is erased comes last, when holds are known.

        ``keyed`` are the names of what was asked to be erased and still has a key. One that no row leads to,
        because it was made after the copy, is erased as well; not where a hold that no row leads to either
        may be on it.
        """
        fields: list[Leaf] = [json.loads(leaf) for leaf in leaves]
        adrift = await self._keep(connection, fields)
        shredded = {leaf["object"]: leaf for leaf in fields if leaf["type"] == EntryType.OBJECT_SHREDDED}
        for leaf in fields:
            if leaf["type"] == EntryType.ERASURE_REQUESTED:
                found = await _found(connection, leaf)
                if found is None and leaf["tenant"] not in adrift:
                    found = _by_key(leaf, keyed)
                if found is not None:
                    await self._erase(connection, leaf, found, shredded.get(leaf["object"], {}))
        for leaf in shredded.values():
            await _take_over(connection, leaf)

    async def _keep(self, connection: AsyncConnection, fields: Sequence[Leaf]) -> Collection[str]:
        """Do again what keeps things, or not; names the tenants with a hold on what this database lacks."""
        adrift: dict[str, str] = {}
        for leaf in fields:
            match leaf["type"]:
                case EntryType.HOLD_PLACED:
                    if not await _hold(connection, leaf):
                        adrift[leaf["hold"]] = leaf["tenant"]
                case EntryType.HOLD_RELEASED | EntryType.HOLD_EXPIRED:
                    adrift.pop(leaf["hold"], None)
                    await _end_hold(connection, leaf)
                case EntryType.RESTRICTION_PLACED:
                    await self._restrict(connection, leaf)
                case EntryType.RESTRICTION_LIFTED:
                    await self._lift(connection, leaf)
                case EntryType.RETENTION_CHANGE_CANCELLED:
                    await cancel_again(connection, leaf)
                case EntryType.EXIT_BEGUN:
                    await begin_again(connection, leaf, by=SYSTEM)
                case EntryType.EXIT_CANCELLED:
                    await stay_again(connection, leaf)
        return set(adrift.values())

    async def _erase(
        self, connection: AsyncConnection, asked: Leaf, found: tuple[str, Id], shredded: Leaf
    ) -> None:
        tenant_id = _tenant(asked)
        await _recall(connection, tenant_id, self._clock.now())
        await self._requests.ask_again(
            connection,
            *found,
            tenant_id=tenant_id,
            at=from_text(asked["time"]),
            facts={name: asked[name] for name in ("request", "reason", "scope")},
            evidence=_evidence(shredded),
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


async def _recall(connection: AsyncConnection, tenant_id: Id, at: datetime) -> None:
    """Make the row of a tenant that came after the copy, for its requests and receipts; no more is known."""
    known = await connection.execute(select(tenants.c.id).where(tenants.c.id == tenant_id))
    if known.first() is None:
        row = {"id": tenant_id, "name": "", "retention_days": 1, "created_at": at, "leaving_at": at}
        await connection.execute(insert(tenants).values(row))


async def _hold(connection: AsyncConnection, placed: Leaf) -> bool:
    where = await _place(connection, placed)
    if where is None:
        return False
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
    return True


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


def _evidence(shredded: Leaf) -> dict[str, Any]:
    """Take over what an entry says of the keys that are gone: of what went along, not what each was."""
    evidence = {name: shredded[name] for name in OF_THE_KEY if name in shredded}
    names = [name for uuid in went_along(shredded) for name in candidates(uuid, WITH_A_CALL)]
    return {**evidence, WITH_IT: names} if names else evidence


async def _take_over(connection: AsyncConnection, shredded: Leaf) -> None:
    """Take over that an erasure had begun, so that no hold keeps it, and the epoch of the key that it forgot.

    One from before the copy has an older epoch.
    """
    names = candidates(shredded["object"], (*WITH_A_KEY, "ten"))
    pending = erasures.c.state != ErasureState.COMPLETE.value
    query = select(erasures).where(erasures.c.object_id.in_(names), pending)
    row = (await connection.execute(query)).first()
    if row is None:
        return
    values: dict[str, Any] = {"begun_at": row.begun_at or from_text(shredded["time"])}
    if "epoch" in shredded and (row.epoch or 0) < int(shredded["epoch"]):
        values |= {"evidence": {**row.evidence, **_evidence(shredded)}, "epoch": int(shredded["epoch"])}
    await connection.execute(update(erasures).where(erasures.c.object_id == row.object_id).values(values))


def _by_key(leaf: Leaf, keyed: Collection[str]) -> tuple[str, Id] | None:
    """Find what a leaf speaks of by its key alone."""
    for name in candidates(leaf["object"], WITH_A_KEY):
        if name in keyed:
            return KINDS[name.partition("_")[0]], Id(name)
    return None


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
