"""Feeds: seeing and hearing another's leg. Signalling has the shape of WHEP (draft-ietf-wish-whep)."""

from typing import Final

from vault.errors import (
    BusyError,
    ConflictError,
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
from vault.http.signalling import FRAGMENT, FRAGMENT_LIMIT_BYTES, SDP, tag_of, text_of
from vault.policy import Permission


async def watch(ask: Ask[bytes, None]) -> Answer:
    """Answer an SDP offer that takes media with a feed of a leg."""
    call_id, leg_id = ask.path["call_id"], ask.path["leg_id"]
    shown = await ask.services.feeds.open(
        call_id, leg_id, text_of(ask.body), by=ask.principal, address=limited_as(ask.client)
    )
    return Answer(
        status=201,
        body=shown.sdp,
        content_type=SDP,
        headers={
            "Location": f"/v1/calls/{call_id}/legs/{leg_id}/feeds/{shown.feed_id}",
            "ETag": f'"{shown.etag}"',
            **ask.services.relays.headers(),
        },
    )


async def trickle(ask: Ask[bytes, None]) -> Answer:
    """Take candidates of whoever watches."""
    path = ask.path
    await ask.services.feeds.trickle(
        path["call_id"],
        path["leg_id"],
        path["feed_id"],
        text_of(ask.body),
        if_match=tag_of(ask),
        by=ask.principal,
    )
    return Answer(status=204)


async def stop(ask: Ask[None, None]) -> Answer:
    """End a feed; WHEP's DELETE answers 200."""
    path = ask.path
    await ask.services.feeds.close(path["call_id"], path["leg_id"], path["feed_id"], by=ask.principal)
    return Answer(status=200)


ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/calls/{call_id}/legs/{leg_id}/feeds",
        handler=watch,
        needs=Permission.CALL_JOIN,
        summary="See and hear another's leg with an SDP offer (WHEP).",
        tag="calls",
        body=SDP,
        limit_bytes=64 * 1024,
        responses={201: SDP},
        errors=(NotFoundError, ConflictError, OfferRefusedError, TooManyLegsError, BusyError),
        cors=Cors.BUTTON,
    ),
    Route(
        method="PATCH",
        path="/v1/calls/{call_id}/legs/{leg_id}/feeds/{feed_id}",
        handler=trickle,
        needs=Permission.CALL_JOIN,
        summary="Add ICE candidates to a feed.",
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
        path="/v1/calls/{call_id}/legs/{leg_id}/feeds/{feed_id}",
        handler=stop,
        needs=Permission.CALL_JOIN,
        summary="End a feed.",
        tag="calls",
        responses={200: None},
        errors=(NotFoundError,),
        cors=Cors.BUTTON,
    ),
)
