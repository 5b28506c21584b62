"""Seeing and hearing another's leg over HTTP, in the shape of WHEP."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.vault.http.house import House
from tests.vault.http.recordings import a_call, answering, publishing, visitor_headers
from tests.vault.http.visitors import PAGE
from tests.webrtc.publisher import PublisherPlan, WhipPublisher
from tests.webrtc.spectator import Spectator
from vault.calls.calls import OpenedCall
from vault.calls.participants import take_part
from vault.model import Role, new_id

pytestmark = pytest.mark.asyncio(loop_scope="module")

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
SOUND = PublisherPlan(video=None)


async def taken(house: House, call: OpenedCall, role: Role = Role.AGENT) -> None:
    """The tenant's person of that role takes a call, as when it rang."""
    person = house.people["a", role]
    async with house.services.database.write() as connection:
        await take_part(
            connection,
            tenant_id=call.tenant_id,
            call_id=call.id,
            person_id=person.id,
            at=house.services.clock.now(),
        )


async def test_an_agent_and_a_visitor_watch_each_other(shared_house: House) -> None:
    """201 with answer, Location and ETag, which the page may read; PATCH 204; DELETE 200, then 404."""
    call = await a_call(shared_house)
    await taken(shared_house, call)
    visitor = visitor_headers(shared_house, call)
    async with AsyncExitStack() as stack:
        of_visitor = await stack.enter_async_context(publishing(shared_house, call, SOUND))
        url, token = f"{shared_house.url}/v1/calls/{call.id}/legs", shared_house.token(Role.AGENT)
        of_agent = await stack.enter_async_context(
            WhipPublisher(SOUND, shared_house.client, f"{url}?kind=camera", token)
        )
        await of_agent.publish()
        sides: tuple[tuple[WhipPublisher, dict[str, Any]], ...] = (
            (of_agent, {"headers": visitor}),
            (of_visitor, {"role": Role.AGENT}),
        )
        for leg, by in sides:
            path = f"{leg.location.removeprefix(shared_house.url)}/feeds"
            spectator = await stack.enter_async_context(Spectator(("audio",)))
            asked = by | {"headers": by.get("headers", {}) | SDP}
            status, answer, response = await shared_house.ask(
                "POST", path, data=await spectator.offer(), **asked
            )
            assert (status, response.headers["Content-Type"]) == (201, "application/sdp")
            assert b"a=sendonly\r\n" in answer
            if "headers" in by:
                assert response.headers["Access-Control-Allow-Origin"] == PAGE
                assert {"Location", "ETag"} <= set(
                    response.headers["Access-Control-Expose-Headers"].split(", ")
                )
            await spectator.accept(answer.decode())
            await spectator.has(audio=21)
            feed, tag = response.headers["Location"], response.headers["ETag"]
            done = "a=mid:0\r\na=end-of-candidates\r\n"
            for given, expected in (({}, 428), ({"If-Match": '"other"'}, 412), ({"If-Match": tag}, 204)):
                headers = by.get("headers", {}) | FRAGMENT | given
                status, _, _ = await shared_house.ask("PATCH", feed, data=done, **(by | {"headers": headers}))
                assert status == expected
            assert (await shared_house.ask("DELETE", feed, **by))[0] == 200
            assert (await shared_house.ask("DELETE", feed, **by))[0] == 404
        assert await of_visitor.unpublish() == 200


async def test_legs_are_listed_for_those_in_the_call(shared_house: House) -> None:
    """Who, what and whose; a colleague finds nothing, as in a call that is not there."""
    call = await a_call(shared_house)
    path = f"/v1/calls/{call.id}/legs"
    await taken(shared_house, call)
    async with publishing(shared_house, call, SOUND) as publisher:
        leg_id = publisher.location.rsplit("/", 1)[1]
        expected: dict[str, object] = {
            "id": leg_id,
            "role": "visitor",
            "kind": "camera",
            "name": "",
            "state": "live",
        }
        expected |= {"mine": True, "recording": "recording"}
        status, listed, _ = await shared_house.ask("GET", path, headers=visitor_headers(shared_house, call))
        assert (status, listed) == (200, {"items": [expected]})
        status, listed, _ = await shared_house.ask("GET", path, role=Role.AGENT)
        assert (status, listed) == (200, {"items": [expected | {"mine": False}]})
        neighbour = visitor_headers(shared_house, await a_call(shared_house))
        missing = f"/v1/calls/{new_id('call')}/legs"
        others: tuple[dict[str, Any], ...] = (
            {"role": Role.SUPERVISOR},
            {"role": Role.AGENT, "tenant": "b"},
            {"headers": neighbour},
        )
        async with Spectator(("audio",)) as spectator:
            offer = await spectator.offer()
            for by in others:
                told = []
                for base in (path, missing):
                    status, problem, _ = await shared_house.ask("GET", base, **by)
                    told.append((status, problem["code"], problem["detail"]))
                    asked = by | {"headers": by.get("headers", {}) | SDP}
                    status, problem, _ = await shared_house.ask(
                        "POST", f"{base}/{leg_id}/feeds", data=offer, **asked
                    )
                    told.append((status, problem["code"], problem["detail"]))
                assert set(told) == {told[0]}
                assert told[0][:2] == (404, "not_found")
        assert shared_house.rooms.feeds.live == 0


@pytest.mark.parametrize("kind", ["phone", "", "Camera"])
async def test_a_leg_of_no_known_kind_is_refused(shared_house: House, kind: str) -> None:
    """422 before the offer is looked at."""
    call = await a_call(shared_house)
    headers = visitor_headers(shared_house, call) | SDP
    status, _, _ = await shared_house.ask(
        "POST", f"/v1/calls/{call.id}/legs?kind={kind}", data="v=0\r\n", headers=headers
    )
    assert status == 422


async def test_an_offer_without_the_codec_is_refused_by_name(shared_house: House) -> None:
    """422 offer_refused with the gate's reason; nothing is bound."""
    call = await a_call(shared_house)
    async with (
        publishing(shared_house, call, SOUND) as publisher,
        answering(shared_house, call),
        Spectator(("audio",)) as spectator,
    ):
        path = f"{publisher.location.removeprefix(shared_house.url)}/feeds"
        offer = (await spectator.offer()).replace("opus/48000", "other/48000")
        status, problem, _ = await shared_house.ask("POST", path, role=Role.AGENT, data=offer, headers=SDP)
        assert (status, problem["code"], problem["reason"]) == (422, "offer_refused", "unsupported_codec")
        assert shared_house.rooms.feeds.live == 0
