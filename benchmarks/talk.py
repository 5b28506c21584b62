"""What a call of two costs and adds: server CPU, memory, latency, skew, and the wait of who joins late.

The server is the real program on a core of its own. Both sides of every call run on the other core:
720p30 VP8 at 1.2 Mbit/s and Opus from each, and a viewer for each that decodes nothing. Compared is stock
aiortc with `MediaRelay` and `MediaRecorder` on the same core, for one call: more do not fit.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import uvloop

from benchmarks.machine import CALLER_CORE, cpu_time, load, on_core, own_memory_bytes
from benchmarks.program import Vault, lag_p99_s, running_vault
from benchmarks.servers import printing_its_port
from benchmarks.talkers import PLAN
from tests.servers.first import go_first
from tests.webrtc.light import light_ends
from tests.webrtc.publisher import Publisher
from tests.webrtc.spectator import Spectator

CALLS: Final = 20
ROOM: Final = 0.65  # of the server's core, beside which one more call can be looked at
SETTLE_S: Final = 2.0
WINDOW_S: Final = 12.0
PROBE_S: Final = 8.0
PROBE_ENDS_WITHIN_S: Final = 40.0  # with its set-up and everybody who joins late
TALKING_WITHIN_S: Final = 120.0
GOAL_CORE: Final = 0.02  # of a core per call: fifty calls
GOAL_TIMES: Final = 30.0
GOAL_LATENCY_MS: Final = 10.0
GOAL_SKEW_MS: Final = 40.0
GOAL_LATE_S: Final = 1.0
GOAL_MIB: Final = 2.5
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Talked:
    """What one run showed."""

    core: float  # of the server, per call
    lag_p99_ms: float
    callers_core: float
    memory_mib: float  # of the server, per call
    frames_sent: int
    packets_received: int
    probe: dict[str, float]


async def _told(process: asyncio.subprocess.Process, wanted: str, within_s: float) -> dict[str, Any]:
    if process.stdout is None:
        raise LookupError("the talkers have no output")
    line = await asyncio.wait_for(process.stdout.readline(), within_s)
    told: dict[str, Any] = json.loads(line or b'{"event": "died"}')
    if told["event"] != wanted:
        raise LookupError(f"the talkers said {told['event']} where {wanted} was expected")
    return told


@asynccontextmanager
async def _callers(module: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of this package on the callers' core."""
    with on_core(CALLER_CORE):
        argv = (sys.executable, "-m", module, *arguments)
        process = await asyncio.create_subprocess_exec(*argv, stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


async def talk(vault: Vault, calls: int, *, with_probe: bool = True) -> Talked:
    """Let so many pairs talk, one more be looked at closely, and tell what it took."""
    who = (vault.program.base, vault.program.code)
    # A code is good once: whoever comes second has another.
    seconds = WINDOW_S + 2 * SETTLE_S + PROBE_ENDS_WITHIN_S * with_probe
    empty_bytes = own_memory_bytes(vault.pid)
    async with _callers("benchmarks.talkers", *who, str(calls), str(seconds)) as process:
        talking = await _told(process, "talking", TALKING_WITHIN_S)
        await asyncio.sleep(SETTLE_S)
        lags, began_s = vault.lags(), time.monotonic()
        began, callers = cpu_time(vault.pid), cpu_time(process.pid)
        await asyncio.sleep(WINDOW_S)
        ended, callers_ended = cpu_time(vault.pid), cpu_time(process.pid)
        passed_s, lags_ended = time.monotonic() - began_s, vault.lags()
        memory_bytes = own_memory_bytes(vault.pid) - empty_bytes
        probe: dict[str, float] = {}
        if with_probe:
            async with _callers("benchmarks.probe", who[0], talking["code"], str(PROBE_S)) as looking:
                told, _ = await asyncio.wait_for(looking.communicate(), PROBE_ENDS_WITHIN_S)
            probe = json.loads(told)
        over = await _told(process, "over", TALKING_WITHIN_S)
        await asyncio.wait_for(process.wait(), TALKING_WITHIN_S)
    return Talked(
        core=(ended.own_s - began.own_s) / passed_s / calls,
        lag_p99_ms=1000 * lag_p99_s(lags, lags_ended),
        callers_core=(callers_ended.own_s - callers.own_s) / passed_s,
        memory_mib=memory_bytes / calls / MIB,
        frames_sent=over["frames_sent"],
        packets_received=over["packets_received"],
        probe=probe,
    )


def measured_talk(folder: Path, calls: int, *, with_probe: bool = False) -> Talked:
    """Start the program in a folder and let so many pairs talk."""
    with running_vault(folder, legs=4 * calls + 4) as vault, on_core(CALLER_CORE):
        go_first(os.getpid())
        return uvloop.run(talk(vault, calls, with_probe=with_probe))


@dataclass(frozen=True, slots=True)
class Relayed:
    """What stock aiortc took for one call of two."""

    core: float
    received: int  # packets that both viewers got
    sent: int  # frames that both publishers sent


async def relayed(folder: Path) -> Relayed:
    """One call of two through stock aiortc."""
    async with printing_its_port("benchmarks.relay", folder) as server, AsyncExitStack() as stack:
        stack.enter_context(light_ends())
        http = await stack.enter_async_context(aiohttp.ClientSession())
        base = f"http://127.0.0.1:{server.port}"
        sides = [await stack.enter_async_context(Publisher(PLAN)) for _ in range(2)]
        spectators = [await stack.enter_async_context(Spectator()) for _ in range(2)]
        for side in sides:
            async with http.post(f"{base}/legs", data=await side.offer()) as answer:
                await side.accept(await answer.text())
            await side.connected()
        for number, spectator in enumerate(spectators):
            async with http.post(f"{base}/legs/{number}/feeds", data=await spectator.offer()) as answer:
                await spectator.accept(await answer.text())
        await asyncio.sleep(SETTLE_S)
        began, began_s = cpu_time(server.pid), time.monotonic()
        await asyncio.sleep(WINDOW_S)
        core = (cpu_time(server.pid).own_s - began.own_s) / (time.monotonic() - began_s)
        told = [each for spectator in spectators for each in (await spectator.pc.getStats()).values()]
        received = sum(each.packetsReceived for each in told if each.type == "inbound-rtp")
        sent = sum(track.sent for side in sides for track in (side.audio, side.video) if track is not None)
    return Relayed(core, received, sent)


def _line(name: str, value: float, unit: str, against: str, goal: float, *, met: bool) -> dict[str, object]:
    told = {"name": name, "value": value, "unit": unit, "against": against, "goal": goal, "met": met}
    return told | {"machine": load()}


def run() -> Iterator[dict[str, object]]:
    """Twenty calls, one looked at beside them, and beside as many as leave room; one through stock aiortc."""
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as name:
        talked = measured_talk(Path(name) / "talk", CALLS, with_probe=True)
        beside = max(1, min(CALLS, int(ROOM / talked.core)))
        probes = {CALLS: talked.probe}
        if beside < CALLS:
            probes[beside] = measured_talk(Path(name) / "looked", beside, with_probe=True).probe
        (Path(name) / "stock").mkdir()
        with on_core(CALLER_CORE):
            stock = uvloop.run(relayed(Path(name) / "stock"))
    what = f"at {CALLS} calls"
    yield _line(
        f"two-way recorded call, CPU {what}",
        round(talked.core, 4),
        "cores",
        f"lag p99 {talked.lag_p99_ms:.1f} ms, {talked.frames_sent} frames sent, "
        f"{talked.packets_received} packets received by viewers, callers' core at {talked.callers_core:.0%}",
        GOAL_CORE,
        met=talked.core < GOAL_CORE,
    )
    times = stock.core / talked.core
    yield _line(
        "two-way recorded call, CPU against stock",
        round(times, 1),
        "times less",
        f"stock aiortc MediaRelay and MediaRecorder, one call: {stock.core:.2f} of the one core it may use, "
        f"{stock.received} packets for {stock.sent} frames sent; what it drops is not in the figure",
        GOAL_TIMES,
        met=times >= GOAL_TIMES,
    )
    yield _line(
        f"memory of a two-way recorded call {what}",
        round(talked.memory_mib, 2),
        "MiB",
        "private pages of the server above those before any call",
        GOAL_MIB,
        met=talked.memory_mib < GOAL_MIB,
    )
    for calls, probe in probes.items():
        yield from _probed(probe, f"beside {calls} calls")


def _probed(probe: dict[str, float], what: str) -> Iterator[dict[str, object]]:
    """What the call that was looked at showed."""
    latency_ms, skew_ms, late_s = probe["latency_p99_ms"], probe["skew_p99_ms"], probe["late_worst_s"]
    yield _line(
        f"latency added to a packet of picture, p99 {what}",
        round(latency_ms, 2),
        "ms",
        f"p50 {probe['latency_p50_ms']:.2f} ms, {probe['packets']:.0f} packets; from the sender's encryption "
        "to the viewer's, with the waking of their process in it",
        GOAL_LATENCY_MS,
        met=latency_ms < GOAL_LATENCY_MS,
    )
    yield _line(
        f"sound against picture, p99 {what}",
        round(skew_ms, 2),
        "ms",
        "what was captured together, placed at the viewer by RTP stamps and sender reports",
        GOAL_SKEW_MS,
        met=skew_ms < GOAL_SKEW_MS,
    )
    yield _line(
        f"picture of who joins late, worst {what}",
        round(late_s, 3),
        "s",
        f"median {probe['late_median_s']:.3f} s, from the offer to the whole first keyframe",
        GOAL_LATE_S,
        met=late_s < GOAL_LATE_S,
    )
