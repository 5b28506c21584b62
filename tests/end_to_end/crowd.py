"""Many calls of two in one running program: an agent for each, who takes the call and joins it."""

import asyncio
import re
import urllib.request
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import aiohttp

from tests.end_to_end.program import Program
from tests.end_to_end.sides import Side, screen
from tests.end_to_end.visitor import Agent, OpenedCall, open_call
from tests.webrtc.legs import eventually
from tests.webrtc.publisher import Publisher, PublisherPlan
from tests.webrtc.spectator import Spectator

PLENTY: Final = "1000000"  # the limits that keep strangers out are not what is looked at
NO_LIMITS: Final = {
    "LIMITS__CALLS_PER_MINUTE": PLENTY,
    "LIMITS__LEGS_PER_ADDRESS": PLENTY,
    "LIMITS__LEGS_PER_BUTTON": PLENTY,
    "LIMITS__LEGS_PER_TENANT": PLENTY,
    "LIMITS__FEEDS_PER_ADDRESS": PLENTY,
    "LIMITS__REQUESTS_PER_MINUTE": PLENTY,
    "LIMITS__SIGN_IN_PER_MINUTE": PLENTY,
}
LAG: Final = re.compile(r'^callvault_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pair:
    """One call with both in it, each watching the other."""

    call: OpenedCall
    visitor: Side
    agent: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both of them."""
        return self.visitor, self.agent

    @property
    def frames_sent(self) -> int:
        """Frames that both have sent so far."""
        tracks = [track for side in self.sides for track in (side.publisher.audio, side.publisher.video)]
        return sum(track.sent for track in tracks if track is not None)

    async def hangs_up(self) -> None:
        """Both leave, the agent first."""
        await self.agent.hangs_up(self.call)
        await self.visitor.hangs_up(self.call)


def cookies() -> aiohttp.ClientSession:
    """An HTTP client that keeps cookies of addresses."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def hired(stack: AsyncExitStack, program: Program, admin: Agent, number: int) -> Agent:
    """One more agent of the tenant, signed in."""
    status, person = await admin.ask("POST", "/v1/people", json={"role": "agent", "name": f"Agent {number}"})
    if status != 201:
        raise LookupError(f"adding an agent was answered {status}: {person!r}")
    _, made = await admin.ask("POST", f"/v1/people/{person['id']}/sign-in-codes")
    agent = Agent(await stack.enter_async_context(cookies()), program, code=made["code"])
    await agent.sign_in()
    return agent


async def paired(
    stack: AsyncExitStack,
    program: Program,
    http: aiohttp.ClientSession,
    agent: Agent,
    plan: PublisherPlan,
    *,
    choice: str = "accepted",
) -> Pair:
    """Call, take, and watch each other; what was opened is the stack's to close."""
    enter = stack.enter_async_context
    events = await enter(screen(program, agent))
    call = await open_call(http, program, choice=choice)
    token = {"Authorization": f"Bearer {call.token}", "Origin": program.base}
    desk, origin = agent._http, agent._origin  # the session that is signed in
    visitor = Side(http, program.base, token, await enter(Publisher(plan)), await enter(Spectator()))
    other = Side(desk, program.base, origin, await enter(Publisher(plan)), await enter(Spectator()))
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


def lags(metrics_port: int) -> dict[float, float]:
    """The event loop's lag so far: how many measures were at most so many seconds."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port}/metrics", timeout=10) as answer:  # loopback
        text = answer.read().decode()
    return {float(bound): float(count) for bound, count in LAG.findall(text)}


def lag_s(before: dict[float, float], after: dict[float, float], share: float = 0.99) -> float:
    """The lag between two readings that so large a share of the measures stayed under: a bucket's bound."""
    counted = {bound: after[bound] - before.get(bound, 0.0) for bound in sorted(after)}
    wanted = share * max(counted.values(), default=0.0)
    return next((bound for bound, count in counted.items() if count >= wanted), 0.0)


async def manifests(agent: Agent, call_id: str, *, within_s: float = 60.0) -> list[dict[str, Any]]:
    """Wait until both recordings of a call are ready; their manifests."""
    async with asyncio.timeout(within_s):
        while True:
            _, page = await agent.ask("GET", f"/v1/media?call_id={call_id}")
            items = page["items"]
            if len(items) == 2 and all(item["state"] == "ready" for item in items):
                break
            await asyncio.sleep(0.1)
    found = []
    for item in items:
        urls = await agent.link(item["id"])
        _, manifest = await agent.ask("GET", urls["manifest"])
        found.append(manifest)
    return found
