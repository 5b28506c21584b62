"""When exports are made, and when not: children that fail, erasures in the middle, processes that die."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from tests.vault.media.crashes import Wire
from tests.vault.media.talks import Side, Talk, asked, exporter_at_work, made, talk
from tests.vault.rights.traces import receipt_of
from vault.db.tables import exports
from vault.errors import ConflictError, ForbiddenError, KeyForgottenError, NotFoundError
from vault.media.composing import running
from vault.model import ErasureReason, ExportFailure, ExportFormat, ExportState, Id, MediaState, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.vault.media.workshop import Workshop
    from vault.media.exports import Export

WHY = ErasureReason.LEGAL
WAV = ExportFormat.WAV
FRAME = "import struct, sys; out = sys.stdout.buffer; "
SILENT = "import sys, time; sys.stdin.buffer.read(1); time.sleep(600)"


async def short_talk(work: Workshop) -> Talk:
    """Both sides, a second each, sound only."""
    sides = (Side(Role.VISITOR, 0.0, 1.0, 440, codec="none"), Side(Role.AGENT, 0.5, 1.0, 880, codec="none"))
    return await talk(work, *sides)


async def settled(work: Workshop, export_id: Id) -> Export:
    """What becomes of an export when the exporter has done all it can."""
    async with exporter_at_work(work):
        work.whole_calls.exporter.enqueue(export_id)
        async with asyncio.timeout(60):
            await work.whole_calls.exporter.drained()
    return await work.whole_calls.exports.get(export_id, by=work.by())


def objects_of(stored: list[str], export_id: str) -> list[str]:
    """The objects of an export, among all of a store."""
    folder = export_id.removeprefix("exp_")
    return [key for key in stored if key.replace("-", "").find(folder) >= 0]


CHILDREN = {
    "dies at once": "raise SystemExit(3)",
    "is killed": "import os; os.kill(os.getpid(), 9)",
    "says nonsense": "print('hello' * 100)",
    "asks for an input there is not": FRAME + "out.write(struct.pack('>BIH', 1, 2, 9))",
    "asks for what is no input": FRAME + "out.write(struct.pack('>BI', 1, 1) + b'\\x00')",
    "says too much at once": FRAME + "out.write(struct.pack('>BI', 4, 1 << 31))",
    "makes too little": FRAME + "out.write(struct.pack('>BI', 6, 0))",
    "makes too much": FRAME + "out.write((struct.pack('>BI', 4, 1 << 20) + bytes(1 << 20)) * 2)",
    "falls silent": SILENT,
}


@pytest.mark.parametrize("program", CHILDREN.values(), ids=CHILDREN.keys())
async def test_a_child_that_misbehaves_costs_the_export_only(
    work: Workshop, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """Failed, in words; no object, no key, no fragment is left, and the recordings are as they were."""
    told = await short_talk(work)
    monkeypatch.setattr(running, "_CHILD", program)
    monkeypatch.setattr(running, "GRACE_S", 0.5)
    before = await work.objects()
    export = await asked(work, told.call, WAV)
    done = await settled(work, export.id)
    assert (done.state, done.failure) == (ExportState.FAILED, ExportFailure.NOT_MADE)
    assert await work.objects() == before
    with pytest.raises(KeyForgottenError):
        await work.keys.data_key(tenant_id=work.tenant_id, object_id=export.id)
    last = work.heard[-1]
    assert last[0] == export.requested_by
    assert (last[2]["state"], last[2]["failure"]) == ("failed", "not_made")


async def test_progress_is_told_to_whoever_asked(work: Workshop) -> None:
    """It rises from 0 to 100, once each."""
    told = await short_talk(work)
    export = await made(work, told.call, WAV)
    steps = [data["progress"] for who, _, data in work.heard if who == export.requested_by]
    assert steps[0] == 0
    assert steps[-1] == 100
    assert steps == sorted(steps)  # type: ignore[type-var]
    assert work.heard[-1][2]["state"] == "ready"


async def test_an_export_goes_with_any_of_its_recordings_and_the_receipt_says_so(any_work: Workshop) -> None:
    """One request, two objects; nothing can be opened or found afterwards."""
    told = await short_talk(any_work)
    export = await made(any_work, told.call, WAV)
    request = await any_work.requests.of_media(told.sides[1].media_id, WHY, by=any_work.by())
    assert {item.object_id: item.kind for item in request.items} == {
        told.sides[1].media_id: "recording",
        export.id: "export",
    }
    assert await any_work.keeper.turn() == 0
    receipt = await receipt_of(any_work, request.id)
    assert (receipt.status, len(receipt.entries)) == ("complete", 2)
    assert objects_of(await any_work.objects(), export.id) == []
    gone = await any_work.whole_calls.exports.get(export.id, by=any_work.by())
    assert gone.state is ExportState.ERASED
    assert await any_work.plain(told.sides[0])  # the other side stays


async def test_a_call_goes_with_its_exports(work: Workshop) -> None:
    """Scope call: recordings, exports, the call itself."""
    told = await short_talk(work)
    export = await made(work, told.call, WAV)
    request = await work.requests.of_call(told.call.id, WHY, by=work.by())
    wanted = {told.call.id, export.id, *(side.media_id for side in told.sides)}
    assert {item.object_id for item in request.items} == wanted
    assert await work.keeper.turn() == 0
    assert await work.objects() == []


async def test_an_export_alone_can_be_erased(work: Workshop) -> None:
    """The recordings stay."""
    told = await short_talk(work)
    export = await made(work, told.call, WAV)
    await work.requests.of_media(export.id, WHY, by=work.by())
    assert await work.keeper.turn() == 0
    assert objects_of(await work.objects(), export.id) == []
    assert await work.plain(told.sides[0])


async def test_an_erasure_stops_what_is_being_made(work: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child ends, the export is erased with the recording, and never becomes ready."""
    told = await short_talk(work)
    monkeypatch.setattr(running, "_CHILD", SILENT)
    export = await asked(work, told.call, WAV)
    exporter = work.whole_calls.exporter
    async with exporter_at_work(work), asyncio.timeout(30):
        exporter.enqueue(export.id)
        while exporter.progress(export.id) is None:  # noqa: ASYNC110  # it begins in its own time
            await asyncio.sleep(0.01)
        await work.requests.of_media(told.sides[0].media_id, WHY, by=work.by())
        assert await work.keeper.turn() == 0
        await exporter.drained()
    gone = await work.whole_calls.exports.get(export.id, by=work.by())
    assert gone.state is ExportState.ERASED
    assert objects_of(await work.objects(), export.id) == []


async def test_a_recording_erased_in_the_last_moment_leaves_no_export(work: Workshop) -> None:
    """Between the last byte and the row: the transaction looks once more, under the lock."""
    told = await short_talk(work)
    export = await asked(work, told.call, WAV)
    bind, erased = work.keys.bind_object, []

    async def erase_first(**named: object) -> None:
        await bind(**named)  # type: ignore[arg-type]
        if named["object_id"] == export.id:
            erased.append(await work.requests.of_media(told.sides[0].media_id, WHY, by=work.by()))

    work.keys.bind_object = erase_first  # type: ignore[method-assign]
    done = await settled(work, export.id)
    assert len(erased) == 1
    assert done.state is ExportState.ERASED
    assert await work.keeper.turn() == 0
    assert objects_of(await work.objects(), export.id) == []


@pytest.mark.slow
@pytest.mark.timeout(1_200)
async def test_a_process_that_dies_anywhere_is_taken_up_again(
    work: Workshop, rounds: Callable[[int, int], int]
) -> None:
    """At five or so of its steps, at each in `make soak`: the next start makes it anew.

    No fragment or second object is left.
    """
    told = await short_talk(work)
    steps = len((await _dying_at(work, told, None)).steps)
    assert steps > 8
    for at in range(1, steps + 1, rounds((steps - 1) // 4, 1)):
        assert len((await _dying_at(work, told, at)).steps) >= at


async def _dying_at(work: Workshop, told: Talk, at: int | None) -> Wire:
    """Make a call's export, dying at a step, and finish it in the next process; how far the first one got."""
    export = await asked(work, told.call, WAV)
    wire = Wire(at)
    dying = await work.reborn(wire)
    async with exporter_at_work(dying):
        dying.whole_calls.exporter.enqueue(export.id)
        async with asyncio.timeout(30):
            await dying.whole_calls.exporter.drained()
    after = await work.reborn()
    async with exporter_at_work(after):
        await after.whole_calls.exporter.recover()
        async with asyncio.timeout(60):
            await after.whole_calls.exporter.drained()
    done = await after.whole_calls.exports.get(export.id, by=work.by())
    assert done.state is ExportState.READY
    assert len(objects_of(await work.objects(), export.id)) == 2  # the file and its manifest
    return wire


async def test_what_kills_the_program_again_and_again_is_given_up(work: Workshop) -> None:
    """Failed honestly instead of an endless circle."""
    told = await short_talk(work)
    export = await asked(work, told.call, WAV)
    async with work.database.write() as connection:
        await connection.execute(update(exports).values(attempts=5))
    done = await settled(work, export.id)
    assert (done.state, done.failure) == (ExportState.FAILED, ExportFailure.INTERRUPTED)


async def test_it_is_kept_no_longer_than_the_first_of_its_recordings(work: Workshop) -> None:
    """And no longer than the setting says."""
    told = await short_talk(work)
    items = [await work.library.get(side.media_id, by=work.by()) for side in told.sides]
    export = await asked(work, told.call, WAV)
    assert export.retain_until <= min(item.retain_until for item in items)


async def test_there_is_nothing_to_export_of_what_is_not_over_or_not_kept(work: Workshop) -> None:
    """Asked too early, or of nothing: told so, and no key is made for it."""
    call = await work.consented()
    with pytest.raises(ConflictError):
        await asked(work, call, WAV)
    await work.begun(call)
    with pytest.raises(ConflictError):
        await asked(work, call, WAV)
    with pytest.raises(ForbiddenError):
        await work.whole_calls.exports.ask(call.id, WAV, by=work.by(Role.AGENT))
    stranger = work.by(Role.ADMIN, tenant_id=Id("ten_" + "0" * 32))
    with pytest.raises(NotFoundError):
        await work.whole_calls.exports.ask(call.id, WAV, by=stranger)
    async with work.database.read() as connection:
        assert (await connection.execute(select(exports))).all() == []


async def test_the_finisher_leaves_exports_alone(work: Workshop) -> None:
    """A film's fragments lie in the spool too, and its row waits in the same state."""
    told = await short_talk(work)
    export = await asked(work, told.call, ExportFormat.WEBM)
    after = await work.reborn()
    assert await after.finisher.recover() == 0
    row = await after.whole_calls.exports.get(export.id, by=work.by())
    assert row.state is ExportState.QUEUED
    assert (await work.library.get(export.id, by=work.by())).state is MediaState.FINISHING
