"""The thread for calls that block: one at a time, off the loop, with an end to waiting."""

import asyncio
import os
import threading

import pytest

from vault.errors import KeyProviderError
from vault.keyservice.worker import Worker


async def test_calls_run_one_at_a_time_in_a_thread_of_their_own() -> None:
    """Neither on the event loop's thread, nor beside each other, nor in turn on different threads."""
    worker = Worker("the token", timeout_s=30)
    inside, seen = threading.Lock(), set()

    def call() -> None:
        assert inside.acquire(blocking=False)
        seen.add(threading.get_ident())
        inside.release()

    await asyncio.gather(*(worker.do(call) for _ in range(50)))
    assert len(seen) == 1
    assert threading.get_ident() not in seen
    worker.close()


async def test_who_waits_too_long_is_told_and_the_loop_goes_on() -> None:
    """A device that hangs holds up its own callers, for as long as was said, and nobody else."""
    worker = Worker("the token vault", timeout_s=0.05)
    over = threading.Event()
    with pytest.raises(KeyProviderError, match=r"the token vault did not answer in 0\.05 s"):
        await worker.do(lambda: over.wait(30))
    over.set()
    worker.close()


async def test_an_error_of_the_call_is_the_callers() -> None:
    """What is raised in the thread arrives."""
    worker = Worker("the token", timeout_s=30)
    with pytest.raises(ZeroDivisionError):
        await worker.do(lambda: 1 // 0)
    worker.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")  # the very thing that is tested
def test_a_forked_process_has_a_thread_of_its_own() -> None:
    """Threads do not survive a fork: the child would wait for ever for its parent's."""
    worker = Worker("the token", timeout_s=30)
    asyncio.run(worker.do(lambda: None))
    child = os.fork()
    if child == 0:
        try:
            code = 0 if asyncio.run(worker.do(os.getpid)) == os.getpid() else 1
        except BaseException:  # noqa: BLE001  # a child must not go on as the test run
            code = 2
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    worker.close()
