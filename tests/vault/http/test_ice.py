"""Relays over HTTP: whoever is in a call learns them, in each answer that begins a connection."""

import pytest
from pydantic import SecretStr

from tests.vault.http.house import House
from tests.vault.http.recordings import a_call, answering, publishing, visitor_headers
from tests.webrtc.publisher import PublisherPlan
from vault.calls.relays import Relays
from vault.model import Id, Role
from vault.settings import MediaSettings
from webrtc.lifecycle import CloseReason

pytestmark = pytest.mark.asyncio(loop_scope="module")

TURN = MediaSettings(turn_urls=("turn:127.0.0.1:3478",), turn_secret=SecretStr("shared"), turn_only=True)


async def test_without_turn_there_are_no_servers_and_every_way_is_allowed(shared_house: House) -> None:
    """The usual vault: the direct way."""
    call = await a_call(shared_house)
    path = f"/v1/calls/{call.id}/ice-servers"
    status, told, _ = await shared_house.ask("GET", path, headers=visitor_headers(shared_house, call))
    assert (status, told) == (200, {"ice_servers": [], "ice_transport_policy": "all"})


async def test_whoever_is_in_the_call_gets_a_credential_of_its_own(
    shared_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The visitor does, each time another; an agent who is not in the call learns nothing."""
    monkeypatch.setattr(shared_house.services, "relays", Relays(TURN, shared_house.services.clock))
    call = await a_call(shared_house)
    path, who = f"/v1/calls/{call.id}/ice-servers", visitor_headers(shared_house, call)
    answers = [(await shared_house.ask("GET", path, headers=who))[1] for _ in range(2)]
    assert {answer["ice_transport_policy"] for answer in answers} == {"relay"}
    names = {server["username"] for answer in answers for server in answer["ice_servers"]}
    assert len(names) == 2
    assert (await shared_house.ask("GET", path, role=Role.AGENT))[0] == 404


@pytest.mark.parametrize(("why", "status"), [("silent", 200), ("hangup", 404)])
async def test_who_was_lost_learns_them_to_come_back_and_who_left_does_not(
    shared_house: House, why: str, status: int
) -> None:
    """A page asks before each leg: without an answer an agent's connection that broke would stay broken."""
    call = await a_call(shared_house)
    async with answering(shared_house, call) as publisher:
        legs = shared_house.rooms.legs.floor.legs
        leg = legs[Id(publisher.location.rsplit("/", 1)[1])]
        leg.why = why
        await leg.peer.close(CloseReason.HANGUP)
        assert leg.task is not None
        await leg.task
        path = f"/v1/calls/{call.id}/ice-servers"
        assert (await shared_house.ask("GET", path, role=Role.AGENT))[0] == status


async def test_a_legs_answer_has_the_servers_in_its_link_header(
    shared_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Publishers that are no browser of ours take them from there (RFC 9725, 4.6)."""
    monkeypatch.setattr(shared_house.services, "relays", Relays(TURN, shared_house.services.clock))
    call = await a_call(shared_house)
    async with publishing(shared_house, call, PublisherPlan(video=None)) as publisher:
        headers = {**visitor_headers(shared_house, call), "Content-Type": "application/sdp"}
        path = publisher.location.removeprefix(shared_house.url).rsplit("/", 1)[0]
        _, _, response = await shared_house.ask("POST", path, data=await publisher.offer(), headers=headers)
        assert response.headers["Link"].startswith('<turn:127.0.0.1:3478>; rel="ice-server"; username="')
        assert await publisher.unpublish() in {200, 404}
