"""What everything that rings in one process shares: one act after the other, who listens, how it is told.

Whatever is decided about calls that ring is decided in a turn, so that what is told keeps the order of what
was decided. After each turn the task of ``vault.calls.ringing`` looks what time brings now.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

from vault.clock import Clock
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Id

WHO_MAY_BE_RUNG: Final = frozenset(
    {EntryType.PERSON_CHANGED, EntryType.TEAM_JOINED, EntryType.TEAM_LEFT, EntryType.TEAM_DELETED}
)
"""What is written when somebody may be rung from now on, or may not any more."""


class Hub(Protocol):
    """Where events are told (``vault.calls.events``)."""

    def tell(self, principal_id: Id, type_: str, data: Mapping[str, object], /) -> None:
        """Tell a principal; never blocks, never raises."""
        ...

    def online(self, principal_id: Id, /) -> bool:
        """Tell whether a principal listens now."""
        ...

    def watch(self, watcher: Callable[[Id, bool], None], /) -> None:
        """Have comings and goings told."""
        ...


class Turns:
    """One at a time; ``wake`` is set whenever there may be something to look at."""

    def __init__(self, hub: Hub, ledger: Ledger, clock: Clock) -> None:
        self.hub = hub
        self.clock = clock
        self.lock = asyncio.Lock()
        self.wake = asyncio.Event()
        self._here: set[Id] = set()  # people who listen, or did until a moment ago
        hub.watch(self._came_or_went)
        ledger.watch(self._noted)

    @asynccontextmanager
    async def acting(self) -> AsyncIterator[None]:
        """Take a turn; whatever becomes of it, the task looks what time brings now."""
        try:
            async with self.lock:
                yield
        finally:
            self.wake.set()

    def listens(self, person_id: Id) -> bool:
        """Tell whether somebody is at a screen, or was until a moment ago."""
        return person_id in self._here or self.hub.online(person_id)

    def tell_gone(self, call_id: str, gone: Sequence[tuple[Id, str]]) -> None:
        """Tell people that a call rings for them no more, and why."""
        for person_id, reason in gone:
            self.hub.tell(person_id, "call.gone", {"call_id": call_id, "reason": reason})

    def tell_taken(self, call_id: Id, taker: Id, name: str, others: Sequence[Id]) -> None:
        """Tell whoever took a call, and whom else it rang for, by whom it was taken."""
        by = {"id": taker, "name": name}
        for person_id in (taker, *others):
            told = {"call_id": call_id, "by": by, "mine": person_id == taker}
            self.hub.tell(person_id, "call.taken", told)

    def _came_or_went(self, person_id: Id, online: bool) -> None:  # noqa: FBT001  # the hub's signature
        if online:
            self._here.add(person_id)
        else:
            self._here.discard(person_id)
        self.wake.set()

    def _noted(self, entry: Entry) -> None:
        if entry.type in WHO_MAY_BE_RUNG:
            self.wake.set()
