"""Stopping a recording for good over HTTP, and the company's rule for it."""

import asyncio
import time

import pytest
from sqlalchemy import select, update

from tests.vault.calls.studio import arrivals, until
from tests.vault.http.house import House
from tests.vault.http.recordings import a_call, publishing, visitor_headers
from tests.vault.http.test_asks import heard
from tests.vault.http.test_ringing import at_their_screens, ringing_call
from tests.webrtc.publisher import PublisherPlan
from vault.calls.attendance import AWAY
from vault.calls.calls import OpenedCall
from vault.db.tables import calls, erasures, legs, media, rings
from vault.errors import DependencyError
from vault.media.recordings import LegToRecord
from vault.model import Id, RecordingState, RingState, Role

pytestmark = pytest.mark.asyncio(loop_scope="module")
PROMISE_S = 0.2
TRIES = 3  # of which one is enough: that another program had the processor meanwhile is nobody's delay


async def test_a_visitor_takes_consent_back_as_the_companys_rule_says(shared_house: House) -> None:
    """The rule is told before, the company may change it, and what held at the withdrawal counts."""
    house, call = shared_house, await a_call(shared_house)
    path = f"/v1/calls/{call.id}"
    for rule in ("keep", "erase"):
        status, told, _ = await house.ask(
            "PATCH", "/v1/tenant", role=Role.ADMIN, json={"on_withdrawal": rule}
        )
        assert (status, told["on_withdrawal"]) == (200, rule)
    headers = visitor_headers(house, call)
    status, stopped, response = await house.ask("POST", f"{path}/consents/withdrawal", headers=headers)
    assert (status, stopped) == (200, {"state": "withdrawn", "recorded": "erase"})
    assert response.headers["Access-Control-Allow-Origin"] == headers["Origin"]
    await house.ask("PATCH", "/v1/tenant", role=Role.ADMIN, json={"on_withdrawal": "keep"})
    _, shown, _ = await house.ask("GET", path, headers=headers)
    assert shown["consent"] == "withdrawn"
    assert shown["recording"] == {"state": "withdrawn", "pause": None, "on_withdrawal": "erase"}
    _, told, _ = await house.ask("GET", "/v1/tenant", role=Role.AUDITOR)
    assert told["on_withdrawal"] == "keep"


async def stops_after_s(house: House) -> float:
    """How long after the visitor's request the last packet came that was captured; others write meanwhile."""
    call = await a_call(house)
    with arrivals() as captured:
        async with publishing(house, call, PublisherPlan(video=None)) as publisher:

            async def is_captured() -> bool:
                return len(captured) > 20

            await until(is_captured)
            async with house.rooms.database.write():
                asked_s = time.monotonic()
                path = f"/v1/calls/{call.id}/consents/withdrawal"
                asking = asyncio.create_task(house.ask("POST", path, headers=visitor_headers(house, call)))
                await asyncio.sleep(4 * PROMISE_S)
                assert not asking.done()
            assert (await asking)[0] == 200
            assert publisher.audio is not None
            assert publisher.audio.sent > len(captured)
    return max(captured) - asked_s


async def test_capture_stops_within_200_ms_of_the_request_though_it_cannot_be_written_yet(
    shared_house: House,
) -> None:
    """P11, by the arrival of what was captured: from the click's request, not from its answer."""
    took_s: list[float] = []
    while min(took_s, default=1.0) > PROMISE_S and len(took_s) < TRIES:
        took_s.append(await stops_after_s(shared_house))
    assert min(took_s) <= PROMISE_S, took_s


async def test_a_call_is_taken_as_one_without_a_recording(shared_house: House) -> None:
    """And so it stays; who is not in a call cannot stop its recording."""
    house = shared_house
    async with at_their_screens(house, Role.AGENT):
        call = await ringing_call(house)
        path = f"/v1/calls/{call.id}"
        status, _, _ = await house.ask("POST", f"{path}/unrecorded", role=Role.SUPERVISOR)
        assert status == 409
        status, taken, _ = await house.ask("POST", f"{path}/take?recorded=false", role=Role.AGENT)
        assert status == 200
        assert taken["call"]["recording"]["state"] == "not_recorded"
        status, stopped, _ = await house.ask("POST", f"{path}/unrecorded", role=Role.AGENT)
        assert (status, stopped) == (200, {"state": "not_recorded", "recorded": "erase"})


async def recorded(house: House, call: OpenedCall, role: Role) -> Id:
    """Somebody took a call and is heard in it, and its visitor is being recorded; the recording."""
    await house.ask("POST", f"/v1/calls/{call.id}/take", role=role)
    await heard(house, call.id, role)
    view = await house.rooms.calls.view(call.id, by=house.by(role))
    async with house.rooms.database.read() as connection:
        visitors = select(legs.c.id).where(legs.c.call_id == call.id, legs.c.person_id.is_(None))
        leg_id = (await connection.execute(visitors)).scalar_one()
    leg = LegToRecord(view.tenant_id, view.id, leg_id, view.button_id, view.retention_days)
    return (await house.rooms.recordings.begin(leg, age_s=1.0)).media_id


async def is_lost(house: House, call: OpenedCall, role: Role) -> None:
    """Somebody lost the connection long ago, and the call rings again."""
    mine = (legs.c.call_id == call.id) & (legs.c.person_id == house.by(role).id)
    async with house.rooms.database.read() as connection:
        leg_id = (await connection.execute(select(legs.c.id).where(mine))).scalar_one()
    await house.rooms.calls.leg_ended(call.id, leg_id, reason="silent", call_goes_on=True)
    async with house.rooms.database.write() as connection:
        long_ago = house.rooms.clock.now() - AWAY
        await connection.execute(update(legs).where(legs.c.id == leg_id).values(ended_at=long_ago))
    await house.rooms.ringing.look()


@pytest.mark.parametrize("way", ["again", "join", "transfer", "rings again"])
async def test_taking_a_call_in_which_people_talked_erases_nothing(shared_house: House, way: str) -> None:
    """Who has it already, comes to a colleague's, or after one who was lost, stops the recording alone."""
    house, taker = shared_house, Role.AGENT if way == "again" else Role.SUPERVISOR
    async with at_their_screens(house, Role.AGENT):
        call = await ringing_call(house)
        path = f"/v1/calls/{call.id}"
        media_id = await recorded(house, call, Role.AGENT)
        async with at_their_screens(house, Role.SUPERVISOR):
            if way in {"join", "transfer"}:
                body = {"person_id": house.by(taker).id}
                assert (await house.ask("POST", f"{path}/{way}s", role=Role.AGENT, json=body))[0] == 201
            elif way == "rings again":
                await is_lost(house, call, Role.AGENT)
            status, taken, _ = await house.ask("POST", f"{path}/take?recorded=false", role=taker)
            assert (status, taken["call"]["recording"]["state"]) == (200, "not_recorded")
            _, stopped, _ = await house.ask("POST", f"{path}/unrecorded", role=taker)
            assert stopped == {"state": "not_recorded", "recorded": "keep"}
    async with house.rooms.database.read() as connection:
        state = await connection.execute(select(media.c.state).where(media.c.id == media_id))
        asked = await connection.execute(select(erasures).where(erasures.c.object_id == media_id))
        rule = await connection.execute(select(calls.c.unrecorded_rule).where(calls.c.id == call.id))
        assert (state.scalar_one(), asked.all(), rule.scalar_one()) == ("capturing", [], "keep")


async def test_an_answer_that_is_lost_leaves_no_capture_running(
    shared_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is taken as an unrecorded one, and the database goes away before that is told: it holds."""
    house = shared_house
    async with at_their_screens(house, Role.AGENT):
        call = await a_call(house)
        path = f"/v1/calls/{call.id}/take"
        async with publishing(house, call, PublisherPlan(video=None)):
            permit = house.rooms.legs.floor.permits.get(call.id)
            assert permit is not None
            await until(lambda: is_rung(house, call.id))

            async def away(**_: object) -> None:
                raise DependencyError("away")

            with monkeypatch.context() as patch:
                patch.setattr(house.rooms.ringing, "_tell_places", away)
                status, _, _ = await house.ask("POST", f"{path}?recorded=false", role=Role.AGENT)
            assert (status, permit.state()) == (503, RecordingState.NOT_RECORDED)
            (leg,) = house.rooms.legs.floor.legs_of(call.id)
            assert leg.capture is not None
            taken = leg.capture.counts.frames
            await asyncio.sleep(0.5)
            assert leg.capture.counts.frames == taken
            status, again, _ = await house.ask("POST", f"{path}?recorded=false", role=Role.AGENT)
            assert (status, again["call"]["recording"]["state"]) == (200, "not_recorded")


async def is_rung(house: House, call_id: Id) -> bool:
    """Whether a call rings on somebody's screen."""
    query = select(rings.c.id).where(rings.c.call_id == call_id, rings.c.state == RingState.RINGING.value)
    async with house.rooms.database.read() as connection:
        return (await connection.execute(query)).first() is not None
