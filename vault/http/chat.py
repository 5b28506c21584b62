"""What is written in a call while it goes on: ``/v1/calls/{call_id}/messages``."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import Field

from vault.calls.chat import PER_CALL, TEXT_CHARS, Message
from vault.errors import (
    ChatPausedError,
    ConflictError,
    ConsentMissingError,
    IdempotencyConflictError,
    NotFoundError,
)
from vault.http.ask import Answer, Ask
from vault.http.route import Cors, Route
from vault.http.wire import In, Moment, Out, Text
from vault.model import Id, Role
from vault.policy import Permission


class MessageIn(In):
    """A message; sent again with the same key it is the same message."""

    text: Text = Field(min_length=1, max_length=TEXT_CHARS)
    key: Text = Field(min_length=1, max_length=100, description="Chosen by the sender for this message.")


class MessageOut(Out):
    """A message; ``n`` is its place in the call. ``kept`` is false where it is not recorded."""

    id: str
    n: int
    role: Role
    name: str
    mine: bool
    at: Moment
    text: str
    kept: bool


class MessagesQuery(In):
    """After which place to go on."""

    after: int = Field(0, ge=0, le=2**31 - 1, description="`n` of the last message that is known.")
    limit: int = Field(200, ge=1, le=PER_CALL, description="Messages at most.")


class MessagesOut(Out):
    """Messages in their order."""

    items: list[MessageOut]


async def post_message(ask: Ask[MessageIn, None]) -> Answer:
    """Write to everybody in the call."""
    made = await ask.services.papers.chat.post(
        ask.path["call_id"], ask.body.text, key=ask.body.key, by=ask.principal
    )
    return Answer(status=201, body=(await present_messages(ask, [made]))[0])


async def list_messages(ask: Ask[None, MessagesQuery]) -> Answer:
    """Read what was written."""
    found = await ask.services.papers.chat.since(
        ask.path["call_id"], after=ask.query.after, limit=ask.query.limit, by=ask.principal
    )
    return Answer(body=MessagesOut(items=await present_messages(ask, found)))


async def present_messages(ask: Ask[Any, Any], found: Sequence[Message]) -> list[MessageOut]:
    """Write messages as the asker may see them: people by their names, the visitor by none."""
    who = ask.principal
    people = {message.person_id for message in found if message.person_id is not None}
    names = {person_id: await name_of(ask, person_id) for person_id in people}
    return [
        MessageOut(
            id=message.id,
            n=message.n,
            role=message.role,
            name="" if message.person_id is None else names[message.person_id],
            mine=who.id == message.person_id or (who.role is Role.VISITOR and message.person_id is None),
            at=message.at,
            text=message.text,
            kept=message.kept,
        )
        for message in found
    ]


async def name_of(ask: Ask[Any, Any], person_id: Id) -> str:
    """Give a person's display name; empty where it was erased."""
    try:
        person = await ask.services.identity.people.one(person_id, tenant_id=ask.principal.tenant_id)
    except NotFoundError:
        return ""
    return person.name


_PATH: Final = "/v1/calls/{call_id}/messages"
ROUTES: Final = (
    Route(
        method="POST",
        path=_PATH,
        handler=post_message,
        needs=Permission.CALL_JOIN,
        summary="Write to everybody in a call.",
        tag="calls",
        body=MessageIn,
        responses={201: MessageOut},
        errors=(
            NotFoundError,
            ConflictError,
            ConsentMissingError,
            ChatPausedError,
            IdempotencyConflictError,
        ),
        cors=Cors.BUTTON,
    ),
    Route(
        method="GET",
        path=_PATH,
        handler=list_messages,
        needs=Permission.CALL_JOIN,
        summary="Read what was written in a call that one is in.",
        tag="calls",
        query=MessagesQuery,
        responses={200: MessagesOut},
        errors=(NotFoundError, ConflictError, ConsentMissingError),
        cors=Cors.BUTTON,
    ),
)
