"""Receipts: after the effect, never before; without a personal datum; offline."""

import json

import pytest

from crypto.errors import ReceiptError
from crypto.receipts import RECEIPT_LIMIT_CHARACTERS, verify_receipt
from tests.vault.media.workshop import Workshop
from tests.vault.rights.traces import PLAIN, receipt_of, watched
from vault.errors import ConflictError, NotFoundError
from vault.model import ErasureReason, new_id
from vault.rights.requests import OBJECTS_MAX


async def test_there_is_no_receipt_before_there_is_an_effect(work: Workshop) -> None:
    """P9: asking early gets a conflict, not an empty promise."""
    begun = await work.ready()
    request = await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    with pytest.raises(ConflictError):
        await work.receipts.of(request.id, by=work.by())
    await work.eraser.carry(begun.media_id)
    assert (await receipt_of(work, request.id)).status == "complete"


async def test_a_receipt_in_between_is_pending_and_holds_what_is_proven(work: Workshop) -> None:
    """Of two objects one is gone: one entry, and the word pending."""
    call = await work.consented()
    begun = await work.ready(call=call)
    request = await work.requests.of_call(call.id, ErasureReason.OTHER, by=work.by())
    await work.eraser.carry(begun.media_id)
    between = await receipt_of(work, request.id)
    assert (between.status, len(between.entries)) == ("pending", 1)
    await work.eraser.carry(call.id)
    assert (await receipt_of(work, request.id)).status == "complete"


async def test_a_receipt_without_one_of_its_entries_is_not_complete(work: Workshop) -> None:
    """P9: what was asked for is counted in each leaf; all stand under one checkpoint."""
    call = await work.consented()
    await work.ready(call=call)
    request = await work.requests.of_call(call.id, ErasureReason.OTHER, by=work.by())
    assert await work.keeper.turn() == 0
    whole = await receipt_of(work, request.id)
    assert len({entry.checkpoint for entry in whole.entries}) == 1
    document = json.loads(await work.receipts.of(request.id, by=work.by()))
    for number in range(2):
        cut = document | {"entries": [document["entries"][number]]}
        with pytest.raises(ReceiptError):
            verify_receipt(json.dumps(cut).encode(), work.ledger_keys.verifiers)


async def test_the_receipt_of_the_largest_request_can_be_read(work: Workshop) -> None:
    """What we hand out is no longer than what the verifier takes, in a ledger of a billion entries too."""
    begun = await work.ready()
    request = await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    await work.eraser.carry(begun.media_id)
    one = len(await work.receipts.of(request.id, by=work.by()))
    deepest_path = 30 * 48
    assert (one + deepest_path) * OBJECTS_MAX < RECEIPT_LIMIT_CHARACTERS


async def test_a_receipt_stays_true_while_the_ledger_grows(any_work: Workshop) -> None:
    """An old file verifies for ever; a new one of the same request is proven under a newer head."""
    begun = await any_work.ready()
    request = await any_work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=any_work.by())
    await any_work.eraser.carry(begun.media_id)
    old = await receipt_of(any_work, request.id)
    await any_work.ready()
    await any_work.checkpoints.newest()  # as its job does
    new = await receipt_of(any_work, request.id)
    assert old.entries[0].fields == new.entries[0].fields
    assert old.entries[0].checkpoint.size < new.entries[0].checkpoint.size


async def test_a_receipt_names_nobody(work: Workshop) -> None:
    """Neither the visitor nor who asked nor why somebody looked."""
    call = await work.consented()
    begun = await work.ready(call=call)
    await watched(work, begun)
    request = await work.requests.of_call(call.id, ErasureReason.VISITOR_REQUEST, by=work.by())
    await work.keeper.turn()
    written = await work.receipts.of(request.id, by=work.by())
    assert not [needle for needle in PLAIN if needle in written]
    actors = {json.loads(entry["leaf"])["actor"] for entry in json.loads(written)["entries"]}
    assert actors == {"system"}


async def test_a_foreign_receipt_looks_missing(work: Workshop) -> None:
    """Another tenant's request and one that never was are one answer."""
    begun = await work.ready()
    request = await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    await work.eraser.carry(begun.media_id)
    stranger = work.by(tenant_id=new_id("ten"))
    for request_id in (request.id, new_id("del")):
        with pytest.raises(NotFoundError):
            await work.receipts.of(request_id, by=stranger)
