"""People at their screens and visitors who ring: Ringing over a workshop, with real streams of events."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from tests.vault.media.workshop import PAGE
from vault.calls.attendance import Attendance
from vault.calls.buttons import NewButton
from vault.calls.cards import Cards
from vault.calls.events import EventLimits, Events
from vault.calls.floor import Floor
from vault.calls.presence import Presence
from vault.calls.ringing import Ringing
from vault.calls.routing import EVERYONE, Routing
from vault.db import tables
from vault.identity.people import People
from vault.model import Role, new_id
from vault.policy import Principal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.vault.media.workshop import Workshop
    from vault.calls.buttons import Button
    from vault.calls.calls import OpenedCall
    from vault.calls.events import Listener
    from vault.model import Id

TEXTS = {"fr": "Appeler", "en": "Call"}


@dataclass
class Screen:
    """What somebody's one socket has been told since it opened."""

    who: Principal
    listener: Listener
    read: int = 0

    def heard(self) -> list[tuple[str, dict[str, Any]]]:
        """Every event since this was asked last."""
        stream = self.listener._stream
        first = self.listener.position + self.read
        told = [json.loads(one.text) for one in list(stream.kept)[first - stream.gone :]]
        self.read += len(told)
        return [(one["type"], one["data"]) for one in told]

    async def hears(self, type_: str) -> None:
        """Wait until an event of this type was told; what is told follows what is durable."""
        async with asyncio.timeout(15):
            while type_ not in self.types():  # noqa: ASYNC110  # a stream is read, not waited for
                await asyncio.sleep(0.02)

    def types(self) -> list[str]:
        """Their types alone."""
        return [type_ for type_, _ in self.heard()]


@dataclass
class Desk:
    """The ringing of one process."""

    work: Workshop
    open: AsyncExitStack
    take_deadline_s: float
    floor: Floor = field(default_factory=Floor)
    people: People = field(init=False)
    events: Events = field(init=False)
    ringing: Ringing = field(init=False)

    def __post_init__(self) -> None:
        work = self.work
        self.people = People(work.database, work.keys, work.blobs, work.ledger, work.clock)
        cards = Cards(work.database, work.blobs, self.people)
        self.events = Events(work.clock, snapshots=self.snapshot, limits=EventLimits(grace_s=0.05))
        presence = Presence(work.database, work.clock)
        self.ringing = Ringing(
            work.database,
            work.ledger,
            work.calls,
            presence,
            cards,
            self.events,
            work.clock,
            Attendance(self.floor, take_deadline_s=self.take_deadline_s),
        )

    async def snapshot(self, who: Principal) -> Mapping[str, object]:
        """What a screen that opens is told."""
        return await self.ringing.snapshot(who)

    async def person(self, name: str, role: Role = Role.AGENT, *, tenant_id: Id | None = None) -> Principal:
        """One of the tenant's people, at no screen yet."""
        tenant = tenant_id or self.work.tenant_id
        made = await self.people.add(tenant_id=tenant, role=role, profile={"name": name}, by=None)
        return Principal(made.id, tenant, role)

    async def agent(self, name: str, *, available: bool = True) -> Screen:
        """Somebody who sits at their screen and says so."""
        who = await self.person(name)
        screen = self.screen(who)
        if available:
            await self.ringing.set_available(available=True, by=who)
            screen.heard()
        return screen

    def screen(self, who: Principal) -> Screen:
        """Open a screen until the desk closes."""
        return Screen(who, self.open.enter_context(self.events.listen(who)))

    async def button(self, routing: Routing = EVERYONE, *, records: bool = True) -> Button:
        """A button of the tenant."""
        new = NewButton("Help", TEXTS, TEXTS, ("audio",), (PAGE,), records, 30, routing)
        return await self.work.buttons.create(new, by=self.work.by())

    async def press(self, button: Button | None = None) -> tuple[OpenedCall, Screen, Id]:
        """A visitor who said yes, joined and can be heard; the call, their screen, their leg."""
        work = self.work
        call = await work.consented(button=button or await self.button())
        visitor, leg_id = work.visitor(call), new_id("leg")
        screen = self.screen(visitor)
        view = await work.calls.ready_for_leg(call.id, by=visitor)
        await work.calls.leg_joined(view, leg_id, visitor)
        await work.calls.leg_connected(call.id, leg_id)
        await self.ringing.visitor_joined(view)
        return call, screen, leg_id

    async def leave(self, call: OpenedCall, leg_id: Id, reason: str = "hangup") -> None:
        """The visitor's leg ends, as Legs end it."""
        await self.work.calls.leg_ended(call.id, leg_id, reason=reason)
        await self.ringing.visitor_left(call.id, reason)

    async def join(self, call_id: Id, who: Principal, kind: str = "camera") -> Id:
        """Somebody who took a call joins it."""
        leg_id = new_id("leg")
        view = await self.work.calls.ready_for_leg(call_id, by=who)
        await self.work.calls.leg_joined(view, leg_id, who, kind=kind)
        await self.work.calls.leg_connected(call_id, leg_id)
        return leg_id

    async def rings(self, call_id: Id | None = None) -> list[tuple[Id, str]]:
        """Whose rings are in which state, in the order in which they rang."""
        found = tables.rings
        query = select(found.c.person_id, found.c.state).order_by(found.c.created_at, found.c.id)
        async with self.work.database.read() as connection:
            rows = await connection.execute(
                query if call_id is None else query.where(found.c.call_id == call_id)
            )
            return [(row.person_id, row.state) for row in rows]


@asynccontextmanager
async def open_desk(work: Workshop, *, take_deadline_s: float = 3_600) -> AsyncIterator[Desk]:
    """A desk whose screens are closed at the end; nothing runs by itself until ``ringing.start``.

    Most takers at a desk have no leg, so they have an hour unless a test says otherwise.
    """
    async with AsyncExitStack() as opened:
        desk = Desk(work, opened, take_deadline_s)
        try:
            yield desk
        finally:
            await desk.ringing.aclose()
            desk.events.close()
