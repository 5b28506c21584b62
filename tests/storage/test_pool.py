"""Blocking calls in threads: bounded, and never outliving their caller."""

import asyncio
import threading
import time

import pytest

from storage.errors import RefusedError
from storage.pool import Pool


async def test_no_more_calls_at_once_than_threads() -> None:
    """More calls wait their turn."""
    pool = Pool(3, "test-pool")
    lock = threading.Lock()
    running = most = 0

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1

    await asyncio.gather(*(pool.run(work) for _ in range(30)))
    assert most == 3
    await pool.aclose()


async def test_a_cancelled_caller_waits_for_the_call_it_began() -> None:
    """The effect of a call never comes after its caller believes it over, however often cancelled."""
    pool = Pool(1, "test-pool")
    begun, end = threading.Event(), threading.Event()
    done: list[str] = []

    def work() -> None:
        begun.set()
        end.wait(10)
        done.append("work")

    task = asyncio.create_task(pool.run(work), name="work")
    await asyncio.to_thread(begun.wait, 10)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.005)
    assert not task.done()
    end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["work"]
    await pool.aclose()


async def test_a_call_that_has_not_begun_never_runs() -> None:
    """Cancelled while it waits for a thread, a call has no effect."""
    pool = Pool(1, "test-pool")
    end = threading.Event()
    done: list[str] = []
    first = asyncio.create_task(pool.run(end.wait, 10), name="first")
    await asyncio.sleep(0.01)
    second = asyncio.create_task(pool.run(done.append, "second"), name="second")
    await asyncio.sleep(0.01)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    end.set()
    await first
    await pool.aclose()
    assert done == []


async def test_a_cancelled_look_leaves_at_once() -> None:
    """A call that only reads is not waited for."""
    pool = Pool(1, "test-pool")
    end = threading.Event()
    looking = asyncio.create_task(pool.look(end.wait, 10), name="look")
    await asyncio.sleep(0.01)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert not end.is_set()
    end.set()
    await pool.aclose()
    with pytest.raises(RefusedError):
        await pool.look(end.wait)
