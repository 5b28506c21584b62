"""The states of a leg's connection as a table; one function says no.

NEW ──▶ ANSWERED ──▶ CONNECTED ──▶ CLOSED
 └─────────┴──────────────────────▲
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from webrtc.errors import IllegalMoveError


class PeerState(StrEnum):
    """Where a leg's connection stands."""

    NEW = "new"  # no offer yet, no socket
    ANSWERED = "answered"  # sockets bound, ICE and DTLS under way
    CONNECTED = "connected"  # media keys agreed, packets are read
    CLOSED = "closed"  # nothing is bound; final


class CloseReason(StrEnum):
    """Why a leg's connection ended; told exactly once."""

    HANGUP = "hangup"  # our side was asked to close
    PEER_LEFT = "peer_left"  # the other side said goodbye (DTLS close)
    SETUP_TIMEOUT = "setup_timeout"  # not connected in time
    HANDSHAKE_FAILED = "handshake_failed"  # DTLS failed: wrong certificate, no common profile
    SILENT = "silent"  # no packet at all for too long
    CONSENT_LOST = "consent_lost"  # ICE consent checks were not answered (RFC 7675)
    SOURCE_ENDED = "source_ended"  # a viewer's: the leg it saw has ended
    SHUTDOWN = "shutdown"  # the process is going down
    FAILED = "failed"  # a defect of ours; counted and logged


MOVES: Final = {
    PeerState.NEW: frozenset({PeerState.ANSWERED, PeerState.CLOSED}),
    PeerState.ANSWERED: frozenset({PeerState.CONNECTED, PeerState.CLOSED}),
    PeerState.CONNECTED: frozenset({PeerState.CLOSED}),
    PeerState.CLOSED: frozenset(),
}


def move(now: PeerState, to: PeerState) -> PeerState:
    """The next state, or IllegalMoveError; nothing else sets a state."""
    if to not in MOVES[now]:
        raise IllegalMoveError(f"a leg cannot go from {now} to {to}")
    return to
