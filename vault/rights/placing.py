"""What holds and restrictions share: they are placed on a thing of a call, for a reason that is sealed."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.db.tables import calls, media
from vault.errors import ErasedError, KeyForgottenError, NotFoundError
from vault.keys.blobs import Blobs
from vault.media.library import is_media_id
from vault.model import Id, is_id, uuid_of
from vault.policy import Principal, require_same_tenant


@dataclass(frozen=True, slots=True)
class Which:
    """Which of a tenant's are listed: all, or those on one call and in it; ended ones too, or not."""

    call_id: str | None = None
    only_lasting: bool = False


ALL: Final = Which()


class Reasons:
    """Seals reasons under the key of their call, so that they go with it. ``name`` tells kinds apart."""

    def __init__(self, blobs: Blobs, name: str) -> None:
        self._blobs = blobs
        self._name = name

    async def seal(self, reason: str, *, tenant_id: str, call_id: str, placed_id: str) -> bytes:
        """Seal one; ErasedError where the call's key is gone."""
        place = {"tenant_id": tenant_id, "object_id": call_id, "part": self._part(placed_id)}
        try:
            return await self._blobs.seal(**place, value={"reason": reason})
        except KeyForgottenError as cause:
            raise ErasedError("this call has been erased") from cause

    async def open(self, row: Row[Any]) -> str | None:
        """Open a row's; None where its call is being erased, or a restore brought the row back without it."""
        if row.sealed is None:
            return None
        place = {"tenant_id": row.tenant_id, "object_id": row.call_id, "part": self._part(row.id)}
        try:
            return str((await self._blobs.open(row.sealed, **place))["reason"])
        except KeyForgottenError:
            return None

    def _part(self, placed_id: str) -> str:
        return f"{self._name}-{uuid_of(placed_id)}"


async def call_of(connection: AsyncConnection, object_id: str, by: Principal) -> Id:
    """Find the call of a media item, or the call itself; NotFoundError for a missing or foreign thing."""
    table = media if is_media_id(object_id) else calls
    if table is calls and not is_id(object_id, "call"):
        raise NotFoundError
    row = (await connection.execute(select(table).where(table.c.id == object_id))).first()
    if row is None:
        raise NotFoundError
    require_same_tenant(by, row.tenant_id)
    return Id(row.call_id if table is media else row.id)


async def placed(connection: AsyncConnection, table: Table, placed_id: str, by: Principal) -> Row[Any]:
    """Read what was placed; NotFoundError for a missing or foreign one."""
    row = (await connection.execute(select(table).where(table.c.id == placed_id))).first()
    if row is None:
        raise NotFoundError
    require_same_tenant(by, row.tenant_id)
    return row
