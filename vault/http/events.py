"""Events over a WebSocket (RFC 6455): one way, from the vault to a page, opened with a one-time ticket.

A browser sends its cookies with any page's handshake and no Authorization header, so neither decides who
listens: the ticket does, which only a page that could sign its request got. It travels as a subprotocol,
because addresses end in logs. The right to listen is looked up again while the socket is open.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final

import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import Field

from vault.calls.events import LAST_NUMBER, Close, Listener
from vault.errors import (
    BusyError,
    DependencyError,
    OriginRefusedError,
    UnauthenticatedError,
    VaultError,
)
from vault.http.ask import Answer, Ask
from vault.http.cookies import is_secure, own_origin
from vault.http.door import ORIGINS
from vault.http.errors import UpgradeRequiredError
from vault.http.request_info import info_of
from vault.http.route import Cors, Limit, Route
from vault.http.wire import In, Moment, Out
from vault.identity.errors import Refusal, TokenRefusedError
from vault.policy import Permission, Principal
from webrtc.rhythm import on_grid

PROTOCOL: Final = "callvault.v1"
TICKET: Final = "ticket."
PING_S: Final = 15.0  # under the minute after which proxies and NATs forget a silent connection
HEARD_BYTES: Final = 1_024  # nothing is ever said to us; control frames are smaller
RECHECK_S: Final = 2.0  # on a grid, so that all sockets ask in one read; the first time after three at most
RECHECK_LIMIT_S: Final = 1.5  # with the time between two checks, inside the promised five seconds
OPENING_LIMIT_S: Final = 5.0  # for each of what a handshake asks
CLOSE_LIMIT_S: Final = 1.0  # for the other side to say goodbye too
_NAMES: Final = re.compile(r"[ \t]*,[ \t]*")
_log = structlog.get_logger("vault.http")


class TicketOut(Out):
    """A ticket, good once, for the socket of whoever asked."""

    ticket: str
    expires_at: Moment


class EventsQuery(In):
    """Where to go on."""

    after: int = Field(0, ge=0, le=LAST_NUMBER, description="`n` of the last frame seen; 0 for none.")


class _OneWaySocket(web.WebSocketResponse):
    """A WebSocket whose client has nothing to say."""

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        """Close; a frame that is too big is, like any, one too many."""
        if code == WSCloseCode.MESSAGE_TOO_BIG:
            code = Close.POLICY
        return await super().close(code=code, message=message, drain=drain)


async def make_ticket(ask: Ask[None, None]) -> Answer:
    """Make a ticket for whoever asks."""
    made = ask.services.tickets.make(by=ask.principal)
    return Answer(
        status=201,
        headers={"Location": "/v1/events"},
        body=TicketOut(ticket=made.text, expires_at=made.expires_at),
    )


async def listen(ask: Ask[None, EventsQuery]) -> web.StreamResponse:
    """Tell events until either side ends it."""
    socket = _OneWaySocket(
        protocols=(PROTOCOL,),
        heartbeat=PING_S,
        timeout=CLOSE_LIMIT_S,
        max_msg_size=HEARD_BYTES,
        compress=False,  # secrets beside chosen text must not be compressed together, and bombs stay outside
        writer_limit=0,  # each frame waits for a full transport: what is not read waits as a number, not here
    )
    ticket = _offered_ticket(ask.raw, socket)
    who = await _who_listens(ask, ask.services.tickets.use(ticket))
    with ask.services.events.listen(who, after=ask.query.after) as listener:
        snapshot = await _snapshot(ask, who)
        await socket.prepare(ask.raw)
        code = await _serve(ask, socket, listener, snapshot)
    await _close(ask.raw, socket, code)
    _log.info("events.closed", request_id=ask.request_id, code=int(code))
    return socket


def _offered_ticket(request: web.Request, socket: web.WebSocketResponse) -> str:
    """Read the ticket out of the subprotocols; raises UpgradeRequiredError, UnauthenticatedError."""
    offered = request.headers.getall("Sec-WebSocket-Protocol", [])
    names = _NAMES.split(offered[0].strip()) if len(offered) == 1 else []
    if request.method != "GET" or PROTOCOL not in names or not socket.can_prepare(request):
        raise UpgradeRequiredError("this path speaks WebSocket only")
    tickets = [name.removeprefix(TICKET) for name in names if name.startswith(TICKET)]
    if len(tickets) != 1:
        raise UnauthenticatedError("no ticket was brought, or several")
    return tickets[0]


async def _who_listens(ask: Ask[Any, Any], who: Principal) -> Principal:
    """Check what the ticket alone does not say: which page asks, and whether its maker is still welcome."""
    info_of(ask.raw).principal = who
    if ask.origin is not None and not await _is_own_page(ask, who, ask.origin):
        raise OriginRefusedError("a page of this origin may not listen")
    ending = await _end_of(ask, who, limit_s=OPENING_LIMIT_S)
    if ending is Close.OVER:
        raise TokenRefusedError("the ticket's session or token is over", reason=Refusal.SESSION)
    if ending is not None:
        raise DependencyError("who listens cannot be looked up; try again")
    return who


async def _is_own_page(ask: Ask[Any, Any], who: Principal, origin: str) -> bool:
    """Tell whether a page may listen (RFC 6455, 10.2). Who states no origin is no browser's page.

    Visitors sit on pages of their call's button, or on the page of a link of ours; people on the console.
    """
    if who.call_id is not None:
        on_list = await ask.raw.app[ORIGINS].allows(origin, {"call_id": who.call_id}, who=who)
        if on_list or not await ask.services.invitations.opened(who.call_id):
            return on_list
    settings = ask.services.settings
    scheme = "https" if is_secure(settings) else "http"
    return origin in {own_origin(ask.raw, settings), f"{scheme}://{ask.raw.host}"}


async def _end_of(ask: Ask[Any, Any], who: Principal, *, limit_s: float) -> Close | None:
    """Say why somebody may not listen any longer, if so."""
    try:
        async with asyncio.timeout(limit_s):
            now = await ask.services.identity.may_go_on(who)
    except (VaultError, TimeoutError):
        return Close.TRY_AGAIN
    return None if now is not None and now.may(Permission.EVENTS_LISTEN) else Close.OVER


async def _snapshot(ask: Ask[Any, Any], who: Principal) -> Mapping[str, object]:
    try:
        async with asyncio.timeout(OPENING_LIMIT_S):
            return await ask.services.events.snapshots(who)
    except TimeoutError as cause:
        raise DependencyError("the snapshot takes too long; try again") from cause


async def _serve(
    ask: Ask[Any, Any], socket: web.WebSocketResponse, listener: Listener, snapshot: Mapping[str, object]
) -> Close:
    """Run an open socket until it has to close; none of its tasks is left behind."""
    jobs = {
        "tell": partial(_tell, socket, listener, listener.hello(snapshot)),
        "hear": partial(_hear, socket),
        "recheck": partial(_recheck, ask, listener.who),
    }
    tasks = [
        asyncio.create_task(_to_its_end(job, listener), name=f"events-{name}-{ask.request_id}")
        for name, job in jobs.items()
    ]
    try:
        return await asyncio.shield(listener.over)  # a handler that is cancelled leaves the reason alone
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _to_its_end(job: Callable[[], Coroutine[Any, Any, Close]], listener: Listener) -> None:
    """Run a job of a socket; with the first one that ends, the socket ends."""
    code = Close.FAULT
    try:
        code = await job()
    except ConnectionError:
        code = Close.DONE
    except Exception:  # noqa: BLE001  # whatever it is, the client hears that the fault is ours
        _log.exception("events.failed")
    finally:
        listener.end(code)


async def _tell(socket: web.WebSocketResponse, listener: Listener, hello: str) -> Close:
    await socket.send_str(hello)
    async for frame in listener.frames():
        await socket.send_str(frame)
    return listener.over.result()


async def _hear(socket: web.WebSocketResponse) -> Close:
    """Wait for a frame: pings and pongs are aiohttp's, data is one too many, anything else is the end."""
    heard = await socket.receive()
    return Close.POLICY if heard.type in {WSMsgType.TEXT, WSMsgType.BINARY} else Close.DONE


async def _recheck(ask: Ask[Any, Any], who: Principal) -> Close:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(on_grid(loop.time(), RECHECK_S) - loop.time())
        code = await _end_of(ask, who, limit_s=RECHECK_LIMIT_S)
        if code is not None:
            return code


async def _close(request: web.Request, socket: web.WebSocketResponse, code: Close) -> None:
    """Say why, and wait a moment for an answer; who does not even read that is cut off."""
    try:
        async with asyncio.timeout(CLOSE_LIMIT_S):
            await socket.close(code=code)
    except (TimeoutError, ConnectionError):
        if request.transport is not None:
            request.transport.abort()


ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/events/tickets",
        handler=make_ticket,
        needs=Permission.EVENTS_LISTEN,
        summary="Make a one-time ticket for a socket.",
        tag="events",
        responses={201: TicketOut},
        errors=(BusyError,),
        cors=Cors.CALLER,
    ),
    Route(
        method="GET",
        path="/v1/events",
        handler=listen,
        needs=Permission.PUBLIC,  # the ticket says who listens
        summary="Listen to events (WebSocket, with a ticket).",
        tag="events",
        limit=Limit.SIGN_IN,
        query=EventsQuery,
        responses={101: None},
        errors=(
            UpgradeRequiredError,
            TokenRefusedError,
            OriginRefusedError,
            BusyError,
        ),
    ),
)
