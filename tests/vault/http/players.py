"""People who play a recording: signed in with a cookie, through a link, over a socket that can be slow."""

import asyncio
import select
import socket
import time
from dataclasses import dataclass
from typing import Any

from tests.vault.http.house import LOOPBACK, House
from tests.vault.http.recordings import Recorded
from vault.identity.people import Person
from vault.model import Id, Role

RECEIVE_BYTES = 8 * 1024  # the kernel's buffer of a slow player: small, so that what it has not read waits


@dataclass
class Player:
    """Somebody signed in with a browser session, or who brings an access token instead."""

    house: House
    person: Person
    cookie: str
    token: str = ""

    @property
    def credential(self) -> dict[str, str]:
        """The header that says who asks."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {"Cookie": self.cookie}

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any, Any]:
        """Send a request as the browser does, from our own pages."""
        headers = {**self.credential, "Sec-Fetch-Site": "same-origin", **more.pop("headers", {})}
        return await self.house.ask(method, path, headers=headers, **more)

    async def link(self, media_id: Id, purpose: str = "quality check") -> dict[str, Any]:
        """Make a link."""
        status, made, _ = await self.ask("POST", f"/v1/media/{media_id}/links", json={"purpose": purpose})
        assert status == 201, made
        found: dict[str, Any] = made
        return found

    async def media_url(self, recorded: Recorded) -> str:
        """Make a link and give the path of the media part."""
        path: str = (await self.link(recorded.id))["urls"]["media"]
        return path


async def sign_in(house: House, role: Role = Role.AGENT, tenant: str = "a") -> Player:
    """A new person of the tenant, signed in."""
    person = await house.rooms.identity.people.add(
        tenant_id=house.tenants[tenant], role=role, profile={"name": f"New {role}"}, by=None
    )
    code = await house.rooms.identity.sessions.make_code(person_id=person.id, tenant_id=person.tenant_id)
    status, _, response = await house.ask("POST", "/v1/sessions", json={"code": code})
    assert status == 201
    return Player(house, person, response.headers["Set-Cookie"].split(";")[0])


async def take_away(player: Player, how: str) -> None:
    """Take from a player the right to play: the role, everything, or the session."""
    people, by = player.house.rooms.identity.people, player.house.by()
    if how == "role":
        await people.change(player.person.id, by=by, role=Role.AUDITOR)
    elif how == "disabled":
        await people.change(player.person.id, by=by, disabled=True)
    else:
        assert (await player.ask("DELETE", "/v1/sessions/current"))[0] == 204


class SlowPlayer:
    """A socket that has asked for a recording and reads when told to."""

    def __init__(self, connection: socket.socket) -> None:
        self.read_bytes = 0
        self._connection = connection

    @classmethod
    async def open(cls, player: Player, path: str) -> "SlowPlayer":
        """Ask for a path and read the answer's beginning."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        connection.setblocking(False)  # noqa: FBT003  # a socket's own word
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, (LOOPBACK, player.house.port))
        [(name, value)] = player.credential.items()
        request = f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n{name}: {value}\r\n\r\n"
        await loop.sock_sendall(connection, request.encode())
        slow = cls(connection)
        async with asyncio.timeout(5):
            head = await loop.sock_recv(connection, 2_048)
        assert head.startswith(b"HTTP/1.1 200 "), head[:80]
        slow.read_bytes += len(head)
        return slow

    async def sip(self, pause_s: float = 0.02) -> bool:
        """Read a little after a pause; False once the connection is dead and nothing more can be read."""
        await asyncio.sleep(pause_s)
        try:
            some = self._connection.recv(2_048)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        self.read_bytes += len(some)
        return bool(some)

    async def time_to_dead_s(self, limit_s: float) -> float:
        """Wait without reading until the connection is reset; gives how long that took."""
        began_s = time.monotonic()
        poll = select.poll()
        poll.register(self._connection, 0)  # errors and hang-ups only
        while not poll.poll(0):
            if time.monotonic() - began_s > limit_s:
                raise TimeoutError("the playback goes on")
            await asyncio.sleep(0.01)
        return time.monotonic() - began_s

    async def drink_up(self) -> int:
        """Read all that can still be read; gives how much of it came."""
        before = self.read_bytes
        while await self.sip(0):
            pass
        return self.read_bytes - before

    def close(self) -> None:
        """Leave."""
        self._connection.close()
