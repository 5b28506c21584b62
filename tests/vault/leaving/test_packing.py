"""What a company takes along is whole, and nothing in it is erased or restricted when it is fetched."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pyrage
import pytest
from sqlalchemy import select, update

from crypto.receipts import verify_receipt
from storage.store import ObjectKey
from tests.vault.leaving.house import leaving_of, lines, packed, taken_by, turned_to, until, volumes_of
from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import CANARY, Workshop, scene
from vault.db.tables import calls, media, tenants
from vault.errors import KeyProviderError, NotFoundError
from vault.leaving.archive import Archive
from vault.leaving.exits import NewExit
from vault.leaving.room import Leaving
from vault.media.capture import Begun
from vault.model import (
    ErasureReason,
    ExitState,
    Id,
    RestrictionGround,
    RestrictionSubject,
    Role,
    uuid_of,
)
from vault.policy import Principal
from vault.rights.restrictions import NewRestriction
from vault.settings.keeping import DEFAULT_HOLDER

KEY = pyrage.x25519.Identity.generate()
MONTH = NewExit(str(KEY.to_public()), None, 30)

pytestmark = pytest.mark.usefixtures("quick_child")


async def begun_exit(work: Workshop) -> Leaving:
    """A company that has begun to leave, with a month to fetch."""
    leaving = leaving_of(work)
    await leaving.exits.begin(MONTH, by=work.by())
    return leaving


async def names(work: Workshop, leaving: Leaving) -> set[str]:
    """The media items whose files can be fetched, as their names in the volumes."""
    taken = await taken_by(work, leaving, KEY)
    return {name.split("/")[1] for name in taken if name.endswith("/media.webm")}


async def archived(work: Workshop) -> list[str]:
    """What lies in the store to be taken along, the company's own and what is only left over."""
    return [key for key in await work.objects() if key.startswith("archive/")]


async def restricted(work: Workshop, object_id: str) -> Id:
    """A restriction for the visitor."""
    ground, subject = RestrictionGround.OBJECTION, RestrictionSubject.VISITOR
    new = NewRestriction(object_id, ground, subject, "why")
    return (await work.custody.restrictions.place(new, by=work.by())).id


async def until_erased(work: Workshop, leaving: Leaving) -> None:
    """Let both jobs work until nothing is left to erase."""
    for _ in range(10):
        if await work.keeper.turn() == 0:
            return
        await leaving.leaver.turn()
    raise AssertionError


# what is erased or restricted meanwhile


async def test_what_is_erased_meanwhile_is_in_no_volume_when_its_receipt_says_so(any_work: Workshop) -> None:
    """From the request on nobody is given a volume with it; before the proof it is gone; the rest stays."""
    gone, kept = await any_work.ready(), await any_work.ready()
    leaving = await begun_exit(any_work)
    before = await until(leaving, any_work, ExitState.READY)
    asked = await any_work.requests.of_media(gone.media_id, ErasureReason.VISITOR_REQUEST, by=any_work.by())
    assert (await leaving.exits.current(by=any_work.by())).volumes == []
    with pytest.raises(NotFoundError):
        async with leaving.exits.fetch(before.volumes[-1].number, by=any_work.by()):
            pass
    assert await any_work.keeper.turn() == 0
    receipt = await any_work.receipts.of(asked.id, by=any_work.by())
    assert verify_receipt(receipt, any_work.ledger_keys.verifiers).status == "complete"
    assert await archived(any_work) == []
    after = await packed(leaving, any_work)
    assert await names(any_work, leaving) == {kept.media_id}
    assert (after.state, after.ends_at) == (ExitState.READY, before.ends_at)
    assert min(each.number for each in after.volumes) > max(each.number for each in before.volumes)


async def test_what_was_told_in_a_call_that_is_erased_meanwhile_is_in_no_row(work: Workshop) -> None:
    """The rows are made anew as well: any of them may tell of it."""
    call = await work.call()
    await work.calls.end_unjoined(opened_before=work.clock.now() + timedelta(days=1))
    leaving = await begun_exit(work)
    await until(leaving, work, ExitState.READY)
    assert CANARY.encode() in b"".join((await taken_by(work, leaving, KEY)).values())
    await work.requests.of_call(call.id, ErasureReason.VISITOR_REQUEST, by=work.by())
    await until_erased(work, leaving)
    assert await archived(work) == []
    await packed(leaving, work)
    assert CANARY.encode() not in b"".join((await taken_by(work, leaving, KEY)).values())


async def test_what_is_restricted_meanwhile_is_not_given_out_until_it_is_lifted(any_work: Workshop) -> None:
    """Neither the recording nor what was told in its call; then both can be fetched for some days."""
    begun = await any_work.ready()
    call_id = await call_of(any_work, begun)
    leaving = await begun_exit(any_work)
    ready = await until(leaving, any_work, ExitState.READY)
    placed = await restricted(any_work, call_id)
    assert (await leaving.exits.current(by=any_work.by())).volumes == []
    await packed(leaving, any_work)
    taken = await taken_by(any_work, leaving, KEY)
    assert f"media/{begun.media_id}/WITHHELD.txt" in taken
    assert CANARY.encode() not in b"".join(taken.values())
    (row,) = lines(taken, "calls")
    assert row["personal"] == {"withheld": "restricted"}
    assert ready.ends_at is not None
    for days in (7, 0):
        turned_to(any_work, ready.ends_at - timedelta(days=days))
        found = await packed(leaving, any_work)
    assert (found.waits_for, found.ends_at) == ("restriction", ready.ends_at)
    await any_work.custody.restrictions.lift(placed, by=any_work.by())
    found = await packed(leaving, any_work)
    assert (found.state, found.ends_at) == (ExitState.READY, any_work.clock.now() + timedelta(days=7))
    taken = await taken_by(any_work, leaving, KEY)
    assert f"media/{begun.media_id}/media.webm" in taken
    assert CANARY.encode() in b"".join(taken.values())


async def call_of(work: Workshop, begun: Begun) -> Id:
    """The call of a recording."""
    async with work.database.read() as connection:
        of = select(media.c.call_id).where(media.c.id == begun.media_id)
        return Id((await connection.execute(of)).scalar_one())


async def test_a_volume_that_is_being_given_out_is_cut_off_when_it_is_withdrawn(work: Workshop) -> None:
    """As a playback that runs is; within seconds."""
    begun = await work.ready()
    leaving = await begun_exit(work)
    ready = await until(leaving, work, ExitState.READY)
    async with leaving.exits.fetch(ready.volumes[-1].number, by=work.by()) as (_, pieces):
        await restricted(work, begun.media_id)
        turned_to(work, work.clock.now() + timedelta(seconds=3))
        with pytest.raises(NotFoundError):
            await anext(pieces)


async def test_of_an_erasure_and_a_volume_at_once_none_outlives_the_receipt(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume that is being made with it is not kept, and the erasure waits until it is gone."""
    begun = await work.ready()
    leaving = await begun_exit(work)
    await leaving.leaver.turn()
    left: list[int] = []
    real = Archive._content

    async def overtaken(self: Archive, part: Any) -> AsyncIterator[bytes]:
        monkeypatch.setattr(Archive, "_content", real)
        await work.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=work.by())
        async for piece in real(self, part):
            yield piece
        left.append(await work.keeper.turn())

    monkeypatch.setattr(Archive, "_content", overtaken)
    await leaving.leaver.turn()
    assert left == [1]
    assert [key for key in await archived(work) if key.endswith("000002.tar.age")] == []
    await until_erased(work, leaving)
    found = await packed(leaving, work)
    assert await names(work, leaving) == set()
    assert (found.state, len(found.volumes)) == (ExitState.READY, 1)


async def test_a_volume_cut_off_with_what_was_erased_since_is_gone_before_the_receipt(work: Workshop) -> None:
    """Killed when it is stored and nothing says so yet: the next process deletes it, then it is proven."""
    begun = await work.ready()
    leaving = await begun_exit(work)
    await leaving.leaver.turn()
    dying = Workshop(work.ground, Wire(), work.tenant_id)
    wire_after_put(dying)
    with pytest.raises(Crash):
        await leaving_of(dying).leaver.turn()
    assert len(await archived(work)) == 2
    after = await work.reborn()
    await after.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=work.by())
    await until_erased(after, leaving_of(after))
    assert all(key.endswith("000003.tar.age") for key in await archived(work))


def wire_after_put(work: Workshop) -> None:
    """Let a process die when the volume is in the store and nothing says so yet."""
    real = work.ground.store.put

    class Dying:
        async def put(self, key: ObjectKey, body: Any, *, if_absent: bool = False) -> Any:
            await real(key, body, if_absent=if_absent)
            raise Crash

        def __getattr__(self, name: str) -> Any:
            return getattr(work.ground.store, name)

    work.store._inner = Dying()


async def test_volumes_that_no_row_leads_to_go_with_an_erasure(work: Workshop) -> None:
    """A main database that was set back does not know what was packed since."""
    begun = await work.ready()
    leaving = await begun_exit(work)
    await until(leaving, work, ExitState.READY)
    known = await archived(work)
    stray = ObjectKey(known[-1].replace("000002", "000009"))
    await work.ground.store.put(stray, b"what a restore does not know")
    other = await late(work)
    await work.requests.of_media(other.media_id, ErasureReason.VISITOR_REQUEST, by=work.by())
    assert await work.keeper.turn() == 0
    assert stray not in await archived(work)
    assert known[-1] in await archived(work)
    assert await names(work, leaving) == {begun.media_id}


# what comes later is taken along


async def test_a_call_that_runs_when_the_exit_begins_is_taken_along(any_work: Workshop) -> None:
    """Nothing is packed before the last call is over and finished, and the exit says what it waits for."""
    first = await any_work.ready()
    call = await any_work.consented()
    live = await any_work.begun(call)
    leaving = await begun_exit(any_work)
    assert await waits_for(any_work, leaving) == ("call", [])
    await any_work.spool(live, scene())
    await any_work.recordings.end(live.media_id, reason="peer_left")
    await any_work.calls.leg_ended(call.id, live.leg_id, reason="peer_left")
    assert await waits_for(any_work, leaving) == ("call", [])
    await any_work.finish.finish(live.media_id)
    found = await until(leaving, any_work, ExitState.READY)
    assert found.waits_for is None
    assert await names(any_work, leaving) == {first.media_id, live.media_id}


async def waits_for(work: Workshop, leaving: Leaving) -> tuple[str | None, list[Any]]:
    """What an exit waits for after a few turns, and what it has packed."""
    for _ in range(3):
        await leaving.leaver.turn()
    found = await leaving.exits.current(by=work.by())
    assert found.state is ExitState.EXPORTING
    return found.waits_for, list(found.volumes)


async def test_what_becomes_ready_in_the_grace_period_follows_and_can_be_fetched_for_days(
    work: Workshop,
) -> None:
    """An export, or what was restricted: in the last days it puts the end off, and it is told again."""
    leaving = await begun_exit(work)
    ready = await until(leaving, work, ExitState.READY)
    assert ready.ends_at is not None
    first = await late(work)
    found = await packed(leaving, work)
    assert (await names(work, leaving), found.ends_at) == ({first.media_id}, ready.ends_at)
    turned_to(work, ready.ends_at - timedelta(hours=1))
    second = await late(work)
    found = await packed(leaving, work)
    assert await names(work, leaving) == {first.media_id, second.media_id}
    assert found.ends_at == work.clock.now() + timedelta(days=7)


async def late(work: Workshop) -> Begun:
    """A recording that becomes ready now, though no call begins any more: as an export does."""
    left = update(tenants).where(tenants.c.id == work.tenant_id)
    async with work.database.write() as connection:
        await connection.execute(left.values(leaving_at=None))
    call = await work.consented()
    async with work.database.write() as connection:
        await connection.execute(left.values(leaving_at=work.clock.now()))
    return await work.ready(call=call)


async def test_what_people_write_in_the_grace_period_is_taken_along(any_work: Workshop) -> None:
    """The rows are packed once more when the end is near, and at the end where somebody wrote since."""
    call_id = await call_of(any_work, await any_work.ready())
    person = await any_work.people.add(
        tenant_id=any_work.tenant_id, role=Role.SUPERVISOR, profile={"name": "Ada"}, by=None
    )
    by = Principal(person.id, any_work.tenant_id, Role.SUPERVISOR)
    leaving = await begun_exit(any_work)
    ready = await until(leaving, any_work, ExitState.READY)
    assert ready.ends_at is not None
    await any_work.notes.write(call_id, "in the grace", None, version=0, by=by)
    turned_to(any_work, ready.ends_at - timedelta(days=7))
    found = await packed(leaving, any_work)
    assert (await notes(any_work, leaving), found.ends_at) == (["in the grace"], ready.ends_at)
    turned_to(any_work, ready.ends_at - timedelta(hours=1))
    await any_work.notes.write(call_id, "in the last hour", None, version=1, by=by)
    turned_to(any_work, ready.ends_at)
    found = await packed(leaving, any_work)
    assert found.ends_at == ready.ends_at + timedelta(days=7)
    assert await notes(any_work, leaving) == ["in the last hour"]
    assert (await until(leaving, any_work, ExitState.GONE)).ended_at == found.ends_at


async def notes(work: Workshop, leaving: Leaving) -> list[str]:
    """The notes of the newest rows."""
    return [row["sealed"]["text"] for row in lines(await taken_by(work, leaving, KEY), "notes")]


async def test_a_volume_that_the_store_lost_is_made_anew_before_the_end(work: Workshop) -> None:
    """Nothing is erased that could not be fetched."""
    begun = await work.ready()
    leaving = await begun_exit(work)
    ready = await until(leaving, work, ExitState.READY)
    assert ready.ends_at is not None
    turned_to(work, ready.ends_at - timedelta(days=7))
    await packed(leaving, work)
    for key in await archived(work):
        await work.ground.store.erase(ObjectKey(key))
    turned_to(work, ready.ends_at)
    for _ in range(4):  # it looks, deletes the rows, makes one and the other
        await leaving.leaver.turn()
    assert (await leaving.exits.current(by=work.by())).state is ExitState.READY
    assert await names(work, leaving) == {begun.media_id}


# what cannot be opened now, and what never can


async def test_a_key_service_that_is_away_for_a_moment_damages_nothing(work: Workshop) -> None:
    """The volume is tried again, and has every recording."""
    begun = [await work.ready() for _ in range(2)]
    leaving = await begun_exit(work)
    await leaving.leaver.turn()
    provider: Any = work.keys.provider(DEFAULT_HOLDER)
    real = provider.unwrap

    async def away(*_: Any, **__: Any) -> Any:
        raise KeyProviderError("the key service does not answer")

    provider.unwrap = away
    work.keys.drop_all()
    await leaving.leaver.turn()
    assert len((await leaving.exits.current(by=work.by())).volumes) == 1
    provider.unwrap = real
    await until(leaving, work, ExitState.READY)
    assert await names(work, leaving) == {each.media_id for each in begun}


async def test_a_field_that_was_changed_keeps_no_exit(work: Workshop) -> None:
    """It is said in its place; the others are told."""
    await work.ready()
    async with work.database.write() as connection:
        row = (await connection.execute(select(calls))).one()
        changed = row.personal[:-1] + bytes([row.personal[-1] ^ 1])
        await connection.execute(update(calls).values(personal=changed))
    leaving = await begun_exit(work)
    await until(leaving, work, ExitState.READY)
    (told,) = lines(await taken_by(work, leaving, KEY), "calls")
    assert (told["id"], told["personal"]) == (row.id, {"withheld": "damaged"})


async def test_receipts_and_what_was_asked_for_are_among_the_rows(work: Workshop) -> None:
    """Of the tables that stay behind, the company's own lines are told too; its address is not."""
    begun = await work.ready()
    asked = await work.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=work.by())
    await work.keeper.turn()
    leaving = await begun_exit(work)
    await until(leaving, work, ExitState.READY)
    (rows,) = await volumes_of(work, leaving, KEY)
    assert [row["id"] for row in lines(rows, "deletion_requests")] == [asked.id]
    assert [row["object_id"] for row in lines(rows, "erasures")] == [begun.media_id]
    (told,) = lines(rows, "tenant_exits")
    assert "notify" not in told
    assert json.loads(rows[f"receipts/{asked.id}.json"])["request"] == asked.id
    assert uuid_of(work.tenant_id) in rows["ledger/leaves-000001.jsonl"].decode()
