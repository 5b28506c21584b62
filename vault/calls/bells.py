"""Telling people that something rings for them: after it is durable, and again until it is told.

The card that they see is opened with the key store, which may not answer for a moment. What could not be told
is remembered here: a process that starts ends what the one before it rang, so nothing has to be written.
"""

from collections.abc import Collection, Sequence

import structlog

from vault.calls.asks import Ask
from vault.calls.cards import Cards
from vault.calls.turns import Hub
from vault.errors import VaultError
from vault.model import Id

log = structlog.get_logger(__name__)


class Bells:
    """The rings of calls, or of asks, by whoever is to be told of them."""

    def __init__(self, cards: Cards, hub: Hub) -> None:
        self._cards = cards
        self._hub = hub
        self._owed: dict[Id, Sequence[Id]] = {}

    @property
    def owed(self) -> Collection[Id]:
        """Name the calls, or asks, of which somebody is not told yet."""
        return list(self._owed)

    async def tell(
        self, call_id: Id, rung: Collection[Id], *, ringing: Collection[Id], ask: Ask | None = None
    ) -> None:
        """Tell whoever rings now, and who could not be told before and is of those it still rings for."""
        of = call_id if ask is None else ask.id
        people = [one for one in dict.fromkeys([*self._owed.pop(of, ()), *rung]) if one in ringing]
        if not people:
            return
        self._owed[of] = people
        try:
            card = await self._cards.card(call_id, ask=ask)
        except VaultError as error:
            log.warning("ring.not_told", call=call_id, error=type(error).__name__)
            return
        del self._owed[of]
        for person_id in people:
            self._hub.tell(person_id, "call.ringing", card)

    def forget(self, of: Id) -> None:
        """It rings no more: nobody is told."""
        self._owed.pop(of, None)
