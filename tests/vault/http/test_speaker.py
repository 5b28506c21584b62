"""Stopping a recording through the door while the database does not answer, and who may."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NoReturn

import pytest

from tests.vault.calls.studio import until
from tests.vault.calls.test_pauses import AwayEngine
from tests.vault.http.house import House
from tests.vault.http.recordings import a_call, answering, publishing, visitor_headers, visitor_of
from tests.vault.http.visitors import PAGE
from tests.webrtc.publisher import PublisherPlan
from vault.calls.calls import OpenedCall
from vault.calls.permits import Permit
from vault.http import speaker
from vault.http.cookies import PLAIN_NAME
from vault.http.cors import KEPT_S
from vault.model import ConsentChoice, RecordingState, Role

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOUND = PublisherPlan(video=None)


class SilentEngine:
    """An engine whose database says nothing, until it is known to be gone."""

    def __init__(self) -> None:
        self.is_gone = asyncio.Event()

    def begin(self) -> "SilentEngine":
        """Give what is entered only to fail."""
        return self

    connect = begin

    async def __aenter__(self) -> NoReturn:
        await self.is_gone.wait()
        raise ConnectionError

    async def __aexit__(self, *_: object) -> None:
        """Nothing was opened."""


@contextmanager
def away(house: House, engine: object | None = None) -> Iterator[None]:
    """The database is away for readers and writers alike."""
    with pytest.MonkeyPatch.context() as patch:
        for each in ("_writer", "_reader"):
            patch.setattr(house.rooms.database, each, engine or AwayEngine())
        yield


@asynccontextmanager
async def talk(house: House) -> AsyncIterator[tuple[OpenedCall, Permit]]:
    """A call that is recorded, with its visitor and an agent in it."""
    call = await a_call(house)
    async with publishing(house, call, SOUND), answering(house, call):
        permit = house.rooms.legs.floor.permits.get(call.id)
        assert permit is not None
        assert permit.state() is RecordingState.RECORDING
        yield call, permit


async def consent(house: House, call: OpenedCall) -> ConsentChoice | None:
    """What the rows say."""
    return (await house.rooms.calls.view(call.id, by=visitor_of(call))).consent


async def ask(house: House, call: OpenedCall, what: str, **more: Any) -> tuple[int, Any]:
    """POST below a call."""
    status, body, _ = await house.ask("POST", f"/v1/calls/{call.id}/{what}", **more)
    return status, body


async def test_an_agents_pause_holds_and_is_written_when_the_database_is_back(shared_house: House) -> None:
    """P11.15, through the door: 201 that is not durable; asked again, the same pause; then it has its row."""
    house = shared_house
    async with talk(house) as (call, permit):
        with away(house):
            status, pause = await ask(house, call, "pauses", role=Role.AGENT)
            assert (status, pause["durable"]) == (201, False)
            assert permit.state() is RecordingState.PAUSED
            assert (await ask(house, call, "pauses", role=Role.AGENT))[1]["id"] == pause["id"]
        await house.rooms.control.pauses.turn()
        status, again = await ask(house, call, "pauses", role=Role.AGENT)
        assert (status, again["id"], again["durable"]) == (200, pause["id"], True)


async def test_an_agent_who_came_with_a_cookie_pauses_too(shared_house: House) -> None:
    """Their session was good when it was last looked at; without it, or from another site, nothing stops."""
    house = shared_house
    opened = await house.rooms.identity.sessions.open_for(house.by(Role.AGENT))
    sent = {"Cookie": f"{PLAIN_NAME}={opened.secret}", "Sec-Fetch-Site": "same-origin"}
    async with talk(house) as (call, permit):
        with away(house):
            assert (await ask(house, call, "pauses", headers=sent))[0] == 503
        assert (await house.ask("GET", "/v1/me", headers=sent))[0] == 200
        with away(house):
            crossed = await ask(house, call, "pauses", headers=sent | {"Sec-Fetch-Site": "cross-site"})
            assert crossed[0] == 403
            assert permit.state() is RecordingState.RECORDING
            assert (await ask(house, call, "pauses", headers=sent))[0] == 201
            assert permit.state() is RecordingState.PAUSED


async def test_a_visitors_withdrawal_bites_at_once_and_is_written_later(shared_house: House) -> None:
    """P11.9, through the door: 503, which the page may read; nothing is captured, and the row is owed."""
    house = shared_house
    async with talk(house) as (call, permit):
        headers, path = visitor_headers(house, call), f"/v1/calls/{call.id}/consents/withdrawal"
        assert (await house.ask("OPTIONS", path, headers={"Origin": PAGE}))[0] == 204
        with away(house), pytest.MonkeyPatch.context() as patch:
            later_s = house.services.clock.monotonic() + KEPT_S
            patch.setattr(house.services.clock, "monotonic", lambda: later_s)
            assert (await house.ask("OPTIONS", path, headers={"Origin": PAGE}))[0] == 204
            status, problem, response = await house.ask("POST", path, headers=headers)
            assert (status, problem["code"]) == (503, "dependency_unavailable")
            assert response.headers["Access-Control-Allow-Origin"] == PAGE
            assert permit.state() is RecordingState.WITHDRAWN
        assert await consent(house, call) is ConsentChoice.ACCEPTED
        running = asyncio.create_task(house.rooms.control.withdrawals.run(), name="withdrawals")

        async def is_written() -> bool:
            return await consent(house, call) is ConsentChoice.WITHDRAWN

        await until(is_written, timeout_s=30)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_agents_stop_bites_at_once(shared_house: House) -> None:
    """503, and the recording has stopped."""
    house = shared_house
    async with talk(house) as (call, permit):
        with away(house):
            assert (await ask(house, call, "unrecorded", role=Role.AGENT))[0] == 503
            assert permit.state() is RecordingState.NOT_RECORDED


async def test_a_program_that_was_known_lately_pauses_and_another_does_not(shared_house: House) -> None:
    """It has no leg, so its token must have been good; another company's gets nowhere."""
    house = shared_house
    sent, foreign = (
        {"Authorization": f"Bearer {house.token(Role.SERVICE, tenant)}"} for tenant in ("a", "b")
    )
    async with talk(house) as (call, permit):
        with away(house):
            assert (await ask(house, call, "pauses", headers=sent))[0] == 503
        for headers in (sent, foreign):
            assert (await house.ask("GET", "/v1/me", headers=headers))[0] == 200
        with away(house):
            assert (await ask(house, call, "pauses", headers=foreign))[0] == 503
            assert permit.state() is RecordingState.RECORDING
            assert (await ask(house, call, "pauses", headers=sent))[0] == 201
            assert permit.state() is RecordingState.PAUSED


async def test_who_is_not_in_the_call_stops_nothing(shared_house: House) -> None:
    """A colleague, another call's visitor, a spoilt token: 503 or 401, and the recording goes on."""
    house = shared_house
    neighbour = await a_call(house)
    async with talk(house) as (call, permit):
        spoilt = {"Authorization": f"Bearer {house.token(Role.AGENT)[:-2]}xx"}
        stranger = visitor_headers(house, neighbour)
        with away(house):
            assert (await ask(house, call, "pauses", role=Role.SUPERVISOR))[0] == 503
            assert (await ask(house, call, "pauses", headers=spoilt))[0] == 401
            assert (await ask(house, call, "pauses"))[0] == 401
            assert (await ask(house, call, "consents/withdrawal", headers=stranger))[0] == 503
            assert (await house.ask("GET", "/v1/me", role=Role.AGENT))[0] == 503
        assert permit.state() is RecordingState.RECORDING
        assert house.rooms.legs.floor.permits.get(neighbour.id) is None


async def test_a_database_that_says_nothing_holds_up_no_stop(
    shared_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is in the call is believed after a moment; the answer may take longer, the stop does not."""
    house = shared_house
    monkeypatch.setattr(speaker, "STOP_WITHIN_S", 0.2)
    async with talk(house) as (call, permit):
        engine = SilentEngine()

        async def is_paused() -> bool:
            return permit.state() is RecordingState.PAUSED

        with away(house, engine):
            asking = asyncio.create_task(ask(house, call, "pauses", role=Role.AGENT), name="pause")
            await until(is_paused)
            engine.is_gone.set()
            status, pause = await asking
        assert (status, pause["durable"]) == (201, False)
