"""Pages that listen to events: a ticket, a socket, frames."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.vault.http.house import House
from tests.vault.http.players import sign_in
from tests.vault.http.visitors import PAGE, add_button, add_call
from vault.http.events import PROTOCOL, TICKET
from vault.model import Id, Role

SOON_S = 3.0
Socket = aiohttp.ClientWebSocketResponse[bool]


@dataclass
class Page:
    """Somebody with a credential who can get tickets; ``id`` names the stream."""

    house: House
    id: Id
    credential: dict[str, str]
    origin: str | None
    extra: dict[str, str] = field(default_factory=dict)

    async def ticket(self) -> str:
        """Ask for a ticket."""
        status, made, _ = await self.house.ask("POST", "/v1/events/tickets", headers=self._headers())
        assert status == 201, made
        text: str = made["ticket"]
        return text

    async def socket(self, after: int = 0, **more: Any) -> Socket:
        """Open a socket with a new ticket, unless the test brings one."""
        ticket = more.pop("ticket", None) or await self.ticket()
        options: dict[str, Any] = {
            "protocols": (PROTOCOL, TICKET + ticket),
            "origin": self.origin,
            "headers": self.extra,
            "timeout": aiohttp.ClientWSTimeout(ws_close=SOON_S),
        }
        opened: Socket = await self.house.client.ws_connect(
            f"{self.house.url}/v1/events?after={after}", **(options | more)
        )
        return opened

    async def refused(self, **more: Any) -> int:
        """Try to open a socket; gives the status of the refusal."""
        try:
            await self.socket(**more)
        except aiohttp.WSServerHandshakeError as refusal:
            return refusal.status
        raise AssertionError("the socket was opened")

    def _headers(self) -> dict[str, str]:
        origin = {"Origin": self.origin} if self.origin else {}
        return {"Sec-Fetch-Site": "same-origin", **origin, **self.credential}


async def person_page(house: House, role: Role = Role.AGENT) -> Page:
    """A new person of tenant a, signed in to the console."""
    player = await sign_in(house, role)
    return Page(house, player.person.id, player.credential, house.url)


async def program(house: House, role: Role = Role.AGENT) -> Page:
    """A new person's program with an access token: no browser, no origin."""
    person = await house.rooms.identity.people.add(
        tenant_id=house.tenants["a"], role=role, profile={"name": f"New {role}"}, by=None
    )
    token = house.rooms.identity.mint_access_token(person).token
    return Page(house, person.id, {"Authorization": f"Bearer {token}"}, None)


async def visitor_page(house: House) -> Page:
    """A visitor with an open call, on the shop's page."""
    call_id = await add_call(house, await add_button(house))
    minted = house.rooms.identity.mint_visitor_token(call_id=call_id, tenant_id=house.tenants["a"])
    return Page(house, call_id, {"Authorization": f"Bearer {minted.token}"}, PAGE)


async def frame(socket: Socket, timeout_s: float = SOON_S) -> dict[str, Any]:
    """Read the next frame."""
    found: dict[str, Any] = json.loads(await socket.receive_str(timeout=timeout_s))
    return found


async def end_of(socket: Socket, timeout_s: float = SOON_S) -> int | None:
    """Read to the end; gives the close code."""
    while True:
        heard = await socket.receive(timeout=timeout_s)
        if heard.type is not aiohttp.WSMsgType.TEXT:
            return socket.close_code


async def until(holds: Callable[[], bool], limit_s: float) -> None:
    """Wait for something to be so."""
    async with asyncio.timeout(limit_s):
        while not holds():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.01)
