"""SIGKILL while somebody comes back to their recording: before each step on the disk, the next start goes on.

The recording was cut by a first kill; its visitor returns to the second process, which dies at a step of that
return, and once more to the third, which finishes it.
"""

import asyncio
import contextlib
import io
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest

from tests.end_to_end.campaign import (
    Recorded,
    Sent,
    fetch,
    quietly,
    require_no_orphans,
    require_nothing_stuck,
    say,
    settled,
    signed_in,
    started,
    talking,
    verify_ledger,
    visitors,
)
from tests.end_to_end.campaign_media import PLAN
from tests.end_to_end.folders import files_below
from tests.end_to_end.program import Program
from tests.end_to_end.syscalls import watched_steps
from tests.end_to_end.visitor import OpenedCall
from tests.servers.ports import free_port
from tests.webrtc.publisher import WhipPublisher

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
STAYS_OPEN = {"MEDIA__REJOIN_S": "30"}
SAMPLE = 2
SEED = 21
TALK_S = 1.6  # two fragments, on a machine that is not in a hurry


async def cut_off(http: aiohttp.ClientSession, program: Program) -> OpenedCall:
    """A visitor who spoke when the program was killed."""
    before = spooled(program)
    async with talking(http, program) as sent:
        await asyncio.sleep(TALK_S)
        async with asyncio.timeout(20):
            while spooled(program) == before:  # noqa: ASYNC110  # until there is something to come back to
                await asyncio.sleep(0.05)
        os.kill(program.process.pid, signal.SIGKILL)
        await asyncio.to_thread(program.process.wait)
        await sent.publisher.vanish()
        return sent.call


def spooled(program: Program) -> int:
    """How many fragments lie in the spool."""
    return len(files_below(program.folder / "objects" / "spool"))


@asynccontextmanager
async def back(http: aiohttp.ClientSession, program: Program, call: OpenedCall) -> AsyncIterator[Sent]:
    """The same visitor, with the same token, at the program that was started since."""
    again = OpenedCall(call.id, call.token, f"{program.base}/v1/calls/{call.id}/legs")
    async with WhipPublisher(PLAN, http, again.legs, again.token) as publisher:
        await publisher.publish()
        yield Sent(again, publisher)


async def comes_and_talks(http: aiohttp.ClientSession, program: Program, call: OpenedCall) -> None:
    """Return for a while."""
    async with back(http, program, call) as sent:
        await asyncio.sleep(TALK_S)
        await sent.publisher.vanish()


async def killed_on_return(folder: Path, port: int, call: OpenedCall, *, at: int | None) -> int:
    """Start, let the visitor come back, die before a step of it; how many steps were begun."""
    async with started(folder, port=port, settings=STAYS_OPEN) as program, visitors() as http:
        process = program.process
        with watched_steps(process.pid, kill_at=at) as watch:
            try:
                async with asyncio.timeout(20):
                    await quietly(comes_and_talks(http, program, call))
            except RuntimeError as refused:  # the program died while it answered
                say(f"the return was answered with an end: {refused}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        return watch.count


def require_joined(recorded: Recorded) -> dict[str, Any]:
    """One recording over both kills: it plays through, its times rise, each gap is declared."""
    manifest = recorded.manifest
    with av.open(io.BytesIO(recorded.media), "r") as container:
        stamps: dict[int, list[int]] = {}
        decoded = 0
        for packet in container.demux():
            if packet.size and packet.pts is not None:
                stamps.setdefault(packet.stream_index, []).append(packet.pts)
            decoded += len(packet.decode())
    for of in stamps.values():
        assert of == sorted(set(of))
    assert decoded == sum(track["frames"] for track in manifest["tracks"])
    spans = manifest["carried_by"]
    assert all(one["to_ms"] <= two["from_ms"] for one, two in pairwise(spans))
    causes = [gap["cause"] for gap in manifest["gaps"] if gap["track"] == manifest["tracks"][0]["id"]]
    assert causes.count("restart") == len(spans) - 1
    assert (manifest["recovered"], manifest["end_reason"]) == (False, "hangup")
    return manifest


async def test_a_kill_before_any_step_of_a_return_costs_no_recording(
    tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """P1: the third process goes on with the recording of the first, whatever the second had done."""
    folder, steps = tmp_path / "vault", [0]
    port = free_port()  # the same for each process: a token is good where it was made
    counted = False
    while steps:
        at = steps.pop()
        async with started(folder, port=port, settings=STAYS_OPEN) as program, visitors() as http:
            call = await cut_off(http, program)
        count = await killed_on_return(folder, port, call, at=at or None)
        if not counted:
            counted = True
            every = range(1, count + 1)
            steps = sorted(random.Random(SEED).sample(every, min(count, rounds(SAMPLE, count))))
            say(f"a return has {count} steps; killed before each of {steps}")
        async with started(folder, port=port, settings=STAYS_OPEN) as program, visitors() as http:
            async with back(http, program, call) as sent:
                await asyncio.sleep(TALK_S)
                await sent.publisher.unpublish()
            async with signed_in(program) as agent:
                _, page = await agent.ask("GET", f"/v1/media?call_id={call.id}")
                assert len(page["items"]) == 1
                item = await settled(agent, folder, sent)
                assert item is not None
                manifest = require_joined(await fetch(agent, item))
                assert len(manifest["carried_by"]) in {2, 3}
    require_nothing_stuck(folder)
    verify_ledger(folder)
    require_no_orphans(folder)
