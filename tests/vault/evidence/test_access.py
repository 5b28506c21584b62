"""How often was looked, and never who: counts by month and by button, of one company."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.vault.evidence.packs import neighbour, pack_of
from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import CANARY, Workshop, open_workshop
from vault.clock import TurnableClock
from vault.evidence import access as access_module
from vault.evidence.access import count_looks
from vault.ledger.leaf import Entry, EntryType
from vault.model import ErasureReason

NOTHING = {
    "links_made",
    "links_used",
    "links_revoked",
    "calls_viewed",
    "exports_asked",
    "exports_made",
    "exit_volumes_fetched",
    "visitors_returned",
    "refusal_entries",
    "evidence_made",
}


async def played(work: Workshop, times: int = 1) -> str:
    """A recording that was played so often; its button."""
    begun = await work.ready()
    for _ in range(times):
        link = await work.links.make(begun.media_id, f"asked by {CANARY}", by=work.by())
        await work.links.use(link.path, by=work.by())
        await work.links.use(link.path, by=work.by())
    item = await work.library.get(begun.media_id, by=work.by())
    return item.button_id


async def test_looks_are_counted_by_month_and_by_button_of_the_company_alone(any_work: Workshop) -> None:
    """A link is made and used; further ranges of the same link are one look; the neighbour's are nobody's."""
    often, once = await played(any_work, 3), await played(any_work)
    other = await neighbour(any_work)
    await played(other, 5)
    access = (await pack_of(any_work, months=2))["access"]
    (before, now) = access["by_month"]
    assert set(before["counts"].values()) == {0}
    assert set(now["counts"]) == NOTHING
    assert (now["counts"]["links_made"], now["counts"]["links_used"]) == (4, 4)
    by_button = {one["button_id"]: one["counts"]["links_used"] for one in access["by_button"]}
    assert by_button == {often: 3, once: 1}
    assert access["by_button"][0]["purpose"] == {"fr": "support", "en": "support"}
    assert (await pack_of(other))["access"]["by_month"][-1]["counts"]["links_used"] == 5


async def test_what_was_counted_is_not_counted_again_and_never_twice(
    any_work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page, by whoever is first; whoever dies between two pages leaves what was counted so far."""
    monkeypatch.setattr(access_module, "PAGE", 3)
    button = await played(any_work, 2)
    counted = Wire()
    size = await pages(await any_work.reborn(counted))
    assert size > 3
    assert await pages(any_work) == 0
    await any_work.ledger.record(Entry(EntryType.MEDIA_VIEWED, any_work.tenant_id))
    with pytest.raises(Crash):
        await pages(await any_work.reborn(Wire(1)))
    await played(any_work, 1)
    both = [await any_work.reborn() for _ in range(2)]
    await asyncio.gather(*(count_looks(one.database, one.tenant_id) for one in both))
    access = (await pack_of(any_work))["access"]
    assert access["by_month"][-1]["counts"]["links_used"] == 4
    assert {one["button_id"]: one["counts"]["links_used"] for one in access["by_button"]}[button] == 2


async def pages(work: Workshop) -> int:
    """Count; how many pages were written."""
    before = len(work.wire.steps)
    await count_looks(work.database, work.tenant_id)
    return (len(work.wire.steps) - before) // 2


async def test_a_look_counts_in_its_own_month_and_outlives_the_recording(tmp_path: Path) -> None:
    """The entry stays when the recording and its purposes are erased; what is older is not counted."""
    clock = TurnableClock(datetime(2026, 1, 31, 23, 59, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        begun = await work.ready()
        link = await work.links.make(begun.media_id, "x", by=work.by())
        await work.links.use(link.path, by=work.by())
        await work.checkpoints.newest()
        clock.turn(timedelta(minutes=2))
        link = await work.links.make(begun.media_id, "y", by=work.by())
        await work.links.use(link.path, by=work.by())
        await work.requests.of_media(begun.media_id, ErasureReason.LEGAL, by=work.by())
        await work.keeper.turn()
        clock.turn(timedelta(seconds=1))
        told = {one["month"]: one["counts"] for one in (await pack_of(work, months=2))["access"]["by_month"]}
        assert {month: counts["links_used"] for month, counts in told.items()} == {"2026-01": 1, "2026-02": 1}
        clock.turn(timedelta(seconds=1))
        (only,) = (await pack_of(work, months=1))["access"]["by_month"]
        assert (only["month"], only["counts"]["links_used"]) == ("2026-02", 1)
        assert only["counts"]["evidence_made"] == 1  # the first pack itself
        (button,) = (await pack_of(work, months=2))["access"]["by_button"]
        assert button["counts"]["links_used"] == 2
