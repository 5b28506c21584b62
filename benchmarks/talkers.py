"""Both sides of many calls in one process: publishers of an encoded clip, and viewers that decode nothing.

``python -m benchmarks.talkers BASE CODE CALLS SECONDS`` makes an agent for each call, lets it take the call
and lets both watch each other. It prints one JSON line when all talk and one when all have ended.
"""

import asyncio
import json
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, cast

import uvloop

from benchmarks.program import session
from tests.end_to_end.crowd import Pair, hired, paired
from tests.end_to_end.program import Program
from tests.end_to_end.visitor import Agent
from tests.webrtc.light import light_ends
from tests.webrtc.publisher import PublisherPlan

PLAN: Final = PublisherPlan(width=1280, height=720, bit_rate=1_200_000, keyframe_every=60)


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
    PLAN.video_media(), PLAN.audio_media()  # encoded before the clock runs
    async with AsyncExitStack() as stack:
        stack.enter_context(light_ends())
        http = await stack.enter_async_context(session())
        admin = Agent(await stack.enter_async_context(session()), program)
        await admin.sign_in()
        agents = [await hired(stack, program, admin, number) for number in range(calls)]
        pairs = [await paired(stack, program, http, agent, PLAN) for agent in agents]
        _, me = await admin.ask("GET", "/v1/me")
        _, made = await admin.ask("POST", f"/v1/people/{me['id']}/sign-in-codes")
        _say(event="talking", code=made["code"])  # for whoever looks at one more call: a code is good once
        await asyncio.sleep(seconds)
        received = sum([await _received(pair) for pair in pairs])
        sent = sum(pair.frames_sent for pair in pairs)
        _say(event="over", frames_sent=sent, packets_received=received)
        for pair in pairs:
            await pair.hangs_up()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
