"""What a waiting visitor is told: its place among its button's calls, and how many people it rings for."""

from collections.abc import Sequence

from vault.calls import rings
from vault.calls.calls import Calls
from vault.calls.cards import Cards
from vault.calls.rings import Queued
from vault.calls.turns import Hub
from vault.db.engine import Database
from vault.errors import NotFoundError
from vault.model import Id
from vault.policy import Principal


class Places:
    """Tells each place once, and again where it changed."""

    def __init__(self, database: Database, calls: Calls, cards: Cards, hub: Hub) -> None:
        self._database = database
        self._calls = calls
        self._cards = cards
        self._hub = hub
        self._told: dict[Id, tuple[int, int]] = {}

    async def tell(self) -> Sequence[Queued]:
        """Tell each waiting visitor its place, where it changed; returns all of them."""
        async with self._database.read() as connection:
            queue = await rings.queue(connection)
        for queued in queue:
            place = queued.position, queued.agents
            if self._told.get(queued.call_id) != place:
                told = {"position": queued.position, "agents": queued.agents}
                self._hub.tell(queued.call_id, "call.ringing", told)
        self._told = {queued.call_id: (queued.position, queued.agents) for queued in queue}
        return queue

    def forget(self, call_id: Id) -> None:
        """A call rings no longer: whatever is told of it next is told."""
        self._told.pop(call_id, None)

    async def of_visitor(self, principal: Principal) -> dict[str, object] | None:
        """Tell a visitor's screen that opens how its call stands; None where there is no such call."""
        try:
            view = await self._calls.view(principal.call_id or "", by=principal)
        except NotFoundError:
            return None
        async with self._database.read() as connection:
            queue = {queued.call_id: queued for queued in await rings.queue(connection)}
            nobody = await rings.ended_in_vain(connection, view.id)
        place, by = queue.get(view.id), None
        if view.taken_by is not None:
            by = {"name": await self._cards.name_of(view.taken_by, tenant_id=view.tenant_id)}
        return {
            "id": view.id,
            "state": view.state.value,
            "ringing": None if place is None else {"position": place.position, "agents": place.agents},
            "taken_by": by,
            "nobody": nobody,
        }
