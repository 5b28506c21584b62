"""SIGKILL before each step on the disk of a finish and of an erasure: every crash point, one by one.

A step is a write, a sync, a rename or an unlink of the store or of a database, in any thread. CI tries a
fixed sample of them, `make soak` each one.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.end_to_end.campaign import (
    Sent,
    fetch,
    fetch_if_kept,
    quietly,
    require_no_early_word,
    require_no_orphans,
    require_nothing_stuck,
    require_receipt,
    require_whole,
    say,
    settled,
    signed_in,
    started,
    talking,
    verify_ledger,
    visitors,
)
from tests.end_to_end.program import Program
from tests.end_to_end.syscalls import watched_steps
from tests.end_to_end.visitor import Agent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(6600)]
SAMPLE = 6
SEED = 20
TOGETHER = 5
TALK_S = 0.4  # less than a fragment: the recording itself begins under watch
REACHED_WITHIN_S = 60.0  # each step waits for whoever watches it; the promise is about the next start


@dataclass
class Running:
    """A program that was started on the folder, its visitors and its agent."""

    program: Program
    http: aiohttp.ClientSession
    agent: Agent


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Running]:
    """Start the program on the folder."""
    async with started(folder) as program, visitors() as http, signed_in(program) as agent:
        yield Running(program, http, agent)


async def steps_of(house: Running, act: Awaitable[object], *, kill_at: int | None = None) -> int:
    """Do something under watch until it is over or the program is dead; how many steps were begun."""
    process = house.program.process
    with watched_steps(process.pid, kill_at=kill_at) as watch:
        async with asyncio.timeout(REACHED_WITHIN_S):
            await quietly(act)
        if watch.killed:
            await asyncio.to_thread(process.wait, REACHED_WITHIN_S)
    return watch.count


def chosen(count: int, rounds: Callable[[int, int], int]) -> list[int]:
    """The steps to be killed at: a fixed sample, or all of them."""
    steps = range(1, count + 1)
    return sorted(random.Random(SEED).sample(steps, min(count, rounds(SAMPLE, count))))


async def hang_up(house: Running, sent: Sent) -> None:
    """The visitor leaves; the recording is finished."""
    sent.note()
    sent.hung_up = True
    await sent.publisher.unpublish()
    await settled(house.agent, house.program.folder, sent, timeout_s=REACHED_WITHIN_S)


async def erase(house: Running, media_id: str) -> None:
    """The agent erases; the receipt is complete."""
    status, _ = await house.agent.ask("DELETE", f"/v1/media/{media_id}?reason=visitor_request")
    assert status == 202
    await require_receipt(house.agent, house.program.folder, media_id)


async def test_a_kill_before_any_step_of_a_finish_costs_nothing(
    tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """P1: from the last fragment to the shredded spool, the next start goes on from wherever it stood."""
    folder, sent = tmp_path / "vault", None
    steps: list[int] = []
    at: int | None = None
    while True:
        async with running(folder) as house:
            if sent is not None:
                item = await settled(house.agent, house.program.folder, sent)
                require_whole(sent, await fetch_if_kept(house.agent, item))
            if at is not None and not steps:
                break
            at = steps.pop(0) if at is not None else 0
            async with talking(house.http, house.program) as sent:
                await asyncio.sleep(TALK_S)
                count = await steps_of(house, hang_up(house, sent), kill_at=at or None)
                if at == 0:
                    steps = chosen(count, rounds)
                    say(f"a finish has {count} steps; killed before each of {steps}")
    require_nothing_stuck(folder)
    verify_ledger(folder)
    require_no_orphans(folder)


async def test_a_kill_before_any_step_of_an_erasure_ends_in_a_proven_erasure(
    tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """P8, P9: no receipt before its effect at any crash point; the next start erases what was asked for."""
    folder = tmp_path / "vault"
    async with running(folder) as house:
        first = (await recordings(house, 1))[0]
        count = await steps_of(house, erase(house, first))
        steps = chosen(count, rounds)
        say(f"an erasure has {count} steps; killed before each of {steps}")
        waiting = await recordings(house, len(steps) + 1)
        neighbour = waiting.pop()
    erasing = None
    for at in [*steps, None]:
        async with running(folder) as house:
            if erasing is not None:
                await require_erased(house, erasing)
            if at is not None:
                erasing = waiting.pop()
                await steps_of(house, erase(house, erasing), kill_at=at)
        require_no_early_word(folder)
    async with running(folder) as house:
        await fetch(house.agent, {"id": neighbour, "call_id": ""})
    require_nothing_stuck(folder)
    verify_ledger(folder)
    require_no_orphans(folder)


async def require_erased(house: Running, media_id: str) -> None:
    """The erasure that the kill interrupted is proven, or it was never heard and everything still stands."""
    status, item = await house.agent.ask("GET", f"/v1/media/{media_id}")
    if status == 200 and item["state"] == "ready":
        await fetch(house.agent, item)
        return
    await require_receipt(house.agent, house.program.folder, media_id)


async def recordings(house: Running, count: int) -> list[str]:
    """Make recordings, a few at a time."""
    made: list[str] = []
    while len(made) < count:
        async with AsyncExitStack() as stack:
            some = [
                await stack.enter_async_context(talking(house.http, house.program))
                for _ in range(min(TOGETHER, count - len(made)))
            ]
            await asyncio.sleep(TALK_S)
            for sent in some:
                await sent.publisher.unpublish()
            items = [await settled(house.agent, house.program.folder, sent) for sent in some]
        made += [item["id"] for item in items if item is not None]
    return made
