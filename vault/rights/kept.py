"""What is kept of one call, as its visitor is told: each recording, never a second of it.

The rows say it; nothing is opened. A request for erasure is shown with its receipt only where all that it
reaches is of this call: one for everything of a visitor names other calls, and who holds the link to one may
be somebody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.engine import Database
from vault.db.tables import buttons, calls, consents, erasures, legs, media, messages, tenants
from vault.errors import ConflictError, NotFoundError
from vault.model import (
    CallState,
    ConsentChoice,
    ErasureReason,
    ErasureState,
    Id,
    ItemKind,
    LegKind,
    MediaState,
    Role,
    StopRule,
    is_id,
)
from vault.policy import Permission, Principal, require, require_own_call, require_same_tenant
from vault.rights.asked import DeletionRequest
from vault.rights.receipts import Receipts
from vault.rights.requests import DeletionRequests


class Side(StrEnum):
    """Whose picture and voice an item holds."""

    VISITOR = "visitor"
    AGENT = "agent"
    BOTH = "both"


class KeptKind(StrEnum):
    """What an item is to a visitor."""

    CAMERA = "camera"
    SCREEN = "screen"
    COPY = "copy"  # one file made of several


class KeptState(StrEnum):
    """How it stands with what might be kept."""

    NOTHING = "nothing"
    BEING_MADE = "being_made"  # captured or finished right now
    KEPT = "kept"
    BEING_ERASED = "being_erased"
    ERASED = "erased"


_STATES: Final = {
    MediaState.CAPTURING: KeptState.BEING_MADE,
    MediaState.FINISHING: KeptState.BEING_MADE,
    MediaState.READY: KeptState.KEPT,
    MediaState.LOST: KeptState.NOTHING,
    MediaState.ERASING: KeptState.BEING_ERASED,
    MediaState.ERASED: KeptState.ERASED,
}


@dataclass(frozen=True, slots=True)
class KeptItem:
    """One recording, or a file made of several."""

    side: Side
    kind: KeptKind
    state: KeptState
    duration_ms: int | None
    retain_until: datetime
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """A request for erasure that reaches this call."""

    id: Id
    reason: ErasureReason
    requested_at: datetime
    completed_at: datetime | None
    has_receipt: bool  # complete, and of this call alone


@dataclass(frozen=True, slots=True)
class KeptView:
    """What its visitor is told of a call; ``retain_until`` is of the messages and of what the page told."""

    call_id: Id
    tenant_name: str
    state: CallState
    created_at: datetime
    ended_at: datetime | None
    consent: ConsentChoice | None
    records: bool
    rule: StopRule  # of a withdrawal: the tenant's, or what held then
    retain_until: datetime | None
    items: tuple[KeptItem, ...]
    chat: KeptState
    details: KeptState
    erased_at: datetime | None
    requests: tuple[KeptRequest, ...]


class Kept:
    """Tells a visitor what is kept of their call, takes their wish for its erasure, gives the receipt."""

    def __init__(self, database: Database, requests: DeletionRequests, receipts: Receipts) -> None:
        self._database = database
        self._requests = requests
        self._receipts = receipts

    async def of_call(self, call_id: str, *, by: Principal) -> KeptView:
        """Tell it; NotFoundError for any call but one's own."""
        require(by, Permission.CALL_KEPT)
        async with self._database.read() as connection:
            call = await _own(connection, call_id, by)
            found = await _media(connection, call.id)
            asked = await _asked(connection, call)
            chat = await connection.execute(
                select(messages.c.id).where(messages.c.call_id == call.id).limit(1)
            )
            has_chat = chat.first() is not None
        requests = await self._requests.touching(call.id, [call.id, *(row.id for row in found)])
        return KeptView(
            call_id=call.id,
            tenant_name=call.tenant_name,
            state=CallState(call.state),
            created_at=call.created_at,
            ended_at=call.ended_at,
            consent=None if call.choice is None else ConsentChoice(call.choice),
            records=call.records,
            rule=StopRule(call.withdrawal_rule or call.on_withdrawal),
            retain_until=_until(call, found),
            items=tuple(map(_item, found)),
            chat=_kept(has_chat, call.chat_id in asked or call.id in asked),
            details=_kept(call.personal is not None, call.id in asked),
            erased_at=call.erased_at,
            requests=tuple(_told(one, call.id, {row.id for row in found}) for one in requests),
        )

    async def erase(self, call_id: str, *, by: Principal) -> KeptRequest:
        """Ask for one's own call and all that belongs to it."""
        asked = await self._requests.of_own_call(call_id, by=by)
        async with self._database.read() as connection:
            found = await _media(connection, call_id)
        return _told(asked, call_id, {row.id for row in found})

    async def receipt(self, call_id: str, request_id: str, *, by: Principal) -> bytes:
        """Give the receipt of a request that is of this call alone; ConflictError while it is pending."""
        require(by, Permission.CALL_KEPT)
        async with self._database.read() as connection:
            call = await _own(connection, call_id, by)
            own = {row.id for row in await _media(connection, call.id)}
        for request in await self._requests.touching(call.id, [call.id, *own]):
            if request.id == request_id and _is_of(request, call.id, own):
                if not request.complete:
                    raise ConflictError("it is not complete yet; ask again in a moment")
                return await self._receipts.written(request)
        raise NotFoundError


async def _own(connection: AsyncConnection, call_id: str, by: Principal) -> Row[Any]:
    """Find the visitor's own call, with the rules it is under and its answer to the notice."""
    query = (
        select(
            calls,
            buttons.c.records,
            buttons.c.retention_days,
            tenants.c.name.label("tenant_name"),
            tenants.c.on_withdrawal,
            consents.c.choice,
            consents.c.withdrawal_rule,
        )
        .join(buttons, buttons.c.id == calls.c.button_id)
        .join(tenants, tenants.c.id == calls.c.tenant_id)
        .outerjoin(consents, consents.c.call_id == calls.c.id)
        .where(calls.c.id == call_id)
    )
    row = (await connection.execute(query)).first() if is_id(call_id, "call") else None
    if row is None:
        raise NotFoundError
    require_same_tenant(by, row.tenant_id)
    require_own_call(by, row.id)
    return row


async def _media(connection: AsyncConnection, call_id: str) -> Sequence[Row[Any]]:
    query = (
        select(media, legs.c.role, legs.c.kind.label("leg_kind"))
        .join(legs, legs.c.id == media.c.leg_id)
        .where(media.c.call_id == call_id)
        .order_by(media.c.id)
    )
    return (await connection.execute(query)).all()


async def _asked(connection: AsyncConnection, call: Row[Any]) -> set[str]:
    """Tell which of a call and its chat somebody asked to be erased, and which is not gone yet."""
    query = select(erasures.c.object_id).where(
        erasures.c.object_id.in_([one for one in (call.id, call.chat_id) if one is not None]),
        erasures.c.state != ErasureState.COMPLETE.value,
    )
    return set((await connection.execute(query)).scalars())


def _item(row: Row[Any]) -> KeptItem:
    is_copy = row.kind == ItemKind.EXPORT
    side = Side.VISITOR if row.role == Role.VISITOR else Side.AGENT
    return KeptItem(
        side=Side.BOTH if is_copy else side,
        kind=KeptKind.COPY if is_copy else KeptKind(LegKind(row.leg_kind).value),
        state=_STATES[MediaState(row.state)],
        duration_ms=row.duration_ms,
        retain_until=row.retain_until,
        erased_at=row.erased_at,
    )


def _until(call: Row[Any], found: Sequence[Row[Any]]) -> datetime | None:
    """Tell when what belongs to the call itself ends: the button's days after it, its recordings gone."""
    if call.ended_at is None:
        return None
    told: datetime = call.ended_at + timedelta(days=call.keep_days or call.retention_days)
    last: datetime = max([told, *(row.retain_until for row in found)])
    return last


def _kept(is_there: bool, is_asked: bool) -> KeptState:  # noqa: FBT001  # two facts, one state
    if not is_there:
        return KeptState.NOTHING
    return KeptState.BEING_ERASED if is_asked else KeptState.KEPT


def _told(request: DeletionRequest, call_id: str, own: set[str]) -> KeptRequest:
    return KeptRequest(
        id=request.id,
        reason=request.reason,
        requested_at=request.requested_at,
        completed_at=request.completed_at,
        has_receipt=request.complete and _is_of(request, call_id, own),
    )


def _is_of(request: DeletionRequest, call_id: str, own: set[str]) -> bool:
    """Tell whether all that a request reaches is of this call."""
    return request.call_id == call_id or all(
        item.object_id == call_id or item.object_id in own for item in request.items
    )
