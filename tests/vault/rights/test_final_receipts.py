"""Final receipts: what was erased, and the end of the epoch its keys lived in, proven in one file."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select

from crypto.errors import ReceiptError
from crypto.receipts import verify_receipt
from tests.vault.keys.test_turning import turn_of
from tests.vault.media.crashes import Wire
from tests.vault.media.workshop import Workshop
from vault.db.key_tables import data_keys, epochs, recovery_keys, tenant_keys
from vault.db.tables import leaves
from vault.keys.epochs import EpochState
from vault.keys.provider import EpochKeyState
from vault.keys.ring_file import RingFile
from vault.keys.turning import Turn
from vault.ledger.leaf import EntryType
from vault.model import ErasureReason, Part

TABLES = (epochs, tenant_keys, recovery_keys, data_keys)
Rows = Sequence[Sequence[dict[str, Any]]]


async def erased(work: Workshop) -> str:
    """A recording that was erased; its request."""
    begun = await work.ready()
    asked = await work.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=work.by())
    await work.keeper.turn()
    return asked.id


async def test_a_receipt_is_final_once_the_epoch_is_destroyed_and_says_so_to_anybody(
    any_work: Workshop,
) -> None:
    """Complete at once; final after the turn, with the deployment's own entry, under the pinned keys."""
    request = await erased(any_work)
    pins = any_work.ledger_keys.verifiers
    before = await any_work.receipts.of(request, by=any_work.by())
    assert verify_receipt(before, pins).status == "complete"
    turn = turn_of(any_work, any_work.ends)
    await turn.begin()
    await turn.carry(grace=timedelta(0))
    await turn.carry(grace=timedelta(0))
    receipt = await any_work.receipts.of(request, by=any_work.by())
    proven = verify_receipt(receipt, pins)
    assert proven.status == "final"
    assert [each.fields["epoch"] for each in proven.entries if each.fields["type"] == "epoch.destroyed"] == [
        1
    ]
    with pytest.raises(ReceiptError):
        verify_receipt(before.replace(b'"complete"', b'"final"'), pins)


async def test_an_epochs_end_is_said_once(any_work: Workshop) -> None:
    """Whoever carries a turn on after a crash says nothing twice."""
    turn = turn_of(any_work, any_work.ends)
    await turn.begin()
    for _ in range(3):
        await turn.carry(grace=timedelta(0))
    (ended, _) = await any_work.keys.epochs.all()
    await any_work.ends.tell(ended)
    assert await any_work.ends.told() == {1: ended.destroyed_at}
    assert await ends_in_ledger(any_work) == 1


async def ends_in_ledger(work: Workshop) -> int:
    """How many entries tell the end of an epoch."""
    async with work.database.read() as connection:
        which = leaves.c.type == EntryType.EPOCH_DESTROYED.value
        return (await connection.execute(select(func.count()).where(which))).scalar_one()


async def test_the_end_of_a_key_that_came_back_is_the_one_that_receipts_rest_on(any_work: Workshop) -> None:
    """Not final while the key lives again, and then by the entry of its last end."""
    ring = RingFile(any_work.ground.root_key)
    before = ring.read()
    request = await erased(any_work)
    await turned(any_work)
    first = await any_work.ends.of([1])
    ring.write({**before, **ring.read()})
    assert await any_work.keys.epochs.key_state(1) is EpochKeyState.USABLE
    turn = turn_of(any_work, any_work.ends)
    for _ in range(2):
        await turn.carry(grace=timedelta(0))
    assert await any_work.keys.epochs.key_state(1) is EpochKeyState.GONE
    last = await any_work.ends.of([1])
    assert last[1] > first[1]
    assert await ends_in_ledger(any_work) == 2
    assert await status_of(any_work, request) == "final"


async def turned(work: Workshop, times: int = 1) -> Turn:
    """Whole turns, one after the other."""
    turn = turn_of(work, work.ends)
    for _ in range(times):
        await turn.begin()
        await turn.carry(grace=timedelta(0))
    return turn


async def status_of(work: Workshop, request: str) -> str:
    """What a receipt says and proves."""
    receipt = verify_receipt(await work.receipts.of(request, by=work.by()), work.ledger_keys.verifiers)
    return str(receipt.status)


async def rows_of(work: Workshop) -> Rows:
    """Everything in the key store."""
    async with work.key_database.read() as connection:
        return [[row._asdict() for row in await connection.execute(select(table))] for table in TABLES]


async def lay_down(work: Workshop, rows: Rows, ring: bytes | None = None) -> Workshop:
    """Another key store in the place of this one, perhaps with its ring; the next process."""
    async with work.key_database.write() as connection:
        for table, some in zip(TABLES, rows, strict=True):
            await connection.execute(delete(table))
            if some:
                await connection.execute(insert(table), some)
    if ring is not None:
        await asyncio.to_thread(work.ground.root_key.write_bytes, ring)
    return Workshop(work.ground, Wire(), work.tenant_id)


async def in_use(work: Workshop) -> dict[int, EpochState]:
    """The epochs that are not destroyed."""
    standing = await work.keys.epochs.all()
    return {each.epoch: each.state for each in standing if each.state is not EpochState.DESTROYED}


async def test_the_number_of_an_epoch_that_ended_never_comes_again(any_work: Workshop) -> None:
    """The key store is lost: the ledger knows which numbers were used; nothing is final before its end."""
    await erased(any_work)
    await turned(any_work)
    after = await lay_down(any_work, [[] for _ in TABLES])
    await after.keys.start(after.ends.spent)
    assert await in_use(after) == {2: EpochState.CURRENT}
    tenant = await after.tenants.add(name="Later", retention_days=30)
    later = Workshop(after.ground, Wire(), tenant)
    request = await erased(later)
    assert await status_of(later, request) == "complete"
    await turned(later)
    assert await status_of(later, request) == "final"


@pytest.mark.parametrize("dies", [False, True], ids=["whole", "dies"])
async def test_an_older_key_store_with_its_keys_is_left_at_once_for_a_number_that_never_was(
    any_work: Workshop, *, dies: bool
) -> None:
    """What was told to have ended is in use again: no receipt rests on that, nor on a number used since."""
    first = await erased(any_work)
    kept, gone = await any_work.ready(), await any_work.ready()
    rows, ring = await rows_of(any_work), any_work.ground.root_key.read_bytes()
    await turned(any_work)
    second = await erased(any_work)  # its receipt names epoch 2, whose key is lost with the ring
    assert await status_of(any_work, first) == "final"
    after = await lay_down(any_work, rows, ring)
    await after.keys.start(after.ends.spent)
    assert await status_of(after, first) == "complete"
    turn = turn_of(after, after.ends)
    if dies:
        await turn.begin()
    await turn.start()
    assert await in_use(after) == {1: EpochState.RETIRED, 3: EpochState.CURRENT}
    asked = await after.requests.of_media(gone.media_id, ErasureReason.VISITOR_REQUEST, by=after.by())
    await after.keeper.turn()
    assert await status_of(after, asked.id) == "complete"
    await turn.carry(grace=timedelta(0))
    assert [await status_of(after, each) for each in (first, second, asked.id)] == [
        "final",
        "complete",
        "complete",
    ]
    await turned(after)
    assert [await status_of(after, each) for each in (second, asked.id)] == ["complete", "final"]
    assert await after.reader.read(await after.reader.part(kept.media_id, Part.MEDIA))


async def test_an_older_key_store_whose_keys_are_gone_begins_no_turn(any_work: Workshop) -> None:
    """It opens nothing, and no key is stored in it: it is to be replaced by a newer one."""
    await any_work.ready()
    rows = await rows_of(any_work)
    await turned(any_work)
    after = await lay_down(any_work, rows)
    await turn_of(after, after.ends).start()
    assert await in_use(after) == {1: EpochState.CURRENT}
