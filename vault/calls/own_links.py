"""A visitor's own link: the way back to one call, without an account, on any device.

The secret is 128 random bits in the fragment of the link: browsers send it to nobody, and only its hash is
kept. A newer link takes the place of the one before. Whatever is wrong with a link, the call is as good as
missing. It outlives what it leads to, so that the receipt of an erasure can still be fetched.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls.invitations import Invitations
from vault.calls.link_secrets import hash_of, new_secret
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import buttons, calls, media, own_links
from vault.errors import NotFoundError
from vault.identity.tenants import is_here
from vault.identity.visits import tag_of
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Id, is_id
from vault.policy import Permission, Principal, require, require_own_call, require_same_tenant

AFTERWARDS: Final = timedelta(days=30)  # after the last of the call is gone, for its receipt
NOBODYS: Final = bytes(32)  # no text has this hash: a missing call costs what a wrong secret costs


@dataclass(frozen=True, slots=True)
class MadeOwnLink:
    """A new link; ``secret`` is told once, here, and does not print."""

    call_id: Id
    secret: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"MadeOwnLink({self.call_id})"


@dataclass(frozen=True, slots=True)
class Visit:
    """A link that was brought and is good; ``link`` is its tag."""

    call_id: Id
    tenant_id: Id
    link: str


@dataclass(frozen=True, slots=True)
class VisitorLinks:
    """Both kinds of link that a visitor may hold: what time ends, and what retention erases."""

    invitations: Invitations
    own: "OwnLinks"

    async def end_over(self) -> None:
        """End those whose time is over. Called by a job."""
        await self.invitations.end_over()
        await self.own.end_over()


class OwnLinks:
    """Makes links, knows a good one, ends those whose time is over."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock

    async def make(self, call_id: str, *, by: Principal) -> MadeOwnLink:
        """Make the link of the visitor's own call, live or ended; the one before is good no more."""
        require(by, Permission.CALL_OWN_LINK)
        require_own_call(by, call_id)
        secret = new_secret()
        async with self._database.write() as connection:
            call = await _held(connection, call_id, by)
            made = MadeOwnLink(Id(call.id), secret, await self._expiry(connection, call))
            await self._put(connection, call, made)
            entry = Entry(
                EntryType.OWN_LINK_MADE, tenant_id=call.tenant_id, object_id=call.id, actor_id=by.id
            )
            await self._ledger.append(connection, entry)
        return made

    async def visit(self, call_id: str, secret: str) -> Visit:
        """Take a link's secret; raises NotFoundError for whatever is not the call's good link."""
        async with self._database.read() as connection:
            found = await connection.execute(
                select(own_links).where(
                    own_links.c.call_id == call_id,
                    own_links.c.expires_at > self._clock.now(),
                    is_here(own_links.c.tenant_id),
                )
            )
            row = found.first() if is_id(call_id, "call") else None
        stored = NOBODYS if row is None else row.secret_hash
        if not secrets.compare_digest(stored, hash_of(secret)) or row is None:
            raise NotFoundError
        await self._ledger.record(
            Entry(EntryType.OWN_LINK_OPENED, tenant_id=row.tenant_id, object_id=row.call_id)
        )
        return Visit(Id(row.call_id), Id(row.tenant_id), tag_of(row.secret_hash))

    async def end_over(self) -> None:
        """Forget links whose time is over, and those of calls that have been erased for long."""
        now = self._clock.now()
        gone = (
            select(calls.c.id)
            .where(calls.c.id == own_links.c.call_id, calls.c.erased_at <= now - AFTERWARDS)
            .exists()
        )
        async with self._database.write() as connection:
            await connection.execute(delete(own_links).where((own_links.c.expires_at <= now) | gone))

    async def _put(self, connection: AsyncConnection, call: Row[Any], made: MadeOwnLink) -> None:
        """Write the row, or write it anew: the call's row is held, so nobody does the same meanwhile."""
        values = {
            "secret_hash": hash_of(made.secret),
            "created_at": self._clock.now(),
            "expires_at": made.expires_at,
        }
        known = await connection.execute(
            update(own_links).where(own_links.c.call_id == call.id).values(values)
        )
        if known.rowcount == 0:
            row = {"call_id": call.id, "tenant_id": call.tenant_id, **values}
            await connection.execute(insert(own_links).values(row))

    async def _expiry(self, connection: AsyncConnection, call: Row[Any]) -> datetime:
        """Tell when the last of a call is gone, and the time after it."""
        days = call.keep_days
        if days is None:
            of_button = select(buttons.c.retention_days).where(buttons.c.id == call.button_id)
            days = (await connection.execute(of_button)).scalar_one()
        told = (call.ended_at or self._clock.now()) + timedelta(days=days)
        longest = await connection.execute(
            select(func.max(media.c.retain_until)).where(media.c.call_id == call.id)
        )
        return max(told, longest.scalar_one() or told) + AFTERWARDS


async def _held(connection: AsyncConnection, call_id: str, by: Principal) -> Row[Any]:
    found = await connection.execute(select(calls).where(calls.c.id == call_id).with_for_update())
    row: Row[Any] | None = found.first()
    if row is None or not is_id(call_id, "call"):
        raise NotFoundError
    require_same_tenant(by, row.tenant_id)
    return row
