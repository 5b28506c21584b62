"""A call in which people write: its chat over a workshop, with everybody's ears."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.vault.calls.studio import Bell, Ear, Told
from vault.calls.chat import Chat
from vault.calls.floor import Floor
from vault.calls.history import History
from vault.calls.participants import take_part
from vault.calls.tellings import Tellings
from vault.model import ConsentChoice, Role
from vault.policy import Principal

if TYPE_CHECKING:
    from tests.vault.media.workshop import Workshop
    from vault.calls.calls import OpenedCall
    from vault.media.capture import Begun


class Writers:
    """The chat of one process, and the history that reads it."""

    def __init__(self, work: Workshop) -> None:
        self.work = work
        self.told: list[Told] = []
        self.floor = Floor()
        self.tellings = Tellings(work.database, self.floor, Ear(self.told), Bell(self.told))
        self.chat = Chat(work.database, work.keys, work.blobs, work.calls, self.tellings, work.clock)
        self.history = History(work.database, work.blobs, work.ledger, self.chat, work.notes, work.clock)

    async def talk(
        self, choice: ConsentChoice = ConsentChoice.ACCEPTED, *, reference: str = "customer-1"
    ) -> Talk:
        """A call that is live, with its visitor and somebody who took it."""
        work = self.work
        call = await work.consented(choice, reference=reference)
        begun = await work.begun(call)
        return Talk(call, begun, work.visitor(call), await self.agent(call))

    async def agent(self, *calls: OpenedCall, role: Role = Role.AGENT) -> Principal:
        """One of the tenant's people, who is in these calls."""
        work = self.work
        person = await work.people.add(tenant_id=work.tenant_id, role=role, profile={"name": "Ada"}, by=None)
        async with work.database.write() as connection:
            for call in calls:
                await take_part(
                    connection,
                    tenant_id=work.tenant_id,
                    call_id=call.id,
                    person_id=person.id,
                    at=work.clock.now(),
                )
        return Principal(person.id, person.tenant_id, person.role)

    async def hang_up(self, talk: Talk) -> None:
        """The call ends, as its last leg ends it."""
        await self.work.recordings.end(talk.begun.media_id, reason="hangup")
        await self.work.calls.leg_ended(talk.call.id, talk.begun.leg_id, reason="hangup")
        self.tellings.over(talk.call.id, frozenset(), reason="hangup")


@dataclass
class Talk:
    """A call that goes on."""

    call: OpenedCall
    begun: Begun
    visitor: Principal
    agent: Principal
