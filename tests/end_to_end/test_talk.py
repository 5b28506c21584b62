"""Two people talk through the program as it runs: seen and heard by content, recorded each, and killed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.end_to_end.campaign import (
    RECOVERY_LIMIT_S,
    copied_databases,
    fetch,
    items_of,
    require_nothing_stuck,
    signed_in,
    started,
    visitors,
)
from tests.end_to_end.folders import objects_in
from tests.end_to_end.program import Program
from tests.end_to_end.sides import AGENT_PLAN, VISITOR_PLAN, heard_and_seen, two_talk
from tests.end_to_end.visitor import Agent, OpenedCall, open_call

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    """A program of its own: its agent signs in once."""
    async with started(tmp_path / "vault") as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A visitor's session."""
    async with visitors() as session:
        yield session


async def both_ready(agent: Agent, call: OpenedCall) -> list[dict[str, Any]]:
    """Wait until the call's recordings are finished: one of each side, both of this call."""
    async with asyncio.timeout(RECOVERY_LIMIT_S):
        while True:
            items = await items_of(agent, call.id)
            if len(items) == 2 and all(item["state"] == "ready" for item in items):
                return items
            await asyncio.sleep(0.1)


async def require_both(agent: Agent, call: OpenedCall) -> list[dict[str, Any]]:
    """Both recordings hold what each side sent, and nothing of the other's; the manifests are given."""
    items = await both_ready(agent, call)
    recorded = [await fetch(agent, item) for item in items]
    found = {heard_and_seen(each.media)[0]: heard_and_seen(each.media) for each in recorded}
    for plan in (VISITOR_PLAN, AGENT_PLAN):
        _, tone_hz, pictures = found[plan.width, plan.height]
        assert abs(tone_hz - plan.tone_hz) < 5
        assert pictures > 10
    return [each.manifest for each in recorded]


async def test_two_people_see_and_hear_each_other_and_are_recorded(
    program: Program, http: aiohttp.ClientSession
) -> None:
    """It rings, is taken, and each decodes the other's very picture and tone; two recordings of one call."""
    async with signed_in(program) as agent:
        call = await open_call(http, program)
        async with two_talk(program, http, agent, call) as talk:
            await talk.agent.sees(VISITOR_PLAN)
            await talk.visitor.sees(AGENT_PLAN)
            status, listed = await agent.ask("GET", f"/v1/calls/{call.id}/legs")
            assert status == 200
            assert {leg["id"]: leg["mine"] for leg in listed["items"]} == {
                talk.visitor.leg_id: False,
                talk.agent.leg_id: True,
            }
            await talk.visitor.hangs_up(call)
            await asyncio.sleep(0.5)
            assert talk.told("call.ended") == [{"call_id": call.id, "reason": "hangup"}]
            ended = {each["leg_id"]: each["reason"] for each in talk.told("call.leg_ended")}
            assert ended == {talk.visitor.leg_id: "hangup", talk.agent.leg_id: "call_ended"}
            assert (await agent.ask("GET", f"/v1/calls/{call.id}/legs"))[0] == 404
        manifests = await require_both(agent, call)
        assert {each["recovered"] for each in manifests} == {False}


async def test_who_says_no_is_seen_and_heard_and_not_kept(
    program: Program, http: aiohttp.ClientSession
) -> None:
    """P11 for both sides: no row, no key, no object of either."""
    before = objects_in(program.folder)
    async with signed_in(program) as agent:
        call = await open_call(http, program, choice="refused")
        async with two_talk(program, http, agent, call) as talk:
            assert [card["recorded"] for card in talk.told("call.ringing") if card["call_id"] == call.id] == [
                False
            ]
            await talk.agent.sees(VISITOR_PLAN)
            await talk.visitor.sees(AGENT_PLAN)
            await talk.visitor.hangs_up(call)
        assert await items_of(agent, call.id) == []
    assert set(objects_in(program.folder)) <= set(before)
    with copied_databases(program.folder) as (main, _):
        rows = main.execute("SELECT count(*) FROM media WHERE call_id=?", (call.id,)).fetchone()
    assert rows == (0,)


async def test_a_kill_in_the_middle_leaves_both_recordings(tmp_path: Path) -> None:
    """SIGKILL while both talk: the next start finishes both, and says that it had to."""
    folder = tmp_path / "vault"
    async with started(folder) as program, visitors() as http, signed_in(program) as agent:
        call = await open_call(http, program)
        async with two_talk(program, http, agent, call) as talk:
            await talk.agent.sees(VISITOR_PLAN)
            await talk.visitor.sees(AGENT_PLAN)
            await asyncio.sleep(2.5)
            os.kill(program.process.pid, signal.SIGKILL)
            await talk.visitor.vanishes()
            await talk.agent.vanishes()
            await asyncio.to_thread(program.process.wait)
    async with started(folder) as program, signed_in(program) as agent:
        manifests = await require_both(agent, call)
        assert {each["recovered"] for each in manifests} == {True}
    require_nothing_stuck(folder)
