"""Events over real sockets: who may listen, from which page, with what, and how it ends."""

import asyncio
import json
import random
import socket as sockets
import time
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from tests.vault.http.house import LOOPBACK, House, open_house
from tests.vault.http.listeners import (
    Page,
    Socket,
    end_of,
    frame,
    person_page,
    program,
    until,
    visitor_page,
)
from vault.calls.events import Close
from vault.clock import SystemClock, TurnableClock
from vault.db.engine import READERS
from vault.errors import DependencyError
from vault.http.events import PROTOCOL, TICKET
from vault.model import Id, Role
from vault.policy import Principal

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMISED_S = 5.0
TASKS = "events-"


def tell(page: Page, **data: Any) -> None:
    """Tell a page's stream something."""
    page.house.rooms.events.tell(page.id, "call.gone", data)


async def test_a_socket_says_hello_and_then_tells_each_event(page: Page) -> None:
    """The snapshot first; then events whose numbers rise by one."""
    async with await page.socket() as opened:
        assert opened.protocol == PROTOCOL
        hello = await frame(opened)
        assert set(hello) == {"type", "n", "resumed", "snapshot"}
        assert (hello["type"], hello["resumed"]) == ("hello", False)
        for number in (1, 2):
            tell(page, number=number)
            told = await frame(opened)
            assert (told["type"], told["n"], told["data"]) == (
                "call.gone",
                hello["n"] + number,
                {"number": number},
            )


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.VISITOR}))
async def test_every_role_may_listen(shared_house: House, role: Role) -> None:
    """What there is to hear differs; that one may ask does not."""
    page = await program(shared_house, role)
    async with await page.socket() as opened:
        assert (await frame(opened))["type"] == "hello"


async def test_the_snapshot_is_the_listeners_own(shared_house: House) -> None:
    """Whoever tells what stands is told who asks."""

    async def snapshot(who: Principal) -> dict[str, object]:
        return {"for": who.id}

    page, events = await visitor_page(shared_house), shared_house.rooms.events
    before, events.snapshots = events.snapshots, snapshot
    try:
        async with await page.socket() as opened:
            assert (await frame(opened))["snapshot"] == {"for": page.id}
    finally:
        events.snapshots = before


async def test_a_snapshot_that_cannot_be_made_refuses_the_socket(shared_house: House) -> None:
    """503 and no half-open stream: the page tries again."""

    async def broken(_who: Principal) -> dict[str, object]:
        raise DependencyError("away")

    page, events = await visitor_page(shared_house), shared_house.rooms.events
    before, events.snapshots = events.snapshots, broken
    try:
        assert await page.refused() == 503
        assert not events.online(page.id)
    finally:
        events.snapshots = before


async def test_a_listener_cut_off_at_random_hears_everything_once_and_in_order(shared_house: House) -> None:
    """Connections break in the middle of frames, events go on: none is lost, none comes twice."""
    page, dice = await person_page(shared_house), random.Random(20_261_123)
    total, told, last = 400, 0, 0
    heard: list[int] = []

    async def talk() -> None:
        nonlocal told
        for number in range(total):
            tell(page, number=number, filler="x" * dice.randrange(3_000))
            told += 1
            await asyncio.sleep(dice.random() * 0.01)

    opened = await page.socket()
    last = (await frame(opened))["n"]
    talking = asyncio.create_task(talk(), name="talk")
    cuts = 0
    while len(heard) < total:
        for _ in range(dice.randrange(40)):
            if len(heard) == total:
                break
            got = await frame(opened)
            last = got["n"]
            heard.append(got["data"]["number"])
        cuts += 1
        if dice.random() < 0.5:
            await opened.close()
        else:
            _cut(opened)
        opened = await page.socket(after=last)
        hello = await frame(opened)
        assert (hello["resumed"], hello["n"]) == (True, last)
    await talking
    assert heard == list(range(total))
    assert cuts > 5
    await opened.close()


def _cut(opened: Socket) -> None:
    """Break a connection without a goodbye."""
    transport = opened.get_extra_info("socket")
    assert transport is not None
    opened._response.connection.transport.abort()  # type: ignore[union-attr]


async def test_a_number_of_before_a_restart_does_not_resume(tmp_path: Path) -> None:
    """A new process has other numbers: the page is told that it has to begin anew."""
    async with open_house(tmp_path) as house:
        page = await program(house)
        async with await page.socket() as opened:
            last = (await frame(opened))["n"]
    async with open_house(tmp_path) as house:
        page.house = house
        async with await page.socket(after=last) as opened:
            assert not (await frame(opened))["resumed"]


@pytest.mark.parametrize(
    ("method", "data"),
    [("send_str", "hello"), ("send_bytes", b""), ("send_str", "x" * 1_024), ("send_bytes", bytes(10**6))],
    ids=["text", "bytes", "over the limit", "huge"],
)
async def test_a_client_that_says_anything_is_closed(page: Page, method: str, data: Any) -> None:
    """The socket is one way: 1008."""
    async with await page.socket() as opened:
        await frame(opened)
        await getattr(opened, method)(data)
        assert await end_of(opened) == Close.POLICY


async def test_a_ping_is_answered_and_disturbs_nothing(page: Page) -> None:
    """Control frames are the protocol's own."""
    async with await page.socket(autoping=False) as opened:
        await frame(opened)
        await opened.ping(b"are you there")
        pong = await opened.receive(timeout=3)
        assert (pong.type, bytes(pong.data)) == (aiohttp.WSMsgType.PONG, b"are you there")
        tell(page)
        assert (await frame(opened))["type"] == "call.gone"


async def test_a_socket_whose_other_end_is_dead_is_closed(
    shared_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer to a ping: nobody is there, and nobody is online."""
    monkeypatch.setattr("vault.http.events.PING_S", 0.2)
    page = await visitor_page(shared_house)
    opened = await page.socket(autoping=False)
    await frame(opened)
    assert (await opened.receive(timeout=1)).type is aiohttp.WSMsgType.PING
    await until(lambda: not shared_house.rooms.events.online(page.id), 1)
    await opened.close()


@pytest.mark.parametrize("how", ["signed out", "disabled", "revoked", "erased"])
async def test_a_socket_ends_with_the_right_to_it(shared_house: House, how: str) -> None:
    """Within five seconds, with 4401, and nothing is kept for later."""
    identity = shared_house.rooms.identity
    make = {"revoked": program, "erased": visitor_page}
    page = await make.get(how, person_page)(shared_house)
    async with await page.socket() as opened:
        await frame(opened)
        ticket = await page.ticket()
        began_s = time.monotonic()
        if how == "signed out":
            headers = {"Sec-Fetch-Site": "same-origin", **page.credential}
            assert (await shared_house.ask("DELETE", "/v1/sessions/current", headers=headers))[0] == 204
        elif how == "disabled":
            await identity.people.change(page.id, by=shared_house.by(), disabled=True)
        elif how == "revoked":
            await identity.revoke_token(page.credential["Authorization"].removeprefix("Bearer "))
        else:
            await _erase_call(shared_house, page.id)
        assert await page.refused(ticket=ticket) == 401
        assert await end_of(opened, PROMISED_S) == Close.OVER
        assert time.monotonic() - began_s < PROMISED_S
        assert not shared_house.rooms.events.online(page.id)


async def _erase_call(house: House, call_id: Id) -> None:
    async with house.rooms.database.write() as connection:
        await connection.exec_driver_sql(
            "UPDATE calls SET erased_at = created_at WHERE id = ?", (str(call_id),)
        )


async def test_a_socket_ends_when_its_token_ends_by_itself(tmp_path: Path) -> None:
    """A token that has expired opens nothing, and holds nothing open."""
    clock = TurnableClock(SystemClock().now())
    async with open_house(tmp_path, clock=clock) as house:
        page = await visitor_page(house)
        async with await page.socket() as opened:
            await frame(opened)
            clock.turn(timedelta(seconds=house.services.settings.sessions.visitor_token_s + 31))
            assert await end_of(opened, PROMISED_S) == Close.OVER


async def test_a_right_that_cannot_be_looked_up_ends_the_socket_for_now(shared_house: House) -> None:
    """Reads fail closed: a database that hangs is no reason to go on telling; the page comes back."""
    page = await visitor_page(shared_house)
    async with await page.socket() as opened, AsyncExitStack() as held:
        await frame(opened)
        for _ in range(READERS):
            await held.enter_async_context(shared_house.rooms.database.read())
        assert await end_of(opened, PROMISED_S + 1) == Close.TRY_AGAIN


async def test_who_does_not_read_is_cut_off_and_goes_on_where_it_stopped(shared_house: House) -> None:
    """A slow reader costs a bounded buffer and is dropped; what it got was in order, without a hole."""
    page = await visitor_page(shared_house)
    slow = await _Deaf.open(page)
    for number in range(600):
        tell(page, number=number, filler="x" * 30_000)
        await asyncio.sleep(0)
    await until(lambda: not shared_house.rooms.events.online(page.id), 4)
    got = await slow.everything()
    assert [one["n"] - got[0]["n"] for one in got] == list(range(len(got)))
    assert 1 <= len(got) < 600
    async with await page.socket(after=got[-1]["n"]) as opened:
        assert not (await frame(opened))["resumed"]


class _Deaf:
    """A socket that has opened a stream and reads nothing until it is told to."""

    def __init__(self, connection: sockets.socket) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, page: Page) -> "_Deaf":
        connection = sockets.socket()
        connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 8 * 1024)
        connection.setblocking(False)  # noqa: FBT003  # a socket's own word
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, (LOOPBACK, page.house.port))
        lines = (
            "GET /v1/events HTTP/1.1",
            f"Host: {LOOPBACK}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            f"Sec-WebSocket-Protocol: {PROTOCOL}, {TICKET}{await page.ticket()}",
        )
        await loop.sock_sendall(connection, ("\r\n".join(lines) + "\r\n\r\n").encode())
        await until(lambda: page.house.rooms.events.online(page.id), 3)
        await until(lambda: _has_come(connection), 3)
        return cls(connection)

    async def everything(self) -> list[dict[str, Any]]:
        """Read what the kernel still has; give the whole text frames of it."""
        loop, raw = asyncio.get_running_loop(), b""
        try:
            async with asyncio.timeout(3):
                while some := await loop.sock_recv(self._connection, 65_536):
                    raw += some
        except ConnectionError:
            pass
        self._connection.close()
        return _text_frames(raw.partition(b"\r\n\r\n")[2])


def _has_come(connection: sockets.socket) -> bool:
    """Whether the answer is there; it is not read."""
    with suppress(BlockingIOError):
        return bool(connection.recv(1, sockets.MSG_PEEK))
    return False


def _text_frames(raw: bytes) -> list[dict[str, Any]]:
    """Read unmasked frames of up to 64 KiB (RFC 6455, 5.2); what was cut short is left out."""
    found = []
    while len(raw) >= 4:
        size, at = (raw[1], 2) if raw[1] < 126 else (int.from_bytes(raw[2:4], "big"), 4)
        if raw[0] == 0x81 and len(raw) >= at + size:
            found.append(json.loads(raw[at : at + size]))
        raw = raw[at + size :]
    return found


async def test_the_end_of_the_server_is_told_and_leaves_no_task(tmp_path: Path) -> None:
    """1001, at once, and whoever serves a socket is waited for."""
    async with aiohttp.ClientSession() as client:
        async with open_house(tmp_path) as house:
            inner, house.client = house.client, client  # one that outlives the door
            pages = [await visitor_page(house), await person_page(house)]
            opened = [await page.socket() for page in pages]
            for each in opened:
                await frame(each)
            ends = [asyncio.create_task(end_of(each), name="end") for each in opened]
            assert len(_tasks()) == 6
            house.client, began_s = inner, time.monotonic()
        assert time.monotonic() - began_s < 3
        assert await asyncio.gather(*ends) == [Close.GOING_AWAY] * 2
        assert _tasks() == []


def _tasks() -> list[str]:
    names = [task.get_name() for task in asyncio.all_tasks()]
    return [name for name in names if name.startswith(TASKS)]


async def test_a_socket_that_is_over_leaves_nothing_behind(shared_house: House) -> None:
    """However it ends: no task, no place in the count."""
    page = await visitor_page(shared_house)
    for end in ("close", "cut"):
        opened = await page.socket()
        await frame(opened)
        if end == "close":
            await opened.close()
        else:
            _cut(opened)
        await until(lambda: not shared_house.rooms.events.online(page.id) and not _tasks(), 2)
    assert shared_house.rooms.events.sockets == 0


async def test_no_log_line_holds_a_ticket_or_what_was_told(shared_house: House) -> None:
    """What is logged: who, how long, with which code it ended."""
    page = await visitor_page(shared_house)
    with capture_logs() as lines:
        ticket = await page.ticket()
        async with await page.socket(ticket=ticket) as opened:
            await frame(opened)
            tell(page, name="Zoë Secret")
            await frame(opened)
        await until(lambda: any(line.get("status") == 101 for line in lines), 2)
    said = json.dumps(lines, default=str, ensure_ascii=False)
    assert ticket not in said
    assert "Secret" not in said
    closed = [line for line in lines if line["event"] == "events.closed"]
    assert [line["code"] for line in closed] == [Close.DONE]
    [request] = [line for line in lines if line.get("status") == 101]
    assert (request["principal_id"], request["role"], request["route"]) == (page.id, "visitor", "/v1/events")
