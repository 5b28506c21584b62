"""What recording costs: server CPU per recorded call-second, ours against stock aiortc, and calls per core.

Ours is the real program: HTTP, consent, SQLite, sealed fragments, fsync, the ledger. Stock is aiortc's
`MediaRecorder` to MP4, which decodes and encodes. Both servers are pinned to the same core and take the same
publishers (720p30 VP8 at 1.2 Mbit/s and Opus), which run on another. A core carries no second call of
stock without losing frames, so stock's figure is of one call; ours is of twenty.

CPU is read while all calls are live. What follows a call (container, read-back, poster and peaks) is told
beside it as CPU per call, for it does not grow with the call as recording does.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av

from benchmarks.machine import CALLER_CORE, cpu_time, load, on_core
from benchmarks.program import Manifests, Vault, lag_p99_s, open_legs, running_vault, session
from benchmarks.publishers import FPS, STAGGER_S, Leg, publishing
from benchmarks.servers import printing_its_port
from tests.servers.first import go_first

CALLS: Final = 20
MORE_CALLS: Final = 120
FEWER_CALLS: Final = 50
SETTLE_S: Final = 2.0  # after the last set-up
WINDOW_S: Final = 15.0
LAG_GOAL_S: Final = 0.020
RATIO_GOAL: Final = 100.0
CALLS_GOAL: Final = 100
FINISH_S: Final = 180.0  # to wait for recordings, once all have ended


@dataclass(frozen=True, slots=True)
class Held:
    """What one run of so many calls showed."""

    calls: int
    cpu_ms: float  # of the server, per call and second, while all calls were live
    lag_p99_ms: float
    publishers_core: float  # share of their core that the publishers used
    sent: int  # counted just before each leg's end was asked for: a few more may follow
    recorded: int
    flawed: int  # recordings with a lost packet, a dropped frame or a missing fragment
    finish_s: float  # CPU per call for everything after it

    @property
    def is_held(self) -> bool:
        """Whether the core carried them: a loop in time, and each frame kept."""
        in_time = self.lag_p99_ms < LAG_GOAL_S * 1000
        return in_time and self.flawed == 0 and self.recorded >= self.sent

    def told(self) -> str:
        """One line for people."""
        return (
            f"{self.calls} calls: {self.cpu_ms:.2f} ms per call-second, lag p99 {self.lag_p99_ms:.1f} ms, "
            f"{self.recorded} frames of {self.sent} counted by publishers, {self.flawed} recordings "
            f"with a flaw, publishers' core at {self.publishers_core:.0%}"
        )


def _flaws(manifest: dict[str, Any]) -> int:
    tracks = manifest["tracks"]
    lost = sum(track["lost_packets"] + track["frames_dropped"] for track in tracks)
    return int(bool(lost or manifest["fragments"]["missing"] or len(tracks) != 2))


async def carry(vault: Vault, calls: int, *, window_s: float = WINDOW_S) -> Held:
    """Record so many calls at once and tell what it took."""
    async with session() as http:
        legs = await open_legs(http, vault, calls, choice="accepted")
        before_all = cpu_time(vault.pid)
        async with publishing(legs, seconds=calls * STAGGER_S + window_s + 2 * SETTLE_S) as publishers:
            await asyncio.sleep(SETTLE_S)
            lags, began_s = vault.lags(), time.monotonic()
            began, callers = cpu_time(vault.pid), cpu_time(publishers.pid)
            await asyncio.sleep(window_s)
            ended, callers_ended = cpu_time(vault.pid), cpu_time(publishers.pid)
            passed_s, lags_ended = time.monotonic() - began_s, vault.lags()
        after_calls = cpu_time(vault.pid)
        manifests = await Manifests(http, vault).all(calls, timeout_s=FINISH_S)
    done = cpu_time(vault.pid)
    tracks = [track for manifest in manifests for track in manifest["tracks"]]
    return Held(
        calls=calls,
        cpu_ms=1000 * (ended.own_s - began.own_s) / passed_s / calls,
        lag_p99_ms=1000 * lag_p99_s(lags, lags_ended),
        publishers_core=(callers_ended.own_s - callers.own_s) / passed_s,
        sent=sum(sum(sent.values()) for sent in publishers.sent),
        recorded=sum(track["frames"] for track in tracks),
        flawed=sum(map(_flaws, manifests)),
        finish_s=(done.own_s - after_calls.own_s + done.children_s - before_all.children_s) / calls,
    )


@dataclass(frozen=True, slots=True)
class Stock:
    """What stock aiortc took for one call."""

    cpu_ms: float
    pictures: int
    expected: int


async def carry_stock(folder: Path, *, window_s: float = WINDOW_S) -> Stock:
    """Record one call with stock aiortc."""
    seconds = window_s + 2 * SETTLE_S
    async with printing_its_port("benchmarks.stock", folder) as stock:
        leg = Leg(f"http://127.0.0.1:{stock.port}/legs", "nobody")
        async with publishing([leg], seconds=seconds):
            await asyncio.sleep(SETTLE_S)
            began, began_s = cpu_time(stock.pid), time.monotonic()
            await asyncio.sleep(window_s)
            ended, passed_s = cpu_time(stock.pid), time.monotonic() - began_s
    with av.open(str(folder / "0.mp4")) as container:
        pictures = sum(1 for _ in container.demux(video=0)) - 1  # the last packet of a demuxer is empty
    return Stock(1000 * (ended.own_s - began.own_s) / passed_s, pictures, round(seconds * FPS))


def _stepped(folder: Path, first: Held) -> list[Held]:
    """Try the goal, then more if it held, else less; each step in a program of its own."""
    tried = [first]

    def attempt(calls: int) -> bool:
        with running_vault(folder / str(calls), legs=calls) as vault:
            tried.append(asyncio.run(carry(vault, calls)))
        return tried[-1].is_held

    attempt(MORE_CALLS if attempt(CALLS_GOAL) else FEWER_CALLS)
    return tried


def run() -> Iterator[dict[str, object]]:
    """The ratio at twenty calls, then the calls one core holds."""
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as name, on_core(CALLER_CORE):
        folder = Path(name)
        go_first(os.getpid())
        stock = asyncio.run(carry_stock(folder))
        with running_vault(folder / "ratio", legs=CALLS) as vault:
            ours = asyncio.run(carry(vault, CALLS))
        ratio = stock.cpu_ms / ours.cpu_ms
        yield {
            "name": f"recorder CPU per call-second at {CALLS} calls",
            "value": round(ratio, 1),
            "unit": "times less",
            "against": f"stock aiortc MediaRecorder to MP4, one call: {stock.cpu_ms:.0f} ms per call-second, "
            f"{stock.pictures} of {stock.expected} pictures; ours {ours.told()}",
            "goal": RATIO_GOAL,
            "met": ratio >= RATIO_GOAL and ours.flawed == 0,
            "finish_cpu_s_per_call": round(ours.finish_s, 2),
            "machine": load(),
        }
        tried = _stepped(folder, ours)
    held = [one.calls for one in tried if one.is_held]
    yield {
        "name": "calls recorded on one core",
        "value": max(held, default=0),
        "unit": "calls",
        "against": f"lag p99 under {LAG_GOAL_S * 1000:.0f} ms and no frame lost; "
        + "; ".join(one.told() for one in tried),
        "goal": CALLS_GOAL,
        "met": max(held, default=0) >= CALLS_GOAL,
        "machine": load(),
    }
