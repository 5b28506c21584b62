"""The tenant's media as lists and single items: what there is, never the bytes themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select

from vault.db.engine import Database
from vault.db.tables import buttons, erasures, legs, media, parts
from vault.errors import NotFoundError
from vault.model import Id, ItemKind, LegKind, MediaState, Part, Role, is_id
from vault.policy import Permission, Principal, require, require_same_tenant


@dataclass(frozen=True, slots=True)
class MediaItem:
    """One media item as its tenant's people see it; an export is nobody's side of a call."""

    id: Id
    tenant_id: Id
    kind: ItemKind
    state: MediaState
    call_id: Id
    leg_id: Id | None
    leg_role: Role | None
    leg_kind: LegKind | None
    button_id: Id
    button_name: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    size_bytes: int | None
    content_type: str | None
    codecs: tuple[str, ...]
    parts: tuple[Part, ...]
    recovered: bool
    retain_until: datetime
    restricted_at: datetime | None
    erased_at: datetime | None
    deletion_request_id: Id | None


@dataclass(frozen=True, slots=True)
class MediaFilter:
    """Which items a list shows; ``after`` is the (created_at, id) of the last item of the page before."""

    state: MediaState | None = None
    kind: ItemKind | None = None
    button_id: str | None = None
    call_id: str | None = None
    from_: datetime | None = None
    to: datetime | None = None
    ascending: bool = False
    after: tuple[datetime, str] | None = None


class Library:
    """Lists and finds media items."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, wanted: MediaFilter, *, by: Principal, limit: int) -> Sequence[MediaItem]:
        """Give one page, newest first unless asked otherwise; every page costs the same (keyset)."""
        require(by, Permission.MEDIA_LIST)
        query = _filtered(_SELECT.where(media.c.tenant_id == by.tenant_id), wanted)
        order = (media.c.created_at, media.c.id)
        query = query.order_by(*(order if wanted.ascending else (column.desc() for column in order)))
        async with self._database.read() as connection:
            rows = (await connection.execute(query.limit(limit))).all()
            ids = [row.id for row in rows]
            found = await connection.execute(
                select(parts.c.media_id, parts.c.part).where(parts.c.media_id.in_(ids))
            )
            has: dict[str, list[Part]] = {}
            for part in found:
                has.setdefault(part.media_id, []).append(Part(part.part))
        return [_item(row, has.get(row.id, [])) for row in rows]

    async def get(self, media_id: str, *, by: Principal) -> MediaItem:
        """Find one item, erased ones too; NotFoundError for a missing or foreign one."""
        require(by, Permission.MEDIA_LIST)
        if not is_media_id(media_id):
            raise NotFoundError
        async with self._database.read() as connection:
            row = (await connection.execute(_SELECT.where(media.c.id == media_id))).first()
            if row is None:
                raise NotFoundError
            require_same_tenant(by, row.tenant_id)
            found = await connection.execute(select(parts.c.part).where(parts.c.media_id == media_id))
            return _item(row, [Part(part.part) for part in found])


def is_media_id(text: str) -> bool:
    """Tell whether a text names a media item of any kind."""
    return is_id(text, "rec") or is_id(text, "exp")


_SELECT = (
    select(
        media,
        buttons.c.name.label("button_name"),
        legs.c.role.label("leg_role"),
        legs.c.kind.label("leg_kind"),
        erasures.c.request_id,
    )
    .join(buttons, buttons.c.id == media.c.button_id)
    .join(legs, legs.c.id == media.c.leg_id)
    .outerjoin(erasures, erasures.c.object_id == media.c.id)
)


def _filtered(query: Select[Any], wanted: MediaFilter) -> Select[Any]:
    if wanted.state is not None:
        query = query.where(media.c.state == wanted.state.value)
    if wanted.kind is not None:
        query = query.where(media.c.kind == wanted.kind.value)
    if wanted.button_id is not None:
        query = query.where(media.c.button_id == wanted.button_id)
    if wanted.call_id is not None:
        query = query.where(media.c.call_id == wanted.call_id)
    if wanted.from_ is not None:
        query = query.where(media.c.created_at >= wanted.from_)
    if wanted.to is not None:
        query = query.where(media.c.created_at < wanted.to)
    if wanted.after is None:
        return query
    at, media_id = wanted.after
    if wanted.ascending:
        return query.where((media.c.created_at > at) | ((media.c.created_at == at) & (media.c.id > media_id)))
    return query.where((media.c.created_at < at) | ((media.c.created_at == at) & (media.c.id < media_id)))


def _item(row: Row[Any], has: Sequence[Part]) -> MediaItem:
    is_side = row.kind == ItemKind.RECORDING
    return MediaItem(
        id=row.id,
        tenant_id=row.tenant_id,
        kind=ItemKind(row.kind),
        state=MediaState(row.state),
        call_id=row.call_id,
        leg_id=row.leg_id if is_side else None,
        leg_role=Role(row.leg_role) if is_side else None,
        leg_kind=LegKind(row.leg_kind) if is_side else None,
        button_id=row.button_id,
        button_name=row.button_name,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        duration_ms=row.duration_ms,
        size_bytes=row.size_bytes,
        content_type=row.content_type,
        codecs=tuple(row.codecs),
        parts=tuple(sorted(has)),
        recovered=row.recovered,
        retain_until=row.retain_until,
        restricted_at=row.restricted_at,
        erased_at=row.erased_at,
        deletion_request_id=row.request_id,
    )
