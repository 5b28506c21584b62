"""Who may open a socket: with a ticket that is good, from a page that is theirs, while there is room."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.vault.http.house import LOOPBACK, House, open_house
from tests.vault.http.listeners import (
    Page,
    frame,
    person_page,
    program,
    until,
    visitor_page,
)
from tests.vault.http.visitors import PAGE
from vault.clock import SystemClock, TurnableClock
from vault.http.events import PROTOCOL, TICKET

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_ticket_opens_one_socket(page: Page) -> None:
    """Used a second time it is refused, also while the first socket is open."""
    ticket = await page.ticket()
    async with await page.socket(ticket=ticket) as opened:
        await frame(opened)
        assert await page.refused(ticket=ticket) == 401


async def test_a_ticket_that_is_late_opens_nothing(tmp_path: Path) -> None:
    """Thirty seconds, and not one more."""
    clock = TurnableClock(SystemClock().now())
    async with open_house(tmp_path, clock=clock) as house:
        page = await visitor_page(house)
        ticket = await page.ticket()
        clock.turn(timedelta(seconds=30))
        assert await page.refused(ticket=ticket) == 401


@pytest.mark.parametrize(
    ("offered", "status"),
    [
        ((PROTOCOL, TICKET + "a" * 43), 401),
        ((PROTOCOL, TICKET), 401),
        ((PROTOCOL,), 401),
        ((PROTOCOL, TICKET + "a" * 43, TICKET + "b" * 43), 401),
        ((TICKET + "a" * 43,), 426),
        ((), 426),
    ],
    ids=["guessed", "empty", "none", "two", "no protocol", "nothing"],
)
async def test_without_a_good_ticket_nobody_listens(
    page: Page, offered: tuple[str, ...], status: int
) -> None:
    """Neither a cookie nor a bearer token opens a socket: a browser would send the first for any page."""
    assert await page.refused(protocols=offered, headers=page.credential) == status


async def test_the_ticket_decides_and_no_cookie_beside_it(shared_house: House) -> None:
    """A visitor on a page of the console's own host is a visitor, whoever is signed in there."""
    page, agent = await visitor_page(shared_house), await person_page(shared_house)
    page.extra = agent.credential
    async with await page.socket() as opened:
        await frame(opened)
        assert shared_house.rooms.events.online(page.id)
        assert not shared_house.rooms.events.online(agent.id)


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{PAGE}.evil.example", "https://127.0.0.1", f"{PAGE}:444"]
)
async def test_a_page_of_another_origin_may_not_listen(page: Page, origin: str) -> None:
    """Even with a good ticket (RFC 6455, 10.2); and the ticket is used up."""
    ticket = await page.ticket()
    assert await page.refused(ticket=ticket, origin=origin) == 403
    assert await page.refused(ticket=ticket) == 401


async def test_people_listen_from_the_console_and_visitors_from_the_buttons_pages(
    shared_house: House,
) -> None:
    """Neither from the other's."""
    agent, visitor = await person_page(shared_house), await visitor_page(shared_house)
    assert await agent.refused(origin=PAGE) == 403
    assert await visitor.refused(origin=shared_house.url) == 403


async def test_the_public_address_is_the_consoles_origin(tmp_path: Path) -> None:
    """Behind a proxy the page's origin is the one that people use, over https."""
    async with open_house(tmp_path, server={"public_url": "https://calls.example.org"}) as house:
        page = await program(house)
        for origin in ("https://calls.example.org", f"https://{LOOPBACK}:{house.port}"):
            async with await page.socket(origin=origin) as opened:
                await frame(opened)
        assert await page.refused(origin=house.url) == 403


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_request_that_is_no_handshake_is_told_what_is_spoken_here(
    shared_house: House, method: str
) -> None:
    """426 with Upgrade (RFC 9110, 15.5.22)."""
    status, problem, response = await shared_house.ask(method, "/v1/events")
    assert (status, response.headers["Upgrade"]) == (426, "websocket")
    if method == "GET":
        assert problem["code"] == "upgrade_required"


@pytest.mark.parametrize("after", ["-1", "x", str(2**53), "1&after=2"])
async def test_a_number_that_is_none_is_refused(shared_house: House, after: str) -> None:
    """Like any query."""
    status, problem, _ = await shared_house.ask("GET", f"/v1/events?after={after}")
    assert (status, problem["code"]) == (422, "invalid")


async def test_sockets_beyond_the_limits_are_refused(tmp_path: Path) -> None:
    """One principal has so many (429), all together so many (503); a socket that ends makes room."""
    async with open_house(tmp_path, limits={"event_sockets": 3, "event_sockets_each": 2}) as house:
        one, other = await visitor_page(house), await visitor_page(house)
        first, _, third = await one.socket(), await one.socket(), await other.socket()
        assert await one.refused() == 429
        assert await other.refused() == 503
        await third.close()
        await first.close()
        await until(lambda: house.rooms.events.sockets == 1, 1)
        async with await one.socket() as opened:
            await frame(opened)


async def test_only_pages_of_the_visitors_button_read_the_ticket(shared_house: House) -> None:
    """A preflight cannot know who will ask; the answer is for the button's pages, and without cookies."""
    page = await visitor_page(shared_house)
    path = "/v1/events/tickets"
    for origin, reads in ((PAGE, True), ("https://evil.example", False)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        status, _, response = await shared_house.ask("OPTIONS", path, headers=asked)
        assert status == 204
        assert "Access-Control-Allow-Credentials" not in response.headers
        headers = {**page.credential, "Origin": origin}
        status, _, response = await shared_house.ask("POST", path, headers=headers)
        assert status == 201
        assert response.headers.get("Access-Control-Allow-Origin") == (origin if reads else None)
        assert response.headers["Vary"] == "Origin"


async def test_another_sites_page_gets_no_ticket_with_the_consoles_cookie(shared_house: House) -> None:
    """A ticket is asked for like anything that changes something; the refusal names nobody."""
    page = await person_page(shared_house)
    headers = {**page.credential, "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    status, problem, response = await shared_house.ask("POST", "/v1/events/tickets", headers=headers)
    assert (status, problem["code"]) == (403, "cross_site")
    assert "Access-Control-Allow-Credentials" not in response.headers
