"""The restore fence: whatever is set back, main database, key store or both, nothing erased comes back."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from crypto.receipts import verify_receipt
from storage.filesystem import FilesystemStore
from storage.store import ObjectKey
from tests.vault.keys.test_turning import turn_of
from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Workshop, open_ground, open_workshop
from vault.calls.calls import OpenedCall
from vault.clock import TurnableClock
from vault.db.tables import calls, erasures, leaves, media, notes
from vault.errors import KeyForgottenError, LedgerBrokenError, RestrictedError
from vault.ledger import tree
from vault.ledger.leaf import EntryType
from vault.ledger.outside import Outside
from vault.ledger.verify import verify_ledger
from vault.media.places import media_prefix
from vault.model import (
    ErasureReason,
    HoldGround,
    RestrictionGround,
    RestrictionSubject,
    Role,
    RuleKind,
    uuid_of,
)
from vault.policy import Principal
from vault.rights.changes import Wanted
from vault.rights.fence import Fence
from vault.rights.holds import HoldState, NewHold
from vault.rights.replaying import Replay
from vault.rights.restrictions import NewRestriction

START = datetime(2026, 11, 23, 8, tzinfo=UTC)


def fence_of(work: Workshop) -> Fence:
    """The fence before a workshop's doors."""
    replay = Replay(work.requests, work.clock)
    return Fence(work.database, work.keys, work.ledger, work.checkpoints, replay)


async def copied(work: Workshop, folder: Path) -> Path:
    """Everything of the vault but its objects, as it is now."""
    for database in (work.database, work.key_database):
        await database.forget_traces()
    await asyncio.to_thread(shutil.copytree, work.ground.folder, folder)
    return folder


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Workshop]:
    """A vault whose objects outlive its databases."""
    store = await FilesystemStore.create(tmp_path / "objects", country="FR")
    async with open_workshop(tmp_path / "vault", store=store, clock=TurnableClock(START)) as opened:
        yield opened


@asynccontextmanager
async def set_back(work: Workshop, copy: Path, folder: Path, *names: str) -> AsyncIterator[Workshop]:
    """The vault of today with some of its databases as they were, and today's objects."""
    await copied(work, folder)
    await asyncio.to_thread(_replace, folder, copy, names)
    store = await FilesystemStore.create(work.ground.folder.parent / "objects", country="FR")
    async with open_ground(folder, store=store, clock=work.clock) as ground:
        yield Workshop(ground, Wire(), work.tenant_id)


def _replace(folder: Path, copy: Path, names: tuple[str, ...]) -> None:
    for name in names:
        for path in folder.glob(f"{name}*"):
            path.unlink()
        shutil.copy(copy / name, folder / name)


async def erased_since(work: Workshop, folder: Path) -> tuple[Path, str, str, str]:
    """A copy, then an erasure of a recording and of a call with its name: copy, recording, call, request."""
    begun = await work.ready()
    other = await work.call()
    copy = await copied(work, folder)
    asked = await work.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=work.by())
    await work.requests.of_call(other.id, ErasureReason.VISITOR_REQUEST, by=work.by())
    assert await work.keeper.turn() == 0
    await work.checkpoints.publish_now()
    return copy, begun.media_id, other.id, asked.id


@pytest.mark.parametrize("names", [("main.db",), ("keys.db",), ("main.db", "keys.db")], ids="+".join)
async def test_what_was_erased_stays_erased_whatever_is_set_back(
    kept: Workshop, tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Every credential is still held, and the objects' store too; before a door opens it is gone again."""
    copy, media_id, call_id, request = await erased_since(kept, tmp_path / "copy")
    receipt = await kept.receipts.of(request, by=kept.by())
    async with set_back(kept, copy, tmp_path / "back", *names) as back:
        assert bool(await fence_of(back).let_through()) is ("main.db" in names)
        await back.keeper.turn()
        for object_id in (media_id, call_id):
            with pytest.raises(KeyForgottenError):
                await back.keys.data_key(tenant_id=back.tenant_id, object_id=object_id)
        async with back.database.read() as connection:
            of_call = select(calls.c.personal).where(calls.c.id == call_id)
            personal = (await connection.execute(of_call)).scalar_one()
            told = (await connection.execute(select(leaves.c.type))).scalars().all()
        assert (await state_of(back, media_id), personal) == ("erased", None)
        assert EntryType.SYSTEM_RESTORED in told
        again = await back.receipts.of(request, by=back.by())
        assert verify_receipt(receipt, back.ledger_keys.verifiers).status == "complete"
        assert verify_receipt(again, back.ledger_keys.verifiers).status == "complete"


async def test_a_start_that_dies_in_the_fence_is_finished_by_the_next(kept: Workshop, tmp_path: Path) -> None:
    """Entries, what they say and that it was done come in one transaction, at every step of it."""
    copy, media_id, _, _ = await erased_since(kept, tmp_path / "copy")
    number = 0
    while True:
        number += 1
        async with set_back(kept, copy, tmp_path / f"back{number}", "main.db", "keys.db") as back:
            wire = Wire(number)
            dying = Workshop(back.ground, wire, back.tenant_id)
            try:
                await fence_of(dying).let_through()
            except Crash:
                pass
            else:
                break
            await fence_of(back).let_through()
            async with back.database.read() as connection:
                row = await connection.execute(
                    select(erasures.c.state).where(erasures.c.object_id == media_id)
                )
                assert row.scalar_one() == "requested"
            (told,) = await restores(back)
            assert told["entries"] > 0
            with pytest.raises(KeyForgottenError):
                await back.keys.data_key(tenant_id=back.tenant_id, object_id=media_id)
    assert number > 4


async def restores(work: Workshop) -> list[dict[str, int]]:
    """What the ledger says of restores: entries that were lacking, keys that were forgotten again."""
    query = select(leaves.c.leaf).where(leaves.c.type == EntryType.SYSTEM_RESTORED.value)
    async with work.database.read() as connection:
        told = [json.loads(leaf) for leaf in (await connection.execute(query)).scalars()]
    return [{name: each[name] for name in ("entries", "keys")} for each in told]


async def test_a_key_store_alone_is_set_back_and_whoever_dies_in_it_leaves_word_of_it(
    kept: Workshop, tmp_path: Path
) -> None:
    """It is said before it is done: perhaps twice, never not at all."""
    copy, media_id, call_id, _ = await erased_since(kept, tmp_path / "copy")
    number = 0
    while True:
        number += 1
        async with set_back(kept, copy, tmp_path / f"back{number}", "keys.db") as back:
            dying = Workshop(back.ground, Wire(number), back.tenant_id)
            with suppress(Crash):
                await fence_of(dying).let_through()
                break
            await fence_of(back).let_through()
            assert 1 <= len(told := await restores(back)) <= 2
            assert told[0] == {"entries": 0, "keys": 2}
            assert await back.keys.holding([media_id, call_id]) == []
    assert number > 3


async def test_a_database_of_another_history_or_without_its_entries_is_refused(
    kept: Workshop, tmp_path: Path
) -> None:
    """What went another way since, and what nobody can bring up to date, opens no door."""
    copy, *_ = await erased_since(kept, tmp_path / "copy")
    async with set_back(kept, copy, tmp_path / "other", "main.db") as back:
        await back.call()
        with pytest.raises(LedgerBrokenError):
            await fence_of(back).let_through()
    pieces = [stored.key async for stored in kept.ground.store.list("ledger/leaves/")]
    await kept.ground.store.erase(ObjectKey(max(pieces)))
    async with set_back(kept, copy, tmp_path / "without", "main.db") as back:
        with pytest.raises(LedgerBrokenError):
            await fence_of(back).let_through()


async def test_what_kept_things_keeps_them_after_a_restore(kept: Workshop, tmp_path: Path) -> None:
    """Holds and restrictions that the copy lacks count again; an erasure that waited goes on waiting."""
    held, other = await kept.ready(), await kept.ready()
    copy = await copied(kept, tmp_path / "copy")
    until = kept.clock.now() + timedelta(days=3)
    hold = NewHold(held.media_id, HoldGround.LEGAL_CLAIM, "why", until)
    await kept.custody.holds.place(hold, by=kept.by())
    ground, subject = RestrictionGround.OBJECTION, RestrictionSubject.VISITOR
    restriction = NewRestriction(other.media_id, ground, subject, "why")
    await kept.custody.restrictions.place(restriction, by=kept.by())
    asked = await kept.requests.of_media(held.media_id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    await kept.keeper.turn()
    await kept.checkpoints.publish_now()
    assert isinstance(kept.clock, TurnableClock)
    kept.clock.turn(timedelta(days=2))
    async with set_back(kept, copy, tmp_path / "back", "main.db") as back:
        await fence_of(back).let_through()
        await back.keeper.turn()
        assert await state_of(back, held.media_id) == "erasing"
        assert (await back.requests.get(asked.id, by=back.by())).requested_at == asked.requested_at
        await back.keys.data_key(tenant_id=back.tenant_id, object_id=held.media_id)
        (again,) = await back.custody.holds.list(by=back.by())
        assert (again.media_id, again.ground, again.reason) == (held.media_id, HoldGround.LEGAL_CLAIM, None)
        assert again.expires_at == until.replace(microsecond=until.microsecond // 1000 * 1000)
        with pytest.raises(RestrictedError):
            await back.links.make(other.media_id, purpose="listen", by=back.by())


async def test_an_erasure_that_waited_for_a_hold_goes_on_after_a_restore(
    kept: Workshop, tmp_path: Path
) -> None:
    """The hold was placed and ended after the copy: what was asked for meanwhile is not forgotten."""
    begun = await kept.ready()
    copy = await copied(kept, tmp_path / "copy")
    until = kept.clock.now() + timedelta(days=3)
    placed = await kept.custody.holds.place(
        NewHold(begun.media_id, HoldGround.AUTHORITY, "why", until), by=kept.by()
    )
    await kept.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    await kept.keeper.turn()
    assert await kept.custody.holds.end_expired(until) == 1
    await kept.checkpoints.publish_now()
    async with set_back(kept, copy, tmp_path / "back", "main.db") as back:
        await fence_of(back).let_through()
        assert (await back.custody.holds.get(placed.id, by=back.by())).state is HoldState.EXPIRED
        assert await back.keeper.turn() == 0
        assert await state_of(back, begun.media_id) == "erased"


async def test_a_shorter_retention_that_was_cancelled_erases_nothing_after_a_restore(
    kept: Workshop, tmp_path: Path
) -> None:
    """The copy has it waiting: its day comes, and what it was to shorten is still there."""
    assert isinstance(kept.clock, TurnableClock)
    button = await kept.button()
    await kept.custody.rules.set(RuleKind.RECORDING, 300, button_id=button.id, by=kept.by())
    begun = await kept.ready(call=await kept.consented(button=button))
    wanted = Wanted(RuleKind.RECORDING, 10, button.id)
    asked = await kept.custody.changes.ask(wanted, moves=1, by=kept.by())
    copy = await copied(kept, tmp_path / "copy")
    await kept.custody.changes.cancel(asked.id, by=kept.by())
    await kept.checkpoints.publish_now()
    async with set_back(kept, copy, tmp_path / "back", "main.db") as back:
        await fence_of(back).let_through()
        kept.clock.turn(timedelta(days=31))
        assert await back.custody.changes.apply_due(back.clock.now()) == 0
        item = await back.library.get(begun.media_id, by=back.by())
        assert (item.retain_until - item.created_at).days == 300


async def written(work: Workshop, call: OpenedCall) -> str:
    """A note on a call."""
    person = await work.people.add(
        tenant_id=work.tenant_id, role=Role.SUPERVISOR, profile={"name": "Ada"}, by=None
    )
    by = Principal(person.id, work.tenant_id, Role.SUPERVISOR)
    await work.notes.write(call.id, "what was said", None, version=0, by=by)
    async with work.database.read() as connection:
        of_call = select(notes.c.id).where(notes.c.call_id == call.id)
        return str((await connection.execute(of_call)).scalar_one())


@pytest.mark.parametrize("names", [("keys.db",), ("main.db", "keys.db")], ids="+".join)
async def test_what_went_along_with_a_call_has_no_key_in_an_older_key_store_either(
    kept: Workshop, tmp_path: Path, names: tuple[str, ...]
) -> None:
    """A note on an erased call: its row is gone, or never was there; the entry names it, and nobody."""
    call = await kept.consented()
    await kept.ready(call=call)
    copy = await copied(kept, tmp_path / "copy")  # of the main database: from before the note
    note_id = await written(kept, call)
    later = await copied(kept, tmp_path / "later")
    shutil.copy(later / "keys.db", copy / "keys.db")
    request = await kept.requests.of_call(call.id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    assert await kept.keeper.turn() == 0
    await kept.checkpoints.publish_now()
    receipt = await kept.receipts.of(request.id, by=kept.by())
    assert f'with_it\\":\\"{uuid_of(note_id)}\\"'.encode() in receipt
    async with set_back(kept, copy, tmp_path / "back", *names) as back:
        assert await back.keys.holding([note_id]) == [note_id]
        await fence_of(back).let_through()
        assert await back.keys.holding([note_id]) == []
        assert await back.keeper.turn() == 0
        again = await back.receipts.of(request.id, by=back.by())
        assert uuid_of(note_id).encode() in again


async def test_an_erasure_of_what_was_made_after_the_copy_is_carried_to_its_end(
    kept: Workshop, tmp_path: Path
) -> None:
    """Asked for and not done when the database was lost: no row leads to it, its key and its request do."""
    await kept.ready()
    copy = await copied(kept, tmp_path / "copy")
    begun = await kept.ready()
    asked = await kept.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    await kept.checkpoints.publish_now()
    async with set_back(kept, copy, tmp_path / "back", "main.db") as back:
        await fence_of(back).let_through()
        assert await back.keeper.turn() == 0
        with pytest.raises(KeyForgottenError):
            await back.keys.data_key(tenant_id=back.tenant_id, object_id=begun.media_id)
        prefix = media_prefix(tenant_id=back.tenant_id, media_id=begun.media_id)
        assert await back.ground.store.remains(prefix) == ()
        receipt = await back.receipts.of(asked.id, by=back.by())
        assert verify_receipt(receipt, back.ledger_keys.verifiers).status == "complete"


async def test_the_ledger_of_a_restored_database_verifies_and_tells_what_happened_since(
    kept: Workshop, tmp_path: Path
) -> None:
    """Also of what was made after the copy, which no earlier entry names."""
    copy = await copied(kept, tmp_path / "copy")
    begun = await kept.ready()
    await kept.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    assert await kept.keeper.turn() == 0
    await kept.checkpoints.publish_now()
    before = [each.type for each in await kept.ledger.history(begun.media_id)]
    async with set_back(kept, copy, tmp_path / "back", "main.db") as back:
        await fence_of(back).let_through()
        await verify_ledger(back.database, back.ledger_keys.verifiers)
        assert [each.type for each in await back.ledger.history(begun.media_id)] == before


async def test_a_hold_on_what_was_made_after_the_copy_keeps_it(kept: Workshop, tmp_path: Path) -> None:
    """Neither the hold nor the request has a row to go to: the key stays, and a person decides."""
    copy = await copied(kept, tmp_path / "copy")
    begun = await kept.ready()
    until = kept.clock.now() + timedelta(days=3)
    await kept.custody.holds.place(
        NewHold(begun.media_id, HoldGround.LEGAL_CLAIM, "why", until), by=kept.by()
    )
    await kept.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    await kept.checkpoints.publish_now()
    async with set_back(kept, copy, tmp_path / "back", "main.db") as back:
        await fence_of(back).let_through()
        await back.keeper.turn()
        await back.keys.data_key(tenant_id=back.tenant_id, object_id=begun.media_id)


async def test_no_erasure_is_complete_before_its_request_lies_outside(kept: Workshop, tmp_path: Path) -> None:
    """A restore of the moment before would not know of it; so the receipt waits, and says so."""
    begun = await kept.ready()
    copy = await copied(kept, tmp_path / "copy")
    await kept.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    folder = kept.ground.folder.parent / "objects" / "ledger"
    await asyncio.to_thread(_block, folder)
    assert await kept.keeper.turn() == 1
    assert await state_of(kept, begun.media_id) == "erasing"
    await asyncio.to_thread(folder.unlink)
    assert await kept.keeper.turn() == 0
    async with set_back(kept, copy, tmp_path / "back", "main.db", "keys.db") as back:
        await fence_of(back).let_through()
        await back.keeper.turn()
        with pytest.raises(KeyForgottenError):
            await back.keys.data_key(tenant_id=back.tenant_id, object_id=begun.media_id)


async def test_entries_that_lay_outside_without_their_head_do_not_spoil_a_later_restore(
    kept: Workshop, tmp_path: Path
) -> None:
    """The machine died before the head: the restored database goes on with other entries of these numbers."""
    await kept.checkpoints.publish_now()
    copy = await copied(kept, tmp_path / "copy")
    for _ in range(4):
        await kept.call()
    await Outside(kept.database, kept.store).publish(await size_of(kept))  # and no head
    async with set_back(kept, copy, tmp_path / "first", "main.db") as first:
        await fence_of(first).let_through()
        for _ in range(3):
            await first.call()
            await first.checkpoints.publish_now()
        size = await size_of(first)
        async with set_back(first, copy, tmp_path / "second", "main.db") as second:
            assert await fence_of(second).let_through() > 0
            assert await size_of(second) == size + 1  # that it was restored
            await verify_ledger(second.database, second.ledger_keys.verifiers)


async def test_the_end_of_an_epoch_is_known_after_a_restore_and_not_told_again(
    kept: Workshop, tmp_path: Path
) -> None:
    """It ended after the copy: the receipt that was final is final, by the same entry."""
    begun = await kept.ready()
    asked = await kept.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    await kept.keeper.turn()
    copy = await copied(kept, tmp_path / "copy")
    turn = turn_of(kept, kept.ends)
    await turn.begin()
    await turn.carry(grace=timedelta(0))
    await kept.checkpoints.publish_now()
    ends = await kept.ends.of([1])
    async with set_back(kept, copy, tmp_path / "back", "main.db") as back:
        await fence_of(back).let_through()
        await turn_of(back, back.ends).carry(grace=timedelta(0))
        assert await back.ends.of([1]) == ends
        receipt = await back.receipts.of(asked.id, by=back.by())
        assert verify_receipt(receipt, back.ledger_keys.verifiers).status == "final"


async def test_requests_that_came_together_are_laid_outside_once(
    kept: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call of many objects costs two writes beside the objects, not two for each."""
    begun = [await kept.ready() for _ in range(3)]
    for each in begun:
        await kept.requests.of_media(each.media_id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    written: list[str] = []
    put = kept.checkpoints._store.put

    async def counted(key: ObjectKey, *rest: Any, **more: Any) -> Any:
        written.append(key)
        return await put(key, *rest, **more)

    monkeypatch.setattr(kept.checkpoints._store, "put", counted)
    assert await kept.keeper.turn() == 0
    assert len(written) == 2


def _block(folder: Path) -> None:
    """Put a file where the ledger's folder is to be: nothing of it can be stored."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("")


async def size_of(work: Workshop) -> int:
    """How many entries the ledger has."""
    async with work.database.read() as connection:
        return await tree.size(connection)


async def state_of(work: Workshop, media_id: str) -> str:
    """A media item's state."""
    async with work.database.read() as connection:
        found = await connection.execute(select(media.c.state).where(media.c.id == media_id))
        return str(found.scalar_one())


async def test_a_vault_that_was_not_set_back_is_let_through_and_says_nothing(tmp_path: Path) -> None:
    """The usual start: nothing to read back, nothing to tell."""
    async with open_workshop(tmp_path) as work:
        await work.call()
        await work.checkpoints.publish_now()
        assert await fence_of(await work.reborn()).let_through() == 0
