"""The whole way: a visitor's browser sends media, and a person's screen rings over its socket."""

import asyncio
from typing import Any

import pytest

from tests.vault.http.house import House
from tests.vault.http.listeners import Page, Socket, frame, person_page
from tests.vault.http.recordings import a_button, a_call, publishing, visitor_headers
from tests.vault.http.visitors import PAGE
from tests.webrtc.publisher import PublisherPlan
from vault.model import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")
SOUND = PublisherPlan(video=None)
A_SECOND = 1.0


async def desk(house: House) -> tuple[Page, Socket]:
    """A person at the console who says that they are there."""
    page = await person_page(house)
    socket = await page.socket()
    assert (await frame(socket))["type"] == "hello"
    status, _ = await act(house, page, "PUT", "/v1/me/presence", json={"available": True})
    assert status == 200
    assert (await frame(socket))["type"] == "presence.changed"
    return page, socket


async def act(house: House, page: Page, method: str, path: str, **more: Any) -> tuple[int, Any]:
    """Ask as the console does."""
    headers = page._headers()
    return (await house.ask(method, path, headers=headers, **more))[:2]


async def told(socket: Socket, type_: str) -> Any:
    """Read on to the next event of a type."""
    while (found := await frame(socket))["type"] != type_:
        pass
    return found["data"]


async def test_a_screen_rings_within_a_second_and_stops_with_the_visitor(shared_house: House) -> None:
    """From the first sound to the card; hung up, the card goes."""
    page, socket = await desk(shared_house)
    call = await a_call(shared_house, reference="customer 4711")
    async with publishing(shared_house, call, SOUND):
        async with asyncio.timeout(A_SECOND):
            card = await told(socket, "call.ringing")
        assert (card["call_id"], card["visitor"]) == (call.id, {"reference": "customer 4711"})
    gone = await told(socket, "call.gone")
    assert gone == {"call_id": call.id, "reason": "gave_up"}
    await act(shared_house, page, "PUT", "/v1/me/presence", json={"available": False})
    await socket.close()


async def test_a_visitor_hears_who_takes_the_call_and_the_taker_is_in_it(shared_house: House) -> None:
    """Place, taker, end: each on the visitor's own socket; a late screen of the taker shows the call."""
    page, socket = await desk(shared_house)
    call = await a_call(shared_house, button=await a_button(shared_house))
    credential = {"Authorization": visitor_headers(shared_house, call)["Authorization"]}
    visitor = await Page(shared_house, call.id, credential, PAGE).socket()
    async with publishing(shared_house, call, SOUND):
        await told(socket, "call.ringing")
        assert await told(visitor, "call.ringing") == {"position": 1, "agents": 1}
        status, taken = await act(shared_house, page, "POST", f"/v1/calls/{call.id}/take")
        assert (status, taken["legs"][0]["role"]) == (200, Role.VISITOR)
        name = taken["call"]["taken_by"]["name"]
        assert await told(visitor, "call.taken") == {"by": {"name": name}}
        late = await page.socket()
        snapshot = (await frame(late))["snapshot"]
        assert [one["call_id"] for one in snapshot["calls"]] == [call.id]
    assert (await told(socket, "call.ended"))["call_id"] == call.id
    await act(shared_house, page, "PUT", "/v1/me/presence", json={"available": False})
    for one in (late, socket, visitor):
        await one.close()
