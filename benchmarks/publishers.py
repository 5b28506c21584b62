"""Publishers on a core of their own: stock aiortc senders of a looped clip that was encoded beforehand."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import CALLER_CORE, on_core

SCRIPT: Final = Path(__file__).parents[1] / "tests" / "webrtc" / "publisher.py"
CLIP: Final = ("--codec", "vp8", "--width", "1280", "--height", "720", "--bit-rate", "1200000")
FPS: Final = 30
STAGGER_S: Final = 0.05  # between two set-ups: twenty in a second leave the running calls their turn
PATIENCE_S: Final = 60.0


class PublisherFailedError(Exception):
    """The publishers ended early: the message ends with what they said."""


@dataclass(frozen=True, slots=True)
class Leg:
    """Where one publisher posts its offer (WHIP), and with which bearer token."""

    url: str
    token: str


@dataclass(slots=True)
class Publishers:
    """Publishers that run; ``sent`` has one entry for each leg that has ended: frames by kind."""

    pid: int
    sent: list[dict[str, int]] = field(default_factory=list)


@asynccontextmanager
async def publishing(legs: Sequence[Leg], *, seconds: float) -> AsyncIterator[Publishers]:
    """Connect all legs, run the block while they send, then wait for their ends.

    Each leg sends for ``seconds`` after its own set-up. Raises PublisherFailedError, TimeoutError.
    """
    pairs = [word for leg in legs for word in ("--leg", leg.url, leg.token)]
    timing = ("--seconds", str(seconds), "--stagger", str(STAGGER_S))
    with on_core(CALLER_CORE):
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(SCRIPT), *pairs, *CLIP, *timing, stdout=PIPE, stderr=PIPE
        )
    errors = asyncio.create_task(_read(process.stderr), name="publishers-stderr")
    running = Publishers(process.pid)
    try:
        lines = _events(process.stdout, running)
        for _ in legs:
            await _next(lines, errors, STAGGER_S * len(legs) + PATIENCE_S)
        yield running
        while len(running.sent) < len(legs):
            await _next(lines, errors, seconds + PATIENCE_S)
        await asyncio.wait_for(process.wait(), PATIENCE_S)
    except OSError as cause:  # the block asked for a process that is gone
        raise PublisherFailedError(f"the publishers ended early:\n{(await errors)[-2000:]}") from cause
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        await errors


async def _read(stream: asyncio.StreamReader | None) -> str:
    return "" if stream is None else (await stream.read()).decode(errors="replace")


async def _events(stream: asyncio.StreamReader | None, running: Publishers) -> AsyncIterator[str]:
    while stream is not None and (line := await stream.readline()):
        told: dict[str, Any] = json.loads(line)
        if told["event"] == "done":
            running.sent.append(told["sent"])
        yield told["event"]


async def _next(lines: AsyncIterator[str], errors: "asyncio.Task[str]", timeout_s: float) -> None:
    try:
        await asyncio.wait_for(anext(lines), timeout_s)
    except StopAsyncIteration as cause:
        raise PublisherFailedError(f"the publishers ended early:\n{(await errors)[-2000:]}") from cause
