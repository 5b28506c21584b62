"""What the people of a call are told about its legs, and when its ringing begins and ends."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import structlog
from sqlalchemy import select

from vault.calls.calls import CallView
from vault.calls.floor import Floor, LiveLeg
from vault.calls.permits import Permit
from vault.db.engine import Database
from vault.db.tables import participants
from vault.errors import VaultError
from vault.model import Id, Role

log = structlog.get_logger(__name__)

LEG_JOINED: Final = "call.leg_joined"
LEG_ENDED: Final = "call.leg_ended"
DRAINING: Final = "server.draining"
CALL_ENDED: Final = "call.ended"
RECORDING_CHANGED: Final = "call.recording_changed"
PAUSE_LONG: Final = "call.pause_long"


class Tells(Protocol):
    """Where events go: ``vault.calls.events``."""

    def tell(self, principal_id: Id, type_: str, data: Mapping[str, object]) -> None:
        """Tell a principal; never blocks, never raises."""


class Rings(Protocol):
    """What rings on the screens of the tenant's people: ``vault.calls.ringing``."""

    async def visitor_joined(self, call: CallView) -> None:
        """The visitor can be heard: ring."""

    async def visitor_left(self, call_id: str, reason: str) -> None:
        """The visitor is gone: stop."""

    async def agent_joined(self, call_id: Id, person_id: Id) -> None:
        """One of the tenant's people can be heard."""


class Tellings:
    """Tells everybody in a call. What cannot be told is logged: it ends no leg."""

    def __init__(self, database: Database, floor: Floor, events: Tells, rings: Rings) -> None:
        self._database = database
        self._floor = floor
        self._events = events
        self._rings = rings
        self._when_over: list[Callable[[Id], None]] = []

    def when_over(self, act: Callable[[Id], None]) -> None:
        """Have the end of each call told to a part of this process; ``act`` neither waits nor fails."""
        self._when_over.append(act)

    def permit_of(self, call_id: Id) -> Permit | None:
        """Give what this process knows of a call's recording, if it carries it."""
        return self._floor.permits.get(call_id)

    async def everybody(self, call_id: Id) -> frozenset[Id]:
        """Name the visitor and the people in a call, those too who have no leg yet."""
        # A visitor's token names the call as its subject (vault.identity).
        found = {call_id, *(leg.by.id for leg in self._floor.legs.values() if leg.call.id == call_id)}
        query = select(participants.c.person_id).where(
            participants.c.call_id == call_id, participants.c.left_at.is_(None)
        )
        try:
            async with self._database.read() as connection:
                found |= {Id(row.person_id) for row in await connection.execute(query)}
        except VaultError as error:
            log.error("call.people_unknown", call=call_id, error=type(error).__name__)
        return frozenset(found)

    async def joined(self, leg: LiveLeg, *, is_first: bool) -> None:
        """A leg is live; with the visitor's first one the call begins to ring."""
        told = {
            "call_id": leg.call.id,
            "leg_id": leg.id,
            "role": leg.by.role.value,
            "kind": leg.kind.value,
            "name": leg.name,
        }
        self.tell(await self.everybody(leg.call.id), LEG_JOINED, told)
        if is_first and leg.by.role is Role.VISITOR:
            await _contained(leg.call.id, lambda: self._rings.visitor_joined(leg.call))
        elif leg.by.role is not Role.VISITOR:
            await _contained(leg.call.id, lambda: self._rings.agent_joined(leg.call.id, leg.by.id))

    def left(self, leg: LiveLeg, people: frozenset[Id], *, reason: str) -> None:
        """A leg has ended."""
        if leg.is_live:
            self.tell(people, LEG_ENDED, {"call_id": leg.call.id, "leg_id": leg.id, "reason": reason})

    async def recording(self, call_id: Id, data: Mapping[str, object]) -> None:
        """Whether the call is recorded has changed."""
        self.tell(await self.everybody(call_id), RECORDING_CHANGED, data)

    async def pause_is_long(self, call_id: Id, data: Mapping[str, object]) -> None:
        """The people of a call, not its visitor, are reminded that it is paused."""
        self.tell((await self.everybody(call_id)) - {call_id}, PAUSE_LONG, data)

    async def rings_no_more(self, call_id: Id, *, reason: str) -> None:
        """The visitor is gone for good: the ringing ends, if it still rang."""
        await _contained(call_id, lambda: self._rings.visitor_left(call_id, reason))

    async def draining(self, call_id: Id, *, ends_in_s: float) -> None:
        """The server stops: what still runs then is ended."""
        told = {"call_id": call_id, "ends_in_s": round(ends_in_s)}
        self.tell(await self.everybody(call_id), DRAINING, told)

    def over(self, call_id: Id, people: frozenset[Id], *, reason: str) -> None:
        """A call has ended, and its rows say so."""
        for act in self._when_over:
            act(call_id)
        self.tell(people, CALL_ENDED, {"call_id": call_id, "reason": reason})
        self._floor.permits.forget(call_id)

    def tell(self, people: frozenset[Id], type_: str, data: Mapping[str, object]) -> None:
        """Tell some people the same."""
        for principal_id in people:
            self._events.tell(principal_id, type_, data)


async def _contained(call_id: Id, step: Callable[[], Awaitable[None]]) -> None:
    try:
        await step()
    except VaultError as error:
        log.error("call.ringing_failed", call=call_id, error=type(error).__name__)
