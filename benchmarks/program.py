"""The measured program: ``callvault dev`` on a core of its own, its calls, its metrics, its manifests."""

import asyncio
import re
import socket
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from benchmarks.machine import SERVER_CORE, on_core
from benchmarks.publishers import Leg
from tests.end_to_end.program import Program, running_program
from tests.end_to_end.visitor import Agent, open_call
from tests.servers.first import go_first
from tests.servers.ports import free_port

PLENTY: Final = "1000000"  # the limits that keep strangers out are not what is measured
LAG: Final = re.compile(r'^callvault_event_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)
PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class Vault:
    """The running program and the address of its metrics."""

    program: Program
    metrics_url: str

    @property
    def pid(self) -> int:
        """The server process."""
        return self.program.process.pid

    def metrics(self) -> str:
        """All metrics as text."""
        with urllib.request.urlopen(self.metrics_url, timeout=10) as answer:  # noqa: S310  # loopback
            return str(answer.read().decode())

    def lags(self) -> dict[float, float]:
        """The event loop's lag so far: how many measures were at most so many seconds."""
        return {float(bound): float(count) for bound, count in LAG.findall(self.metrics())}


@contextmanager
def running_vault(folder: Path, *, legs: int) -> Iterator[Vault]:
    """Run the program for the length of the block, with room for so many legs."""
    port = free_port()
    media_port = free_port(socket.SOCK_DGRAM)
    settings = {
        "SERVER__METRICS_PORT": str(port),
        # One UDP port carries every leg, as config/compose.yaml deploys the program.
        "MEDIA__PORT_FIRST": str(media_port),
        "MEDIA__PORT_LAST": str(media_port),
        "MEDIA__MAX_LEGS": str(2 * legs),  # of each call one is kept for whoever answers
        "LIMITS__CALLS_PER_MINUTE": PLENTY,
        "LIMITS__LEGS_PER_ADDRESS": PLENTY,
        "LIMITS__LEGS_PER_BUTTON": PLENTY,
        "LIMITS__LEGS_PER_TENANT": PLENTY,
        "LIMITS__REQUESTS_PER_MINUTE": PLENTY,
        "LOG__LEVEL": "warning",
    }
    with ExitStack() as opened:
        with on_core(SERVER_CORE):
            program = opened.enter_context(running_program(folder, settings=settings))
        go_first(program.process.pid)
        yield Vault(program, f"http://127.0.0.1:{port}/metrics")


@asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client that keeps cookies of addresses."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield http


async def open_legs(http: aiohttp.ClientSession, vault: Vault, count: int, *, choice: str) -> list[Leg]:
    """Open calls whose notice is answered with ``choice``; each is a leg to be published."""
    calls = [await open_call(http, vault.program, choice=choice) for _ in range(count)]
    return [Leg(call.legs, call.token) for call in calls]


def lag_p99_s(before: dict[float, float], after: dict[float, float]) -> float:
    """The 99th percentile between two readings, in seconds; inside a bucket by straight line."""
    counted = {bound: after[bound] - before.get(bound, 0.0) for bound in sorted(after)}
    wanted = 0.99 * max(counted.values(), default=0.0)
    low_s = below = 0.0
    for bound_s, count in counted.items():
        if count >= wanted and count > below:
            if bound_s == float("inf"):
                return low_s
            return low_s + (bound_s - low_s) * (wanted - below) / (count - below)
        low_s, below = bound_s, count
    return low_s


class Manifests:
    """Reads manifests as an agent does: sign in, list, link, fetch."""

    def __init__(self, http: aiohttp.ClientSession, vault: Vault) -> None:
        self._agent = Agent(http, vault.program)
        self._is_in = False

    async def all(self, count: int, *, timeout_s: float) -> list[dict[str, Any]]:
        """Wait until so many recordings are ready and give their manifests; raises TimeoutError."""
        if not self._is_in:
            await self._agent.sign_in()
            self._is_in = True
        async with asyncio.timeout(timeout_s):
            while len(items := await self._ready()) < count:  # noqa: ASYNC110  # over HTTP, as an agent asks
                await asyncio.sleep(0.5)
        return [await self._manifest(item["id"]) for item in items]

    async def _ready(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        path = f"/v1/media?state=ready&limit={PAGE}"
        while path:
            status, page = await self._agent.ask("GET", path)
            if status != 200:
                raise LookupError(f"the list was answered {status}: {page!r}")
            items += page["items"]
            cursor = page.get("next_cursor")
            path = f"/v1/media?state=ready&limit={PAGE}&cursor={cursor}" if cursor else ""
        return items

    async def _manifest(self, media_id: str) -> dict[str, Any]:
        urls = await self._agent.link(media_id)
        status, manifest = await self._agent.ask("GET", urls["manifest"])
        if status != 200:
            raise LookupError(f"the manifest was answered {status}")
        return dict(manifest)
