"""Asking for erasure: one media item, a whole call, what was written in it, or everything of a visitor.

What was made of a recording goes with it: an export is an object of the same request, whoever asks.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crypto.receipts import LeafValue
from vault.calls.visitors import Field, calls_with, index_of
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import calls, deletion_requests, erasures, invitations, media
from vault.errors import ConflictError, ErasedError, InvalidError, NotFoundError
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger, Ready
from vault.media.library import is_media_id
from vault.model import (
    CALL_MOVES,
    MEDIA_MOVES,
    CallState,
    ErasureReason,
    ErasureState,
    Id,
    MediaState,
    before,
    is_id,
    new_id,
)
from vault.policy import Permission, Principal, require, require_own_call, require_same_tenant
from vault.rights.asked import DeletionRequest, first_request, request_of_row, requests_of_rows
from vault.rights.belongings import (
    MEDIA_KINDS,
    calls_of,
    invitation_of_call,
    invitations_of_visitor,
)
from vault.rights.erasure import key_evidence
from vault.rights.exits_again import leave_again
from vault.rights.reaching import (
    asked_before,
    exports_of,
    hold_rows,
    media_of,
    objects_of,
    require_no_leg,
    without_legs,
)
from vault.rights.restrictions import admit
from vault.rights.taken_along import withdraw
from vault.rights.tenant_rows import TENANT, require_nobody_in_call, shut_out

SYSTEM: Final = Id("system")
IDENTIFYING: Final = frozenset({Field.REFERENCE, Field.EMAIL, Field.PHONE})
ERASED: Final = "erased"  # why a call ended that nobody joined before its erasure
OBJECTS_MAX: Final = 1_000  # one request; a larger one is asked for in parts

Decide = Callable[[AsyncConnection, Id], Awaitable[None]]
"""Says, in the transaction that asks, whether a request is made; writes what comes with it, or raises."""


class DeletionRequests:
    """Takes requests; ``vault.rights.erasure`` carries them out."""

    def __init__(
        self, database: Database, keys: KeyStore, blobs: Blobs, ledger: Ledger, clock: Clock
    ) -> None:
        self._database = database
        self._keys = keys
        self._blobs = blobs
        self._ledger = ledger
        self._clock = clock

    async def of_media(self, media_id: str, reason: ErasureReason, *, by: Principal) -> DeletionRequest:
        """Ask for one media item; ErasedError where it is done already, NotFoundError for a foreign one."""
        require(by, Permission.MEDIA_ERASE if is_agent(by) else Permission.ERASURE_REQUEST)
        async with self._database.read() as connection:
            row = (await connection.execute(select(media).where(media.c.id == media_id))).first()
        if row is None or not is_media_id(media_id):
            raise NotFoundError
        require_same_tenant(by, row.tenant_id)
        if row.state == MediaState.ERASED:
            raise ErasedError("this recording has been erased")
        return await self._ask(by.tenant_id, "media", [(row.kind, Id(row.id))], reason, by=by)

    async def of_call(self, call_id: str, reason: ErasureReason, *, by: Principal) -> DeletionRequest:
        """Ask for a call: its recordings and what the page told about its visitor."""
        require(by, Permission.ERASURE_REQUEST)
        return await self._of_call(call_id, reason, by)

    async def of_own_call(self, call_id: str, *, by: Principal) -> DeletionRequest:
        """Ask, as its visitor, for one's own call and all that belongs to it."""
        require(by, Permission.CALL_ERASE_OWN)
        require_own_call(by, call_id)
        return await self._of_call(call_id, ErasureReason.VISITOR_REQUEST, by)

    async def _of_call(self, call_id: str, reason: ErasureReason, by: Principal) -> DeletionRequest:
        async with self._database.read() as connection:
            row = (await connection.execute(select(calls).where(calls.c.id == call_id))).first()
            if row is None or not is_id(call_id, "call"):
                raise NotFoundError
            require_same_tenant(by, row.tenant_id)
            objects = await objects_of(connection, [row]) + await invitation_of_call(connection, row)
        if not objects:
            raise ErasedError("this call has been erased")
        return await self._ask(by.tenant_id, "call", objects, reason, by=by, call_id=row.id)

    async def of_visitor(
        self, value: str, reason: ErasureReason, *, by: Principal, field: Field = Field.REFERENCE
    ) -> DeletionRequest:
        """Ask for every ended call of a visitor's reference, address or number; NotFoundError where none is.

        It is matched exactly. A name is not asked for: more than one person may bear it.

        A call that still runs is left out, so that nobody keeps the others by staying on the line; ask again
        when it has ended.
        """
        require(by, Permission.ERASURE_REQUEST)
        if field not in IDENTIFYING:
            raise InvalidError("ask by reference, address or number: others may bear the same name")
        keyed = await index_of(self._blobs, by.tenant_id, field, value)
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(calls).where(calls.c.id.in_(calls_with(by.tenant_id, field, keyed)))
            )
            objects = await objects_of(connection, await without_legs(connection, rows.all()))
            objects += await invitations_of_visitor(connection, by.tenant_id, field, keyed)
        if not objects:
            raise NotFoundError("there is no ended call of this visitor")
        return await self._ask(by.tenant_id, "visitor", objects, reason, by=by)

    async def of_retention(self, tenant_id: Id, kind: str, object_id: Id) -> DeletionRequest:
        """Ask in the house's own name for a media item, a call or a note whose time is over."""
        scope = "media" if kind in MEDIA_KINDS else kind
        return await self._ask(tenant_id, scope, [(kind, object_id)], ErasureReason.RETENTION, by=None)

    async def of_stopped(self, tenant_id: Id, call_id: Id, reason: ErasureReason) -> Id | None:
        """Ask in the house's own name for what was recorded and written in a call that was stopped for good.

        The call may go on: what the page told about its visitor stays. None where nothing is left to ask for.
        """
        async with self._database.read() as connection:
            kept = await media_of(connection, [call_id], besides=(MediaState.ERASING, MediaState.ERASED))
            chat = await connection.execute(select(calls.c.chat_id).where(calls.c.id == call_id))
        chat_id = chat.scalar_one_or_none()
        kept += [("chat", chat_id)] if chat_id is not None else []
        if not kept:
            return None
        return (await self._ask(tenant_id, "media", kept, reason, by=None, call_id=call_id)).id

    async def of_tenant(self, tenant_id: Id, *, decide: Decide | None = None) -> DeletionRequest:
        """Ask, in the house's own name, for everything of a tenant: from here on nobody of it is let in.

        ``decide`` is asked with the tenant's row held: whoever takes back what led here was before, or is too
        late. Raises ConflictError while somebody is in a call, and whatever ``decide`` does.
        """
        all_of_it, reason = [(TENANT, tenant_id)], ErasureReason.TENANT_EXIT
        return await self._ask(tenant_id, TENANT, all_of_it, reason, by=None, decide=decide)

    async def get(self, request_id: str, *, by: Principal) -> DeletionRequest:
        """Show a request of the principal's tenant."""
        require(by, Permission.ERASURE_READ)
        async with self._database.read() as connection:
            row = (
                await connection.execute(
                    select(deletion_requests).where(deletion_requests.c.id == request_id)
                )
            ).first()
            if row is None:
                raise NotFoundError
            require_same_tenant(by, row.tenant_id)
            return await request_of_row(connection, row)

    async def list(
        self, *, by: Principal, before: str | None = None, limit: int = 50
    ) -> Sequence[DeletionRequest]:
        """Show the tenant's requests, newest first, those before a given id."""
        require(by, Permission.ERASURE_READ)
        query = select(deletion_requests).where(deletion_requests.c.tenant_id == by.tenant_id)
        if before is not None:
            query = query.where(deletion_requests.c.id < before)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(deletion_requests.c.id.desc()).limit(limit))
            return await requests_of_rows(connection, rows.all())

    async def touching(self, call_id: str, object_ids: Collection[str]) -> Sequence[DeletionRequest]:
        """Show the requests about a call, or about any of these, oldest first; whose it is has been asked."""
        named = select(erasures.c.request_id).where(erasures.c.object_id.in_(object_ids))
        query = select(deletion_requests).where(
            (deletion_requests.c.call_id == call_id) | deletion_requests.c.id.in_(named)
        )
        async with self._database.read() as connection:
            return await requests_of_rows(
                connection, (await connection.execute(query.order_by(deletion_requests.c.id))).all()
            )

    async def request_of(self, object_id: str) -> Id | None:
        """Name the request under which an object was or is being erased."""
        async with self._database.read() as connection:
            found = await connection.execute(
                select(erasures.c.request_id).where(erasures.c.object_id == object_id)
            )
            return found.scalar_one_or_none()

    async def _ask(
        self,
        tenant_id: Id,
        scope: str,
        objects: Sequence[tuple[str, Id]],
        reason: ErasureReason,
        *,
        by: Principal | None,
        call_id: Id | None = None,
        decide: Decide | None = None,
    ) -> DeletionRequest:
        """Write the request, its rows, the ledger entries, and take the media out of reach, in one go.

        An object that is being erased already keeps its first request: asking twice is asking once. An export
        that was begun while the keys were asked is found under the lock, and the asking begins again with it.
        """
        async with self._database.read() as connection:
            objects = [*objects, *await exports_of(connection, objects)]
        while True:
            if len(objects) > OBJECTS_MAX:
                raise ConflictError(
                    "this request reaches too many recordings at once; ask for them call by call"
                )
            found = await self._write(tenant_id, scope, objects, reason, by, call_id, decide)
            if isinstance(found, DeletionRequest):
                return found
            objects = [*objects, *found]

    async def _write(
        self,
        tenant_id: Id,
        scope: str,
        objects: Sequence[tuple[str, Id]],
        reason: ErasureReason,
        by: Principal | None,
        call_id: Id | None,
        decide: Decide | None,
    ) -> "DeletionRequest | Sequence[tuple[str, Id]]":
        """Write all of it; or name the exports that must be of the request too, and write nothing."""
        evidence = {one: key_evidence(await self._keys.records(object_id=one)) for _, one in objects}
        request_id = new_id("del")
        facts: dict[str, str] = {"request": request_id, "reason": reason.value, "scope": scope}
        ready = {one: await self._ledger.ready(_asked_entry(tenant_id, one, facts, by)) for _, one in objects}
        async with self._database.write() as connection:
            await hold_rows(connection, objects)
            if missed := await exports_of(connection, objects):
                return missed
            asked = await asked_before(connection, objects)
            fresh = [(kind, object_id) for kind, object_id in objects if object_id not in asked]
            first = None if fresh else await first_request(connection, objects[0][1])
            if decide is not None:
                await decide(connection, request_id if first is None else first.id)
            if first is not None:
                return first
            entries: list[Entry | Ready] = [ready[object_id] for _, object_id in fresh]
            asking = {**_asking(facts, tenant_id, by, call_id), "requested_at": self._clock.now()}
            written = insert(deletion_requests).returning(deletion_requests)
            row = (await connection.execute(written, asking)).one()
            of = await calls_of(connection, fresh)
            await withdraw(connection, tenant_id, [one for _, one in fresh], self._clock.now())
            entries += await admit(connection, of, reason, self._clock.now(), by)
            for kind, object_id in fresh:
                entries += await self._take_out_of_reach(connection, kind, tenant_id, object_id)
                made = _erasure(row, kind, object_id, of, evidence)
                await connection.execute(insert(erasures).values(made))
            for entry in entries:
                await self._ledger.append(connection, entry)
            return await request_of_row(connection, row)

    async def ask_again(
        self,
        connection: AsyncConnection,
        kind: str,
        object_id: Id,
        *,
        tenant_id: Id,
        at: datetime,
        facts: Mapping[str, str],
        evidence: dict[str, Any],
    ) -> None:
        """Write a request again that the ledger has and this database lacks; once is enough.

        What it reaches is out of reach at once. ``at`` is when it was asked; ``facts`` and ``evidence`` are
        those of its entries.
        """
        objects = [(kind, object_id)]
        if await asked_before(connection, objects):
            return
        of = await calls_of(connection, objects)
        query = select(deletion_requests).where(deletion_requests.c.id == facts["request"])
        row = (await connection.execute(query)).first()
        if row is None:
            call_id = None if facts["scope"] == "visitor" else of.get(object_id)
            asking = {**_asking(facts, tenant_id, None, call_id), "requested_at": at}
            written = insert(deletion_requests).returning(deletion_requests)
            row = (await connection.execute(written, asking)).one()
        if kind in MEDIA_KINDS:
            await _withhold(connection, object_id)
        elif kind == "invitation":
            await self._ends_invitation(connection, object_id)
        elif kind == TENANT:
            await leave_again(connection, tenant_id, row.id, self._clock.now())
            await shut_out(connection, tenant_id, self._clock.now())
        await withdraw(connection, tenant_id, [object_id], self._clock.now())
        await connection.execute(
            insert(erasures).values(_erasure(row, kind, object_id, of, {object_id: evidence}))
        )

    async def _take_out_of_reach(
        self, connection: AsyncConnection, kind: str, tenant_id: Id, object_id: Id
    ) -> Sequence[Entry]:
        """See to it that nothing is served or joined from here on; returns what the ledger says of it."""
        if kind in MEDIA_KINDS:
            await _withhold(connection, object_id)
        elif kind == "invitation":
            await self._ends_invitation(connection, object_id)
        elif kind == TENANT:
            await require_nobody_in_call(connection, tenant_id)
            await shut_out(connection, tenant_id, self._clock.now())
        elif kind == "call" and await self._ends_call(connection, object_id):
            return [_ended_entry(tenant_id, object_id)]
        return []

    async def _ends_invitation(self, connection: AsyncConnection, invitation_id: Id) -> None:
        """See to it that a link opens nothing from here on."""
        await connection.execute(
            update(invitations)
            .where(invitations.c.id == invitation_id, invitations.c.ended_at.is_(None))
            .values(ended_at=self._clock.now(), end_reason=ERASED)
        )

    async def _ends_call(self, connection: AsyncConnection, call_id: Id) -> bool:
        """End a call that nobody joined, so that nobody joins it later; False where it had ended before."""
        await require_no_leg(connection, [call_id])
        ended = await connection.execute(
            update(calls)
            .where(calls.c.id == call_id, calls.c.state.in_(before(CALL_MOVES, CallState.ENDED)))
            .values(state=CallState.ENDED.value, ended_at=self._clock.now(), end_reason=ERASED)
        )
        return ended.rowcount == 1


async def _withhold(connection: AsyncConnection, media_id: Id) -> None:
    """Take a recording out of reach: nothing of it is served from here on."""
    await connection.execute(
        update(media)
        .where(media.c.id == media_id, media.c.state.in_(before(MEDIA_MOVES, MediaState.ERASING)))
        .values(state=MediaState.ERASING.value)
    )


def _asking(
    facts: Mapping[str, str], tenant_id: Id, by: Principal | None, call_id: Id | None
) -> dict[str, Any]:
    return {
        "id": facts["request"],
        "tenant_id": tenant_id,
        "requested_by": by.id if by is not None else SYSTEM,
        "scope": facts["scope"],
        "call_id": call_id,
        "reason": facts["reason"],
    }


def _erasure(
    request: Row[Any],
    kind: str,
    object_id: Id,
    hang_from: Mapping[Id, Id],
    evidence: Mapping[Id, dict[str, Any]],
) -> dict[str, Any]:
    return {
        "object_id": object_id,
        "tenant_id": request.tenant_id,
        "request_id": request.id,
        "kind": kind,
        "call_id": hang_from.get(object_id),
        "state": ErasureState.REQUESTED.value,
        "evidence": evidence[object_id],
        "epoch": evidence[object_id].get("epoch"),
    }


def _asked_entry(tenant_id: Id, object_id: Id, facts: Mapping[str, LeafValue], by: Principal | None) -> Entry:
    return Entry(
        EntryType.ERASURE_REQUESTED,
        tenant_id=tenant_id,
        object_id=object_id,
        actor_id=by.id if by is not None else None,
        facts=facts,
    )


def _ended_entry(tenant_id: Id, call_id: Id) -> Entry:
    return Entry(EntryType.CALL_ENDED, tenant_id=tenant_id, object_id=call_id, facts={"reason": ERASED})


def is_agent(by: Principal) -> bool:
    """Tell whether a person asks from the console, rather than the company's own program."""
    return by.may(Permission.MEDIA_ERASE)
