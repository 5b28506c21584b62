"""What a request reaches: media of calls, what was made of them; and that nobody is in a call any more."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import calls, erasures, export_sources, invitations, legs, media, tenants
from vault.errors import ConflictError
from vault.model import Id, LegState, MediaState
from vault.rights.belongings import IDS_AT_ONCE, MEDIA_KINDS
from vault.rights.tenant_rows import TENANT


async def objects_of(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[tuple[str, Id]]:
    """Name what there is to erase of some calls; raises ConflictError where one is still running."""
    ids = [call.id for call in rows]
    await require_no_leg(connection, ids)
    objects = await media_of(connection, ids, besides=(MediaState.ERASED,))
    return objects + [("call", call.id) for call in rows if call.erased_at is None]


async def media_of(
    connection: AsyncConnection, call_ids: Sequence[str], *, besides: Collection[MediaState]
) -> list[tuple[str, Id]]:
    """Name the media of some calls, but those in these states."""
    objects: list[tuple[str, Id]] = []
    for some in batches(call_ids):
        found = await connection.execute(
            select(media.c.id, media.c.kind).where(
                media.c.call_id.in_(some), media.c.state.not_in(list(besides))
            )
        )
        objects += [(row.kind, row.id) for row in found]
    return objects


async def exports_of(
    connection: AsyncConnection, objects: Sequence[tuple[str, Id]]
) -> Sequence[tuple[str, Id]]:
    """Name the exports made of any of these that are not among them."""
    named = {object_id for _, object_id in objects}
    found: dict[str, str] = {}
    for some in batches(sorted(named)):
        rows = await connection.execute(
            select(media.c.id, media.c.kind)
            .join(export_sources, export_sources.c.media_id == media.c.id)
            .where(export_sources.c.source_id.in_(some), media.c.state != MediaState.ERASED.value)
        )
        found |= {row.id: row.kind for row in rows if row.id not in named}
    return [(kind, Id(object_id)) for object_id, kind in sorted(found.items())]


async def without_legs(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Leave out the calls that somebody is still in."""
    running: set[str] = set()
    for some in batches([call.id for call in rows]):
        found = await connection.execute(
            select(legs.c.call_id).where(legs.c.call_id.in_(some), legs.c.state != LegState.ENDED.value)
        )
        running.update(row.call_id for row in found)
    return [call for call in rows if call.id not in running]


async def require_no_leg(connection: AsyncConnection, call_ids: Sequence[str]) -> None:
    """Raise ConflictError where somebody is still in one of these calls."""
    for some in batches(call_ids):
        running = await connection.execute(
            select(legs.c.id).where(legs.c.call_id.in_(some), legs.c.state != LegState.ENDED.value).limit(1)
        )
        if running.first() is not None:
            raise ConflictError("the call is still running; ask again when it has ended")


async def hold_rows(connection: AsyncConnection, objects: Sequence[tuple[str, Id]]) -> None:
    """Keep the rows until the transaction ends, in one order, so that of two requests one is the first."""
    for kinds, table in (
        ({TENANT}, tenants),
        ({"call"}, calls),
        ({"invitation"}, invitations),
        (MEDIA_KINDS, media),
    ):
        for some in batches(sorted(object_id for kind, object_id in objects if kind in kinds)):
            await connection.execute(
                select(table.c.id).where(table.c.id.in_(some)).order_by(table.c.id).with_for_update()
            )


async def asked_before(connection: AsyncConnection, objects: Sequence[tuple[str, Id]]) -> set[str]:
    """Name those of some objects that are being erased already."""
    asked: set[str] = set()
    for some in batches([object_id for _, object_id in objects]):
        rows = await connection.execute(select(erasures.c.object_id).where(erasures.c.object_id.in_(some)))
        asked |= {row.object_id for row in rows}
    return asked


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a list to what one statement may name."""
    return (ids[start : start + IDS_AT_ONCE] for start in range(0, len(ids), IDS_AT_ONCE))
