"""A new camera in the place of a lost one: the rows change at once, and no store keeps it away."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from sqlalchemy import select

from storage.errors import UnavailableError
from tests.vault.calls.studio import SOUND_ONLY, open_studio, until
from tests.vault.calls.test_graces import ends
from tests.vault.calls.test_pauses import AwayEngine
from tests.vault.calls.test_recorder import rows, stored
from tests.webrtc.publisher import Publisher
from vault.calls import legs as legs_module
from vault.calls import replacing
from vault.db.tables import legs, participants
from vault.errors import ConflictError, DependencyError
from vault.media.recordings import INTERRUPTED
from vault.model import LegState, MediaState, Role, new_id

if TYPE_CHECKING:
    from tests.vault.media.workshop import Workshop
    from vault.model import Id

NEVER_S = 0.3  # to wait for what a store that is away does not take


async def away(*_: Any, **__: Any) -> NoReturn:
    """A store that takes nothing."""
    raise UnavailableError("away")


async def standing(work: Workshop, person_id: Id) -> tuple[list[tuple[str, str | None]], bool]:
    """Somebody's legs, state and end, and whether they are in the call: as one moment has them."""
    query = select(legs.c.state, legs.c.end_reason).where(legs.c.person_id == person_id)
    part = select(participants.c.left_at).where(participants.c.person_id == person_id)
    async with work.database.snapshot() as connection:
        found = (await connection.execute(query.order_by(legs.c.created_at, legs.c.id))).all()
        left_at = (await connection.execute(part)).scalar_one()
    return [(row.state, row.end_reason) for row in found], left_at is None


async def test_a_store_that_is_away_costs_a_recording_its_continuation_and_no_call(
    any_work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes back is let in after a little, and is never without a leg meanwhile; both parts are kept."""
    monkeypatch.setattr(replacing, "WITHIN_S", 2.0)
    work, call = any_work, await any_work.consented()
    async with open_studio(work, rejoin_s=45) as studio, AsyncExitStack() as stack:
        ada = await studio.agent(call)
        visitor, first, second = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(3)]
        await studio.live(call, visitor)
        await studio.live(call, first, by=ada)
        await until(lambda: _kept(work, 2))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(work.store), "put", away)
            joining = asyncio.create_task(studio.join(call, second, by=ada), name="join")
            at_once = [(LegState.ENDED.value, "replaced"), (LegState.CONNECTING.value, None)]
            await until(lambda: _is(work, ada.id, at_once))
            assert not joining.done()
            answered = await joining
        await second.accept(answered.sdp)
        await second.connected()
        await until(lambda: _kept(work, 3))
        await studio.legs.hang_up(call.id, answered.leg_id, by=ada)
        reasons = [row.end_reason for row in await rows(work) if row.state == MediaState.FINISHING]
        assert reasons == [INTERRUPTED, "hangup"]


async def _is(work: Workshop, person_id: Id, wanted: list[tuple[str, str | None]]) -> bool:
    """Whether the legs are these; at no moment is their owner out of the call."""
    found, is_in = await standing(work, person_id)
    assert is_in
    return found == wanted


async def _kept(work: Workshop, count: int) -> bool:
    return len(await rows(work)) == count and await stored(work, 1)


async def test_what_cannot_be_written_leaves_the_old_leg_as_it_was(work: Workshop) -> None:
    """The database is away, the new leg gets nowhere: whoever was not lost at all talks on."""
    call = await work.consented()
    async with open_studio(work, rejoin_s=45) as studio, AsyncExitStack() as stack:
        ada = await studio.agent(call)
        first, second = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(2)]
        old = await studio.live(call, first, by=ada)
        offer = await second.offer()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(work.database, "_writer", AwayEngine())
            with pytest.raises(DependencyError):
                await studio.legs.join(call.id, offer, by=ada, address="127.0.0.1")
        leg = studio.stage.floor.legs[old.leg_id]
        assert (leg.is_ending, leg.why) == (False, None)
        assert await ends(work, call, Role.AGENT) == [None]


async def test_nobody_comes_back_before_a_hang_up_is_final(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the visitor's word the call is over, though its last part is not stored yet: no leg revives it."""
    monkeypatch.setattr(replacing, "WITHIN_S", NEVER_S)
    monkeypatch.setattr(legs_module, "FINAL_WITHIN_S", NEVER_S)
    call = await work.consented()
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(2)]
        old = await studio.live(call, first)
        await until(lambda: stored(work, 1))
        await asyncio.sleep(0.3)  # so that something is left to store
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(work.store), "put", away)
            await studio.legs.hang_up(call.id, old.leg_id, by=work.visitor(call))
            assert old.leg_id in studio.stage.floor.legs
            with pytest.raises(ConflictError):
                await studio.join(call, second)
        assert await studio.over(call) == "hangup"


async def test_a_crash_before_the_old_part_is_stored_is_told_as_one(any_work: Workshop) -> None:
    """Kill -9 between the rows and the store: the legs are ended, the recording is recovered."""
    work, call = any_work, await any_work.consented()
    begun = await work.begun(call)
    visitor, view = work.visitor(call), await work.calls.view(call.id, by=work.by())
    await work.calls.leg_joined(view, new_id("leg"), visitor, ends={begun.leg_id: "replaced"})
    after = await work.reborn()
    async with open_studio(after) as studio:
        left = await after.recordings.left_open()
        assert studio.legs._recorder.expect(left, [call.id]) == [begun.media_id]
        assert studio.legs._recorder._resting[begun.media_id].reason == INTERRUPTED
        await after.calls.end_interrupted(joinable_since=view.created_at)
        assert await ends(after, call) == ["replaced", "interrupted"]
