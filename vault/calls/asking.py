"""Asking colleagues: a call is handed over, or somebody joins it, while its visitor is never left alone.

Whoever asks stays until the other can be heard; only then, in one transaction, the call is the other's. Until
then the call is whose it was, whatever dies. What is decided about an ask is decided in a turn
(``vault.calls.turns``), under its call's lock, from rows alone: any look brings it to what it should be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls import asks, rings
from vault.calls.asks import Ask
from vault.calls.attendance import Attendance
from vault.calls.bells import Bells
from vault.calls.calls import Calls, CallView
from vault.calls.cards import Cards
from vault.calls.colleagues import Colleagues
from vault.calls.participants import hand_over, is_in, is_in_a_call, left, take_part
from vault.calls.presence import Presence, available_agents
from vault.calls.routing import RING_S, Routing, choose
from vault.calls.turns import Turns
from vault.db.engine import Database
from vault.errors import ConflictError, NotFoundError, TakenError, VaultError
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import AskPurpose, AskState, CallState, Id, RingState, new_id
from vault.policy import Permission, Principal, require

log = structlog.get_logger(__name__)

TRANSFERRED: Final = "transferred"  # why a leg ended whose owner handed the call over
RINGS_FOR: Final = timedelta(seconds=RING_S)
NOT_IN_IT: Final = "you are not in this call"


@dataclass(frozen=True, slots=True)
class AskView:
    """An ask as those in its call see it; names are empty where a person was erased."""

    ask: Ask
    of_name: str
    asked_by_name: str
    taken_by_name: str | None
    rung: int  # whose screens ring now

    def told(self) -> dict[str, object]:
        """Write it for an event."""
        ask = self.ask
        taken_by = None if ask.taken_by is None else {"id": ask.taken_by, "name": self.taken_by_name}
        return {
            "call_id": ask.call_id,
            "ask_id": ask.id,
            "purpose": ask.purpose.value,
            "state": ask.state.value,
            "of": {"id": ask.person_id or ask.team_id, "name": self.of_name},
            "asked_by": {"id": ask.asked_by, "name": self.asked_by_name},
            "taken_by": taken_by,
            "rung": self.rung,
        }


class Asking:
    """Asks, and sees to it that each ask has an end."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        calls: Calls,
        presence: Presence,
        cards: Cards,
        attendance: Attendance,
        turns: Turns,
        colleagues: Colleagues,
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._calls = calls
        self._presence = presence
        self._cards = cards
        self._clock = turns.clock
        self._attendance = attendance
        self._turns = turns
        self._colleagues = colleagues
        self._bells = Bells(cards, turns.hub)
        self._untold: set[Id] = set()  # asks whose asker could not be told how they stand

    async def ask(
        self, call_id: str, purpose: AskPurpose, *, by: Principal, person_id: str | None, team_id: str | None
    ) -> AskView:
        """Ask a person or a team to take a call over, or to join it; they are rung at once.

        Raises ConflictError for whoever is not in the call, or while another ask of it is open, InvalidError
        for somebody who answers no calls, NotFoundError for another tenant's call.
        """
        require(by, Permission.CALL_ANSWER)
        view = await self._calls.view(call_id, by=by)
        await self._colleagues.require(person_id=person_id, team_id=team_id, by=by)
        new = Ask(
            id=new_id("ask"),
            tenant_id=view.tenant_id,
            call_id=view.id,
            purpose=purpose,
            asked_by=by.id,
            person_id=None if person_id is None else Id(person_id),
            team_id=None if team_id is None else Id(team_id),
            state=AskState.RINGING,
            taken_by=None,
            created_at=self._clock.now(),
            taken_at=None,
        )
        async with self._turns.acting():
            try:
                async with self._database.write() as connection:
                    await self._require_in_call(connection, view.id, by)
                    await asks.add(connection, new)
            except IntegrityError as cause:
                raise ConflictError("a colleague is being asked already; cancel that first") from cause
            await self._settle(new, tells=True)
            return await self._view(new.id)

    async def one(self, call_id: str, ask_id: str, *, by: Principal) -> AskView:
        """Show an ask of a call to the tenant's people; NotFoundError for everything else."""
        require(by, Permission.CALL_ANSWER)
        await self._calls.view(call_id, by=by)
        found = await self._view(Id(ask_id))
        if found.ask.call_id != call_id:
            raise NotFoundError
        return found

    async def cancel(self, call_id: str, ask_id: str, *, by: Principal) -> AskView:
        """Stop asking; who took it and has not come is let go. Repeating it is harmless.

        Raises ConflictError for whoever is not in the call, and where it is done already.
        """
        ask = (await self.one(call_id, ask_id, by=by)).ask
        async with self._turns.acting():
            async with self._database.write() as connection:
                await self._require_in_call(connection, ask.call_id, by)
            if not await self._end(ask, AskState.CANCELLED, gone="cancelled"):
                now = await self._view(ask.id)
                if now.ask.state is not AskState.CANCELLED:
                    raise ConflictError("it is too late for that; read it again")
            return await self._view(ask.id)

    async def take(self, view: CallView, *, by: Principal) -> bool:
        """Take what a call's ask rings for, in the caller's turn; False where no ask rang for ``by``.

        Raises TakenError where somebody else was faster, ConflictError where it rings no more or they are in
        another call.
        """
        async with self._database.read() as connection:
            found = await asks.last_for(connection, view.id, by.id)
        if found is None:
            return False
        ask, ring = found
        if ask.taken_by == by.id and await self._is_in(view.id, by.id):
            return True
        if ask.is_open and ask.taken_by is not None and ask.taken_by != by.id:
            raise TakenError("somebody else has taken this", name=await self._name(ask.taken_by, ask))
        if ring is not RingState.RINGING:
            return False
        name = await self._name(by.id, ask)
        others = await self._taken(ask, by)
        self._bells.forget(ask.id)
        self._turns.tell_taken(view.id, by.id, name, others)
        await self._tell(ask.id)
        return True

    async def decline(self, call_id: Id, *, by: Principal) -> bool:
        """Decline what an ask rings for, in the caller's turn, or give it back before one is heard.

        False where no ask concerns them.
        """
        async with self._database.read() as connection:
            found = await asks.last_for(connection, call_id, by.id)
        if found is None:
            return False
        ask, ring = found
        if ask.state is AskState.TAKEN and ask.taken_by == by.id:
            return await self._end(ask, AskState.DECLINED, gone="declined")
        if ring is RingState.RINGING:
            async with self._database.write() as connection:
                await rings.held(connection, call_id)
                now = self._clock.now()
                ended = await rings.end(
                    connection, call_id, RingState.DECLINED, at=now, people=[by.id], ask_id=ask.id
                )
            self._turns.tell_gone(call_id, [(person_id, "declined") for person_id in ended])
            await self._settle(ask)
            return True
        return ring is RingState.DECLINED

    async def arrived(self, call_id: Id, person_id: Id) -> None:
        """Somebody of the tenant can be heard in a call; in the caller's turn.

        Where they took an ask this is its end: the call is theirs now, or they are one more in it.
        """
        async with self._database.read() as connection:
            ask = await asks.open_of(connection, call_id)
        if ask is None or ask.state is not AskState.TAKEN or ask.taken_by != person_id:
            return
        is_transfer = ask.purpose is AskPurpose.TRANSFER
        entry = Entry(
            EntryType.CALL_TRANSFERRED if is_transfer else EntryType.CALL_JOINED,
            tenant_id=ask.tenant_id,
            object_id=ask.call_id,
            actor_id=ask.asked_by if is_transfer else person_id,
            detail={"to": person_id} if is_transfer else {"asked_by": ask.asked_by},
        )
        ready = await self._ledger.ready(entry)
        name = await self._name(person_id, ask)
        async with self._database.write() as connection:
            await rings.held(connection, call_id)
            now = self._clock.now()
            done = await asks.move(connection, ask.id, AskState.DONE, at=now)
            if not done:
                return
            rang = False
            if is_transfer:
                await hand_over(connection, call_id, giver=ask.asked_by, taker=person_id, at=now)
                rang = await rings.stop(connection, call_id, at=now)  # whoever asked gave it back meanwhile
                gone = await rings.end(connection, call_id, RingState.GONE, at=now)
            await self._ledger.append(connection, ready)
        await self._tell(ask.id)
        if rang:
            self._turns.hub.tell(call_id, "call.taken", {"by": {"name": name}})
            self._turns.tell_taken(call_id, person_id, name, gone)
        if is_transfer:
            await self._attendance.let_go(call_id, ask.asked_by, why=TRANSFERRED)

    async def over(self, call_id: Id, *, gone: str) -> None:
        """The visitor is gone: nobody is asked any more; in the caller's turn."""
        async with self._database.read() as connection:
            ask = await asks.open_of(connection, call_id)
        if ask is not None:
            await self._end(ask, AskState.OVER, gone=gone)

    async def look(self) -> bool:
        """Bring every open ask to what it should be, in the caller's turn; True where one is still open."""
        async with self._database.read() as connection:
            found = await asks.all_open(connection)
        for ask in found:
            try:
                await self._settle(ask)
            except VaultError as error:  # the others do not wait for it
                log.warning("ask.waits", ask=ask.id, error=type(error).__name__)
        for ask_id in sorted(self._untold):
            await self._tell(ask_id)
        async with self._database.read() as connection:
            return bool(self._untold) or bool(await asks.all_open(connection))

    async def of_person(self, person_id: Id) -> list[dict[str, object]]:
        """Tell the open asks that somebody is waiting for."""
        async with self._database.read() as connection:
            mine = [ask for ask in await asks.all_open(connection) if ask.asked_by == person_id]
        return [(await self._view(ask.id)).told() for ask in mine]

    async def _require_in_call(self, connection: AsyncConnection, call_id: Id, by: Principal) -> None:
        call = await rings.held(connection, call_id)
        if call.state == CallState.ENDED or not await is_in(connection, call_id, by.id):
            raise ConflictError(NOT_IN_IT)

    async def _taken(self, ask: Ask, by: Principal) -> list[Id]:
        """Give an ask to whoever takes it; returns whose screens rang beside theirs."""
        async with self._database.write() as connection:
            await self._presence.hold(connection, by)  # one person takes one call, whatever rings
            call = await rings.held(connection, ask.call_id)
            now = self._clock.now()
            if call.state == CallState.ENDED:
                raise ConflictError("this call has ended")
            if not await asks.move(connection, ask.id, AskState.TAKEN, at=now, taken_by=by.id):
                raise ConflictError("this call does not ring any more")
            if not await rings.end(
                connection, ask.call_id, RingState.TAKEN, at=now, people=[by.id], ask_id=ask.id
            ):
                raise ConflictError("this call does not ring for you")
            if await is_in_a_call(connection, by.id):
                raise ConflictError("you are in another call; leave it first")
            others = await rings.end(connection, ask.call_id, RingState.GONE, at=now, ask_id=ask.id)
            await take_part(connection, tenant_id=ask.tenant_id, call_id=ask.call_id, person_id=by.id, at=now)
        return list(others)

    async def _settle(self, ask: Ask, *, tells: bool = False) -> None:
        """Bring one ask to what it should be, and tell it; ``tells`` where nothing was told yet."""
        async with self._database.write() as connection:
            call = await rings.held(connection, ask.call_id)
            now = await asks.get(connection, ask.id)
            if now is None or not now.is_open:
                return
            ended, why = await self._judged(connection, call, now)
            news = None if ended is not None else await self._ring(connection, call, now)
        if ended is not None:
            await self._end(ask, ended, gone=why)
            return
        if news is None:
            self._bells.forget(ask.id)
            return
        self._turns.tell_gone(ask.call_id, news.gone)
        await self._bells.tell(ask.call_id, news.rung, ringing=news.ringing, ask=ask)
        if news.outcome is not None:
            await self._end(ask, news.outcome, gone="ended")
        elif tells or news.rung or news.gone:
            await self._tell(ask.id)

    async def _judged(
        self, connection: AsyncConnection, call: Row[Any], ask: Ask
    ) -> tuple[AskState | None, str]:
        """Say how an open ask has ended, if it has, and what those it rang for are told."""
        if call.state == CallState.ENDED:
            return AskState.OVER, "ended"
        if ask.state is AskState.TAKEN:
            late = self._attendance.is_late(ask.call_id, ask.taken_by, ask.taken_at, at=self._clock.now())
            return (AskState.TIMED_OUT, "timed_out") if late else (None, "")
        if not await is_in(connection, call.id, ask.asked_by):
            return AskState.OVER, "cancelled"
        return None, ""

    async def _ring(self, connection: AsyncConnection, call: Row[Any], ask: Ask) -> "_News | None":
        """Ring whoever is to be rung for an ask that rings; None for one that somebody took."""
        if ask.state is not AskState.RINGING:
            return None
        now, until = self._clock.now(), ask.created_at + RINGS_FOR
        late = await rings.end(connection, call.id, RingState.TIMED_OUT, at=now, expired=True, ask_id=ask.id)
        gone = [(person_id, "timed_out") for person_id in late]
        by_state = await rings.states(connection, call.id, ask_id=ask.id)
        agents = await available_agents(connection, tenant_id=call.tenant_id, call_id=call.id)
        targets = await self._colleagues.asked(connection, ask)
        choice = choose(
            Routing("people", tuple(targets - {ask.asked_by}), "all", RING_S),
            [agent for agent in agents if self._turns.listens(agent.id)] if now < until else [],
            ringing=by_state[RingState.RINGING],
            tried=by_state[RingState.DECLINED] | by_state[RingState.TIMED_OUT],
        )
        dropped = await rings.end(
            connection, call.id, RingState.GONE, at=now, people=choice.drop, ask_id=ask.id
        )
        gone += [(person_id, "ended") for person_id in dropped]
        for person_id in choice.ring:
            await rings.ring(connection, call, person_id, at=now, until=until, ask_id=ask.id)
        ringing = {*choice.ring, *by_state[RingState.RINGING].difference(choice.drop)}
        return _News(gone, list(choice.ring), ringing, None if ringing else _outcome(by_state))

    async def _end(self, ask: Ask, to: AskState, *, gone: str) -> bool:
        """End an ask in vain and tell it; False where it has ended already. Who took it is let go."""
        async with self._database.write() as connection:
            await rings.held(connection, ask.call_id)
            now = self._clock.now()
            was = await asks.get(connection, ask.id)
            if was is None or not await asks.move(connection, ask.id, to, at=now):
                return False
            silent = await rings.end(connection, ask.call_id, RingState.GONE, at=now, ask_id=ask.id)
            if was.taken_by is not None:
                await left(connection, ask.call_id, was.taken_by, now)
        self._bells.forget(ask.id)
        told = [*silent] if was.taken_by is None else [*silent, was.taken_by]
        self._turns.tell_gone(ask.call_id, [(person_id, gone) for person_id in told])
        await self._tell(ask.id)
        if was.taken_by is not None:
            await self._attendance.let_go(ask.call_id, was.taken_by)
        return True

    async def _tell(self, ask_id: Id) -> None:
        """Tell whoever asked how it stands; where that cannot be said now, the next look does."""
        self._untold.add(ask_id)
        try:
            view = await self._view(ask_id)
        except NotFoundError:
            self._untold.discard(ask_id)
            return
        except VaultError as error:
            log.warning("ask.not_told", ask=ask_id, error=type(error).__name__)
            return
        self._untold.discard(ask_id)
        self._turns.hub.tell(view.ask.asked_by, "call.asked", view.told())

    async def _view(self, ask_id: Id) -> AskView:
        async with self._database.read() as connection:
            ask = await asks.get(connection, ask_id)
            if ask is None:
                raise NotFoundError
            by_state = await rings.states(connection, ask.call_id, ask_id=ask.id)
            team_name = await self._colleagues.team_name(connection, ask.team_id)
        of_name = team_name if ask.person_id is None else await self._name(ask.person_id, ask)
        taken_by = None if ask.taken_by is None else await self._name(ask.taken_by, ask)
        rung = len(by_state[RingState.RINGING])
        return AskView(ask, of_name, await self._name(ask.asked_by, ask), taken_by, rung)

    async def _name(self, person_id: Id, ask: Ask) -> str:
        return await self._cards.name_of(person_id, tenant_id=ask.tenant_id)

    async def _is_in(self, call_id: Id, person_id: Id) -> bool:
        async with self._database.read() as connection:
            return await is_in(connection, call_id, person_id)


@dataclass(frozen=True, slots=True)
class _News:
    """What a look at an ask that rings decided; ``outcome`` where it rings for nobody any more."""

    gone: list[tuple[Id, str]]
    rung: list[Id]
    ringing: set[Id]
    outcome: AskState | None


def _outcome(by_state: Mapping[RingState, set[Id]]) -> AskState:
    if by_state[RingState.TIMED_OUT]:
        return AskState.TIMED_OUT
    return AskState.DECLINED if by_state[RingState.DECLINED] else AskState.NOBODY
