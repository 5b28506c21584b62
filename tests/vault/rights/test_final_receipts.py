"""Final receipts: what was erased, and the end of the epoch its keys lived in, proven in one file."""

from datetime import timedelta

import pytest

from crypto.errors import ReceiptError
from crypto.receipts import verify_receipt
from tests.vault.keys.test_turning import turn_of
from tests.vault.media.workshop import Workshop
from vault.model import ErasureReason


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
    assert await any_work.ends.told() == {1}
