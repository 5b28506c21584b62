"""Lists and single items: keyset pages, filters, and nothing of another tenant."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.vault.media.workshop import Workshop, open_workshop
from vault.clock import TurnableClock
from vault.errors import ForbiddenError, NotFoundError
from vault.media.library import MediaFilter, MediaItem
from vault.model import MediaState, Role, new_id

START = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize("ascending", [False, True])
async def test_pages_cover_everything_once_in_order(
    any_work: Workshop,
    ascending: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """Items of the same millisecond too: the id breaks ties."""
    begun = [(await any_work.ended(())).media_id for _ in range(7)]
    seen: list[MediaItem] = []
    while True:
        after = (seen[-1].created_at, seen[-1].id) if seen else None
        wanted = MediaFilter(ascending=ascending, after=after)
        page = await any_work.library.page(wanted, by=any_work.by(), limit=3)
        seen += page
        if len(page) < 3:
            break
    assert [item.id for item in seen] == (begun if ascending else begun[::-1])


async def test_filters_narrow_and_combine(tmp_path: Path) -> None:
    """State, button, call and time; the end of a period is not in it."""
    clock = TurnableClock(START)
    async with open_workshop(tmp_path, clock=clock) as work:
        button = await work.button()
        call = await work.consented(button=button)
        first = await work.ended((), call)
        clock.turn(timedelta(hours=1))
        second = await work.ready(())
        cases = [
            (MediaFilter(state=MediaState.LOST), [second]),
            (MediaFilter(state=MediaState.READY), []),
            (MediaFilter(button_id=button.id), [first]),
            (MediaFilter(call_id=call.id), [first]),
            (MediaFilter(from_=START + timedelta(hours=1)), [second]),
            (MediaFilter(to=START + timedelta(hours=1)), [first]),
            (MediaFilter(from_=START, to=START), []),
            (MediaFilter(call_id=call.id, state=MediaState.LOST), []),
        ]
        for wanted, expected in cases:
            page = await work.library.page(wanted, by=work.by(), limit=10)
            assert [item.id for item in page] == [begun.media_id for begun in expected], wanted


async def test_a_foreign_recording_looks_missing(any_work: Workshop) -> None:
    """P5: another tenant's, one that never was and a malformed id give one answer; lists are empty."""
    begun = await any_work.ended(())
    stranger = any_work.by(tenant_id=new_id("ten"))
    said = []
    for media_id in (begun.media_id, new_id("rec"), "nonsense", begun.leg_id):
        with pytest.raises(NotFoundError) as refused:
            await any_work.library.get(media_id, by=stranger)
        said.append(str(refused.value))
    assert len(set(said)) == 1
    assert await any_work.library.page(MediaFilter(), by=stranger, limit=10) == []
    assert await any_work.library.page(MediaFilter(call_id=begun.leg_id), by=stranger, limit=10) == []


async def test_a_visitor_lists_nothing(work: Workshop) -> None:
    """The use case checks, whatever door was taken."""
    begun = await work.ended(())
    for asked in (
        work.library.get(begun.media_id, by=work.by(Role.VISITOR)),
        work.library.page(MediaFilter(), by=work.by(Role.VISITOR), limit=1),
    ):
        with pytest.raises(ForbiddenError):
            await asked
