"""What may be captured, and how each call ends (P11): real media, the real program."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.end_to_end.campaign import (
    SETTINGS,
    copied_databases,
    fetch,
    items_of,
    require_nothing_stuck,
    require_whole,
    settled,
    signed_in,
    started,
    talking,
    visitors,
)
from tests.end_to_end.campaign_media import PLAN, kept_frames
from tests.end_to_end.folders import objects_in
from tests.end_to_end.program import Program, running_program
from tests.end_to_end.visitor import OpenedCall, open_call
from tests.webrtc.publisher import WhipPublisher
from vault.app import open_rooms
from vault.calls.buttons import NewButton
from vault.cli.rooms import operator_of, settings_of
from vault.model import Role

pytestmark = pytest.mark.timeout(120)
SETUP_DEADLINE_S = 2.0
DEAD_AFTER_S = 2.0
REJOIN_S = 1.0
SLACK_S = 6.0  # a busy machine; without the deadline nothing would end for 15 s


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One program for the tests of this file, quick to give up on peers."""
    settings = {
        **SETTINGS,
        "MEDIA__SETUP_DEADLINE_S": str(SETUP_DEADLINE_S),
        "MEDIA__STALLED_AFTER_S": "1",
        "MEDIA__DEAD_AFTER_S": str(DEAD_AFTER_S),
        "MEDIA__REJOIN_S": str(REJOIN_S),
    }
    with running_program(tmp_path_factory.mktemp("rules") / "vault", settings=settings) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A visitor's session."""
    async with visitors() as session:
        yield session


@dataclass(frozen=True)
class Company:
    """A tenant with a button, and the one-time code of its administrator."""

    button_id: str
    code: str


async def company(program: Program, name: str) -> Company:
    """Add a tenant as the operator's commands do, beside the running program."""
    settings = settings_of(program.folder / "callvault.toml")
    async with open_rooms(settings, development=True) as rooms:
        tenant = await rooms.identity.tenants.add(name=name, retention_days=30)
        profile = {"name": "Nadia", "email": ""}
        person = await rooms.identity.people.add(tenant_id=tenant, role=Role.ADMIN, profile=profile, by=None)
        button = await rooms.buttons.create(
            NewButton(
                name="Site",
                label={"fr": "Appeler", "en": "Call"},
                purpose={"fr": "vous aider", "en": "to help you"},
                media=("audio", "video"),
                allowed_origins=(program.base,),
                records=True,
                retention_days=30,
            ),
            by=operator_of(tenant),
        )
        code = await rooms.identity.sessions.make_code(person_id=person.id, tenant_id=tenant)
    return Company(button.id, code)


async def call_as_visitor(http: aiohttp.ClientSession, call: OpenedCall) -> dict[str, Any]:
    """The call as its visitor sees it."""
    url = call.legs.removesuffix("/legs")
    async with http.get(url, headers={"Authorization": f"Bearer {call.token}"}) as response:
        assert response.status == 200
        told: dict[str, Any] = await response.json()
    return told


async def until_ended(http: aiohttp.ClientSession, call: OpenedCall, *, within_s: float) -> dict[str, Any]:
    """Wait for the end of a call."""
    until_s = time.monotonic() + within_s
    while (told := await call_as_visitor(http, call))["state"] != "ended":
        assert time.monotonic() < until_s, told
        await asyncio.sleep(0.1)
    return told


def objects(program: Program) -> list[Path]:
    """Everything in the store but the ledger."""
    return objects_in(program.folder)


def stored_of(program: Program, call: OpenedCall) -> list[str]:
    """The media rows of a call, straight from the database file."""
    with copied_databases(program.folder) as (main, _):
        return [row[0] for row in main.execute("SELECT id FROM media WHERE call_id=?", (call.id,))]


async def test_a_refused_call_is_live_and_not_one_frame_of_it_is_kept(
    program: Program, http: aiohttp.ClientSession
) -> None:
    """No row, no object, no entry of a capture: during the call and after it."""
    before = objects(program)
    async with talking(http, program, choice="refused") as sent:
        await asyncio.sleep(2.5)
        assert (await call_as_visitor(http, sent.call))["state"] == "live"
        assert sent.publisher.audio is not None
        assert sent.publisher.audio.sent > 50
        assert stored_of(program, sent.call) == []
        assert objects(program) == before
        assert await sent.publisher.unpublish() == 200
    assert stored_of(program, sent.call) == []
    assert objects(program) == before
    with copied_databases(program.folder) as (main, _):
        told = main.execute("SELECT DISTINCT type FROM leaves WHERE object_id=?", (sent.call.id,)).fetchall()
    assert {row[0] for row in told} == {"call.opened", "consent.refused", "call.ended"}


async def test_nobody_joins_before_the_notice_is_answered(
    program: Program, http: aiohttp.ClientSession
) -> None:
    """409 with a code of its own; nothing is bound, nothing is kept, and after an answer the call goes on."""
    call = await open_call(http, program, choice=None)
    async with WhipPublisher(PLAN, http, call.legs, call.token) as publisher:
        headers = {"Authorization": f"Bearer {call.token}", "Content-Type": "application/sdp"}
        async with http.post(call.legs, data=await publisher.offer(), headers=headers) as response:
            problem = await response.json()
    assert (response.status, problem["code"]) == (409, "consent_missing")
    assert (await call_as_visitor(http, call))["state"] == "open"
    assert stored_of(program, call) == []


async def test_a_client_that_never_connects_ends_at_the_deadline(
    program: Program, http: aiohttp.ClientSession
) -> None:
    """It has the answer and is silent: the leg and its call end, the visitor may press again."""
    call = await open_call(http, program)
    async with WhipPublisher(PLAN, http, call.legs, call.token) as publisher:
        headers = {"Authorization": f"Bearer {call.token}", "Content-Type": "application/sdp"}
        async with http.post(call.legs, data=await publisher.offer(), headers=headers) as response:
            assert response.status == 201
        told = await until_ended(http, call, within_s=SETUP_DEADLINE_S + SLACK_S)
    assert told["end_reason"] == "setup_timeout"
    assert stored_of(program, call) == []


async def test_a_visitor_who_vanishes_leaves_a_finished_recording(
    program: Program, http: aiohttp.ClientSession
) -> None:
    """No goodbye: silence ends the leg, and what came before it is ready, with no crash declared."""
    ours = await company(program, "Atelier Fugace")
    async with talking(http, program, button_id=ours.button_id) as sent:
        await asyncio.sleep(1.5)
        sent.note()
        await sent.publisher.vanish()
        told = await until_ended(http, sent.call, within_s=DEAD_AFTER_S + REJOIN_S + SLACK_S)
    assert told["end_reason"] in {"silent", "consent_lost"}
    async with signed_in(program, code=ours.code) as agent:
        item = await settled(agent, program.folder, sent)
        assert item is not None
        recorded = await fetch(agent, item)
    sent.hung_up = True
    assert require_whole(sent, recorded) < 0.1
    assert recorded.manifest["end_reason"] == told["end_reason"]


async def test_two_tenants_do_not_see_each_other_on_this_path(
    program: Program, http: aiohttp.ClientSession
) -> None:
    """A call, its legs, its recording and its erasure: to another tenant none of them exists."""
    us, them = await company(program, "Atelier Lumen"), await company(program, "Nachbar & Cie")
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(signed_in(program, code=us.code))
        theirs = await stack.enter_async_context(signed_in(program, code=them.code))
        mine = await stack.enter_async_context(talking(http, program, button_id=us.button_id))
        stranger = await open_call(http, program, button_id=them.button_id)
        for method, url in (("GET", mine.call.legs[: -len("/legs")]), ("DELETE", mine.publisher.location)):
            async with http.request(
                method, url, headers={"Authorization": f"Bearer {stranger.token}"}
            ) as response:
                assert response.status == 404, (method, await response.text())
        async with WhipPublisher(PLAN, http, mine.call.legs, stranger.token) as intruder:
            with pytest.raises(RuntimeError, match="answered 404"):
                await intruder.publish()
        await asyncio.sleep(1)
        await mine.publisher.unpublish()
        item = await settled(ours, program.folder, mine)
        assert item is not None
        assert await items_of(theirs, mine.call.id) == []
        assert (await theirs.ask("GET", "/v1/media"))[1]["items"] == []
        for method, path in (
            ("GET", f"/v1/media/{item['id']}"),
            ("GET", f"/v1/media/{item['id']}/access"),
            ("DELETE", f"/v1/media/{item['id']}?reason=other"),
            ("GET", f"/v1/calls/{mine.call.id}"),
        ):
            assert (await theirs.ask(method, path))[0] == 404, (method, path)
        for url in (await ours.link(item["id"])).values():
            assert (await theirs.ask("GET", url))[0] in {403, 404}, url
        assert kept_frames((await fetch(ours, item)).media)


async def test_a_stop_during_a_call_drains_it_and_finishes_its_recording(tmp_path: Path) -> None:
    """SIGTERM: no new call, the running one goes on for a while, then it waits for the next start; exit 0.

    Nobody comes back to it there, so its recording is made ready, whole, with why it ended.
    """
    folder = tmp_path / "vault"
    async with (
        started(folder, settings={"SERVER__DRAIN_S": "2"}) as program,
        visitors() as http,
        talking(http, program) as sent,
    ):
        late = await open_call(http, program)
        await asyncio.sleep(1)
        program.process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        async with WhipPublisher(PLAN, http, late.legs, late.token) as refused:
            with pytest.raises(RuntimeError, match="answered 503"):
                await refused.publish()
        await asyncio.sleep(1)
        sent.note()  # so much must be there: the drain is not over yet
        assert await asyncio.to_thread(program.process.wait, 20) == 0
    sent.hung_up = True
    async with started(folder) as program, signed_in(program) as agent:
        item = await settled(agent, folder, sent)
        assert item is not None
        recorded = await fetch(agent, item)
    require_nothing_stuck(folder)
    assert require_whole(sent, recorded) < 0.5
    assert recorded.manifest["end_reason"] == "shutdown"
    assert recorded.manifest["recovered"] is False
