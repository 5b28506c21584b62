"""The key provider is away: calls begin, ring, are taken, recorded and ended; what is sealed stays closed."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import select

from tests.vault.calls.desk import Desk, open_desk
from tests.vault.calls.studio import QUICK, open_studio, until
from tests.vault.calls.test_invitations import WHO, erase, follow, invite
from tests.vault.calls.test_recorder import legs_of, rows, stored
from tests.vault.keys.test_recovering import away
from tests.vault.media.workshop import Workshop, scene
from tests.webrtc.publisher import Publisher, PublisherPlan
from vault.calls.indexing import Indexing
from vault.calls.visitors import Field, index_of
from vault.db.tables import call_indexes, calls, leaves
from vault.errors import KeyForgottenError, KeyProviderError
from vault.model import ConsentChoice, Id, MediaState


@pytest.fixture
async def any_desk(any_work: Workshop) -> AsyncIterator[Desk]:
    """A desk on each kind of database."""
    async with open_desk(any_work) as opened:
        yield opened


def indexing(work: Workshop) -> Indexing:
    """The job of a process."""
    return Indexing(work.database, work.keys, work.blobs)


async def found(work: Workshop) -> list[Id]:
    """The calls that an exact search for the visitor's address finds."""
    keyed = await index_of(work.blobs, work.tenant_id, Field.EMAIL, "zebulon@example.org")
    query = select(call_indexes.c.call_id).where(call_indexes.c.keyed == keyed)
    async with work.database.read() as connection:
        return list((await connection.execute(query)).scalars())


async def owed(work: Workshop) -> list[Id]:
    """The calls that are owed their index."""
    query = select(calls.c.id).where(calls.c.index_owed_at.is_not(None))
    async with work.database.read() as connection:
        return list((await connection.execute(query)).scalars())


async def actors(work: Workshop, call_id: str) -> dict[str, str]:
    """Who did what in a call, as the ledger has it."""
    query = select(leaves.c.type, leaves.c.leaf).where(leaves.c.object_id == call_id)
    async with work.database.read() as connection:
        return {row.type: json.loads(row.leaf)["actor"] for row in await connection.execute(query)}


async def test_a_recording_that_begins_and_ends_meanwhile_is_finished_afterwards(
    any_work: Workshop, quick_child: None
) -> None:
    """P14: nothing of it is lost, whoever finishes it; until then nobody plays it, and it is not lost."""
    button = await any_work.button()
    with away(any_work):
        work = await any_work.reborn()  # a start in the middle of it, which remembers no key
        begun = await work.ended(call=await work.consented(button=button))
        for keys in (work.keys, any_work.keys):
            keys.drop_all()
        for one in (work, await work.reborn()):
            with pytest.raises(KeyProviderError):
                await one.finish.finish(begun.media_id)
    assert await any_work.finish.finish(begun.media_id) is MediaState.READY
    assert await any_work.plain(begun)
    assert await any_work.keys.recovering.carry() == 1  # the call's own
    assert (await any_work.manifest(begun))["fragments"] == {"stored": len(scene()), "missing": 0}


async def test_a_call_that_began_meanwhile_is_found_by_its_visitor_afterwards(any_work: Workshop) -> None:
    """The keyed hashes need the tenant's key: they are owed, and paid once, wherever a crash comes."""
    button = await any_work.button()
    before = await any_work.call(button=button)
    with away(any_work):
        call = await any_work.call(button=button)
        assert await owed(any_work) == [call.id]
        any_work.keys.drop_all()
        with pytest.raises(KeyProviderError):
            await indexing(any_work).turn()
    assert await found(any_work) == [before.id]
    for work in (any_work, await any_work.reborn()):
        await indexing(work).turn()
        assert await found(work) == [before.id, call.id]
        assert await owed(work) == []


async def test_a_call_that_was_erased_before_its_index_was_paid_is_not_found(any_work: Workshop) -> None:
    """An erasure during the outage stands: nothing of the visitor comes back with the provider."""
    button = await any_work.button()
    with away(any_work):
        call = await any_work.call(button=button)
        await any_work.keys.forget(object_id=call.id)
    await indexing(any_work).turn()
    assert (await found(any_work), await owed(any_work)) == ([], [])
    with pytest.raises(KeyForgottenError):
        await any_work.keys.data_key(tenant_id=any_work.tenant_id, object_id=call.id)


async def test_what_an_invitation_knows_of_its_visitor_reaches_the_call_afterwards(any_desk: Desk) -> None:
    """The link works; the card is without the name; the invitation is not erased before it was read."""
    work, ada = any_desk.work, await any_desk.agent("Ada")
    made = await invite(any_desk, ada)
    with away(work):
        call = await follow(work, made)
        assert await owed(work) == [call.id]
    await work.invitations.revoke(made.id, by=ada.who)
    await erase(work)
    await indexing(work).turn()
    assert await found(work) == [call.id]
    async with work.database.read() as connection:
        sealed = (
            await connection.execute(select(calls.c.personal).where(calls.c.id == call.id))
        ).scalar_one()
    told = await work.blobs.open(sealed, tenant_id=work.tenant_id, object_id=call.id, part="call-personal")
    assert told == WHO.given()
    later = await work.reborn()
    await erase(later)
    with pytest.raises(KeyForgottenError):
        await later.keys.data_key(tenant_id=work.tenant_id, object_id=made.id)


async def test_a_call_rings_is_taken_and_its_people_are_named_as_far_as_they_were_known(
    any_desk: Desk,
) -> None:
    """Who was named before keeps the pseudonym; a process that never named somebody says so in the entry."""
    work, ada, button = any_desk.work, await any_desk.agent("Ada"), await any_desk.button()
    await any_desk.ringing.snapshot(ada.who)
    known = await work.blobs.pseudonym(tenant_id=work.tenant_id, subject_id=ada.who.id)
    with away(work):
        call, _, _ = await any_desk.press(button)
        work.keys.drop_all()
        ((_, card),) = [one for one in ada.heard() if one[0] == "call.ringing"]
        assert card["call_id"] == call.id
        taken = await any_desk.ringing.take(call.id, by=ada.who)
        assert taken.call.taken_by == ada.who.id
        told = await actors(work, call.id)
        assert told["call.taken"] == known
        assert told["consent.given"] not in {"unnamed", "system"}
        stranger = await work.reborn()
        async with open_desk(stranger) as other:
            ben = await other.agent("Ben")
            late, _, _ = await other.press(button)
            stranger.keys.drop_all()
            await other.ringing.take(late.id, by=ben.who)
        assert (await actors(work, late.id))["call.taken"] == "unnamed"


async def test_the_answer_to_the_notice_and_its_withdrawal_wait_for_nobody(any_work: Workshop) -> None:
    """A right is not refused because a key is away: after a restart the entry bears no pseudonym."""
    button = await any_work.button()
    with away(any_work):
        call = await any_work.call(button=button)
        work = await any_work.reborn()
        visitor = work.visitor(call)
        await work.calls.answer_notice(
            call.id, ConsentChoice.ACCEPTED, notice_hash=call.notice.hash, language="en", by=visitor
        )
        async with open_studio(work, **QUICK) as studio:
            await studio.withdrawals.withdraw(call.id, by=visitor)
    told = await actors(any_work, call.id)
    assert (told["consent.given"], told["consent.withdrawn"]) == ("unnamed", "unnamed")


async def test_who_loses_the_line_meanwhile_goes_on_with_the_same_recording(any_work: Workshop) -> None:
    """The process keeps the key it was given, however long the provider is away."""
    work, call = any_work, await any_work.consented()
    async with open_studio(work, rejoin_s=30, **QUICK) as studio, AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(Publisher(PublisherPlan())) for _ in range(2)]
        with away(work):
            one = await studio.live(call, first)
            await until(lambda: stored(work, 2))
            await studio.lose(first)
            work.keys.drop_all()
            two = await studio.live(call, second)
            before = (await rows(work))[0].fragments
            await until(lambda: stored(work, before + 2))
            await studio.legs.hang_up(call.id, two.leg_id, by=work.visitor(call))
        (media_id,) = studio.ended
    assert await legs_of(work, media_id) == [one.leg_id, two.leg_id]
    assert await work.finish.finish(media_id) is MediaState.READY


async def test_a_start_meanwhile_begins_another_recording(any_work: Workshop) -> None:
    """What the killed process knew, nobody has: its recording ends, and waits; nothing is dropped."""
    call = await any_work.consented()
    with away(any_work):
        begun = await any_work.begun(call)
        await any_work.spool(begun, scene())
        await any_work.calls.leg_ended(call.id, begun.leg_id, reason="interrupted", call_goes_on=True)
        work = await any_work.reborn()
        async with open_studio(work, rejoin_s=30, **QUICK) as studio, Publisher(PublisherPlan()) as visitor:
            two = await studio.live(call, visitor)
            await until(lambda: stored(work, 2))
            await studio.legs.hang_up(call.id, two.leg_id, by=work.visitor(call))
    assert [row.state for row in await rows(any_work)] == [MediaState.FINISHING] * 2
    for row in await rows(any_work):
        assert await any_work.finish.finish(row.id) is MediaState.READY
