"""Signed heads: one per size, published beside the objects, signed by both keys."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import func, select

from crypto.notes import open_checkpoint
from tests.vault.media.workshop import Workshop
from vault.db.tables import checkpoints
from vault.errors import NotFoundError
from vault.ledger.checkpoints import PUBLISHED
from vault.ledger.leaf import Entry, EntryType
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
