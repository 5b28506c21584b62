"""From the moment at which a company's end is asked for no door opens to it; its neighbour notices nothing.

Asked for is enough: its keys, objects and rows are all still there in these tests.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from tests.vault.http.house import House, open_house
from tests.vault.http.listeners import end_of, frame, person_page, visitor_page
from tests.vault.http.players import sign_in
from tests.vault.http.recordings import (
    a_button,
    a_call,
    erase_now,
    record_bytes,
    visitor_headers,
    visitor_of,
)
from tests.vault.http.test_playback_cut import EXPECTED_S, SIZE, watching
from tests.vault.http.test_portal import own_link, visit
from tests.vault.http.visitors import PAGE
from vault.calls.buttons import Button
from vault.errors import ConflictError
from vault.model import ErasureReason, HoldGround, Role, new_id
from vault.rights.holds import NewHold

SOON_S = 6.0  # a recheck of a socket, and room for a busy machine


@pytest_asyncio.fixture
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A house of its own: a tenant of it leaves."""
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


async def leave(house: House) -> None:
    """Have the end of tenant a asked for, and nothing of it carried out."""
    await end_calls(house)
    await house.rooms.deletion_requests.of_tenant(house.tenants["a"])


async def end_calls(house: House) -> None:
    """Nobody joined them."""
    now = house.rooms.clock.now()
    await house.rooms.calls.end_unjoined(opened_before=now.replace(year=now.year + 1))


async def test_nobody_of_it_is_let_in_whatever_they_hold(house: House) -> None:
    """Tokens of every role, a session, a code to sign in with; the neighbour's are good."""
    person = await sign_in(house, Role.ADMIN)
    sessions = house.rooms.identity.sessions
    code = await sessions.make_code(person_id=person.person.id, tenant_id=person.person.tenant_id)
    tokens = {role: house.token(role) for role in set(Role) - {Role.VISITOR}}
    await leave(house)
    for role, token in tokens.items():
        headers = {"Authorization": f"Bearer {token}"}
        assert (await house.ask("GET", "/v1/exit", headers=headers))[0] == 401, role
    assert (await person.ask("GET", "/v1/media"))[0] == 401
    assert (await house.ask("POST", "/v1/sessions", json={"code": code}))[0] in {401, 422}
    assert (await house.ask("GET", "/v1/media", role=Role.ADMIN, tenant="b"))[0] == 200


async def test_no_visitor_of_it_comes_by_any_way(house: House) -> None:
    """A token of a call, the link to what is kept of it, a visit by that link, the button."""
    button = await a_button(house)
    call = await a_call(house, button=button)
    secret = await own_link(house, call)
    _, made = await visit(house, call.id, secret)
    holders = {
        "token": visitor_headers(house, call),
        "visit": {"Authorization": f"Bearer {made['token']}"},
    }
    await leave(house)
    for what, headers in holders.items():
        status, _, _ = await house.ask("GET", f"/v1/calls/{call.id}", headers=headers)
        assert status == 401, what
    assert (await visit(house, call.id, secret))[0] == 404
    assert await pressed(house, button) == 404
    assert await pressed(house, await a_button(house, "b")) == 201


async def pressed(house: House, button: Button) -> int:
    """What the widget is answered."""
    asked = {"language": "en", "media": ["audio"]}
    path, headers = f"/v1/buttons/{button.id}/calls", {"Origin": PAGE}
    return (await house.ask("POST", path, json=asked, headers=headers))[0]


async def test_what_plays_ends_within_seconds(house: House) -> None:
    """In mid-stream, and what was not read by then is never read."""
    film = await record_bytes(house, SIZE)
    player = await sign_in(house)
    made = await player.link(film.id)
    async with watching(player, made["urls"]["media"]) as slow:
        await leave(house)
        async with asyncio.timeout(EXPECTED_S):
            while await slow.sip():
                pass
        assert slow.read_bytes < SIZE / 8
    assert (await player.ask("GET", made["urls"]["media"]))[0] == 401


async def test_who_listens_hears_no_more(house: House) -> None:
    """Sockets of people and of visitors are closed, and no ticket is given."""
    person, visitor = await person_page(house), await visitor_page(house)
    async with await person.socket() as one, await visitor.socket() as other:
        for each in (one, other):
            await frame(each)
        await leave(house)
        for each in (one, other):
            assert await end_of(each, SOON_S) is not None
    for page in (person, visitor):
        status, _, _ = await house.ask("POST", "/v1/events/tickets", headers=page._headers())
        assert status == 401


async def test_an_erasure_under_way_ends_beside_the_companys_own(house: House) -> None:
    """Both are complete, each with its receipt, and nothing is held any more."""
    film, by = await record_bytes(house, 1_000), house.by()
    requests, reason = house.rooms.deletion_requests, ErasureReason.VISITOR_REQUEST
    asked = await requests.of_call(film.call_id, reason, by=by)
    await leave(house)
    until = house.rooms.clock.now() + timedelta(days=300)
    with pytest.raises(ConflictError):
        await house.rooms.custody.holds.place(
            NewHold(film.call_id, HoldGround.LEGAL_CLAIM, "why", until), by=by
        )
    await erase_now(house)
    assert all(each.complete for each in await requests.list(by=by))
    assert (await requests.get(asked.id, by=by)).complete


async def test_a_call_that_runs_keeps_the_company_for_people_to_hang_up(house: House) -> None:
    """Nobody is cut off; and when it has ended the company may go."""
    call = await a_call(house)
    leg_id = new_id("leg")
    view = await house.rooms.calls.ready_for_leg(call.id, by=visitor_of(call))
    await house.rooms.calls.leg_joined(view, leg_id, visitor_of(call))
    with pytest.raises(ConflictError):
        await house.rooms.deletion_requests.of_tenant(house.tenants["a"])
    await house.rooms.calls.leg_ended(call.id, leg_id, reason="peer_left")
    await leave(house)
