"""Legs of a call, in the shape of WHIP (RFC 9725): an offer, its answer, candidates, the end."""

from typing import Any, Final

from pydantic import Field

from vault.errors import (
    BusyError,
    ConflictError,
    ConsentMissingError,
    MalformedError,
    NotFoundError,
    OfferRefusedError,
    PreconditionFailedError,
    PreconditionRequiredError,
    TooManyLegsError,
)
from vault.http.ask import Answer, Ask
from vault.http.proxies import limited_as
from vault.http.route import Cors, Route
from vault.http.wire import In, Out
from vault.model import LegKind, LegState, RecordingState, Role
from vault.policy import Permission

SDP: Final = "application/sdp"
FRAGMENT: Final = "application/trickle-ice-sdpfrag"
FRAGMENT_LIMIT_BYTES: Final = 8 * 1024


class LegQuery(In):
    """What the new leg carries."""

    kind: LegKind = Field(LegKind.CAMERA, description="A person, or a screen they share.")


class LegOut(Out):
    """A leg that is in the call now, as the others see it."""

    id: str
    role: Role
    kind: LegKind
    name: str
    state: LegState
    mine: bool
    recording: RecordingState


class LegsOut(Out):
    """Every leg of a call."""

    items: list[LegOut]


async def list_legs(ask: Ask[None, None]) -> Answer:
    """List the legs of a call that one is in."""
    found = await ask.services.legs.of_call(ask.path["call_id"], by=ask.principal)
    return Answer(
        body=LegsOut(
            items=[
                LegOut(
                    id=leg.id,
                    role=leg.role,
                    kind=leg.kind,
                    name=leg.name,
                    state=leg.state,
                    mine=leg.mine,
                    recording=leg.recording,
                )
                for leg in found
            ]
        )
    )


async def join(ask: Ask[bytes, LegQuery]) -> Answer:
    """Answer an SDP offer with a new leg (RFC 9725, 4.2)."""
    call_id = ask.path["call_id"]
    answered = await ask.services.legs.join(
        call_id,
        text_of(ask.body),
        by=ask.principal,
        address=limited_as(ask.client),
        kind=ask.query.kind,
    )
    return Answer(
        status=201,
        body=answered.sdp,
        content_type=SDP,
        headers={
            "Location": f"/v1/calls/{call_id}/legs/{answered.leg_id}",
            "ETag": f'"{answered.etag}"',
            **ask.services.relays.headers(),
        },
    )


async def trickle(ask: Ask[bytes, None]) -> Answer:
    """Take candidates of a leg (RFC 9725, 4.3.2)."""
    await ask.services.legs.trickle(
        ask.path["call_id"],
        ask.path["leg_id"],
        text_of(ask.body),
        if_match=tag_of(ask),
        by=ask.principal,
    )
    return Answer(status=204)


async def hang_up(ask: Ask[None, None]) -> Answer:
    """End a leg (RFC 9725, 4.2: DELETE answers 200)."""
    await ask.services.legs.hang_up(ask.path["call_id"], ask.path["leg_id"], by=ask.principal)
    return Answer(status=200)


def tag_of(ask: Ask[Any, Any]) -> str:
    """Return the entity tag in If-Match; raises PreconditionRequiredError, PreconditionFailedError."""
    given = ask.raw.if_match
    if not given:
        raise PreconditionRequiredError("send the answer's ETag in If-Match")
    if given[0].is_weak:  # RFC 9110, 13.1.1: If-Match compares strongly
        raise PreconditionFailedError("send the answer's ETag as it was given")
    return given[0].value


def text_of(raw: bytes) -> str:
    """Read a body of SDP; raises MalformedError."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as cause:
        raise MalformedError("an SDP body is UTF-8 text") from cause


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/calls/{call_id}/legs",
        handler=list_legs,
        needs=Permission.CALL_JOIN,
        summary="List the legs of a call that one is in.",
        tag="calls",
        responses={200: LegsOut},
        errors=(NotFoundError,),
        cors=Cors.BUTTON,
    ),
    Route(
        method="POST",
        path="/v1/calls/{call_id}/legs",
        handler=join,
        needs=Permission.CALL_JOIN,
        summary="Join a call with an SDP offer (WHIP).",
        tag="calls",
        body=SDP,
        query=LegQuery,
        limit_bytes=64 * 1024,
        responses={201: SDP},
        errors=(
            NotFoundError,
            ConflictError,
            ConsentMissingError,
            OfferRefusedError,
            TooManyLegsError,
            BusyError,
        ),
        cors=Cors.BUTTON,
    ),
    Route(
        method="PATCH",
        path="/v1/calls/{call_id}/legs/{leg_id}",
        handler=trickle,
        needs=Permission.CALL_JOIN,
        summary="Add ICE candidates to a leg.",
        tag="calls",
        body=FRAGMENT,
        limit_bytes=FRAGMENT_LIMIT_BYTES,
        responses={204: None},
        errors=(
            NotFoundError,
            ConflictError,
            MalformedError,
            PreconditionRequiredError,
            PreconditionFailedError,
        ),
        cors=Cors.BUTTON,
    ),
    Route(
        method="DELETE",
        path="/v1/calls/{call_id}/legs/{leg_id}",
        handler=hang_up,
        needs=Permission.CALL_JOIN,
        summary="End a leg.",
        tag="calls",
        responses={200: None},
        errors=(NotFoundError,),
        cors=Cors.BUTTON,
    ),
)
