"""Jobs: what runs for as long as the program does, and waits that have an end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

import structlog

log = structlog.get_logger(__name__)

Job = Callable[[], Awaitable[None]]
AGAIN_S = 1.0


@asynccontextmanager
async def kept_running(jobs: Mapping[str, Job]) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Run jobs while the block runs; what is given ends them all, and so does the block's end."""
    tasks = [asyncio.create_task(_for_ever(name, job), name=name) for name, job in jobs.items()]

    async def end() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    try:
        yield end
    finally:
        await end()


async def bounded(work: Awaitable[None], limit_s: float) -> None:
    """Wait for work at most so long."""
    try:
        async with asyncio.timeout(limit_s):
            await work
    except TimeoutError:
        log.warning("shutdown.unfinished", hint="the next start goes on with what is left")


async def together(*work: Coroutine[Any, Any, None]) -> None:
    """Do several things at the same time; where one fails the others are ended before its error is raised."""
    tasks = [asyncio.create_task(each, name=f"together-{number}") for number, each in enumerate(work)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _for_ever(name: str, job: Job) -> None:
    """Run a job for ever; one that falls over is said aloud and started again."""
    while True:
        try:
            await job()
        except Exception as error:  # noqa: BLE001  # whatever it is, erasures and checkpoints must go on
            log.error("job.failed", job=name, error=type(error).__name__)
            await asyncio.sleep(AGAIN_S)
