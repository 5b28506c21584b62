"""Children that will not end, or will not go on: nobody waits for them longer than was said."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from vault.errors import DerivationError
from vault.media import sandbox
from vault.media.composing import running
from vault.media.composing.job import Input, Job, Product
from vault.media.composing.running import Composition
from vault.media.sandbox import Patience, end_child, start_child

LEAVES_A_CHILD = """
import os, sys, time
if not os.fork():
    os.setsid()
    print(os.getpid(), flush=True)
    time.sleep(60)
time.sleep(60)
"""
GOES_ON_AND_ON = """
import sys, time
for _ in range(600):
    sys.stdout.buffer.write(bytes((5, 0, 0, 0, 1, 7)))
    sys.stdout.buffer.flush()
    time.sleep(0.1)
"""


@asynccontextmanager
async def left_child(process: asyncio.subprocess.Process) -> AsyncIterator[int]:
    """What a child started and left to itself; it ends with the test."""
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)


async def test_what_a_child_left_behind_keeps_nobody_waiting() -> None:
    """It has a session of its own and holds both pipes, one of them full; without the filter, that is."""
    process = await start_child(LEAVES_A_CHILD)
    async with left_child(process):
        assert process.stdin is not None
        process.stdin.write(bytes(1 << 20))
        async with asyncio.timeout(sandbox.END_S):
            await end_child(process)
        # 255 is asyncio's word where another waiter of this process was told first.
        assert process.returncode in {-signal.SIGKILL, 255}


async def test_a_child_that_says_something_now_and_then_does_not_go_on_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each word comes in time, none is the last; it uses no processor time that could run out."""
    monkeypatch.setattr(running, "_CHILD", GOES_ON_AND_ON)
    monkeypatch.setattr(running, "GRACE_S", 5.0)
    monkeypatch.setattr(sandbox, "WAITS_PER_CPU", -4.0)
    job = Job(Product.PCM, 1_000, (Input("audio/webm", 0, 1_000, is_visitor=True, seat=0),))
    limits = {"memory_bytes": 1 << 30, "cpu_s": 1, "nice": 0}
    async with asyncio.timeout(20), Composition(job, [], told=lambda _: None, **limits) as child:
        with pytest.raises(DerivationError, match="silent"):
            [piece async for piece in child.pieces()]


async def test_waiting_for_others_costs_a_child_nothing() -> None:
    """A store that takes its time is not the child's fault."""
    patience = Patience(cpu_s=0.0, word_s=0.2)
    for _ in range(3):
        async with patience.word():
            pass
        await asyncio.sleep(0.15)
    with pytest.raises(TimeoutError):
        async with patience.word():
            await asyncio.sleep(5)
