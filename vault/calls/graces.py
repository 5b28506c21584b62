"""The time a visitor who was lost has to come back, while the call stays open.

It lives in this process: the next start gives them all their time again, and the keeper ends what is left
when the visitor's token is over.
"""

from typing import Final

from vault.calls.floor import Floor, LiveLeg
from vault.calls.waits import Waits
from vault.model import Id
from webrtc.lifecycle import CloseReason

REPLACED: Final = "replaced"  # why a leg ended whose owner has a new one in its place
LOST: Final = frozenset({CloseReason.SILENT.value, CloseReason.CONSENT_LOST.value, CloseReason.FAILED.value})
ATTEMPT_FAILED: Final = frozenset({CloseReason.SETUP_TIMEOUT.value, CloseReason.HANDSHAKE_FAILED.value})
SHUTDOWN: Final = CloseReason.SHUTDOWN.value  # nobody meant to leave: the next start waits for them
UNWISHED: Final = LOST | ATTEMPT_FAILED | {REPLACED, SHUTDOWN}
"""Why legs end whose owner may want to go on, and be recorded in the same recording."""


class Graces:
    """What ends of a visitor's legs mean for their call; ``waits`` keeps it open."""

    def __init__(self, floor: Floor, waits: Waits) -> None:
        self._floor = floor
        self._waits = waits

    def is_over(self, leg: LiveLeg, reason: str) -> bool:
        """Tell whether a call ends with this end of its visitor's last leg: they meant it, or never came."""
        if reason in {REPLACED, SHUTDOWN} or (reason in LOST and leg.is_live):
            return False
        return leg.call.id not in self._waits.waiting or reason not in LOST | ATTEMPT_FAILED

    def begin(self, call_id: Id, reason: str) -> None:
        """Wait for the visitor from now on; a wait that runs already goes on, for its first reason."""
        self._waits.begin(call_id, reason, overruled=REPLACED)

    def stop(self, call_id: Id) -> None:
        """Wait no longer: the visitor is back, or the call is over."""
        self._waits.stop(call_id)


def visitor_is_coming(floor: Floor, call_id: Id) -> bool:
    """Tell whether a leg of a call's visitor is being set up, or ends just now."""
    return any(leg.is_visitors and leg.call.id == call_id for leg in floor.legs.values())


def visitor_is_back(floor: Floor, call_id: Id) -> bool:
    """Tell whether a call's visitor is in it."""
    return any(leg.is_visitors and leg.is_live for leg in floor.legs_of(call_id))
