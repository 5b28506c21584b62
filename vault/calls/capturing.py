"""Stopping and starting what is captured of a call, on all its legs, in memory and at once.

Nothing here waits: when a function returns, no later packet of any leg reaches a capture. Forwarding is not
touched: people see and hear each other all the same.
"""

import time
from collections.abc import Iterator
from typing import Final

from vault.calls.floor import Floor, LiveLeg
from vault.media.capture import Capture

SETTLE_S: Final = 0.5
"""What is captured after a pause was sent at least so long after its end, as the sender's stamps tell.

It covers what is unknown of the way: its least delay (a satellite's is 0.3 s), and the copy of the last
packets that Opus sends along with the next ones. On a longer way it is as long as the way there and back.
"""


def pause(floor: Floor, call_id: str) -> None:
    """Capture nothing of a call from now on; what came until now is whole, and sealed."""
    for leg, capture in _captures(floor, call_id):
        leg.peer.flush()
        leg.peer.detach()
        capture.pause()


def resume(floor: Floor, call_id: str) -> None:
    """Capture again what is sent from now on; it begins with a keyframe of each picture."""
    for leg, capture in _captures(floor, call_id):
        capture.take_again()
        settle_s = max(SETTLE_S, leg.peer.round_trip_s)
        leg.peer.attach(capture, not_before_s=time.monotonic() + settle_s)


def end(floor: Floor, call_id: str, *, why: str) -> None:
    """Capture nothing more of a call; what was captured is kept as a recording that ended for this reason."""
    for leg, capture in _captures(floor, call_id):
        leg.peer.flush()
        leg.peer.detach()
        capture.end_reason = why
        capture.close()


def drop(floor: Floor, call_id: str) -> list[Capture]:
    """Capture nothing more of a call, and throw away what is not stored yet; returns what to wait for."""
    dropped = []
    for leg in floor.legs.values():
        if leg.call.id == call_id and leg.capture is not None:
            leg.peer.detach()
            leg.capture.abandon()
            dropped.append(leg.capture)
    return dropped


def _captures(floor: Floor, call_id: str) -> Iterator[tuple[LiveLeg, Capture]]:
    """Go through the captures of a call that may still take something."""
    for leg in list(floor.legs.values()):
        if leg.call.id == call_id and leg.capture is not None and not leg.capture.is_over:
            yield leg, leg.capture
