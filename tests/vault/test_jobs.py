"""Jobs run for as long as the block does, whatever happens to them."""

import asyncio

import pytest

from vault import jobs


async def test_a_job_that_falls_over_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Erasures and checkpoints go on after any mistake of theirs or of others."""
    monkeypatch.setattr(jobs, "AGAIN_S", 0.01)
    turns = asyncio.Queue[int]()

    async def stumbling() -> None:
        turns.put_nowait(1)
        raise ZeroDivisionError

    async with jobs.kept_running({"stumbling": stumbling}) as end, asyncio.timeout(5):
        for _ in range(3):
            await turns.get()
        await end()
    assert [task for task in asyncio.all_tasks() if task.get_name() == "stumbling"] == []


async def test_a_wait_has_an_end() -> None:
    """What is not done by then is left for the next start."""
    async with asyncio.timeout(5):
        await jobs.bounded(asyncio.sleep(60), 0.01)


async def test_things_done_together_are_all_done_or_all_over() -> None:
    """Whoever gets the error of one may go on: nothing of the others still runs."""
    done: list[int] = []

    async def slowly(number: int) -> None:
        await asyncio.sleep(0.01)
        done.append(number)

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    await jobs.together(*(slowly(number) for number in range(3)))
    assert done == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        await jobs.together(slowly(3), fails(), slowly(4))
    await asyncio.sleep(0.03)
    assert done == [0, 1, 2]
