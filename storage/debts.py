"""What each place of a replicated store is still owed: the port of a durable list, and the list in memory.

A debt is one sentence: this place lacks this object (*copy*), or must lose it (*erase*). One place has at
most one debt for a key; a newer sentence takes the older one's place. Two marks keep it true while several
work:

* the **ticket** changes with every new sentence. Who carries a debt settles it under the ticket it began
  with, so that nothing said meanwhile is lost;
* the **claim** says that somebody is at work on the place's object. It stays when the sentence changes: an
  erasure waits for it, so that no copy under way can land behind it. It ends after `CLAIM_S` without a sign
  of life; who takes over such a claim is told (`inherited`), and has to look a second time.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from storage.store import ObjectKey

CLAIM_S: Final = 120.0  # over the time limit of every single request to a store, so that a claim outlives it


class Act(StrEnum):
    """What a place is owed."""

    COPY = "copy"
    ERASE = "erase"


@dataclass(frozen=True, slots=True)
class Debt:
    """One debt. `claim` is set on what `Debts.claim` returned."""

    place: str
    key: ObjectKey
    act: Act
    ticket: str
    attempts: int = 0
    claim: str | None = None
    inherited: bool = False


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a place is behind: debts, the age of the oldest, those that failed at least once."""

    owed: int = 0
    oldest_s: float = 0.0
    failing: int = 0


class Debts(Protocol):
    """The durable list. Every method raises `UnavailableError` where the list does not answer."""

    async def owe(
        self, act: Act, key: ObjectKey, places: Collection[str], *, wait_s: float = 0, gently: bool = False
    ) -> str:
        """Write a debt for each place, durable on return, in one step; return its ticket.

        It is due after ``wait_s``. ``gently`` leaves alone what a place owes already.
        """
        ...

    async def hasten(self, key: ObjectKey, ticket: str) -> int:
        """Make the debts of a ticket due now; return how many there were."""
        ...

    async def of(self, key: ObjectKey) -> Sequence[Debt]:
        """Return every place's debt for a key."""
        ...

    async def due(self, place: str, limit: int) -> Sequence[Debt]:
        """Return what is due at a place and claimed by nobody, the longest due first."""
        ...

    async def claim(self, debt: Debt) -> Debt | None:
        """Claim a debt for `CLAIM_S`; None where it changed, is gone, or somebody else is at work."""
        ...

    async def renew(self, debt: Debt) -> bool:
        """Hold on to a claim; False where the claim is lost or the place is owed something else by now."""
        ...

    async def settle(self, debt: Debt) -> bool:
        """Strike a claimed debt off the list; False where it is not the same any more."""
        ...

    async def release(self, debt: Debt, *, wait_s: float = 0, failed: bool = False) -> None:
        """Give back a claim; the same sentence is due again after ``wait_s``, a newer one when it was due."""
        ...

    async def lag(self) -> Mapping[str, Lag]:
        """Tell how far each place that is owed anything is behind."""
        ...


def new_ticket() -> str:
    """Make a ticket or a claim."""
    return secrets.token_hex(8)


@dataclass(slots=True)
class _Row:
    debt: Debt
    since_s: float
    due_s: float
    claimed_until_s: float = 0.0


class MemoryDebts(Debts):
    """The list in memory: for tests, and for commands that only read."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._rows: dict[tuple[str, str], _Row] = {}

    async def owe(
        self, act: Act, key: ObjectKey, places: Collection[str], *, wait_s: float = 0, gently: bool = False
    ) -> str:
        """Write a debt for each place; see `Debts.owe`."""
        ticket, now_s = new_ticket(), self._monotonic()
        for place in places:
            old = self._rows.get((place, key))
            if old is not None and gently:
                continue
            debt = Debt(place, key, act, ticket, claim=old.debt.claim if old else None)
            self._rows[place, key] = _Row(
                debt, now_s, now_s + wait_s, old.claimed_until_s if old is not None else 0.0
            )
        return ticket

    async def hasten(self, key: ObjectKey, ticket: str) -> int:
        """Make the debts of a ticket due; see `Debts.hasten`."""
        rows = [row for row in self._rows.values() if (row.debt.key, row.debt.ticket) == (key, ticket)]
        for row in rows:
            row.due_s = self._monotonic()
        return len(rows)

    async def of(self, key: ObjectKey) -> Sequence[Debt]:
        """Return a key's debts; see `Debts.of`."""
        return [row.debt for row in self._rows.values() if row.debt.key == key]

    async def due(self, place: str, limit: int) -> Sequence[Debt]:
        """Return what is due; see `Debts.due`."""
        now_s = self._monotonic()
        rows = [row for row in self._rows.values() if row.debt.place == place and row.due_s <= now_s]
        free = [row for row in rows if row.debt.claim is None or row.claimed_until_s <= now_s]
        return [row.debt for row in sorted(free, key=lambda row: row.due_s)[:limit]]

    async def claim(self, debt: Debt) -> Debt | None:
        """Claim; see `Debts.claim`."""
        row, now_s = self._rows.get((debt.place, debt.key)), self._monotonic()
        if row is None or row.debt.ticket != debt.ticket:
            return None
        if row.debt.claim is not None and row.claimed_until_s > now_s:
            return None
        inherited = row.debt.claim is not None
        row.debt = replace(row.debt, claim=new_ticket())
        row.claimed_until_s = now_s + CLAIM_S
        return replace(row.debt, inherited=inherited)

    async def renew(self, debt: Debt) -> bool:
        """Hold on; see `Debts.renew`."""
        row = self._same(debt)
        if row is None or row.debt.ticket != debt.ticket:
            return False
        row.claimed_until_s = self._monotonic() + CLAIM_S
        return True

    async def settle(self, debt: Debt) -> bool:
        """Strike off; see `Debts.settle`."""
        row = self._same(debt)
        if row is None or row.debt.ticket != debt.ticket:
            return False
        del self._rows[debt.place, debt.key]
        return True

    async def release(self, debt: Debt, *, wait_s: float = 0, failed: bool = False) -> None:
        """Give back; see `Debts.release`."""
        row = self._same(debt)
        if row is not None:
            if row.debt.ticket == debt.ticket:
                row.due_s = self._monotonic() + wait_s
                row.debt = replace(row.debt, attempts=row.debt.attempts + failed)
            row.debt = replace(row.debt, claim=None)

    async def lag(self) -> Mapping[str, Lag]:
        """Tell how far each place is behind; see `Debts.lag`."""
        now_s, found = self._monotonic(), dict[str, Lag]()
        for row in self._rows.values():
            old = found.get(row.debt.place, Lag())
            age_s, failing = max(old.oldest_s, now_s - row.since_s), old.failing + bool(row.debt.attempts)
            found[row.debt.place] = Lag(old.owed + 1, age_s, failing)
        return found

    def _same(self, debt: Debt) -> _Row | None:
        row = self._rows.get((debt.place, debt.key))
        return row if row is not None and debt.claim is not None and row.debt.claim == debt.claim else None
