"""Invitations: a link with which a visitor calls back whoever made it, once.

The secret is 128 random bits in the fragment of the link: browsers send it to nobody, and only its hash is
kept. Whatever is wrong with a link, whoever opens it learns one thing: that it leads nowhere. A call that was
begun uses it up when its visitor can be heard; until then the same link opens another one, so that a page
that was loaded anew locks nobody out. Of the calls that it opened one is joined (``vault.calls.invited``).
What the agent said of the visitor is sealed under the invitation's own key, copied into the call under the
call's, and erased when the invitation is over.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls import invited
from vault.calls.buttons import Button, Buttons
from vault.calls.calls import Calls, OpenCall, OpenedCall
from vault.calls.link_secrets import hash_of, new_secret
from vault.calls.notice import Language
from vault.calls.visitors import Visitor, indexes_of
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import buttons, calls, invitations
from vault.errors import (
    Fault,
    InvalidError,
    KeyForgottenError,
    KeyProviderError,
    LinkDeadError,
    NotFoundError,
)
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Id, is_id, new_id
from vault.policy import Permission, Principal, require

PERSONAL_PART: Final = "invitation-personal"
LIFE: Final = timedelta(hours=24)
LIFE_MIN: Final = timedelta(minutes=5)
LIFE_MAX: Final = timedelta(days=7)
SHOWN: Final = 200  # the newest ones; older ones are over
BATCH: Final = 200
USED, REVOKED, EXPIRED = "used", "revoked", "expired"
DEAD: Final = "this link is not good any more; ask for a new one"


@dataclass(frozen=True, slots=True)
class MadeInvitation:
    """A new invitation; ``secret`` is told once, here, and does not print."""

    id: Id
    secret: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"MadeInvitation({self.id})"


@dataclass(frozen=True, slots=True)
class InvitationView:
    """An invitation as the tenant's people see it; ``visitor`` is empty once it was erased."""

    id: Id
    button_id: Id
    person_id: Id
    state: str  # waiting, opened, used, revoked or expired
    visitor: dict[str, str]
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None
    call_id: Id | None  # the last one that it opened


class Invitations:
    """Makes, shows, opens and revokes invitations."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        blobs: Blobs,
        ledger: Ledger,
        buttons_: Buttons,
        calls_: Calls,
        clock: Clock,
    ) -> None:
        self._database = database
        self._keys = keys
        self._blobs = blobs
        self._ledger = ledger
        self._buttons = buttons_
        self._calls = calls_
        self._clock = clock

    async def make(
        self, button_id: str, visitor: Visitor, *, by: Principal, life: timedelta = LIFE
    ) -> MadeInvitation:
        """Invite a visitor to call through a button; raises InvalidError for another tenant's button."""
        require(by, Permission.CALL_ANSWER)
        await self._require_button(button_id, by)
        invitation_id = new_id("inv")
        secret = new_secret()
        await self._keys.create_data_key(tenant_id=by.tenant_id, object_id=invitation_id)
        now = self._clock.now()
        row: dict[str, Any] = {
            "id": invitation_id,
            "tenant_id": by.tenant_id,
            "button_id": button_id,
            "person_id": by.id,
            "secret_hash": hash_of(secret),
            "created_at": now,
            "expires_at": now + life,
        }
        row |= await self._sealed(by.tenant_id, invitation_id, visitor)
        ready = await self._ledger.ready(
            _entry(EntryType.INVITATION_MADE, by.tenant_id, invitation_id, by.id)
        )
        async with self._database.write() as connection:
            await connection.execute(insert(invitations).values(row))
            await self._ledger.append(connection, ready)
        return MadeInvitation(invitation_id, secret, now + life)

    async def list(self, *, by: Principal) -> Sequence[InvitationView]:
        """Show one's own newest invitations; whoever manages people sees everybody's."""
        require(by, Permission.CALL_ANSWER)
        query = select(invitations).where(invitations.c.tenant_id == by.tenant_id)
        if not by.may(Permission.PEOPLE_MANAGE):
            query = query.where(invitations.c.person_id == by.id)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(invitations.c.id.desc()).limit(SHOWN))).all()
            return [await self._view(connection, row) for row in rows]

    async def revoke(self, invitation_id: str, *, by: Principal) -> None:
        """Revoke one's own invitation, or any with the right to manage people; repeating it is harmless.

        A call that was begun with it goes on.
        """
        require(by, Permission.CALL_ANSWER)
        async with self._database.write() as connection:
            row = await _row(connection, invitation_id, lock=True)
            if row is None or row.tenant_id != by.tenant_id:
                raise NotFoundError
            if row.person_id != by.id:
                require(by, Permission.PEOPLE_MANAGE)
            if row.ended_at is None:
                await self._end(connection, row, REVOKED)
                entry = _entry(EntryType.INVITATION_REVOKED, row.tenant_id, row.id, by.id)
                await self._ledger.append(connection, entry)

    async def look(self, invitation_id: str, secret: str) -> Button:
        """Tell whoever holds a good link which button it calls through; LinkDeadError for any other."""
        async with self._database.read() as connection:
            row = await self._good(connection, invitation_id, secret)
        return await self._button(row)

    async def open(
        self, invitation_id: str, secret: str, *, language: Language, media: tuple[str, ...]
    ) -> OpenedCall:
        """Open the call of a link; raises LinkDeadError for one that is not good (any more)."""
        async with self._database.read() as connection:
            row = await self._good(connection, invitation_id, secret)
        button = await self._button(row)
        visitor = await self._visitor(row)
        asked = OpenCall(
            button.id,
            None,
            language,
            media,
            visitor or Visitor(),
            None,
            invitation_id=row.id,
            told_later=visitor is None,
        )

        async def claim(connection: AsyncConnection, call_id: Id) -> None:
            now = await self._good(connection, invitation_id, secret, lock=True)
            values: dict[str, Any] = {"call_id": call_id}
            if now.opened_at is None:
                values["opened_at"] = self._clock.now()
                entry = _entry(EntryType.INVITATION_OPENED, now.tenant_id, now.id, None)
                await self._ledger.append(connection, entry)
            await connection.execute(update(invitations).where(invitations.c.id == now.id).values(values))

        return await self._calls.open(asked, claim=claim)

    async def opened(self, call_id: str) -> bool:
        """Tell whether a call was opened with a link."""
        query = select(calls.c.id).where(calls.c.id == call_id, calls.c.invitation_id.is_not(None))
        async with self._database.read() as connection:
            return (await connection.execute(query)).first() is not None

    async def end_over(self) -> int:
        """End invitations whose time is over, or that were used; returns how many. Called by a job."""
        over = (invitations.c.expires_at <= self._clock.now()) | invited.USED
        query = select(invitations.c.id).where(invitations.c.ended_at.is_(None), over)
        async with self._database.read() as connection:
            ids = list((await connection.execute(query.order_by(invitations.c.id).limit(BATCH))).scalars())
        for invitation_id in ids:
            async with self._database.write() as connection:
                row = await _row(connection, invitation_id, lock=True)
                if row is None or row.ended_at is not None:
                    continue
                is_used = await invited.is_used(connection, row.id)
                await self._end(connection, row, USED if is_used else EXPIRED)
                if not is_used:
                    entry = _entry(EntryType.INVITATION_EXPIRED, row.tenant_id, row.id, None)
                    await self._ledger.append(connection, entry)
        return len(ids)

    async def past_retention(self, *, limit: int) -> Sequence[tuple[Id, Id]]:
        """Name invitations that are over and not erased yet, as (tenant, invitation).

        One whose call is still owed what is known of its visitor waits (``vault.calls.indexing``).
        """
        is_owed = exists().where(
            calls.c.invitation_id == invitations.c.id, calls.c.index_owed_at.is_not(None)
        )
        query = (
            select(invitations.c.tenant_id, invitations.c.id)
            .where(invitations.c.ended_at.is_not(None), invitations.c.erased_at.is_(None), ~is_owed)
            .order_by(invitations.c.id)
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [(row.tenant_id, row.id) for row in await connection.execute(query)]

    async def _good(
        self, connection: AsyncConnection, invitation_id: str, secret: str, *, lock: bool = False
    ) -> Row[Any]:
        row = await _row(connection, invitation_id, lock=lock)
        # One answer for unknown, guessed, expired, used and revoked: a stranger learns nothing from a guess.
        if (
            row is None
            or not secrets.compare_digest(row.secret_hash, hash_of(secret))
            or row.ended_at is not None
            or row.expires_at <= self._clock.now()
            or await invited.is_used(connection, row.id)
        ):
            raise LinkDeadError(DEAD)
        return row

    async def _button(self, row: Row[Any]) -> Button:
        try:
            return await self._buttons.public(row.button_id)
        except NotFoundError as cause:  # switched off since
            raise LinkDeadError(DEAD) from cause

    async def _require_button(self, button_id: str, by: Principal) -> None:
        query = select(buttons.c.id).where(
            buttons.c.id == button_id, buttons.c.tenant_id == by.tenant_id, buttons.c.disabled_at.is_(None)
        )
        async with self._database.read() as connection:
            if (await connection.execute(query)).first() is None:
                fault = Fault("#/button_id", "not_a_button", "name a button of yours that is on")
                raise InvalidError("this is no button of yours", [fault])

    async def _end(self, connection: AsyncConnection, row: Row[Any], reason: str) -> None:
        ended = {"ended_at": self._clock.now(), "end_reason": reason}
        await connection.execute(update(invitations).where(invitations.c.id == row.id).values(ended))

    async def _sealed(self, tenant_id: Id, invitation_id: Id, visitor: Visitor) -> dict[str, Any]:
        given = visitor.given()
        if not given:
            return {}
        sealed = await self._blobs.seal(
            tenant_id=tenant_id, object_id=invitation_id, part=PERSONAL_PART, value=given
        )
        found_by = await indexes_of(self._blobs, tenant_id, visitor)
        return {
            "personal": sealed,
            "indexes": {field.value: keyed.hex() for field, keyed in found_by.items()},
        }

    async def _personal(self, row: Row[Any], *, hurried: bool = False) -> dict[str, str]:
        if row.personal is None:
            return {}
        try:
            return await self._blobs.open(
                row.personal,
                tenant_id=row.tenant_id,
                object_id=row.id,
                part=PERSONAL_PART,
                hurried=hurried,
            )
        except KeyForgottenError:
            return {}

    async def _visitor(self, row: Row[Any]) -> Visitor | None:
        """Give what is known of the visitor; None while that is not to be had: no call waits for it."""
        try:
            told = (await self._personal(row, hurried=True)).get
        except KeyProviderError:
            return None
        return Visitor(told("reference"), told("name"), told("email"), told("phone"))

    async def _view(self, connection: AsyncConnection, row: Row[Any]) -> InvitationView:
        state = row.end_reason
        if state is None and await invited.is_used(connection, row.id):
            state = USED
        if state is None and row.expires_at <= self._clock.now():
            state = EXPIRED
        return InvitationView(
            id=row.id,
            button_id=row.button_id,
            person_id=row.person_id,
            state=state or ("waiting" if row.opened_at is None else "opened"),
            visitor=await self._personal(row),
            created_at=row.created_at,
            expires_at=row.expires_at,
            opened_at=row.opened_at,
            call_id=row.call_id,
        )


async def _row(connection: AsyncConnection, invitation_id: str, *, lock: bool = False) -> Row[Any] | None:
    if not is_id(invitation_id, "inv"):
        return None
    query = select(invitations).where(invitations.c.id == invitation_id)
    return (await connection.execute(query.with_for_update() if lock else query)).first()


def _entry(type_: EntryType, tenant_id: str, invitation_id: str, actor_id: str | None) -> Entry:
    return Entry(type_, tenant_id=tenant_id, object_id=invitation_id, actor_id=actor_id)
