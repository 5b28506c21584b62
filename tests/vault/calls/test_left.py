"""Who left a call: they may come back to it with a leg, and do nothing else in it before."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from tests.vault.calls.studio import HERE, SOUND_ONLY, Studio, open_studio
from tests.webrtc.publisher import Publisher
from tests.webrtc.spectator import Spectator
from vault.calls.chat import Chat
from vault.db.tables import calls
from vault.errors import ConflictError, NotFoundError
from webrtc.lifecycle import CloseReason

if TYPE_CHECKING:
    from tests.vault.media.workshop import Workshop
    from vault.calls.calls import OpenedCall
    from vault.model import Id
    from vault.policy import Principal


async def joined(studio: Studio, stack: AsyncExitStack, call: OpenedCall, by: Principal | None = None) -> Id:
    """Somebody can be heard in a call."""
    publisher = await stack.enter_async_context(Publisher(SOUND_ONLY))
    return (await studio.live(call, publisher, by=by)).leg_id


async def leaves(studio: Studio, leg_id: Id, why: str) -> None:
    """A leg ends, and its rows are final."""
    leg = studio.stage.floor.legs[leg_id]
    leg.why = why
    await leg.peer.close(CloseReason.HANGUP)
    assert leg.task is not None
    await leg.task


@pytest.mark.parametrize("why", ["hangup", "silent"])
@pytest.mark.parametrize("is_owner", [False, True])
async def test_who_left_a_call_may_come_back_to_it_and_nothing_else(
    work: Workshop, why: str, *, is_owner: bool
) -> None:
    """No hidden listening, no writing, no end of a colleague's pause; who was lost sees its legs alone."""
    call = await work.consented()
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        ada, ben = await studio.agent(call), await studio.agent(call, name="Ben")
        chat = Chat(work.database, work.keys, work.blobs, work.calls, studio.stage.tellings, work.clock)
        if is_owner:
            async with work.database.write() as connection:
                await connection.execute(update(calls).values(taken_by=ben.id, taken_at=work.clock.now()))
        visitors, _ = await joined(studio, stack, call), await joined(studio, stack, call, ada)
        await leaves(studio, await joined(studio, stack, call, ben), why)
        pause = await studio.pauses.begin(call.id, by=ada)
        offer = await (await stack.enter_async_context(Spectator(("audio",)))).offer()
        with pytest.raises(NotFoundError):
            await studio.feeds.open(call.id, visitors, offer, by=ben, address=HERE)
        for act in (
            chat.post(call.id, "Hello", key="1", by=ben),
            chat.since(call.id, after=0, limit=9, by=ben),
            studio.pauses.begin(call.id, by=ben),
            studio.pauses.resume(call.id, pause.id, by=ben),
            studio.withdrawals.unrecord(call.id, by=ben),
        ):
            with pytest.raises(ConflictError, match="not in this call"):
                await act
        if why == "silent":
            assert len(await studio.legs.of_call(call.id, by=ben)) == 2
        else:
            with pytest.raises(NotFoundError):
                await studio.legs.of_call(call.id, by=ben)
        await joined(studio, stack, call, ben)
        assert (await studio.pauses.resume(call.id, pause.id, by=ben)).ended_at is not None
        await studio.feeds.open(call.id, visitors, offer, by=ben, address=HERE)
        assert studio.feeds.live == 1


async def test_nobody_hears_a_call_without_being_in_it_for_all_to_see(work: Workshop) -> None:
    """Neither before one's own leg is there, nor while it ends and its rows are not final yet."""
    call = await work.consented()
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        ada = await studio.agent(call)
        visitors = await joined(studio, stack, call)
        offer = await (await stack.enter_async_context(Spectator(("audio",)))).offer()
        with pytest.raises(ConflictError, match="leg of your own"):
            await studio.feeds.open(call.id, visitors, offer, by=ada, address=HERE)
        own = studio.stage.floor.legs[await joined(studio, stack, call, ada)]
        await own.peer.close(CloseReason.HANGUP)
        with pytest.raises((ConflictError, NotFoundError)):
            await studio.feeds.open(call.id, visitors, offer, by=ada, address=HERE)
        assert studio.feeds.live == 0
