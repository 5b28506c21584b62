"""An hour of calls that come and go: memory stays flat, no task, socket, file or row is left behind.

The hour is `make soak`; by default it is half a minute of fewer calls. CALLVAULT_TEST_CHURN_S sets seconds.
"""

import asyncio
import math
import os
import random
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests.end_to_end import incidents
from tests.end_to_end.campaign import (
    copied_databases,
    require_nothing_stuck,
    say,
    seeded,
    signed_in,
    started,
    under_way,
    verify_ledger,
    visitors,
)
from tests.end_to_end.crowd import NO_LIMITS, Pair, hired, paired
from tests.end_to_end.program import Program
from tests.end_to_end.visitor import Agent
from tests.servers.first import go_first
from tests.servers.ports import free_port
from tests.webrtc.light import light_ends
from tests.webrtc.publisher import PublisherPlan

pytestmark = [pytest.mark.slow, pytest.mark.timeout(9000)]
PLAN = PublisherPlan(width=160, height=96, fps=10, bit_rate=60_000)
MOST_GROWN_BYTES = 48 * 1024 * 1024  # over the state after the first calls, however many follow
MOST_MORE_FILES = 8  # pools of threads and of connections breathe


@dataclass(frozen=True)
class Held:
    """What the server holds at a quiet moment."""

    memory_bytes: int
    files: int
    sockets: int
    tasks: int
    legs: int
    feeds: int

    @property
    def own_tasks(self) -> int:
        """Tasks but those of connections: each of a caller's has one."""
        return self.tasks - self.sockets

    @classmethod
    def of(cls, program: Program, metrics_port: int) -> "Held":
        """Look from outside: /proc, and the metrics for what is inside."""
        address = f"http://127.0.0.1:{metrics_port}/metrics"
        with urllib.request.urlopen(address, timeout=10) as answer:
            lines = [
                line.split() for line in answer.read().decode().splitlines() if line[:1] not in {"", "#"}
            ]
        told = {line[0]: float(line[-1]) for line in lines}
        process = psutil.Process(program.process.pid)
        return cls(
            process.memory_info().rss,
            process.num_fds(),
            len(process.net_connections()),
            *(int(told[f"callvault_{name}"]) for name in ("tasks", "legs_live", "feeds_live")),
        )


@dataclass
class Churn:
    """Calls that come and go, each in its own way."""

    program: Program
    http: aiohttp.ClientSession
    admin: Agent
    colleague: incidents.Colleague
    dice: random.Random
    talk_s: float  # the longest that two talk before something happens
    calls: int = 0
    erased: int = 0
    deck: list[incidents.Incident] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)

    async def seat(self, agent: Agent, until: Callable[[], bool]) -> None:
        """One agent's day: one call after another, begun at a moment of its own."""
        await asyncio.sleep(self.dice.uniform(0.0, self.talk_s / 3))
        while not until():
            async with AsyncExitStack() as stack:
                choice = "refused" if self.dice.random() < 0.2 else "accepted"
                pair = await paired(stack, self.program, self.http, agent, PLAN, choice=choice)
                await asyncio.sleep(self.dice.uniform(0.5, self.talk_s))
                await self.happens(stack, agent, pair)
            self.calls += 1

    def deal(self) -> incidents.Incident:
        """What happens next: each thing once before any comes again."""
        if not self.deck:
            everything = (*incidents.BEFORE_THE_END, *incidents.ENDS)
            self.deck = self.dice.sample(everything, len(everything))
        return self.deck.pop()

    async def happens(self, stack: AsyncExitStack, agent: Agent, pair: Pair) -> None:
        """One thing happens; then all have hung up, or are lost."""
        what = self.deal()
        await what(incidents.Scene(stack, self.program, agent, pair, self.colleague, PLAN))
        if what in incidents.BEFORE_THE_END:
            await asyncio.sleep(self.dice.uniform(0.2, 1.0))
            await pair.hangs_up()
        self.happened[what.__name__] += 1

    async def erasures(self, until: Callable[[], bool]) -> None:
        """What is ready is erased, most of it: a vault does not only grow."""
        while not until():
            await asyncio.sleep(1)
            _, page = await self.admin.ask("GET", "/v1/media?state=ready&limit=20")
            for item in page["items"][: self.dice.randrange(len(page["items"]) + 1)]:
                await self.admin.ask("DELETE", f"/v1/media/{item['id']}?reason=visitor_request")
                self.erased += 1

    async def for_seconds(self, seconds: float, agents: list[Agent]) -> None:
        """All seats at once."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + seconds

        def is_over() -> bool:
            return loop.time() >= ends_s

        async with asyncio.TaskGroup() as seats:
            seats.create_task(self.erasures(is_over), name="erasures")
            for agent in agents:
                seats.create_task(self.seat(agent, is_over), name="seat")


@asynccontextmanager
async def house(folder: Path, *, talk_s: float) -> AsyncIterator[tuple[Churn, int]]:
    """The program with short deadlines, so that what is lost ends soon."""
    metrics_port = free_port()
    settings = {
        **NO_LIMITS,
        "SERVER__METRICS_PORT": str(metrics_port),
        "MEDIA__MAX_LEGS": "200",
        "MEDIA__MAX_FEEDS": "200",
        "MEDIA__STALLED_AFTER_S": "2",
        "MEDIA__DEAD_AFTER_S": "4",
        "MEDIA__REJOIN_S": "3",
        "LOG__LEVEL": "warning",
    }
    async with (
        started(folder, settings=settings) as program,
        visitors() as http,
        signed_in(program) as admin,
        AsyncExitStack() as stack,
    ):
        for pid in (program.process.pid, os.getpid()):
            go_first(pid)  # an hour beside others shows leaks too, where neither waits for a processor
        agent = await hired(stack, program, admin, 0)
        colleague = await incidents.Colleague.at_work(stack, program, agent, PLAN)
        yield Churn(program, http, admin, colleague, seeded(), talk_s), metrics_port


# The stock peer's own timers fall over a transport that was cut under it: the caller's affair, not ours.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_calls_that_come_and_go_leave_nothing_behind(
    tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """P14: memory, tasks, sockets and files are as before, each row has come to its end."""
    seconds = float(os.environ.get("CALLVAULT_TEST_CHURN_S", rounds(10, 3600)))
    PLAN.video_media(), PLAN.audio_media()  # encoded before the clock runs
    async with (
        AsyncExitStack() as stack,
        house(tmp_path / "vault", talk_s=rounds(3, 120)) as (churn, metrics_port),
    ):
        stack.enter_context(light_ends())  # what is shown to nobody is not decoded, nor kept
        agents = [
            await hired(stack, churn.program, churn.admin, number) for number in range(1, rounds(4, 21))
        ]

        async def at_rest(most_tasks: float = math.inf) -> Held:
            """Wait until all is over, an hour's queue too; what is just answered ends, a leak does not."""
            held = Held.of(churn.program, metrics_port)
            with suppress(TimeoutError):
                async with asyncio.timeout(rounds(30, 1800)):
                    while held.own_tasks > most_tasks or not _is_quiet(tmp_path / "vault", held):
                        await asyncio.sleep(0.5)
                        held = Held.of(churn.program, metrics_port)
            return held

        # As many calls at once as later: the most memory ever in use is no leak, and is not given back.
        await churn.for_seconds(min(rounds(4, 300), seconds / 3), agents)
        before = await at_rest()
        warm = churn.calls
        await churn.for_seconds(seconds, agents)
        after = await at_rest(before.own_tasks + 3)
        assert _is_quiet(tmp_path / "vault", after)
        say(f"{churn.calls} calls, {churn.erased} erased, {dict(churn.happened)}; {before} then {after}")
        assert churn.calls >= warm + len(agents)
        assert after.memory_bytes - before.memory_bytes < MOST_GROWN_BYTES
        assert after.files <= before.files + MOST_MORE_FILES
        assert after.sockets <= before.sockets + MOST_MORE_FILES
        assert after.own_tasks <= before.own_tasks + 3
    require_nothing_stuck(tmp_path / "vault")
    verify_ledger(tmp_path / "vault")


def _is_quiet(folder: Path, held: Held) -> bool:
    """Whether nothing is carried any more and all that was begun is finished or erased."""
    if held.legs or held.feeds:
        return False
    with copied_databases(folder) as (main, _):
        return not under_way(main)
