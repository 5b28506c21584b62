"""The relays of a call: ``/v1/calls/{call_id}/ice-servers``, asked anew before each connection."""

from typing import Final, TypedDict

from vault.calls.relays import Policy, Relays
from vault.errors import NotFoundError
from vault.http.ask import Answer, Ask
from vault.http.route import Cors, Route
from vault.http.wire import Out
from vault.model import CallState
from vault.policy import Permission


class IceServerOut(Out):
    """A TURN server with a credential that is good for a while, as RTCPeerConnection takes it."""

    urls: list[str]
    username: str
    credential: str


class IceOut(Out):
    """How a browser may connect; ``relay`` means through these servers alone."""

    ice_servers: list[IceServerOut]
    ice_transport_policy: Policy


class Ice(TypedDict):
    """The members that answers with relays have in common."""

    ice_servers: list[IceServerOut]
    ice_transport_policy: Policy


def ice_of(relays: Relays) -> Ice:
    """Write the relays with a fresh credential."""
    servers = [
        IceServerOut(urls=list(one.urls), username=one.username, credential=one.credential)
        for one in relays.servers()
    ]
    return {"ice_servers": servers, "ice_transport_policy": relays.policy}


async def show(ask: Ask[None, None]) -> Answer:
    """Tell whoever is in the call its relays."""
    call = await ask.services.legs.require_in(ask.path["call_id"], by=ask.principal)
    if call.state is CallState.ENDED:
        raise NotFoundError("this call has ended")
    return Answer(body=IceOut(**ice_of(ask.services.relays)))


ROUTES: Final = (
    Route(
        method="GET",
        path="/v1/calls/{call_id}/ice-servers",
        handler=show,
        needs=Permission.CALL_JOIN,
        summary="TURN servers for a call, with a fresh credential.",
        tag="calls",
        responses={200: IceOut},
        errors=(NotFoundError,),
        cors=Cors.BUTTON,
    ),
)
