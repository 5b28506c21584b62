"""A right that is lost while a call runs ends what rests on it, and nothing else."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from sqlalchemy import select

from tests.vault.calls.studio import SOUND_ONLY, open_studio, until
from tests.vault.media.workshop import Workshop
from tests.webrtc.publisher import Publisher
from vault.calls.rechecks import TURNED_OUT, Rechecks
from vault.db.tables import legs
from vault.errors import ConflictError, DependencyError
from vault.model import Id, Role
from vault.policy import Principal
from webrtc.lifecycle import CloseReason
from webrtc.viewer import Viewer


async def test_who_may_no_longer_answer_calls_is_in_none_of_them(work: Workshop) -> None:
    """ASVS 8.3.2: leg and feeds of that person end with a reason; visitor and colleagues go on."""
    call = await work.consented()
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        agent, colleague = await studio.agent(call), await studio.agent(call, name="Bo")
        people = (None, agent, colleague)
        joined = [
            await studio.live(call, await stack.enter_async_context(Publisher(SOUND_ONLY)), by=by)
            for by in people
        ]
        for by in (agent, colleague):
            await stack.enter_async_context(studio.watching(call, joined[0].leg_id, by, kinds=("audio",)))
        lost: set[str] = set()

        async def may_go_on(who: Principal) -> Principal | None:
            if "database" in lost:
                raise DependencyError("away")
            assert who.role is not Role.VISITOR
            return replace(who, role=Role.AUDITOR) if who.id in lost else who

        rechecks = Rechecks(studio.stage.floor, may_go_on)
        await rechecks.turn()
        lost.add("database")
        await rechecks.turn()
        assert (studio.legs.live, studio.feeds.live) == (3, 2)
        lost = {agent.id}
        await rechecks.turn()

        async def two_left() -> bool:
            return studio.legs.live == 2

        await until(two_left)
        assert studio.feeds.live == 1
        async with work.database.read() as connection:
            rows = await connection.execute(select(legs.c.end_reason).where(legs.c.id == joined[1].leg_id))
        assert rows.scalar_one() == TURNED_OUT
        assert (await studio.rows(call))[0] == "live"


async def test_who_has_no_leg_in_a_call_watches_none_of_it(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the end of a leg waits for a database what its owner watches ends, and no feed begins."""
    call = await work.consented()
    async with open_studio(work) as studio, AsyncExitStack() as stack:
        ada = await studio.agent(call)
        visitors, adas = [
            await studio.live(call, await stack.enter_async_context(Publisher(SOUND_ONLY)), by=by)
            for by in (None, ada)
        ]
        await stack.enter_async_context(studio.watching(call, visitors.leg_id, ada, kinds=("audio",)))
        rechecks = Rechecks(studio.stage.floor, _all_may)
        await rechecks.end_unseen()
        assert studio.feeds.live == 1

        is_back = asyncio.Event()
        everybody, answer = studio.stage.tellings.everybody, Viewer.answer

        async def waits(call_id: Id) -> frozenset[Id]:
            await is_back.wait()
            return await everybody(call_id)

        monkeypatch.setattr(studio.stage.tellings, "everybody", waits)
        leg = studio.stage.floor.legs[adas.leg_id]

        async def answers_late(viewer: Viewer, offer: str) -> str:
            told = await answer(viewer, offer)
            await leg.peer.close(CloseReason.HANGUP)
            return told

        monkeypatch.setattr(Viewer, "answer", answers_late)
        with pytest.raises(ConflictError):
            async with studio.watching(call, visitors.leg_id, ada, kinds=("audio",)):
                pass
        assert studio.feeds.live == 1
        await rechecks.end_unseen()
        assert studio.feeds.live == 0
        is_back.set()


async def _all_may(who: Principal) -> Principal:
    return who
