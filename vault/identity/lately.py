"""Whose credential was good lately: something to go by where the database does not answer.

Whoever asks for anything is looked up on each request (``vault.identity.identity``). Only what stops a
recording does not wait for that, and then this is what is known. It dies with the process.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from vault.clock import Clock
from vault.identity.claims import LEEWAY_S
from vault.model import Role
from vault.policy import Principal

KNOWN_MAX: Final = 10_000  # credentials; about 5 MB
PROGRAM_S: Final = 3_600.0  # a program is in no call that would speak for it: it was known within the hour
LEEWAY: Final = timedelta(seconds=LEEWAY_S)


@dataclass(frozen=True, slots=True)
class _Seen:
    who: Principal
    at_s: float


class Lately:
    """Remembers credentials by their hash: whoever reads this process's memory finds none in it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()

    def note(self, credential: str, who: Principal) -> None:
        """Remember that a credential was good just now."""
        if who.role is Role.VISITOR:
            return  # known by its signature, and free for the asking: no flood of them takes this room
        key = _hash(credential)
        self._seen[key] = _Seen(who, self._clock.monotonic())
        self._seen.move_to_end(key)
        if len(self._seen) > KNOWN_MAX:
            self._seen.popitem(last=False)

    def forget(self, credential: str) -> None:
        """A credential was refused: it counts for nothing from here on."""
        self._seen.pop(_hash(credential), None)

    def who(self, credential: str) -> Principal | None:
        """Say whose a credential was when it was good; None where that is too long ago, or it has run out."""
        seen = self._seen.get(_hash(credential))
        if seen is None:
            return None
        is_old = seen.who.role is Role.SERVICE and self._clock.monotonic() - seen.at_s > PROGRAM_S
        has_run_out = seen.who.until is not None and seen.who.until + LEEWAY <= self._clock.now()
        return None if is_old or has_run_out else seen.who


def _hash(credential: str) -> bytes:
    return hashlib.sha256(credential.encode("utf-8", "surrogateescape")).digest()
