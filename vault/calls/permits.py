"""Whether a call may be recorded at this moment, and if not, why not: the one place that answers.

The facts are rows: the button, the answer to the notice, an agent's wish, an open pause. What this process
knows of the calls it carries is kept beside them in memory, because what stops a recording bites there first
and must not wait for a database; a process that starts reads the rows again.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from vault.calls.calls import CallView
from vault.calls.standing import Standing
from vault.model import ConsentChoice, Id, RecordingState
from vault.policy import Principal

IDLE_CALLS: Final = 500  # permits of calls that nobody is in; they are read again when somebody comes


@dataclass(slots=True)
class OpenPause:
    """A secure pause that goes on. ``is_written`` once its row is durable."""

    id: Id
    begun_at: datetime
    is_written: bool
    reminded_s: float | None = None  # when the agents were told last that it is long
    by: Principal | None = None  # who wants it, where its row may still have to be written
    endings: int = 0  # how many are about to write its end
    again: "OpenPause | None" = None  # asked for meanwhile: it follows without a gap


@dataclass(slots=True)
class Permit:
    """What decides about one call's recording."""

    call_id: Id
    tenant_id: Id
    records: bool
    consent: ConsentChoice | None
    unrecorded: bool
    pause: OpenPause | None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, compare=False)  # of what is written
    is_owed: bool = field(default=False, compare=False)  # an agent's wish that has no row yet

    @classmethod
    def of(cls, call: CallView) -> "Permit":
        """Read it off the rows."""
        pause = call.pause
        return cls(
            call.id,
            call.tenant_id,
            call.records,
            call.consent,
            call.unrecorded,
            None if pause is None else OpenPause(pause.id, pause.begun_at, is_written=True),
        )

    def narrow(self, standing: Standing) -> None:
        """Take over what the rows say against a recording.

        What they say for it may be older than what is known here: a no, once said, is never taken back.
        """
        if standing.consent in _NOT_ACCEPTED:
            self.consent = standing.consent
        self.unrecorded = self.unrecorded or standing.unrecorded
        if self.pause is None and standing.pause is not None:
            self.pause = OpenPause(standing.pause.id, standing.pause.begun_at, is_written=True)

    def state(self, *, full: bool = False) -> RecordingState:
        """Tell whether a party is recorded; ``full`` for one whose recording reached its limit.

        What is for good comes before what passes, and the visitor's word before anybody else's.
        """
        if self.consent is None:
            return RecordingState.UNANSWERED
        if not self.records:
            return RecordingState.OFF
        if self.consent is not ConsentChoice.ACCEPTED:
            return _NOT_ACCEPTED[self.consent]
        if self.unrecorded:
            return RecordingState.NOT_RECORDED
        if full:
            return RecordingState.FULL
        return RecordingState.RECORDING if self.pause is None else RecordingState.PAUSED

    def told(self) -> dict[str, Any]:
        """Write what screens are told of it."""
        pause = self.pause
        return {
            "state": self.state().value,
            "pause": None if pause is None else {"id": pause.id, "since": pause.begun_at},
        }

    @property
    def is_durable(self) -> bool:
        """Whether the rows say all that is known here."""
        return not self.is_owed and (self.pause is None or self.pause.is_written)

    @property
    def may_begin(self) -> bool:
        """Whether a leg that joins is recorded, now or after the pause."""
        return self.state() in {RecordingState.RECORDING, RecordingState.PAUSED}


_NOT_ACCEPTED = {
    ConsentChoice.REFUSED: RecordingState.REFUSED,
    ConsentChoice.WITHDRAWN: RecordingState.WITHDRAWN,
}


class Permits:
    """The permits of the calls of this process."""

    def __init__(self) -> None:
        self._permits: dict[Id, Permit] = {}
        self._withdrawn: set[Id] = set()  # whose withdrawal is being written, or waits for the database

    def __iter__(self) -> Iterator[Permit]:
        """Go through all of them, while others come and go."""
        return iter(list(self._permits.values()))

    def get(self, call_id: str) -> Permit | None:
        """Find the permit of a call that this process knows."""
        return self._permits.get(Id(call_id))

    def of(self, call: CallView, *, carried: frozenset[Id] = frozenset()) -> Permit:
        """Find or make the permit of a call that somebody joins or controls; ``carried`` are kept for sure.

        What is known already is newer than the view, but for an answer to the notice that came meanwhile.
        """
        found = self._permits.get(call.id)
        if found is None:
            self._forget_idle(carried)
            found = self._permits[call.id] = Permit.of(call)
        elif found.consent is None:
            found.consent = call.consent
        found.narrow(Standing(call.consent, call.unrecorded))
        return self._heeding(found)

    def seen(self, call: CallView) -> Permit:
        """Tell what holds for a call that is only looked at."""
        return self._permits.get(call.id) or self._heeding(Permit.of(call))

    def withdraw(self, call_id: Id) -> None:
        """Have a call's recording stopped by its visitor, also where nobody has joined it yet."""
        self._withdrawn.add(call_id)
        if (permit := self._permits.get(call_id)) is not None:
            self._heeding(permit)

    def withdrawn(self, call_id: Id, *, written: bool) -> None:
        """Remember the rows from here on, not the wish: they say the same, or that there was no yes."""
        if written:
            self.withdraw(call_id)  # a permit may have been made meanwhile, from what was read before
        self._withdrawn.discard(call_id)

    def _heeding(self, permit: Permit) -> Permit:
        if permit.call_id in self._withdrawn and permit.consent is ConsentChoice.ACCEPTED:
            permit.consent = ConsentChoice.WITHDRAWN
        return permit

    def forget(self, call_id: Id) -> None:
        """Drop the permit of a call that is over, unless something of it is still to be written."""
        permit = self._permits.get(call_id)
        if permit is not None and permit.is_durable:
            del self._permits[call_id]

    def _forget_idle(self, carried: frozenset[Id]) -> None:
        """Drop the oldest permits of calls that nobody is in; one that the rows do not know of yet stays."""
        idle = [
            permit.call_id
            for permit in self._permits.values()
            if permit.call_id not in carried and permit.is_durable
        ]
        for call_id in idle[: max(0, len(idle) - IDLE_CALLS)]:
            del self._permits[call_id]
