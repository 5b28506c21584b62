"""Both sides of many calls in one process: publishers of an encoded clip, and viewers that decode nothing.

``python -m benchmarks.talkers BASE CODE CALLS SECONDS`` makes an agent for each call, lets it take the call
and lets both watch each other. It prints one JSON line when all talk and one when all have ended.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import aiohttp
import aiortc.rtcrtpreceiver

from benchmarks.program import session
from tests.end_to_end.program import Program
from tests.end_to_end.sides import Side, screen
from tests.end_to_end.visitor import Agent, OpenedCall, open_call
from tests.webrtc.legs import eventually
from tests.webrtc.publisher import Publisher, PublisherPlan
from tests.webrtc.spectator import Spectator

PLAN: Final = PublisherPlan(width=1280, height=720, bit_rate=1_200_000, keyframe_every=60)


@dataclass(frozen=True, slots=True)
class Pair:
    """One call with both in it."""

    call: OpenedCall
    visitor: Side
    agent: Side


def decode_nothing() -> None:
    """Let viewers take frames and throw them away: what they cost is not what is measured."""

    def drain(loop: asyncio.AbstractEventLoop, frames: Any, out: Any, _: Any) -> None:
        while frames.get() is not None:
            continue
        asyncio.run_coroutine_threadsafe(out.put(None), loop)

    aiortc.rtcrtpreceiver.decoder_worker = cast("Any", drain)


async def _agent(stack: AsyncExitStack, program: Program, admin: Agent, number: int) -> Agent:
    """A person of the tenant, signed in."""
    status, person = await admin.ask("POST", "/v1/people", json={"role": "agent", "name": f"Agent {number}"})
    if status != 201:
        raise LookupError(f"adding an agent was answered {status}: {person!r}")
    _, made = await admin.ask("POST", f"/v1/people/{person['id']}/sign-in-codes")
    agent = Agent(await stack.enter_async_context(session()), program, code=made["code"])
    await agent.sign_in()
    return agent


async def _talk(stack: AsyncExitStack, program: Program, http: aiohttp.ClientSession, agent: Agent) -> Pair:
    """Call, take, and watch each other."""
    enter = stack.enter_async_context
    events = await enter(screen(program, agent))
    call = await open_call(http, program)
    token = {"Authorization": f"Bearer {call.token}", "Origin": program.base}
    desk, origin = agent._http, agent._origin  # noqa: SLF001  # the session that is signed in
    sides = [
        Side(http, program.base, token, await enter(Publisher(PLAN)), await enter(Spectator())),
        Side(desk, program.base, origin, await enter(Publisher(PLAN)), await enter(Spectator())),
    ]
    visitor, other = sides
    await visitor.joins(call)
    await eventually(partial(_rings, events, call.id))
    status, taken = await agent.ask("POST", f"/v1/calls/{call.id}/take")
    if status != 200:
        raise LookupError(f"taking the call was answered {status}: {taken!r}")
    await other.joins(call)
    await other.watches(call, taken["legs"][0]["id"])
    await visitor.watches(call, other.leg_id)
    return Pair(call, visitor, other)


def _rings(events: list[dict[str, Any]], call_id: str) -> bool:
    return any(each["type"] == "call.ringing" and each["data"]["call_id"] == call_id for each in events)


async def _received(pair: Pair) -> int:
    """Packets that both have received by now."""
    count = 0
    for side in (pair.visitor, pair.agent):
        told = await side.spectator.pc.getStats()
        count += sum(each.packetsReceived for each in told.values() if each.type == "inbound-rtp")
    return count


def _say(**event: object) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


async def main(base: str, code: str, calls: int, seconds: float) -> None:
    """Talk, tell, hang up, tell."""
    program = Program(base, code, Path(), Path(), cast("Any", None))
    decode_nothing()
    PLAN.video_media(), PLAN.audio_media()  # encoded before the clock runs
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(session())
        admin = Agent(await stack.enter_async_context(session()), program)
        await admin.sign_in()
        agents = [await _agent(stack, program, admin, number) for number in range(calls)]
        pairs = [await _talk(stack, program, http, agent) for agent in agents]
        _say(event="talking")
        await asyncio.sleep(seconds)
        received = sum([await _received(pair) for pair in pairs])
        sent = 0
        for side in (side for pair in pairs for side in (pair.visitor, pair.agent)):
            tracks = (side.publisher.audio, side.publisher.video)
            sent += sum(track.sent for track in tracks if track is not None)
        _say(event="over", frames_sent=sent, packets_received=received)
        for pair in pairs:
            await pair.agent.hangs_up(pair.call)
            await pair.visitor.hangs_up(pair.call)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
