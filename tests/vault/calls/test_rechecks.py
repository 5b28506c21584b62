"""A right that is lost while a call runs ends what rests on it, and nothing else."""

from contextlib import AsyncExitStack
from dataclasses import replace

from sqlalchemy import select

from tests.vault.calls.studio import SOUND_ONLY, open_studio, until
from tests.vault.media.workshop import Workshop
from tests.webrtc.publisher import Publisher
from vault.calls.rechecks import TURNED_OUT, Rechecks
from vault.db.tables import legs
from vault.errors import DependencyError
from vault.model import Role
from vault.policy import Principal


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
