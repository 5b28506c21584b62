"""Answering: whether one is there, and the calls that ring: ``/v1/me/presence``, take, decline."""

from typing import Final

from pydantic import Field

from vault.calls.cards import LegView
from vault.calls.presence import PresenceView
from vault.calls.relays import Policy
from vault.errors import ConflictError, NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.calls import CallOut, present_call
from vault.http.ice import IceServerOut, ice_of
from vault.http.route import Route
from vault.http.wire import In, Moment, Out
from vault.model import LegKind, Role
from vault.policy import Permission


class PresenceIn(In):
    """Whether one is there to answer calls."""

    available: bool


class PresenceOut(Out):
    """What one said last, and when; ``since`` is null until one has said anything."""

    available: bool
    since: Moment | None


class TakenLegOut(Out):
    """A leg that was in the call when it was taken; ``name`` is empty where none is known."""

    id: str
    role: Role
    kind: LegKind
    name: str


class TakenOut(Out):
    """A call that is the asker's now: join it with a leg, watch the legs that are in it."""

    call: CallOut
    legs: list[TakenLegOut]
    ice_servers: list[IceServerOut]
    ice_transport_policy: Policy


async def show_presence(ask: Ask[None, None]) -> Answer:
    """Tell whether one is there."""
    return Answer(body=_presence(await ask.services.ringing.presence(by=ask.principal)))


async def change_presence(ask: Ask[PresenceIn, None]) -> Answer:
    """Say whether one is there; it is kept until one says otherwise."""
    said = await ask.services.ringing.set_available(available=ask.body.available, by=ask.principal)
    return Answer(body=_presence(said))


class TakeQuery(In):
    """How the call is taken."""

    recorded: bool = Field(
        default=True,
        description="False: it is recorded no more, and nothing is kept of who waited to be answered.",
    )


async def take(ask: Ask[None, TakeQuery]) -> Answer:
    """Take a call that rings."""
    recorded = ask.query.recorded
    taken = await ask.services.ringing.take(ask.path["call_id"], by=ask.principal, recorded=recorded)
    view = taken.call
    if not recorded:
        await ask.services.control.withdrawals.unrecord(view.id, by=ask.principal)
        view = await ask.services.calls.view(view.id, by=ask.principal)
    call = await present_call(ask, view)
    legs = [_leg(leg) for leg in taken.legs]
    return Answer(body=TakenOut(call=call, legs=legs, **ice_of(ask.services.relays)))


async def decline(ask: Ask[None, None]) -> Answer:
    """Decline a call that rings."""
    await ask.services.ringing.decline(ask.path["call_id"], by=ask.principal)
    return Answer(status=204)


def _presence(view: PresenceView) -> PresenceOut:
    return PresenceOut(available=view.available, since=view.since)


def _leg(leg: LegView) -> TakenLegOut:
    return TakenLegOut(id=leg.id, role=leg.role, kind=leg.kind, name=leg.name)


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/me/presence",
        handler=show_presence,
        needs=Permission.CALL_ANSWER,
        summary="Tell whether one is there to answer calls.",
        tag="answering",
        responses={200: PresenceOut},
    ),
    Route(
        method="PUT",
        path="/v1/me/presence",
        handler=change_presence,
        needs=Permission.CALL_ANSWER,
        summary="Say whether one is there to answer calls.",
        tag="answering",
        body=PresenceIn,
        responses={200: PresenceOut},
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/take",
        handler=take,
        needs=Permission.CALL_ANSWER,
        summary="Take a call that rings.",
        tag="answering",
        query=TakeQuery,
        responses={200: TakenOut},
        errors=(NotFoundError, ConflictError),
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/decline",
        handler=decline,
        needs=Permission.CALL_ANSWER,
        summary="Decline a call that rings.",
        tag="answering",
        responses={204: None},
        errors=(NotFoundError, ConflictError),
    ),
)
