"""A visitor who was lost comes back to the same call, with real peers; who meant to leave does not."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.vault.calls.studio import QUICK, SOUND_ONLY, Studio, open_studio, until
from tests.vault.media.workshop import Workshop
from tests.webrtc.publisher import Publisher
from vault.calls.calls import OpenedCall
from vault.db.tables import legs, media
from vault.errors import OfferRefusedError
from vault.model import CallState, Role, new_id
from vault.policy import Principal

LOST = {"silent", "consent_lost"}


async def ends(work: Workshop, call: OpenedCall, role: Role = Role.VISITOR) -> list[str | None]:
    """Why each leg of the role ended, in the order in which they began."""
    query = select(legs.c.end_reason).where(legs.c.call_id == call.id, legs.c.role == role.value)
    async with work.database.read() as connection:
        return list((await connection.execute(query.order_by(legs.c.created_at, legs.c.id))).scalars())


async def _carries(studio: Studio, count: int) -> bool:
    return studio.legs.live == count


def told(studio: Studio, who: Principal) -> list[str]:
    """The types of what somebody was told of legs and the call's end."""
    return [each.type for each in studio.told if each.to == who.id]


async def test_a_lost_visitor_comes_back_to_the_same_call(work: Workshop) -> None:
    """The agent's leg goes on, and so does the visitor's recording; ringing goes on as well."""
    call = await work.consented()
    async with open_studio(work, rejoin_s=30, **QUICK) as studio, AsyncExitStack() as stack:
        ada = await studio.agent(call)
        agent, first, second = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(3)]
        theirs = await studio.live(call, agent, by=ada)
        await studio.live(call, first)
        await until(lambda: _has_begun(work, 2))
        await studio.lose(first)
        assert (await studio.rows(call))[0] == "live"
        answered = await studio.live(call, second)
        await until(lambda: _heard(studio, ada, answered.leg_id))
        assert told(studio, ada)[-2:] == ["call.leg_ended", "call.leg_joined"]
        assert theirs.leg_id in studio.stage.floor.legs
        assert "rings_no_more" not in [each.type for each in studio.told]
        await studio.legs.hang_up(call.id, answered.leg_id, by=work.visitor(call))
        assert await studio.over(call) == "hangup"
        await until(lambda: _ended(studio, 2))
        assert len(set(studio.ended)) == 2
    lost, last = await ends(work, call)
    assert lost in LOST
    assert last == "hangup"


async def _ended(studio: Studio, count: int) -> bool:
    return len(studio.ended) == count


async def _has_begun(work: Workshop, count: int) -> bool:
    async with work.database.read() as connection:
        return len((await connection.execute(select(media.c.id))).all()) == count


async def test_after_the_grace_the_call_ends_for_the_reason_of_the_leg(work: Workshop) -> None:
    """Everybody is told, the agent's leg is ended, the ringing too; a try that failed changes nothing."""
    call = await work.consented()
    settings: dict[str, Any] = {"rejoin_s": 2.5, "setup_deadline_s": 1.0, **QUICK}
    async with open_studio(work, **settings) as studio, AsyncExitStack() as stack:
        ada = await studio.agent(call)
        agent, first, second = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(3)]
        await studio.live(call, agent, by=ada)
        await studio.live(call, first)
        await studio.lose(first)
        await studio.join(call, second)  # and never connects
        await until(lambda: _carries(studio, 1))
        assert (await studio.rows(call))[0] == "live"
        assert await studio.over(call) in LOST
        assert await ends(work, call, Role.AGENT) == ["call_ended"]
        assert told(studio, ada).count("call.ended") == 1
        assert [each.type for each in studio.told if not each.to] == ["rings", "rings_no_more"]


async def test_each_loss_has_its_own_grace(work: Workshop) -> None:
    """Who is back has all the time again; a shutdown waits for nobody: the next start does."""
    call = await work.consented()
    async with open_studio(work, rejoin_s=30, **QUICK) as studio, AsyncExitStack() as stack:
        waits = studio.legs._carrier._waits
        for _ in range(2):
            publisher = await stack.enter_async_context(Publisher(SOUND_ONLY))
            await studio.live(call, publisher)
            assert not waits.waiting
            await studio.lose(publisher)
            assert waits.waiting == [call.id]
        await studio.legs.aclose()
        assert not waits.waiting
        assert await studio.rows(call) == ("live", None)


@pytest.mark.parametrize("who", ["visitor", "agent"])
async def test_a_new_camera_takes_the_place_of_the_old_one(any_work: Workshop, who: str) -> None:
    """The old leg is final before the new row is written; a refused offer costs nobody their leg."""
    work, call = any_work, await any_work.consented()
    async with open_studio(work, rejoin_s=30) as studio, AsyncExitStack() as stack:
        ada = await studio.agent(call)
        by = ada if who == "agent" else work.visitor(call)
        watcher = work.visitor(call) if who == "agent" else ada
        other, first, second = [await stack.enter_async_context(Publisher(SOUND_ONLY)) for _ in range(3)]
        await studio.live(call, other, by=watcher)
        old = await studio.live(call, first, by=by)
        await until(lambda: _has_begun(work, 2))
        with pytest.raises(OfferRefusedError):
            await studio.legs.join(call.id, "v=0\r\n", by=by, address="127.0.0.1")
        assert old.leg_id in studio.stage.floor.legs
        new = await studio.live(call, second, by=by)
        assert await ends(work, call, by.role) == ["replaced", None]
        assert studio.ended == []
        await until(lambda: _heard(studio, watcher, new.leg_id))
        ended = studio.heard(watcher.id, "call.leg_ended")
        assert ended == [{"call_id": call.id, "leg_id": old.leg_id, "reason": "replaced"}]
        assert (await studio.rows(call))[0] == "live"


async def _heard(studio: Studio, who: Principal, leg_id: str) -> bool:
    return leg_id in [each["leg_id"] for each in studio.heard(who.id, "call.leg_joined")]


async def test_no_call_stays_open_for_a_visitor_whom_a_crash_forgot(any_work: Workshop) -> None:
    """The next start ends it, and who took it is free; else the keeper does, when the token is over."""
    work = any_work
    for by_whom in ("keeper", "start"):
        call = await work.consented()
        view = await work.calls.ready_for_leg(call.id, by=work.visitor(call))
        await work.calls.leg_joined(view, leg_id := new_id("leg"), work.visitor(call))
        await work.calls.leg_connected(call.id, leg_id)
        await work.calls.leg_ended(call.id, leg_id, reason="silent", call_goes_on=True)
        assert (await work.calls.view(call.id, by=work.by())).state is CallState.LIVE
        if by_whom == "keeper":
            await work.calls.end_unjoined(opened_before=work.clock.now() - timedelta(hours=1))
            assert (await work.calls.view(call.id, by=work.by())).state is CallState.LIVE
            await asyncio.sleep(0.01)
            await work.calls.end_unjoined(opened_before=work.clock.now())
            assert (await work.calls.view(call.id, by=work.by())).state is CallState.ENDED
    after = await work.reborn()
    assert await after.calls.end_interrupted() == [call.id]
    assert (await after.calls.view(call.id, by=after.by())).end_reason == "interrupted"
