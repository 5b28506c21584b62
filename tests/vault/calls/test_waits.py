"""Waiting for somebody: once, for so long, and never cut short in the middle of giving up."""

import asyncio

from vault.calls import waits as module
from vault.calls.waits import Waits
from vault.model import Id, new_id


class Diary:
    """What was given up, and how it went."""

    def __init__(self, *, refuses: int = 0) -> None:
        self.given_up: list[tuple[Id, str]] = []
        self.finished = 0
        self.refuses = refuses
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def give_up(self, key: Id, reason: str) -> bool:
        """Note it; False as often as the test says."""
        self.given_up.append((key, reason))
        await self.goes_on.wait()
        self.finished += 1
        self.refuses -= 1
        return self.refuses < 0


async def over(waits: Waits) -> None:
    """Wait until nobody is waited for."""
    async with asyncio.timeout(10):
        while waits.waiting:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.01)


async def test_what_is_waited_for_is_given_up_once_and_for_its_first_reason() -> None:
    """A second loss prolongs nothing; a reason that says nothing gives way to one that does."""
    diary, call = Diary(), new_id("call")
    waits = Waits(diary.give_up, wait_s=0.1)
    waits.begin(call, "replaced", overruled="replaced")
    waits.begin(call, "silent", overruled="replaced")
    waits.begin(call, "failed", overruled="replaced")
    await over(waits)
    assert diary.given_up == [(call, "silent")]


async def test_nothing_is_given_up_while_somebody_is_coming_or_back() -> None:
    """Who is on the way is waited for; who is back ends the wait."""
    diary, call = Diary(), new_id("call")
    coming, back = True, False
    waits = Waits(diary.give_up, wait_s=0.01, is_coming=lambda _: coming, is_back=lambda _: back)
    waits.begin(call, "silent")
    await asyncio.sleep(0.1)
    assert waits.waiting == [call]
    back = True
    await over(waits)
    assert diary.given_up == []


async def test_what_is_not_over_yet_is_asked_again() -> None:
    """A call whose visitor joined at the last moment is looked at once more."""
    diary, call = Diary(refuses=1), new_id("call")
    before, module.AGAIN_S = module.AGAIN_S, 0.01  # type: ignore[misc]
    try:
        waits = Waits(diary.give_up, wait_s=0.01)
        waits.begin(call, "silent")
        await over(waits)
    finally:
        module.AGAIN_S = before  # type: ignore[misc]
    assert len(diary.given_up) == 2


async def test_a_stop_or_an_end_of_all_cuts_no_giving_up_short() -> None:
    """A row that is being ended is handed on, too: half of it would wait for the next start."""
    diary, call = Diary(), new_id("call")
    diary.goes_on.clear()
    waits = Waits(diary.give_up, wait_s=0.01)
    waits.begin(call, "silent")
    async with asyncio.timeout(10):
        while not diary.given_up:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.01)
    closing = asyncio.create_task(waits.aclose(), name="closing")
    await asyncio.sleep(0.05)
    assert not closing.done()
    diary.goes_on.set()
    await closing
    assert diary.finished == 1


async def test_who_is_back_in_time_is_waited_for_anew_the_next_time() -> None:
    """Stopping forgets the reason with the wait."""
    diary, call = Diary(), new_id("call")
    waits = Waits(diary.give_up, wait_s=0.05)
    waits.begin(call, "silent")
    waits.stop(call)
    await asyncio.sleep(0.1)
    assert diary.given_up == []
    waits.begin(call, "failed")
    await over(waits)
    assert diary.given_up == [(call, "failed")]
