"""Who is rung and who takes the call.

The tables are the truth: one update decides who takes a call, and every ring has a moment at which it ends.
This process remembers nothing that matters but who is online. Whatever happens, the call is looked at again
under its lock and brought to what it should be (``_settle``); all looks of one process take turns, so that
what is told keeps the order of what was decided.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls import rings, unrecorded
from vault.calls.asking import Asking
from vault.calls.attendance import Attendance
from vault.calls.bells import Bells
from vault.calls.calls import Calls, CallView
from vault.calls.cards import Cards, LegView
from vault.calls.colleagues import Colleagues
from vault.calls.participants import is_in_a_call, take_part
from vault.calls.places import Places
from vault.calls.presence import Presence, PresenceView, available_agents
from vault.calls.routing import Routing, choose
from vault.calls.teams import members
from vault.calls.turns import Hub, Turns
from vault.clock import Clock
from vault.db.engine import Database, after_commit
from vault.errors import ConflictError, TakenError, VaultError
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import CallState, Id, RingState, Role
from vault.policy import Permission, Principal, require

log = structlog.get_logger(__name__)

WAIT: Final = timedelta(minutes=5)  # for people who are all in calls; then the visitor may leave a message
LOOK_S: Final = 1.0  # a call that waits for somebody to be free is looked at this often
AGAIN_S: Final = 1.0  # after a look that failed
SHUTDOWN: Final = "shutdown"


@dataclass(frozen=True, slots=True)
class Taken:
    """A call that is now somebody's, with the legs that are in it."""

    call: CallView
    legs: tuple[LegView, ...]


@dataclass(slots=True)
class News:
    """What a look at a call decided, to be told once it is durable."""

    gone: list[tuple[Id, str]] = field(default_factory=list)
    rung: list[Id] = field(default_factory=list)
    ringing: set[Id] = field(default_factory=set)  # whose screens ring now, those of ``rung`` among them
    nobody: bool = False


class Ringing:
    """Rings people, and lets one of them take the call."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        calls: Calls,
        presence: Presence,
        cards: Cards,
        hub: Hub,
        clock: Clock,
        attendance: Attendance,
    ) -> None:
        self._attendance = attendance
        self._database = database
        self._ledger = ledger
        self._calls = calls
        self._presence = presence
        self._cards = cards
        self._hub = hub
        self._clock = clock
        self._turns = Turns(hub, ledger, clock)
        self._places = Places(database, calls, cards, hub)
        self._bells = Bells(cards, hub)
        self._new: set[Id] = set()  # calls that are to ring; the row says so at the next chance
        self._absent: set[Id] = set()  # calls that a restart left open: they ring once their visitor is back
        self._task: asyncio.Task[None] | None = None
        self._stop_recording: Callable[[Id, Principal], None] | None = None
        self.colleagues = Colleagues(database, cards, self._turns)
        self.asking = Asking(
            database,
            ledger,
            calls,
            presence,
            cards,
            attendance,
            self._turns,
            self.colleagues,
        )

    def stop_recording_with(self, stop: Callable[[Id, Principal], None]) -> None:
        """Have ``stop(call, taker)`` capture nothing more of a call that is taken as an unrecorded one."""
        self._stop_recording = stop

    async def start(self, *, absent: Collection[Id] = ()) -> None:
        """End what the process before left ringing, and begin to watch the time.

        ``absent`` are calls that it left open, and whose visitor is not back yet: they ring when it is.
        """
        self._absent |= set(absent)
        async with self._database.write() as connection:
            await rings.end_interrupted(connection, at=self._clock.now())
        self._task = asyncio.create_task(self.run(), name="ringing")

    async def run(self) -> None:
        """Look at every ringing call when its time comes or somebody comes or goes; until cancelled."""
        while True:
            self._turns.wake.clear()
            try:
                due_s = await self.look()
            except VaultError as error:
                log.warning("ringing.waits", error=type(error).__name__)
                due_s = AGAIN_S
            except Exception as error:  # noqa: BLE001  # whatever is wrong with one look, calls go on ringing
                log.error("ringing.failed", error=type(error).__name__)
                due_s = AGAIN_S
            try:
                async with asyncio.timeout(due_s):
                    await self._turns.wake.wait()
            except TimeoutError:
                continue

    async def aclose(self) -> None:
        """End the task; what rings is ended by the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def look(self) -> float | None:
        """Bring every ringing call to what it should be; returns in how many seconds to look again.

        None where only something that happens makes a difference.
        """
        async with self._turns.lock:
            failed = await self._each(sorted(self._new), self._begin)
            async with self._database.read() as connection:
                overdue = await self._attendance.overdue(connection, at=self._clock.now())
            failed |= await self._each(self._present(overdue), self._time_out)
            async with self._database.read() as connection:
                alone = await self._attendance.left_alone(connection, at=self._clock.now())
            failed |= await self._each(self._present(alone), self._ring_again)
            asking = await self.asking.look()
            async with self._database.read() as connection:
                waiting = [queued.call_id for queued in await rings.queue(connection)]
                waiting += await rings.orphaned(connection)
            failed |= await self._each(self._present([*waiting, *self._bells.owed]), self._settle)
            due_s = await self._tell_places(asking=asking)
            return min(due_s or AGAIN_S, AGAIN_S) if failed else due_s

    async def _each(self, calls: Sequence[Id], act: Callable[[Id], Awaitable[None]]) -> bool:
        """Do something to each call; True where one failed: the others do not wait for it."""
        failed = False
        for call_id in calls:
            try:
                await act(call_id)
            except VaultError as error:
                failed = True
                log.warning("ringing.call_waits", call=call_id, error=type(error).__name__)
        return failed

    async def visitor_joined(self, call: CallView) -> None:
        """Begin to ring; called when the visitor's first leg is live. Repeating it is harmless.

        Where the database does not answer (DependencyError), it begins as soon as it does.
        """
        self._absent.discard(call.id)
        self._new.add(call.id)
        async with self._turns.acting():
            await self._begin(call.id)
            await self._tell_places()

    async def visitor_left(self, call_id: str, reason: str) -> None:
        """Stop ringing, if it does; called when the visitor's last leg has ended, and why it did."""
        self._absent.discard(Id(call_id))
        self._new.discard(Id(call_id))
        async with self._turns.acting():
            async with self._database.write() as connection:
                await rings.held(connection, call_id)
                now = self._clock.now()
                await rings.stop(connection, call_id, at=now)
                gone = await rings.end(connection, call_id, RingState.GONE, at=now)
            why = "ended" if reason == SHUTDOWN else "gave_up"
            self._turns.tell_gone(call_id, [(person_id, why) for person_id in gone])
            await self.asking.over(Id(call_id), gone=why)
            await self._tell_places()

    async def agent_joined(self, call_id: Id, person_id: Id) -> None:
        """One of the tenant's people can be heard in a call; repeating it is harmless."""
        async with self._turns.acting():
            await self.asking.arrived(call_id, person_id)
            if await self._came_back(call_id, person_id):
                await self._tell_places()

    async def take(self, call_id: str, *, by: Principal, recorded: bool = True) -> Taken:
        """Take a call that rings for ``by``; taking it again is harmless.

        With ``recorded`` false whoever answers it writes, as they take it, that nothing of it is kept; who is
        in it already, or comes to a colleague's call, writes nothing by that.
        Raises TakenError where somebody else was faster, ConflictError where it does not ring for them, or
        they are in another call, NotFoundError for another tenant's call.
        """
        require(by, Permission.CALL_ANSWER)
        view = await self._calls.view(call_id, by=by)
        async with self._turns.acting():
            if await self.asking.take(view, by=by):
                return Taken(await self._calls.view(call_id, by=by), await self._cards.legs(view.id))
        if view.taken_by != by.id:
            entry = Entry(EntryType.CALL_TAKEN, tenant_id=view.tenant_id, object_id=view.id, actor_id=by.id)
            ready = await self._ledger.ready(entry)
            name = await self._cards.name_of(by.id, tenant_id=by.tenant_id)
            async with self._turns.acting():
                async with self._database.write() as connection:
                    others = await self._taken(connection, view, by, recorded=recorded)
                    if others is not None:
                        await self._ledger.append(connection, ready)
                if others is not None:
                    self._tell_taken(view.id, by.id, name, others)
                    await self._tell_places()
            view = await self._calls.view(call_id, by=by)
        if view.taken_by != by.id:
            await self._refuse(view)
        if view.state is CallState.ENDED:
            raise ConflictError("this call has ended")
        return Taken(view, await self._cards.legs(view.id))

    async def decline(self, call_id: str, *, by: Principal) -> None:
        """Decline a call that rings for ``by``: it rings on for others. Repeating it is harmless.

        Who took it and was not heard in it yet gives it back: it rings again for the others.
        Raises ConflictError where it does not ring for them, NotFoundError for another tenant's call.
        """
        require(by, Permission.CALL_ANSWER)
        view = await self._calls.view(call_id, by=by)
        async with self._turns.acting():
            if await self.asking.decline(view.id, by=by):
                return
            if await self._give_back(view.id, reason="declined", by=by.id):
                await self._tell_places()
                return
            async with self._database.write() as connection:
                call = await rings.held(connection, view.id)
                ended = await rings.end(
                    connection, view.id, RingState.DECLINED, at=self._clock.now(), people=[by.id]
                )
                by_state = await rings.states(connection, view.id)
            gave_back = by.id in by_state[RingState.TAKEN] and call.taken_by != by.id
            if not gave_back and by.id not in by_state[RingState.DECLINED]:
                raise ConflictError("this call does not ring for you")
            self._turns.tell_gone(view.id, [(person_id, "declined") for person_id in ended])
            await self._settle(view.id)
            await self._tell_places()

    async def set_available(self, *, available: bool, by: Principal) -> PresenceView:
        """Keep whether somebody is there to answer; what rings follows at once."""
        view, changed = await self._presence.put(available=available, by=by)
        if changed:
            self._hub.tell(by.id, "presence.changed", {"available": available})
            try:
                await self.look()
            finally:
                self._turns.wake.set()
        return view

    async def presence(self, *, by: Principal) -> PresenceView:
        """Tell whether ``by`` said to be there."""
        require(by, Permission.CALL_ANSWER)
        return await self._presence.view(by=by)

    async def snapshot(self, principal: Principal) -> Mapping[str, object]:
        """Tell a screen that opens all that its events would have told."""
        if principal.role is not Role.VISITOR:
            await self._ledger.know(tenant_id=principal.tenant_id, person_id=principal.id)
        async with self._turns.lock:  # not between a decision and what is told of it
            if principal.role is Role.VISITOR:
                return {"call": await self._places.of_visitor(principal)}
            said = await self._presence.view(by=principal)
            return {
                "presence": {"available": said.available, "since": said.since},
                "ringing": list(await self._cards.ringing_for(principal.id)),
                "calls": list(await self._cards.calls_of(principal.id)),
                "asks": await self.asking.of_person(principal.id),
            }

    def _present(self, calls: Sequence[Id]) -> list[Id]:
        """Give each call once whose visitor is there."""
        return [call_id for call_id in dict.fromkeys(calls) if call_id not in self._absent]

    async def _begin(self, call_id: Id) -> None:
        async with self._database.write() as connection:
            begun = await rings.begin(connection, call_id, at=self._clock.now())
        self._new.discard(call_id)
        if begun:
            await self._settle(call_id)

    async def _give_back(self, call_id: Id, *, reason: str, by: Id | None = None) -> bool:
        """Let a call ring again whose taker has not come; False where there is no such taker."""
        async with self._database.write() as connection:
            await rings.held(connection, call_id)
            taker = await self._attendance.give_back(connection, call_id, at=self._clock.now(), by=by)
        if taker is None:
            return False
        log.info("call.given_back", call=call_id, reason=reason)
        self._turns.tell_gone(call_id, [(taker, reason)])
        await self._attendance.let_go(call_id, taker)
        await self._settle(call_id)
        return True

    async def _time_out(self, call_id: Id) -> None:
        await self._give_back(call_id, reason="timed_out")

    async def _ring_again(self, call_id: Id) -> None:
        """Let a call ring anew whose last agent was lost and did not come back."""
        async with self._database.write() as connection:
            call = await rings.held(connection, call_id)
            if call.state == CallState.ENDED or call.taken_by is None:
                return
            await rings.again(connection, call_id, at=self._clock.now())
        log.info("call.rings_again", call=call_id)
        await self._settle(call_id)

    async def _came_back(self, call_id: Id, person_id: Id) -> bool:
        """Stop ringing where an agent who was lost is heard again after all: the call is theirs."""
        entry = Entry(EntryType.CALL_TAKEN, object_id=call_id, actor_id=person_id)
        async with self._database.read() as connection:
            call = await rings.ringing(connection, call_id)
        if call is None:
            return False
        ready = await self._ledger.ready(replace(entry, tenant_id=call.tenant_id))
        name = await self._cards.name_of(person_id, tenant_id=call.tenant_id)
        async with self._database.write() as connection:
            await rings.held(connection, call_id)
            now = self._clock.now()
            if not await rings.take(connection, call_id, person_id=person_id, at=now):
                return False
            others = await rings.end(connection, call_id, RingState.GONE, at=now)
            await self._ledger.append(connection, ready)
        self._tell_taken(call_id, person_id, name, others)
        return True

    async def _settle(self, call_id: Id) -> None:
        """Bring one call to what it should be, and tell it."""
        async with self._database.write() as connection:
            call = await rings.held(connection, call_id)
            news = await self._decide(connection, call)
        self._turns.tell_gone(call_id, news.gone)
        if news.nobody:
            self._places.forget(call_id)
            self._hub.tell(call_id, "call.nobody", {})
        await self._bells.tell(call_id, news.rung, ringing=news.ringing)

    async def _decide(self, connection: AsyncConnection, call: Row[Any]) -> News:
        now, news = self._clock.now(), News()
        if call.state == CallState.ENDED or call.ringing_ended_at is not None:
            await rings.stop(connection, call.id, at=now)
            gone = await rings.end(connection, call.id, RingState.GONE, at=now)
            news.gone = [(person_id, "ended") for person_id in gone]
            return news
        late = await rings.end(connection, call.id, RingState.TIMED_OUT, at=now, expired=True)
        news.gone = [(person_id, "timed_out") for person_id in late]
        by_state = await rings.states(connection, call.id, since=call.ringing_since)
        ringing = by_state[RingState.RINGING]
        available = await available_agents(connection, tenant_id=call.tenant_id, call_id=call.id)
        agents = [agent for agent in available if self._turns.listens(agent.id)]
        tried = by_state[RingState.DECLINED] | by_state[RingState.TIMED_OUT] | by_state[RingState.TAKEN]
        routing = Routing.from_json(call.routing)
        routing = routing.of_people(await members(connection, routing.team_ids))
        if call.invited_by is not None:
            is_there = any(agent.id == call.invited_by for agent in agents)
            asked = tried | (ringing - {call.invited_by})
            routing = routing.of_inviter(call.invited_by, tried=asked, is_there=is_there)
        choice = choose(routing, agents, ringing=ringing, tried=tried)
        dropped = await rings.end(connection, call.id, RingState.GONE, at=now, people=choice.drop)
        news.gone += [(person_id, "ended") for person_id in dropped]
        for person_id in choice.ring:
            until = now + timedelta(seconds=routing.ring_s)
            await rings.ring(connection, call, person_id, at=now, until=until)
        news.rung = list(choice.ring)
        news.ringing = {*choice.ring, *ringing.difference(choice.drop)}
        if not choice.hope or (not news.ringing and now - call.ringing_since >= WAIT):
            news.nobody = await rings.stop(connection, call.id, at=now, in_vain=True)
        return news

    async def _taken(
        self, connection: AsyncConnection, call: CallView, by: Principal, *, recorded: bool
    ) -> Sequence[Id] | None:
        """Take a call; returns who else was rung, or None where somebody else has it or it rings no more."""
        now = self._clock.now()
        await self._presence.hold(connection, by)  # one person takes one call, however many windows they have
        if not await rings.take(connection, call.id, person_id=by.id, at=now):
            return None
        if not await rings.end(connection, call.id, RingState.TAKEN, at=now, people=[by.id]):
            raise ConflictError("this call does not ring for you")
        if await is_in_a_call(connection, by.id):
            raise ConflictError("you are in another call; leave it first")
        others = await rings.end(connection, call.id, RingState.GONE, at=now)
        await take_part(connection, tenant_id=call.tenant_id, call_id=call.id, person_id=by.id, at=now)
        if not recorded:
            held, rule = (
                await rings.held(connection, call.id),
                await unrecorded.rule_of_taking(connection, call.id),
            )
            await unrecorded.write(connection, self._ledger, held, rule, by=by.id, at=now)
            if (stop := self._stop_recording) is not None:
                after_commit(connection, lambda: stop(call.id, by))
        return others

    async def _refuse(self, view: CallView) -> None:
        if view.taken_by is None:
            raise ConflictError("this call does not ring any more")
        name = await self._cards.name_of(view.taken_by, tenant_id=view.tenant_id)
        raise TakenError("somebody else has taken this call", name=name)

    def _tell_taken(self, call_id: Id, taker: Id, name: str, others: Sequence[Id]) -> None:
        self._places.forget(call_id)
        self._hub.tell(call_id, "call.taken", {"by": {"name": name}})
        self._turns.tell_taken(call_id, taker, name, others)

    async def _tell_places(self, *, asking: bool = False) -> float | None:
        """Tell each waiting visitor its place, where it changed; returns when time brings something next."""
        queue, now = await self._places.tell(), self._clock.now()
        async with self._database.read() as connection:
            moments = [
                await rings.next_expiry(connection),
                await self._attendance.next_due(connection, after=now),
                await self._attendance.next_alone(connection, at=now),
            ]
        soon = asking or self._bells.owed or any(queued.agents == 0 for queued in queue)
        due_s = [LOOK_S] if soon else []
        least_s = LOOK_S if self._absent else 0.0  # what waits for its visitor is due, and not looked at
        due_s += [max(least_s, (moment - now).total_seconds()) for moment in moments if moment is not None]
        return min(due_s, default=None)
