"""Erasure, step by step: the key, the objects, the proof, in this order and no other."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from storage.errors import RefusedError, UnavailableError
from storage.filesystem import FilesystemStore
from storage.memory import MemoryStore
from storage.store import Erasure, ObjectKey, StoredObject
from tests.vault.media.workshop import Workshop, open_workshop, scene
from tests.vault.rights.traces import left_of, receipt_of, shredded, states, traces_of, watched
from vault.clock import from_text, to_text
from vault.db.tables import links, parts
from vault.errors import DependencyError, ErasedError, KeyForgottenError, LinkDeadError, NotFoundError
from vault.media.finish import Finish
from vault.media.places import part_key
from vault.model import ErasureReason, MediaState, Part
from vault.rights.erasure import METHOD, key_evidence

STAGES = ("requested_at", "key_forgotten_at", "objects_deleted_at", "live_erased_at")


async def test_an_erasure_leaves_no_object_no_key_and_no_byte(any_work: Workshop) -> None:
    """P8: store, key store and the files of both databases; the neighbour still opens."""
    begun, neighbour = await any_work.ready(), await any_work.ready()
    await watched(any_work, begun)
    traces = await traces_of(any_work, begun.media_id)
    assert traces.wrapped
    assert traces.sealed
    request = await any_work.requests.of_media(
        begun.media_id, ErasureReason.VISITOR_REQUEST, by=any_work.by()
    )
    assert not request.complete
    assert await any_work.eraser.carry(begun.media_id)
    assert await left_of(any_work, traces) == []
    assert (await any_work.requests.get(request.id, by=any_work.by())).complete
    async with any_work.database.read() as connection:
        for table in (links, parts):
            rows = await connection.execute(select(table).where(table.c.media_id == begun.media_id))
            assert rows.all() == []
    item = await any_work.library.get(begun.media_id, by=any_work.by())
    assert (item.state, item.erased_at is not None) == (MediaState.ERASED, True)
    assert await any_work.plain(neighbour)


async def test_the_receipt_says_what_was_destroyed_and_verifies_offline(any_work: Workshop) -> None:
    """5.4: the commitment and digest that recording.ready named, the method, what it is worth, two dates."""
    begun = await any_work.ready()
    ready = (await any_work.ledger.history(begun.media_id))[0].facts
    (record,) = await any_work.keys.records(object_id=begun.media_id)
    request = await any_work.requests.of_media(begun.media_id, ErasureReason.LEGAL, by=any_work.by())
    await any_work.eraser.carry(begun.media_id)
    receipt = await receipt_of(any_work, request.id)
    (entry,) = receipt.entries
    told = entry.fields
    assert (told["ct_sha256"], told["ct_len"]) == (ready["ct_sha256"], ready["ct_len"])
    assert told["key_commitment"] == record.commitment.hex()
    assert (told["method"], told["assurance"], told["reason"]) == (METHOD, "software", "legal")
    assert told["versions"] == 4
    stages = [str(told[name]) for name in STAGES]
    assert stages == sorted(stages)
    assert stages[0] == to_text(request.requested_at)
    gone, for_good = (from_text(str(told[name])) for name in ("live_erased_at", "irrecoverable_by"))
    assert for_good - gone == timedelta(days=7)
    assert isinstance(gone, datetime)


async def test_what_was_bound_after_the_request_is_in_the_receipt(work: Workshop) -> None:
    """The evidence is taken when nothing can be finished any more, not when erasure was asked for."""
    begun = await work.ended()
    request = await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    await work.keys.bind_object(
        tenant_id=begun.tenant_id, object_id=begun.media_id, gen=1, sealed_bytes=9, sealed_sha256=bytes(32)
    )
    await work.eraser.carry(begun.media_id)
    (entry,) = (await receipt_of(work, request.id)).entries
    assert entry.fields["ct_len"] == 9


async def test_carrying_again_does_nothing_more(work: Workshop) -> None:
    """One shredded entry, one completion, however often and from however many programs it is carried."""
    begun = await work.ready()
    other = await work.reborn()
    await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    done = await asyncio.gather(*(room.eraser.carry(begun.media_id) for room in (work, other, work, other)))
    assert any(done)
    assert await work.eraser.carry(begun.media_id)
    told = [entry.type for entry in await work.ledger.history(begun.media_id)]
    assert told.count("object.shredded") == 1
    assert await work.eraser.pending() == []
    with pytest.raises(NotFoundError):
        await work.eraser.carry("rec_" + "0" * 32)


async def test_nothing_is_served_from_the_moment_of_the_request(work: Workshop) -> None:
    """Before any key or object is gone, links, parts and lists know."""
    begun = await work.ready()
    link = await work.links.make(begun.media_id, "to check", by=work.by())
    grant = await work.links.use(link.path, by=work.by())
    await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    assert not await work.links.alive(grant)
    for refused in (
        work.links.use(link.path, by=work.by()),
        work.links.make(begun.media_id, "again", by=work.by()),
        work.reader.part(begun.media_id, Part.MEDIA),
    ):
        with pytest.raises(ErasedError):
            await refused
    await work.eraser.carry(begun.media_id)
    with pytest.raises((ErasedError, LinkDeadError)):
        await work.links.use(link.path, by=work.by())


async def test_an_open_playback_ends_when_the_key_is_forgotten(work: Workshop) -> None:
    """Bytes under way may still arrive; a new range opens nothing, with or without the watcher."""
    begun = await work.ready()
    stored = await work.reader.part(begun.media_id, Part.MEDIA)
    playing = work.reader.stream(stored, 0, stored.size_bytes)
    assert await anext(playing)
    await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    await work.eraser.carry(begun.media_id)
    with pytest.raises(KeyForgottenError):
        await anext(work.reader.stream(stored, 0, 1))
    await playing.aclose()


@pytest.mark.parametrize("which", ["keys", "main"])
async def test_a_reader_of_a_database_keeps_the_erasure_pending(work: Workshop, which: str) -> None:
    """F10: the log cannot be truncated while somebody reads it; complete is said only afterwards."""
    begun = await work.ready()
    await watched(work, begun)
    traces = await traces_of(work, begun.media_id)
    request = await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    held = work.key_database if which == "keys" else work.database
    async with held.read() as reading:
        await reading.execute(select(1))
        await reading.exec_driver_sql("SELECT count(*) FROM sqlite_master")
        assert not await work.eraser.carry(begun.media_id)
        pending = await work.requests.get(request.id, by=work.by())
        assert not pending.complete
        assert await work.eraser.pending() == [begun.media_id]
        assert not await shredded(work, begun.media_id)  # its proof alone would pass for a complete receipt
    assert await work.eraser.carry(begun.media_id)
    assert await left_of(work, traces) == []
    assert (await work.requests.get(request.id, by=work.by())).complete


async def test_an_erasure_while_finishing_wins(work: Workshop) -> None:
    """The finisher is stopped, or refused at its last step; nothing of it comes back."""
    begun = await work.ended(scene(3))
    running = asyncio.create_task(work.finisher.run(), name="finisher")
    work.finisher.enqueue(begun.media_id)
    await asyncio.sleep(0.05)
    traces = await traces_of(work, begun.media_id)
    await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
    assert await work.eraser.carry(begun.media_id)
    async with asyncio.timeout(10):
        await work.finisher.drained()
    assert await work.finish.finish(begun.media_id) is MediaState.ERASED
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await left_of(work, traces) == []
    told = [entry.type for entry in await work.ledger.history(begun.media_id)]
    assert "recording.ready" not in told


async def test_a_finish_of_another_program_cannot_publish_what_is_being_erased(work: Workshop) -> None:
    """The move from erasing to ready does not exist: the transaction that would publish is refused."""
    begun = await work.ended()
    other = await work.reborn()
    original = Finish._publish

    async def late(self: Finish, *arguments: object) -> None:
        await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
        await original(self, *arguments)  # type: ignore[arg-type]

    other.finish._publish = late.__get__(other.finish)  # type: ignore[method-assign]
    with pytest.raises(Exception, match="cannot become"):
        await other.finish.finish(begun.media_id)
    assert await work.eraser.carry(begun.media_id)
    assert (await work.library.get(begun.media_id, by=work.by())).state is MediaState.ERASED


class StubbornStore(MemoryStore):
    """A store that goes wrong on command: away, or keeping what it was told to erase, and hiding that."""

    def __init__(self) -> None:
        super().__init__(country="FR")
        self.away = False
        self.keeps = False
        self.hides = False

    async def erase(self, key: ObjectKey) -> Erasure:
        """Erase, or not."""
        if self.away:
            raise UnavailableError("away")
        return Erasure(versions_deleted=1) if self.keeps or self.hides else await super().erase(key)

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """List, or not."""
        if self.away:
            raise UnavailableError("away")
        async for stored in super().list(prefix):
            if not self.hides:
                yield stored

    async def remains(self, where: str) -> tuple[str, ...]:
        """Say what is there; who hides it says so only of an object whose name one knows."""
        return () if self.hides and where.endswith("/") else await super().remains(where)


@pytest.mark.parametrize("fault", ["away", "keeps", "hides"])
async def test_a_store_that_does_not_obey_keeps_the_erasure_pending(tmp_path: Path, fault: str) -> None:
    """The key is gone at once; complete is not said until no listing shows, and no name gets, anything."""
    store = StubbornStore()
    async with open_workshop(tmp_path, store=store) as work:
        begun = await work.ready()
        request = await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
        setattr(store, fault, True)
        for _ in range(2):
            with pytest.raises(DependencyError):
                await work.eraser.carry(begun.media_id)
        assert (await states(work))[begun.media_id] == "key_forgotten"
        assert not await shredded(work, begun.media_id)
        assert await work.keys.records(object_id=begun.media_id) == ()
        setattr(store, fault, False)
        assert await work.eraser.carry(begun.media_id)
        assert (await receipt_of(work, request.id)).status == "complete"


async def test_an_unfinished_file_of_the_recording_is_erased_too(tmp_path: Path) -> None:
    """A part that is being written while its recording is erased ends, and nothing of it stays."""
    store = await FilesystemStore.create(tmp_path / "objects", country="FR")
    half, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield bytes(2_000_000)
        half.set()
        await go_on.wait()
        yield b"the end"

    async with open_workshop(tmp_path, store=store) as work:
        begun = await work.ready()
        place = part_key(tenant_id=begun.tenant_id, media_id=begun.media_id, gen=2, part=Part.MEDIA)
        putting = asyncio.create_task(store.put(place, body()), name="put")
        await half.wait()
        request = await work.requests.of_media(begun.media_id, ErasureReason.OTHER, by=work.by())
        try:
            assert await work.eraser.carry(begun.media_id)
        finally:
            go_on.set()
            (ended,) = await asyncio.gather(putting, return_exceptions=True)
        assert isinstance(ended, RefusedError)
        assert (await receipt_of(work, request.id)).status == "complete"
        assert await store.remains(f"media/{place.split('/')[1]}/") == ()
    await store.aclose()


def test_an_object_without_a_key_has_evidence_too() -> None:
    """Nothing is claimed of a key that was never there."""
    assert key_evidence(()) == {"gen": 0}
