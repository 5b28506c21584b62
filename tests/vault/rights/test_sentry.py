"""P15: on a clock that jumped by over an hour nothing is erased by time, until somebody says so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.vault.media.workshop import Workshop, open_workshop
from vault.clock import TurnableClock
from vault.model import ErasureReason, MediaState
from vault.rights.keeper import RETENTION_EVERY_S
from vault.rights.sentry import Sentry, this_boot

YEARS = [datetime(year, 3, 29, 0, 30, tzinfo=UTC) for year in (1971, 2026, 2038, 2100)]
HOUR = timedelta(hours=1)
LOOK = timedelta(seconds=RETENTION_EVERY_S)


def sentry_of(work: Workshop, boot: str = "a") -> Sentry:
    """The next process on the same ground, after the same boot or another."""
    return Sentry(work.database, work.ledger, work.clock, boot=boot)


def clock_of(work: Workshop) -> TurnableClock:
    """The clock that the test turns."""
    assert isinstance(work.clock, TurnableClock)
    return work.clock


@pytest.mark.parametrize("start", YEARS, ids=lambda start: str(start.year))
@pytest.mark.parametrize(
    ("jump", "believed"),
    [(HOUR * 0.9, True), (-HOUR * 0.9, True), (HOUR * 1.1, False), (-HOUR * 1.1, False)],
)
async def test_a_jump_of_over_an_hour_is_not_believed(
    tmp_path: Path,
    start: datetime,
    jump: timedelta,
    believed: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """Forward or back; time that really went by is no jump, however much."""
    async with open_workshop(tmp_path, clock=TurnableClock(start)) as work:
        sentry, clock = sentry_of(work), clock_of(work)
        assert await sentry.now() == clock.now()
        clock.turn(timedelta(days=400))
        assert await sentry.now() == clock.now()
        clock.jump(jump)
        assert (await sentry.now() is not None) is believed
        assert sentry.is_halted is not believed


async def test_halted_stays_halted_until_somebody_resumes(tmp_path: Path) -> None:
    """Not by waiting, nor by the clock's way back, nor by a restart; the ledger has both words."""
    async with open_workshop(tmp_path, clock=TurnableClock(YEARS[1])) as work:
        sentry, clock = sentry_of(work), clock_of(work)
        await sentry.now()
        clock.jump(HOUR * 30)
        assert await sentry.now() is None
        clock.jump(-HOUR * 30)
        assert await sentry.now() is None
        after = sentry_of(work)
        assert await after.now() is None
        assert await after.resume()
        assert await sentry.now() == clock.now()
        assert not await after.resume()


async def test_small_jumps_add_up(tmp_path: Path) -> None:
    """Of a clock that creeps ahead each look is harmless, and all of them together are not."""
    async with open_workshop(tmp_path, clock=TurnableClock(YEARS[1])) as work:
        sentry, clock = sentry_of(work), clock_of(work)
        told = []
        for _ in range(4):
            told.append(await sentry.now() is not None)
            clock.turn(timedelta(minutes=10))
            clock.jump(timedelta(minutes=25))
        assert told == [True, True, True, False]


async def test_a_restart_compares_with_what_was_last_seen(tmp_path: Path) -> None:
    """After the same boot by both clocks, however long it was down; after another by the wall's alone."""
    async with open_workshop(tmp_path, clock=TurnableClock(YEARS[1])) as work:
        clock = clock_of(work)
        await sentry_of(work).now()
        clock.turn(timedelta(days=3))
        assert await sentry_of(work).now() is not None
        clock.turn(timedelta(minutes=30))
        assert await sentry_of(work, "b").now() is not None
        clock.turn(timedelta(hours=2))
        assert await sentry_of(work, "c").now() is None  # nobody can tell: late is better than early
        assert await sentry_of(work, "c").resume()
        clock.jump(-timedelta(hours=2))
        assert await sentry_of(work, "d").now() is None


async def test_retention_erases_nothing_on_a_wild_clock_and_goes_on_when_resumed(tmp_path: Path) -> None:
    """What people ask for is erased meanwhile; holds do not end either."""
    async with open_workshop(tmp_path, clock=TurnableClock(YEARS[1])) as work:
        begun, wanted = await work.ready(()), await work.ready(())
        clock = clock_of(work)
        await work.keeper.turn()
        clock.jump(timedelta(days=365))
        clock.turn(LOOK)
        await work.requests.of_media(wanted.media_id, ErasureReason.OTHER, by=work.by())
        await work.keeper.turn()

        async def states() -> list[MediaState]:
            items = [await work.library.get(one.media_id, by=work.by()) for one in (begun, wanted)]
            return [item.state for item in items]

        assert (await states())[1] is MediaState.ERASED
        assert (await states())[0] is not MediaState.ERASED
        assert work.custody.sentry.is_halted
        await work.custody.sentry.resume()
        await work.keeper.turn()
        assert await states() == [MediaState.ERASED, MediaState.ERASED]


async def test_the_mark_is_one_row_on_both_databases(any_work: Workshop) -> None:
    """Two processes look at once: neither takes the other's look for a jump."""
    for _ in range(3):
        assert await any_work.custody.sentry.now() is not None
        assert await sentry_of(any_work, this_boot()).now() is not None
    assert this_boot()
