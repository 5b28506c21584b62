"""What was asked to be erased, how far it is, and which receipts are final."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import distinct, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.ledger_tables import epoch_ends
from vault.db.tables import deletion_requests, erasures
from vault.media.holding import held
from vault.model import ErasureState


@dataclass(frozen=True, slots=True)
class Reason:
    """Requests for one reason, since the company began."""

    reason: str
    requests: int
    complete: int


@dataclass(frozen=True, slots=True)
class Erasures:
    """Requests and their objects. A *final* receipt also proves the end of every epoch a key lived in."""

    requests: int
    receipts_pending: int
    receipts_complete: int  # final ones apart
    receipts_final: int
    held: int
    oldest_pending_at: datetime | None
    last_completed_at: datetime | None
    by_reason: list[Reason]
    objects: dict[str, int]  # by state


async def all_erasures(connection: AsyncConnection, *, tenant_id: str, living: Collection[int]) -> Erasures:
    """Count them; ``living`` are the epochs whose key is there, also where an end of theirs was told."""
    own = deletion_requests.c.tenant_id == tenant_id
    reasons = select(
        deletion_requests.c.reason, func.count(), func.count(deletion_requests.c.completed_at)
    ).where(own)
    rows = (await connection.execute(reasons.group_by(deletion_requests.c.reason))).all()
    by_reason = sorted((Reason(*row) for row in rows), key=lambda each: each.reason)
    requests = sum(each.requests for each in by_reason)
    complete = sum(each.complete for each in by_reason)
    alive = await _with_a_living_epoch(connection, tenant_id, living)
    pending = deletion_requests.c.completed_at.is_(None)
    oldest = select(func.min(deletion_requests.c.requested_at)).where(own, pending)
    last = select(func.max(deletion_requests.c.completed_at)).where(own)
    return Erasures(
        requests=requests,
        receipts_pending=requests - complete,
        receipts_complete=alive,
        receipts_final=complete - alive,
        held=await _held(connection, tenant_id),
        oldest_pending_at=(await connection.execute(oldest)).scalar_one(),
        last_completed_at=(await connection.execute(last)).scalar_one(),
        by_reason=by_reason,
        objects=await _objects(connection, tenant_id),
    )


async def _with_a_living_epoch(connection: AsyncConnection, tenant_id: str, living: Collection[int]) -> int:
    """Count complete requests of which a key lived in an epoch that has not ended, or lives again.

    Epochs end in their order, so those that have not are the newest, and one or another before.
    """
    ended = {*(await connection.execute(select(epoch_ends.c.epoch))).scalars()} - set(living)
    newest = max(ended, default=0)
    lasting = set(range(1, newest)) - ended
    query = (
        select(func.count(distinct(erasures.c.request_id)))
        .join(deletion_requests, deletion_requests.c.id == erasures.c.request_id)
        .where(
            erasures.c.tenant_id == tenant_id,
            or_(erasures.c.epoch > newest, erasures.c.epoch.in_(lasting)),
            deletion_requests.c.completed_at.is_not(None),
        )
    )
    return int((await connection.execute(query)).scalar_one())


async def _held(connection: AsyncConnection, tenant_id: str) -> int:
    """Count the objects whose erasure waits for the end of a hold."""
    query = (
        select(func.count())
        .select_from(erasures)
        .where(
            erasures.c.tenant_id == tenant_id,
            erasures.c.begun_at.is_(None),
            erasures.c.state != ErasureState.COMPLETE.value,
            held(erasures.c.call_id, erasures.c.object_id),
        )
    )
    return int((await connection.execute(query)).scalar_one())


async def _objects(connection: AsyncConnection, tenant_id: str) -> dict[str, int]:
    query = (
        select(erasures.c.state, func.count())
        .where(erasures.c.tenant_id == tenant_id)
        .group_by(erasures.c.state)
    )
    counted = {row[0]: row[1] for row in await connection.execute(query)}
    return {state.value: counted.get(state.value, 0) for state in ErasureState}
