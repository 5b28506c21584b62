"""A deletion request as its rows tell it: what was asked for, how far each object is, what is held."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import deletion_requests, erasures
from vault.media.holding import ground_of
from vault.model import ErasureReason, ErasureState, HoldGround, Id


@dataclass(frozen=True, slots=True)
class ErasureItem:
    """One object of a request."""

    object_id: Id
    kind: str
    state: ErasureState
    live_erased_at: datetime | None
    leaf_index: int | None
    held: HoldGround | None = None  # why it waits, where a legal hold covers it
    held_leaf: int | None = None


@dataclass(frozen=True, slots=True)
class DeletionRequest:
    """A request as its tenant sees it; ``complete`` when every item is."""

    id: Id
    tenant_id: Id
    scope: str
    reason: ErasureReason
    requested_at: datetime
    completed_at: datetime | None
    items: tuple[ErasureItem, ...]
    call_id: Id | None = None  # where all that it reaches is known to be of one call

    @property
    def complete(self) -> bool:
        """Tell whether everything that was asked for is done."""
        return self.completed_at is not None


async def first_request(connection: AsyncConnection, object_id: str) -> DeletionRequest:
    """Show the request under which an object is being erased already."""
    row = (
        await connection.execute(
            select(deletion_requests)
            .join(erasures, erasures.c.request_id == deletion_requests.c.id)
            .where(erasures.c.object_id == object_id)
        )
    ).one()
    return await request_of_row(connection, row)


async def request_of_row(connection: AsyncConnection, row: Row[Any]) -> DeletionRequest:
    """Show one."""
    return (await requests_of_rows(connection, [row]))[0]


async def requests_of_rows(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[DeletionRequest]:
    """Show several, each with its objects."""
    found = await connection.execute(
        select(erasures, ground_of(erasures.c.call_id, erasures.c.object_id).label("ground"))
        .where(erasures.c.request_id.in_([row.id for row in rows]))
        .order_by(erasures.c.object_id)
    )
    items: dict[str, list[Row[Any]]] = {}
    for item in found:
        items.setdefault(item.request_id, []).append(item)
    return [_told(row, items.get(row.id, [])) for row in rows]


def _told(row: Row[Any], items: Sequence[Row[Any]]) -> DeletionRequest:
    return DeletionRequest(
        id=row.id,
        tenant_id=row.tenant_id,
        scope=row.scope,
        reason=ErasureReason(row.reason),
        requested_at=row.requested_at,
        completed_at=row.completed_at,
        items=tuple(map(_item, items)),
        call_id=row.call_id,
    )


def _item(row: Row[Any]) -> ErasureItem:
    waits = row.begun_at is None and row.ground is not None
    return ErasureItem(
        row.object_id,
        row.kind,
        ErasureState(row.state),
        row.live_erased_at,
        row.leaf_index,
        HoldGround(row.ground) if waits else None,
        row.held_leaf,
    )
