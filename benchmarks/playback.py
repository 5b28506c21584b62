"""Playing a sealed recording through a link, against the plain file from aiohttp's `FileResponse`.

Both servers are pinned to the same core and answer one client on another, over a connection that stays open.
Ours checks person, link and row at each request, counts it, and opens what it sends; the plain file goes from
the page cache to the socket by sendfile. Requests of both alternate, so that a slow moment falls on each.
"""

import asyncio
import os
import random
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.laid_down import lay_down_long
from benchmarks.machine import CALLER_CORE, load, on_core
from benchmarks.program import running_vault, session
from benchmarks.servers import printing_its_port
from tests.end_to_end.visitor import Agent
from tests.servers.first import go_first

FILE_BYTES: Final = 64 << 20
SEEK_BYTES: Final = 256 << 10  # what a player asks for after a seek, at least
SEEKS: Final = 200
ROUNDS: Final = 9
BUFFER_BYTES: Final = 1 << 20
FIRST_BYTE_GOAL_MS: Final = 5.0
THROUGHPUT_GOAL: Final = 0.5


class BrokenAnswerError(Exception):
    """A server answered something else than the bytes asked for."""


class Player:
    """An HTTP client of a few system calls, so that the client does not limit what it measures."""

    def __init__(self, url: str, cookie: str = "") -> None:
        parts = urlsplit(url)
        self._path = parts.path
        self._head = f"Host: {parts.netloc}\r\nCookie: {cookie}\r\n"
        self._connection = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=30)
        self._buffer = memoryview(bytearray(BUFFER_BYTES))

    def get(self, start: int, stop: int) -> tuple[float, float]:
        """Ask for ``start <= byte < stop``; the seconds to the first byte of the body, and to the last."""
        asked = f"GET {self._path} HTTP/1.1\r\n{self._head}Range: bytes={start}-{stop - 1}\r\n\r\n"
        begin_s = time.perf_counter()
        self._connection.sendall(asked.encode())
        answer = b""
        while (head_bytes := answer.find(b"\r\n\r\n") + 4) < 4 or len(answer) == head_bytes:
            answer += self._more()
        first_s = time.perf_counter() - begin_s
        if not answer.startswith(b"HTTP/1.1 206"):
            raise BrokenAnswerError(answer[:300].decode(errors="replace"))
        left = stop - start - (len(answer) - head_bytes)
        while left > 0:
            left -= len(self._more())
        return first_s, time.perf_counter() - begin_s

    def _more(self) -> memoryview:
        size = self._connection.recv_into(self._buffer)
        if not size:
            raise BrokenAnswerError("the connection was closed in the middle of an answer")
        return self._buffer[:size]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Played:
    """Seconds to the first byte of each seek, and bytes per second of each full reading."""

    first_s: list[float]
    bytes_per_s: list[float]


@asynccontextmanager
async def players(folder: Path, *, size_bytes: int) -> AsyncIterator[tuple[Player, Player]]:
    """A player of a sealed recording through a link, and one of the same bytes as a plain file."""
    with running_vault(folder / "vault", legs=1):
        pass  # makes keys, tenant and button
    plain = folder / "plain.webm"
    media_id = await lay_down_long(
        folder / "vault" / "callvault.toml", size_bytes=size_bytes, plain_copy=plain
    )
    with running_vault(folder / "vault", legs=1) as vault:
        async with session() as http, printing_its_port("benchmarks.plain_files", folder) as server:
            agent = Agent(http, vault.program)
            await agent.sign_in()
            cookie = "; ".join(f"{kept.key}={kept.value}" for kept in http.cookie_jar)
            url = (await agent.link(media_id))["media"]
            ours = Player(f"{vault.program.base}{urlsplit(url).path}", cookie)
            theirs = Player(f"http://127.0.0.1:{server.port}/{plain.name}")
            try:
                yield ours, theirs
            finally:
                ours.close()
                theirs.close()


async def play(folder: Path, *, size_bytes: int = FILE_BYTES, seeks: int = SEEKS) -> tuple[Played, Played]:
    """Seek and read both; the first of each is not counted."""
    chance = random.Random(0)
    results = Played([], []), Played([], [])
    async with players(folder, size_bytes=size_bytes) as pair:
        for number in range(seeks + 1):
            start = chance.randrange(size_bytes - SEEK_BYTES)
            for player, result in zip(pair, results, strict=True):
                first_s, _ = await asyncio.to_thread(player.get, start, start + SEEK_BYTES)
                result.first_s.extend([first_s] * bool(number))
        for number in range(ROUNDS + 1):
            for player, result in zip(pair, results, strict=True):
                _, whole_s = await asyncio.to_thread(player.get, 0, size_bytes)
                result.bytes_per_s.extend([size_bytes / whole_s] * bool(number))
    return results


def run() -> Iterator[dict[str, object]]:
    """First byte of a seek, then the throughput of reading everything."""
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as name, on_core(CALLER_CORE):
        go_first(os.getpid())
        ours, theirs = asyncio.run(play(Path(name)))
    first_ms, plain_ms = (1000 * statistics.median(one.first_s) for one in (ours, theirs))
    slow_ms = 1000 * statistics.quantiles(ours.first_s, n=100)[98]
    yield {
        "name": "playback first byte",
        "value": round(first_ms, 2),
        "unit": "ms",
        "against": f"FileResponse: {plain_ms:.2f} ms; median of {SEEKS} seeks each, our p99 {slow_ms:.1f} ms",
        "goal": FIRST_BYTE_GOAL_MS,
        "met": first_ms <= FIRST_BYTE_GOAL_MS,
        "machine": load(),
    }
    ours_s, theirs_s = (statistics.median(one.bytes_per_s) for one in (ours, theirs))
    ratio = statistics.median(a / b for a, b in zip(ours.bytes_per_s, theirs.bytes_per_s, strict=True))
    yield {
        "name": "playback throughput",
        "value": round(ratio, 3),
        "unit": "ratio",
        "against": f"FileResponse: {theirs_s / 1e6:.0f} MB/s; ours {ours_s / 1e6:.0f} MB/s",
        "goal": THROUGHPUT_GOAL,
        "met": ratio >= THROUGHPUT_GOAL,
        "machine": load(),
    }
