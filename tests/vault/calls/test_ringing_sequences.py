"""Whatever people and visitors do in whatever order: one taker at most, and no ring without an end."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from tests.vault.calls.desk import Desk, Screen, open_desk
from tests.vault.media.workshop import open_workshop
from vault.calls.asking import AskView
from vault.calls.ringing import WAIT, Taken
from vault.calls.routing import Routing
from vault.clock import TurnableClock
from vault.db import tables
from vault.errors import ConflictError, InvalidError
from vault.model import AskPurpose, AskState, Id, RingState

STEPS = 40
AGENTS = 4
LONGEST = timedelta(seconds=30)


class Play:
    """One random play on one desk; every step is followed by a look at all the rules."""

    def __init__(self, desk: Desk, clock: TurnableClock, chance: random.Random) -> None:
        self.desk = desk
        self.clock = clock
        self.chance = chance
        self.agents: list[Screen] = []
        self.open: dict[Id, tuple[Any, Id, Screen]] = {}
        self.took: dict[Id, Id] = {}
        self.gave_back: set[tuple[Id, Id]] = set()
        self.handed: set[Id] = set()  # calls that were handed over: their first taker's ring stays as it was

    async def run(self) -> None:
        """Play, then let everything end."""
        self.agents = [await self.desk.agent(f"Agent {number}") for number in range(AGENTS)]
        buttons = [
            await self.desk.button(Routing(strategy="longest_idle", ring_s=10)),
            await self.desk.button(Routing(strategy="all", ring_s=30)),
            await self.desk.button(Routing("people", (self.agents[0].who.id,), "all", 5)),
        ]
        acts = [self.take, self.take, self.decline, self.turn, self.leave, self.switch, self.rush]
        acts += [self.ask, self.come, self.come, self.cancel]
        for _ in range(STEPS):
            if len(self.open) < 3 and self.chance.random() < 0.4:
                opened, screen, leg_id = await self.desk.press(self.chance.choice(buttons))
                self.open[opened.id] = (opened, leg_id, screen)
            else:
                await self.chance.choice(acts)()
            await self.holds()
        await self.ends()

    async def take(self) -> None:
        """Somebody takes some call, whether it rings for them or not."""
        await self._taken(
            await asyncio.gather(self._take(self._call(), self._agent()), return_exceptions=True)
        )

    async def rush(self) -> None:
        """Everybody takes the same call, and its visitor may leave at the same instant."""
        call_id = self._call()
        acts = [self._take(call_id, agent) for agent in self.agents]
        if self.chance.random() < 0.5 and call_id in self.open:
            acts.append(self.leave(call_id))
        await self._taken(await asyncio.gather(*acts, return_exceptions=True))

    async def decline(self) -> None:
        """Somebody declines some call; who has taken it gives it back."""
        call_id, agent = self._call(), self._agent()
        if call_id is None:
            return
        (refused,) = await asyncio.gather(
            self.desk.ringing.decline(call_id, by=agent.who), return_exceptions=True
        )
        if self.took.get(call_id) == agent.who.id:
            assert refused is None
            del self.took[call_id]
            self.gave_back.add((call_id, agent.who.id))

    async def ask(self) -> None:
        """Somebody asks somebody to take some call over, or to join it, whether they are in it or not."""
        call_id, purpose = self._call(), self.chance.choice(list(AskPurpose))
        if call_id is None:
            return
        by, of = self._agent().who, self._agent().who
        act = self.desk.ringing.asking.ask(call_id, purpose, by=by, person_id=of.id, team_id=None)
        (done,) = await asyncio.gather(act, return_exceptions=True)
        assert isinstance(done, AskView | ConflictError | InvalidError), repr(done)

    async def come(self) -> None:
        """Whoever took what was asked can be heard."""
        for row in await self._all(tables.asks):
            if row.state == AskState.TAKEN:
                await self.desk.ringing.agent_joined(row.call_id, row.taken_by)
                (call,) = [one for one in await self._all(tables.calls) if one.id == row.call_id]
                if call.taken_by != self.took.get(row.call_id):
                    assert call.taken_by == row.taken_by
                    self.took[row.call_id] = row.taken_by
                    self.handed.add(row.call_id)

    async def cancel(self) -> None:
        """Somebody stops asking, whether it is too late for that or not."""
        rows = await self._all(tables.asks)
        if rows:
            row = self.chance.choice(rows)
            act = self.desk.ringing.asking.cancel(row.call_id, row.id, by=self._agent().who)
            (done,) = await asyncio.gather(act, return_exceptions=True)
            assert isinstance(done, AskView | ConflictError), repr(done)

    async def turn(self) -> None:
        """Time passes."""
        self.clock.turn(timedelta(seconds=self.chance.choice([1, 5, 10, 31])))
        await self.desk.ringing.look()

    async def switch(self) -> None:
        """Somebody comes or goes."""
        available = self.chance.random() < 0.7
        await self.desk.ringing.set_available(available=available, by=self._agent().who)

    async def leave(self, call_id: Id | None = None) -> None:
        """A visitor leaves."""
        call_id = call_id or self._call()
        if call_id is not None:
            call, leg_id, _ = self.open.pop(call_id)
            await self.desk.leave(call, leg_id)

    async def holds(self) -> None:
        """The rules that hold after every step."""
        rows = await self._rows()
        takers = Counter(
            row.call_id
            for row in rows
            if row.state == RingState.TAKEN
            and row.ask_id is None
            and (row.call_id, row.person_id) not in self.gave_back
        )
        assert not takers or max(takers.values()) == 1
        ringing = [row for row in rows if row.state == RingState.RINGING]
        assert len({(row.call_id, row.person_id) for row in ringing}) == len(ringing)
        for row in ringing:
            assert row.call_id in self.open
            assert row.expires_at - row.created_at <= LONGEST
        for row in rows:
            assert (row.ended_at is None) == (row.state == RingState.RINGING)
        calls = {row.id: row for row in await self._calls()}
        for call_id, row in calls.items():
            assert row.taken_by == self.took.get(call_id)
            assert call_id in self.handed or (takers[call_id] == 1) == (row.taken_by is not None)
            if row.ringing_ended_at is not None:
                assert not [ring for ring in ringing if ring.call_id == call_id and ring.ask_id is None]
        busy = Counter(
            row.person_id
            for row in await self._all(tables.participants)
            if row.left_at is None and row.call_id in self.open
        )
        assert not busy or max(busy.values()) == 1
        await self.asks_hold(ringing)

    async def asks_hold(self, ringing: Sequence[Any]) -> None:
        """One open ask of a call at most, of a call that goes on; no ring outlives its ask."""
        rows = await self._all(tables.asks)
        still = [row for row in rows if row.state in {AskState.RINGING, AskState.TAKEN}]
        assert len({row.call_id for row in still}) == len(still)
        assert {row.call_id for row in still} <= set(self.open)
        rung = {row.id for row in rows if row.state == AskState.RINGING}
        assert {ring.ask_id for ring in ringing if ring.ask_id is not None} <= rung
        for row in rows:
            assert (row.ended_at is None) == (row in still)

    async def ends(self) -> None:
        """Left alone, every ring ends and every visitor has heard how."""
        await self.come()
        for _ in range(2):
            self.clock.turn(max(WAIT, AGENTS * LONGEST))
            for _ in range(AGENTS + 1):
                self.clock.turn(LONGEST)
                await self.desk.ringing.look()
        assert RingState.RINGING not in {row.state for row in await self._rows()}
        assert all(row.ended_at is not None for row in await self._all(tables.asks))
        assert all(row.ringing_ended_at is not None for row in await self._calls())
        for call_id, (_, _, screen) in self.open.items():
            last = screen.types()[-1]
            assert last == ("call.taken" if call_id in self.took else "call.nobody")

    def _call(self) -> Id | None:
        return self.chance.choice(sorted(self.open)) if self.open else None

    def _agent(self) -> Screen:
        return self.chance.choice(self.agents)

    async def _take(self, call_id: Id | None, agent: Screen) -> tuple[Id, Taken] | None:
        return (
            None if call_id is None else (agent.who.id, await self.desk.ringing.take(call_id, by=agent.who))
        )

    async def _taken(self, done: Sequence[Any]) -> None:
        for one in done:
            if isinstance(one, tuple):
                person_id, taken = one
                if taken.call.taken_by != person_id:
                    continue  # they took what a colleague asked
                assert self.took.setdefault(taken.call.id, person_id) == person_id
            else:
                assert one is None or isinstance(one, ConflictError), repr(one)
        for row in await self._calls():  # a visitor who left at that instant: taken all the same, and over
            if row.taken_by is not None:
                self.took.setdefault(row.id, row.taken_by)

    async def _rows(self) -> list[Any]:
        return await self._all(tables.rings)

    async def _calls(self) -> list[Any]:
        return await self._all(tables.calls)

    async def _all(self, table: Table) -> list[Any]:
        async with self.desk.work.database.read() as connection:
            return list(await connection.execute(select(table)))


@pytest.mark.parametrize("seed", range(8))
async def test_no_order_of_acts_leaves_two_takers_or_a_ring_without_an_end(tmp_path: Path, seed: int) -> None:
    """Pressed, taken, declined, timed out, left, at once and one after the other, by a seeded dice."""
    clock = TurnableClock(datetime(2026, 11, 23, 9, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work, open_desk(work) as desk:
        await Play(desk, clock, random.Random(seed)).run()
