"""What the people of a call write to each other while it goes on.

A message is sealed under a key of the call's own chat, apart from the call's: it can be erased apart. Where
the visitor refused to be recorded nothing is stored: messages are held in this process while the call lasts.
Events say that there is a message, never what it says: texts are read here, so that none waits in a buffer
for somebody who comes back, neither through a pause nor past an erasure.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls.calls import Calls, CallView
from vault.calls.keeping import is_going, is_paused, keeps_text
from vault.calls.permits import Permit
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import calls, messages
from vault.errors import (
    ChatPausedError,
    ConflictError,
    IdempotencyConflictError,
    KeyForgottenError,
    TooManyRequestsError,
)
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.model import CallState, Id, Role, new_id, uuid_of
from vault.policy import Permission, Principal, require

TEXT_CHARS: Final = 2_000  # a paragraph or a long address; more is a document, which this is not for
PER_MINUTE: Final = 30  # of one sender: faster than anybody types, slower than a program floods
PER_CALL: Final = 1_000  # an hour of two who write without a break
HELD: Final = 200  # messages of a call that is not recorded, in memory
MESSAGE: Final = "call.message"


@dataclass(frozen=True, slots=True)
class Message:
    """One message; ``person_id`` is None for the visitor. ``kept`` is whether it was stored."""

    id: Id
    n: int
    role: Role
    person_id: Id | None
    at: datetime
    text: str = field(repr=False)
    kept: bool


class Tellings(Protocol):
    """Who is in a call, and how they are told (``vault.calls.tellings``)."""

    async def everybody(self, call_id: Id, /) -> frozenset[Id]:
        """Name the visitor and the people in a call."""
        ...

    def tell(self, people: frozenset[Id], type_: str, data: Mapping[str, object], /) -> None:
        """Tell them."""
        ...

    def when_over(self, act: Callable[[Id], None], /) -> None:
        """Have the end of each call told."""
        ...

    def permit_of(self, call_id: Id, /) -> Permit | None:
        """Give what this process knows of a call's recording, if it carries it."""
        ...


@dataclass(slots=True)
class _Room:
    """What this process knows of one running call's chat."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    last: int = 0
    sent: dict[Id, deque[float]] = field(default_factory=dict)
    held: dict[bytes, Message] = field(default_factory=dict)


class Chat:
    """Takes messages and gives them to whoever is in the call."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        blobs: Blobs,
        calls_: Calls,
        tellings: Tellings,
        clock: Clock,
    ) -> None:
        self._database = database
        self._keys = keys
        self._blobs = blobs
        self._calls = calls_
        self._tellings = tellings
        self._clock = clock
        self._rooms: dict[Id, _Room] = {}
        tellings.when_over(self._over)

    async def post(self, call_id: str, text: str, *, key: str, by: Principal) -> Message:
        """Take a message from somebody who is in the call; with the same ``key`` again it is the same one.

        Raises ChatPausedError during a pause, IdempotencyConflictError for a key that came with another text,
        TooManyRequestsError, and ConflictError where the call does not go on or is full of messages.
        """
        require(by, Permission.CALL_JOIN)
        view = await self._calls.joined(call_id, by=by)
        if view.state is not CallState.LIVE:
            raise ConflictError("nobody is in this call yet; join it, then write")
        room = self._rooms.setdefault(view.id, _Room())
        key_hash = hashlib.sha256(f"{by.id} {key}".encode()).digest()
        async with room.turn:
            made, is_new = await self._take(view, room, text, key_hash, by)
        if is_new:
            people = await self._tellings.everybody(view.id)
            self._tellings.tell(people, MESSAGE, {"call_id": view.id, "n": made.n})
        return made

    async def since(self, call_id: str, *, after: int, limit: int, by: Principal) -> Sequence[Message]:
        """Give the messages of a call after a place, in order, to somebody who is in it.

        A visitor may read them when it is over; people then open the call (``vault.calls.history``).
        """
        require(by, Permission.CALL_JOIN)
        view = await self._calls.view(call_id, by=by)
        if by.role is not Role.VISITOR:
            view = await self._calls.joined(call_id, by=by)
        found = await self.stored(view.id, view.tenant_id, after=after, limit=limit)
        held = self._rooms[view.id].held.values() if view.id in self._rooms else ()
        found = [*found, *(message for message in held if message.n > after)]
        return sorted(found, key=lambda message: message.n)[:limit]

    async def stored(
        self, call_id: Id, tenant_id: Id, *, after: int = 0, limit: int = PER_CALL
    ) -> list[Message]:
        """Open the stored messages of a call; none once they are erased."""
        query = select(messages).where(messages.c.call_id == call_id, messages.c.n > after)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(messages.c.n).limit(limit))).all()
        try:
            return [_message(row, await self._text(row, tenant_id)) for row in rows]
        except KeyForgottenError:
            return []

    async def _take(
        self, view: CallView, room: _Room, text: str, key_hash: bytes, by: Principal
    ) -> tuple[Message, bool]:
        before = room.held.get(key_hash) or await self._sent_before(view, key_hash)
        if before is not None:
            if before.text != text:
                raise IdempotencyConflictError("this key came with another message before")
            return before, False
        self._require_pace(room, by)
        made = Message(
            id=new_id("msg"),
            n=0,
            role=by.role,
            person_id=None if by.role is Role.VISITOR else by.id,
            at=self._clock.now(),
            text=text,
            kept=True,
        )
        return await self._written(view, room, made, key_hash), True

    async def _written(self, view: CallView, room: _Room, made: Message, key_hash: bytes) -> Message:
        """Give a message its place, and store it where the visitor agreed to be recorded."""
        async with self._database.read() as connection:
            await self._require_unpaused(connection, view.id)
            keeps = await self._keeps(connection, view.id)
        ready = await self._sealed(view, made) if keeps else None
        async with self._database.write() as connection:
            await connection.execute(select(calls.c.id).where(calls.c.id == view.id).with_for_update())
            if not await is_going(connection, view.id):
                self._over(view.id)  # its end may have been told before this began
                raise ConflictError("this call has ended")
            await self._require_unpaused(connection, view.id)
            made = replace(made, n=await self._next(connection, view.id, room), kept=ready is not None)
            # Asked again under the lock: who withdrew while we sealed is not stored.
            if ready is not None and await self._keeps(connection, view.id):
                chat_id, sealed = ready
                await connection.execute(update(calls).where(calls.c.id == view.id).values(chat_id=chat_id))
                await connection.execute(insert(messages).values(_row(view, chat_id, made, key_hash, sealed)))
            else:
                made = replace(made, kept=False)
        room.last = made.n
        if not made.kept:
            room.held[key_hash] = made
            while len(room.held) > HELD:
                room.held.pop(next(iter(room.held)))
        return made

    async def _keeps(self, connection: AsyncConnection, call_id: Id) -> bool:
        return await keeps_text(connection, call_id, self._tellings.permit_of(call_id))

    async def _require_unpaused(self, connection: AsyncConnection, call_id: Id) -> None:
        if await is_paused(connection, call_id, self._tellings.permit_of(call_id)):
            raise ChatPausedError("the recording is paused, and the chat with it")

    async def _sealed(self, view: CallView, made: Message) -> tuple[Id, bytes]:
        """Seal a message under the key of the call's chat, which the first one makes."""
        async with self._database.read() as connection:
            known = await connection.execute(select(calls.c.chat_id).where(calls.c.id == view.id))
        chat_id = known.scalar_one()
        if chat_id is None:
            chat_id = new_id("chat")
            await self._keys.create_data_key(tenant_id=view.tenant_id, object_id=chat_id)
        sealed = await self._blobs.seal(
            tenant_id=view.tenant_id,
            object_id=chat_id,
            part=part_of_message(made.id),
            value={"text": made.text},
        )
        return Id(chat_id), sealed

    async def _next(self, connection: AsyncConnection, call_id: Id, room: _Room) -> int:
        found = await connection.execute(select(func.max(messages.c.n)).where(messages.c.call_id == call_id))
        last = max(found.scalar_one_or_none() or 0, room.last)
        if last >= PER_CALL:
            raise ConflictError("this call holds as many messages as a call may")
        return last + 1

    async def _sent_before(self, view: CallView, key_hash: bytes) -> Message | None:
        query = select(messages).where(messages.c.call_id == view.id, messages.c.key_hash == key_hash)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else _message(row, await self._text(row, view.tenant_id))

    async def _text(self, row: Row[Any], tenant_id: Id) -> str:
        opened = await self._blobs.open(
            row.sealed, tenant_id=tenant_id, object_id=row.chat_id, part=part_of_message(row.id)
        )
        return str(opened["text"])

    def _require_pace(self, room: _Room, by: Principal) -> None:
        now_s = self._clock.monotonic()
        sent = room.sent.setdefault(by.id, deque())
        while sent and sent[0] <= now_s - 60:
            sent.popleft()
        if len(sent) >= PER_MINUTE:
            raise TooManyRequestsError("too many messages", retry_after_s=max(1, int(sent[0] + 61 - now_s)))
        sent.append(now_s)

    def _over(self, call_id: Id) -> None:
        """A call has ended: what was only held is gone."""
        self._rooms.pop(call_id, None)


def part_of_message(message_id: str) -> str:
    """Name a message among what its chat's key seals."""
    return f"message-{uuid_of(message_id)}"


def _row(view: CallView, chat_id: Id, made: Message, key_hash: bytes, sealed: bytes) -> dict[str, Any]:
    return {
        "id": made.id,
        "tenant_id": view.tenant_id,
        "call_id": view.id,
        "chat_id": chat_id,
        "n": made.n,
        "role": made.role.value,
        "person_id": made.person_id,
        "key_hash": key_hash,
        "sealed": sealed,
        "at": made.at,
    }


def _message(row: Row[Any], text: str) -> Message:
    return Message(row.id, row.n, Role(row.role), row.person_id, row.at, text, kept=True)
