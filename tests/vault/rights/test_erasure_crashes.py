"""Erasure dies before and after every durable step: the next start completes it, no receipt comes early."""

from dataclasses import dataclass

import pytest

from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Workshop, scene
from tests.vault.rights.traces import (
    Traces,
    in_words,
    left_of,
    receipt_of,
    shredded,
    states,
    traces_of,
    watched,
)
from vault.model import ErasureReason

SHORT = scene(1.5, codec="none")


@dataclass
class Case:
    """A call with a recording that is to be erased."""

    call_id: str
    media_id: str
    traces: Traces  # of both
    each: tuple[Traces, ...]  # and of one at a time


async def prepared(work: Workshop) -> Case:
    """A finished recording that somebody watched, and fragments a store gave back from the dead."""
    call = await work.consented()
    begun = await work.ready(SHORT, call)
    await watched(work, begun)
    await work.spool(begun, SHORT)
    both = (begun.media_id, call.id)
    each = tuple([await traces_of(work, one) for one in both])
    return Case(call.id, begun.media_id, await traces_of(work, *both), each)


async def erase(work: Workshop, case: Case) -> None:
    """Ask, and carry what was asked for."""
    await work.requests.of_call(case.call_id, ErasureReason.VISITOR_REQUEST, by=work.by())
    await work.keeper.turn()


async def require_no_early_word(work: Workshop, case: Case) -> None:
    """P9: whatever the ledger says is gone, is gone from store, key store, rows and the files of both."""
    for traces in case.each:
        if await shredded(work, *traces.objects):
            assert await left_of(work, traces) == []


@pytest.mark.usefixtures("quick_child")
async def test_a_crash_at_any_step_of_an_erasure_ends_complete(work: Workshop) -> None:
    """P8: every point enumerated, the count is in the assertion; files, store and key store are scanned."""
    counted = Wire()
    await erase(await work.reborn(counted), await prepared(work))
    total = len(counted.steps)
    assert total > 40
    unasked = 0
    for number in range(1, total + 1):
        case = await prepared(work)
        dying = await work.reborn(Wire(number))
        with pytest.raises(Crash):
            await erase(dying, case)
        after = await work.reborn()
        await require_no_early_word(after, case)
        if case.call_id not in await states(after):
            unasked += 1  # died before the request was durable: nobody was told that it was taken
            await erase(after, case)
        assert await after.keeper.turn() == 0, counted.steps[number - 1]
        left = await left_of(after, case.traces)
        assert left == [], f"{number} {counted.steps[number - 1]}: {in_words(left)}"
        request_id = await after.requests.request_of(case.call_id)
        assert request_id is not None
        receipt = await receipt_of(after, request_id)
        assert (receipt.status, len(receipt.entries)) == ("complete", 2), number
    assert unasked <= 2
