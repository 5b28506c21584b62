"""Links: the right of one signed-in person to play one media item, for one purpose, for minutes.

The path carries 128 random bits and nothing else; only its hash is stored. Every use is checked against the
rows again, so expiry, revocation, a lost role and an erasure bite at the next check, in mid-stream too.
"""

import base64
import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import links, media
from vault.errors import ConflictError, ErasedError, KeyForgottenError, LinkDeadError, NotFoundError
from vault.identity.tenants import is_here
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger, Ready
from vault.media.restricting import refusal
from vault.model import Id, MediaState, is_id, new_id
from vault.policy import Permission, Principal, require, require_same_tenant

COUNTED_LINKS: Final = 10_000  # further uses are counted in memory for so many links at once
PATH_BYTES: Final = 16  # 128 bits from the system's generator (ASVS 11.5.1)
# Made once: a player asks dozens of times, and building the statements costs as much as running them.
_LINK: Final = (
    select(links, media.c.state, media.c.restricted_at)
    .join(media, media.c.id == links.c.media_id)
    .where(links.c.path_hash == bindparam("path_hash"))
)
_COUNT: Final = (
    update(links)
    .where(links.c.id == bindparam("link_id"))
    .values(uses=links.c.uses + 1)
    .returning(links.c.uses)
)


@dataclass(frozen=True, slots=True)
class MadeLink:
    """A new link; ``path`` is told once, here."""

    id: Id
    media_id: Id
    path: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """A link that was good when it was checked."""

    link_id: Id
    tenant_id: Id
    media_id: Id
    expires_at: datetime


class Links:
    """Makes, checks and revokes links."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock, *, lifetime_s: float) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._lifetime = timedelta(seconds=lifetime_s)
        self._further: dict[Id, int] = {}

    async def make(self, media_id: str, purpose: str, *, by: Principal) -> MadeLink:
        """Make a link for the principal; the purpose is sealed in the ledger beside the entry.

        Raises NotFoundError, ErasedError, RestrictedError, ConflictError (not ready), ForbiddenError.
        """
        require(by, Permission.MEDIA_PLAY)
        path = base64.urlsafe_b64encode(secrets.token_bytes(PATH_BYTES)).decode("ascii").rstrip("=")
        link_id, now = new_id("lnk"), self._clock.now()
        async with self._database.write() as connection:
            row = await _media_row(connection, media_id)
            require_same_tenant(by, row.tenant_id)
            _require_ready(row)
            await connection.execute(
                insert(links).values(
                    id=link_id,
                    tenant_id=by.tenant_id,
                    media_id=media_id,
                    principal_id=by.id,
                    path_hash=_hash(path),
                    created_at=now,
                    expires_at=now + self._lifetime,
                    uses=0,
                )
            )
            await self._ledger.append(
                connection,
                Entry(
                    EntryType.LINK_MADE,
                    tenant_id=by.tenant_id,
                    object_id=media_id,
                    actor_id=by.id,
                    detail={"purpose": purpose, "person": by.id},
                ),
            )
        return MadeLink(link_id, Id(media_id), path, now + self._lifetime)

    async def use(self, path: str, *, by: Principal) -> Grant:
        """Check a link for its first or a further request, count it, and record the first in the ledger.

        A player asks for dozens of ranges: only the first request writes, the others are counted here and
        told in the closing entry. Raises LinkDeadError for everything that is wrong with it, ErasedError
        after an erasure.
        """
        async with self._database.read() as connection:
            grant, is_used = await self._checked(connection, path, by)
        if is_used:
            if len(self._further) >= COUNTED_LINKS:  # links of erased media are never closed
                self._further.pop(next(iter(self._further)))
            self._further[grant.link_id] = self._further.get(grant.link_id, 0) + 1
        else:
            await self._use_first(grant, by)
        return grant

    async def _use_first(self, grant: Grant, by: Principal) -> None:
        viewed = Entry(
            EntryType.MEDIA_VIEWED,
            tenant_id=grant.tenant_id,
            object_id=grant.media_id,
            actor_id=by.id,
            detail={"person": by.id},
        )
        ready = await self._ledger.ready(viewed)
        async with self._database.write() as connection:
            counted = await connection.execute(_COUNT, {"link_id": grant.link_id})
            if counted.scalar_one_or_none() == 1:  # of requests that come at once, one is the first
                await self._ledger.append(connection, ready)

    async def alive(self, grant: Grant) -> bool:
        """Tell whether a link that is being played may go on: not expired, not revoked, media as it was."""
        query = (
            select(links.c.expires_at, links.c.revoked_at, media.c.state, media.c.restricted_at)
            .join(media, media.c.id == links.c.media_id)
            .where(links.c.id == grant.link_id)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return (
            row is not None
            and row.revoked_at is None
            and row.expires_at > self._clock.now()
            and row.state == MediaState.READY
            and row.restricted_at is None
        )

    async def revoke(self, link_id: str, *, by: Principal) -> None:
        """Revoke one's own link, or any of the tenant's with the right to erase; repeating it is harmless."""
        require(by, Permission.MEDIA_LIST)
        async with self._database.write() as connection:
            row = (await connection.execute(select(links).where(links.c.id == link_id))).first()
            if row is None or not is_id(link_id, "lnk") or row.tenant_id != by.tenant_id:
                raise NotFoundError
            if row.principal_id != by.id:
                require(by, Permission.MEDIA_ERASE)
            if row.revoked_at is None:
                await connection.execute(
                    update(links).where(links.c.id == link_id).values(revoked_at=self._clock.now())
                )
                await self._ledger.append(
                    connection,
                    Entry(
                        EntryType.LINK_REVOKED,
                        tenant_id=by.tenant_id,
                        object_id=row.media_id,
                        actor_id=by.id,
                        detail={"person": by.id},
                    ),
                )

    async def close_expired(self) -> int:
        """Write the closing entry of each used link whose time is over; called by a job, at least hourly.

        Nothing is said of a company that has left; a link whose key is forgotten keeps no other.
        """
        query = (
            select(links)
            .join(media, media.c.id == links.c.media_id)
            .where(
                links.c.expires_at < self._clock.now(),
                links.c.uses > 0,
                media.c.state == MediaState.READY,
                is_here(links.c.tenant_id),
            )
            .limit(200)
        )
        async with self._database.read() as connection:
            over = (await connection.execute(query)).all()
        entries: dict[Id, Ready] = {}
        for row in over:
            with suppress(KeyForgottenError):
                entries[row.id] = await self._ledger.ready(self._view_closed(row))
        async with self._database.write() as connection:
            # Rows before leaves: whoever holds the ledger's turn waits for nobody's row.
            closed = [row.id for row in over if row.id in entries and await _close(connection, row)]
            for link_id in closed:
                await self._ledger.append(connection, entries[link_id])
        for link_id in closed:
            self._further.pop(link_id, None)
        return len(closed)

    def _view_closed(self, row: Row[Any]) -> Entry:
        return Entry(
            EntryType.MEDIA_VIEW_CLOSED,
            tenant_id=row.tenant_id,
            object_id=row.media_id,
            facts={"requests": row.uses + self._further.get(row.id, 0)},
            detail={"person": row.principal_id},
        )

    async def _checked(self, connection: AsyncConnection, path: str, by: Principal) -> tuple[Grant, bool]:
        row = (await connection.execute(_LINK, {"path_hash": _hash(path)})).first()
        # One answer for unknown, foreign, expired and revoked: a stranger learns nothing from a guess.
        if row is None or row.principal_id != by.id or row.tenant_id != by.tenant_id:
            raise LinkDeadError("this link does not open anything for you; make a new one")
        require(by, Permission.MEDIA_PLAY)
        if row.state in {MediaState.ERASING, MediaState.ERASED}:
            raise ErasedError("this recording has been erased")
        if row.restricted_at is not None:
            raise refusal()
        if row.revoked_at is not None or row.expires_at <= self._clock.now():
            raise LinkDeadError("this link does not open anything for you; make a new one")
        return Grant(row.id, row.tenant_id, row.media_id, row.expires_at), row.uses > 0


async def _media_row(connection: AsyncConnection, media_id: str) -> Row[Any]:
    # Locked: a link is made before an erasure is asked for, or not at all.
    row = (await connection.execute(select(media).where(media.c.id == media_id).with_for_update())).first()
    if row is None:
        raise NotFoundError
    return row


async def _close(connection: AsyncConnection, row: Row[Any]) -> bool:
    """Mark a link as closed; False where somebody else has, or an erasure took it."""
    marked = await connection.execute(
        update(links).where(links.c.id == row.id, links.c.uses == row.uses).values(uses=-row.uses)
    )
    return marked.rowcount == 1


def _require_ready(row: Row[Any]) -> None:
    if row.state in {MediaState.ERASING, MediaState.ERASED}:
        raise ErasedError("this recording has been erased")
    if row.restricted_at is not None:
        raise refusal()
    if row.state != MediaState.READY:
        raise ConflictError("this recording is not ready to be played")


def _hash(path: str) -> bytes:
    return hashlib.sha256(path.encode()).digest()
