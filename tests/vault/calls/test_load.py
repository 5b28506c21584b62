"""Admission by what the event loop says: full is full at once, and free only well below."""

import asyncio
import time

import pytest

from tests.vault.calls.studio import SOUND_ONLY, open_studio
from tests.vault.media.workshop import Workshop
from tests.webrtc.publisher import Publisher
from vault.calls.load import EASE, Load
from vault.clock import SystemClock
from vault.errors import BusyError

MANY = 200  # measures: longer than anything is smoothed
FULL_LAG_S, FULL_CPU = 0.1, 0.9


def load() -> Load:
    """A load with the usual thresholds."""
    return Load(SystemClock(), full_lag_s=FULL_LAG_S, full_cpu=FULL_CPU)


@pytest.mark.parametrize(("lag_share", "cpu_share"), [(2.0, 0.1), (0.0, 1.05)])
def test_either_measure_makes_it_full_and_only_well_below_it_eases(
    lag_share: float, cpu_share: float
) -> None:
    """Above a threshold no more; just below it still no more, so that it does not flicker."""
    measured = load()
    near = EASE + 0.1
    for share, is_full in ((1.0, True), (near / max(lag_share, cpu_share), True), (0.1, False)):
        for _ in range(MANY):
            measured.note(FULL_LAG_S * lag_share * share, FULL_CPU * cpu_share * share)
        assert measured.is_full is is_full


def test_a_moment_of_load_fills_nothing() -> None:
    """One late wake-up of half a second is no verdict."""
    measured = load()
    measured.note(0.5, 1.0)
    assert not measured.is_full


async def test_a_loop_that_is_held_up_is_measured() -> None:
    """The real loop, blocked again and again: its lateness and its thread's share are seen."""
    measured = load()
    running = asyncio.create_task(measured.run(), name="load")
    try:
        for _ in range(40):
            await asyncio.sleep(0.01)
            until_s = time.monotonic() + 0.6
            while time.monotonic() < until_s:
                pass
            if measured.lag_s > 0.01 and measured.cpu > 0.01:
                return
        pytest.fail(f"a loop that is held up measures {measured.lag_s} s and {measured.cpu} of a core")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_full_machine_takes_no_new_call_and_spoils_none_that_runs(work: Workshop) -> None:
    """The next visitor is told to come back; who talks already may answer, come back and be joined."""
    running, new = await work.consented(), await work.consented()
    async with open_studio(work) as studio, Publisher(SOUND_ONLY) as one, Publisher(SOUND_ONLY) as other:
        await studio.live(running, one)
        for _ in range(MANY):
            studio.load.note(0.0, 1.0)
        assert not studio.legs.seats.has_room
        with pytest.raises(BusyError):
            await studio.join(new, other)
        agent = await studio.agent(running)
        await studio.live(running, other, by=agent)
