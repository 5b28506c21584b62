"""Signed heads: one per size, published beside the objects, signed by both keys."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from crypto.notes import open_checkpoint
from tests.vault.media.workshop import Workshop, open_workshop
from vault.clock import TurnableClock
from vault.db.tables import checkpoints
from vault.errors import NotFoundError
from vault.ledger.checkpoints import PUBLISHED
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.verify import verify_ledger
from vault.model import ErasureReason

TOOL = Path(__file__).parents[3] / "docs" / "tools" / "verify_receipt.py"


async def test_one_head_is_signed_per_size(any_work: Workshop) -> None:
    """Asked at once from two processes, they hand out the same note: no two heads of one size exist."""
    other = await any_work.reborn()
    rooms = [any_work.checkpoints, other.checkpoints]
    notes = await asyncio.gather(*(rooms[number % 2].newest() for number in range(8)))
    assert len(set(notes)) == 1
    async with any_work.database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(checkpoints))).scalar_one() == 1
    head = open_checkpoint(notes[0], any_work.ledger_keys.verifiers)
    assert head.size == 1  # the tenant's creation


async def sizes(work: Workshop) -> list[int]:
    """The sizes of the stored checkpoints."""
    async with work.database.read() as connection:
        rows = await connection.execute(select(checkpoints.c.size).order_by(checkpoints.c.size))
        return [row.size for row in rows]


async def test_asking_for_the_checkpoint_signs_nothing(work: Workshop) -> None:
    """Anybody may ask at any rate; only the very first is made for them, whoever comes first."""
    first = await asyncio.gather(*(work.checkpoints.latest() for _ in range(4)))
    assert len(set(first)) == 1
    for _ in range(3):
        await work.ledger.record(Entry(EntryType.SYSTEM_STARTED))
        assert await work.checkpoints.latest() == first[0]
    assert await sizes(work) == [1]
    assert await work.checkpoints.newest() == await work.checkpoints.latest() != first[0]


async def test_a_proof_signs_only_where_no_checkpoint_covers_the_entry(work: Workshop) -> None:
    """The entry of just now is proven at once; older ones under what is signed already."""
    await work.checkpoints.newest()
    indexes = [await work.ledger.record(Entry(EntryType.SYSTEM_STARTED)) for _ in range(3)]
    for index in reversed(indexes):
        await work.checkpoints.proof(index)
    assert await sizes(work) == [1, 4]


async def test_old_checkpoints_go_but_the_last_of_each_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is bounded; what a checkpoint of each day shows is shown for ever."""
    monkeypatch.setattr("vault.ledger.checkpoints.KEEP_NEWEST", 2)
    clock = TurnableClock(datetime(2026, 11, 20, 8, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        assert await work.checkpoints.prune() == 0  # none at all
        for _ in range(3):
            for _ in range(4):
                await work.ledger.record(Entry(EntryType.SYSTEM_STARTED))
                await work.checkpoints.newest()
            clock.turn(timedelta(days=1))
        assert await sizes(work) == list(range(2, 14))
        assert await work.checkpoints.prune() == 7
        assert await sizes(work) == [5, 9, 11, 12, 13]
        assert await work.checkpoints.prune() == 0
        verified = await verify_ledger(work.database, work.ledger_keys.verifiers)
        assert (verified.leaves, verified.checkpoints) == (13, 5)


async def test_an_entry_that_is_not_there_has_no_proof(work: Workshop) -> None:
    """Neither the next one nor a negative one."""
    for index in (1, -1, 1 << 40):
        with pytest.raises(NotFoundError):
            await work.checkpoints.proof(index)


async def test_the_newest_head_is_published_apart_from_the_database(work: Workshop) -> None:
    """The job signs and leaves it in the store; nothing new, nothing written."""
    running = asyncio.create_task(work.checkpoints.run(0.01), name="checkpoints")
    async with asyncio.timeout(10):
        while True:
            await asyncio.sleep(0.02)
            if [stored async for stored in work.store.list("ledger/")]:
                break
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    published = (await work.store.read(PUBLISHED, limit_bytes=1 << 16)).decode()
    assert published == await work.checkpoints.newest()
    before = len(work.wire.steps)
    await work.checkpoints.publish(published)
    assert len(work.wire.steps) == before


async def test_a_store_that_is_away_stops_no_signing(work: Workshop) -> None:
    """Publishing is tried again at the next turn; the job does not end."""
    await work.ground.store.aclose()
    running = asyncio.create_task(work.checkpoints.run(0.01), name="checkpoints")
    await asyncio.sleep(0.1)
    await work.ledger.record(Entry(EntryType.SYSTEM_STARTED))
    await asyncio.sleep(0.1)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_receipt_verifies_with_the_stand_alone_script(work: Workshop, tmp_path: Path) -> None:
    """P9: offline, with nothing of ours but one file of documentation."""
    begun = await work.ready()
    request = await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    assert await work.eraser.carry(begun.media_id)
    file = tmp_path / "receipt.json"
    file.write_bytes(await work.receipts.of(request.id, by=work.by()))
    pins = [word for key in work.ledger_keys.verifiers for word in ("--key", key.vkey)]
    argv = [sys.executable, str(TOOL), str(file), *pins]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    file.write_text(file.read_text().replace("other", "legal"))
    forged = await asyncio.to_thread(subprocess.run, argv, capture_output=True, check=False, timeout=60)
    assert forged.returncode != 0
