"""One-time tickets: how somebody who is signed in opens a socket, which can carry no Authorization header.

A ticket is 256 random bits, lives for seconds, is good once, and speaks for exactly the principal who asked
for it: a visitor's for its one call. Only hashes are kept, and only in memory: a restart forgets them all.
"""

import hashlib
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from vault.clock import Clock
from vault.errors import BusyError
from vault.identity.errors import Refusal, TokenRefusedError
from vault.policy import Permission, Principal, require

SECRET_BYTES: Final = 32
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class TicketLimits:
    """How long, and how many."""

    lifetime_s: float = 30.0  # a page uses its ticket at once; a slow network gets a few tries
    each: int = 8  # unused ones of one principal: as many as it may have sockets; older ones are dropped
    total: int = 10_000  # about 5 MB; strangers can open calls, so their number must have an end


@dataclass(frozen=True, slots=True)
class Ticket:
    """A new ticket. Its text is a secret and does not print."""

    text: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Ticket(expires_at={self.expires_at!s})"


@dataclass(frozen=True, slots=True)
class _Waiting:
    who: Principal
    until_s: float


class Tickets:
    """Makes tickets and takes them back, each once."""

    def __init__(self, clock: Clock, limits: TicketLimits | None = None) -> None:
        self._clock = clock
        self._limits = limits or TicketLimits()
        self._waiting: OrderedDict[bytes, _Waiting] = OrderedDict()  # the oldest first
        self._of: dict[str, list[bytes]] = {}

    def make(self, *, by: Principal) -> Ticket:
        """Make a ticket that speaks for ``by``.

        Raises ForbiddenError, and BusyError where more are waiting to be used than fit.
        """
        require(by, Permission.EVENTS_LISTEN)
        self._forget_old()
        if len(self._waiting) >= self._limits.total:
            raise BusyError("too many tickets are waiting to be used; try again shortly")
        text = secrets.token_urlsafe(SECRET_BYTES)
        life = timedelta(seconds=self._limits.lifetime_s)
        mine = self._of.setdefault(by.id, [])
        while len(mine) >= self._limits.each:
            self._waiting.pop(mine.pop(0))
        mine.append(_hash(text))
        self._waiting[_hash(text)] = _Waiting(by, self._clock.monotonic() + life.total_seconds())
        return Ticket(text, self._clock.now() + life)

    def use(self, text: str) -> Principal:
        """Use a ticket up and say whom it speaks for.

        Raises TokenRefusedError, the same for one that is used, late, or nobody's.
        """
        self._forget_old()
        found = self._take(_hash(text)) if _SECRET.fullmatch(text) else None
        if found is None:
            raise TokenRefusedError("the ticket is not good, or no longer", reason=Refusal.TICKET)
        return found.who

    def _forget_old(self) -> None:
        now_s = self._clock.monotonic()
        while self._waiting and next(iter(self._waiting.values())).until_s <= now_s:
            self._take(next(iter(self._waiting)))

    def _take(self, hashed: bytes) -> _Waiting | None:
        found = self._waiting.pop(hashed, None)
        if found is not None:
            mine = self._of[found.who.id]
            mine.remove(hashed)
            if not mine:
                del self._of[found.who.id]
        return found


def _hash(text: str) -> bytes:
    # A fast hash is right here: the text is 256 random bits, not a password.
    return hashlib.sha256(text.encode()).digest()
