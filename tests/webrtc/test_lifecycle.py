"""The table of states, walked in full."""

from __future__ import annotations

import itertools

import pytest

from webrtc.errors import IllegalMoveError
from webrtc.lifecycle import MOVES, PeerState, move


@pytest.mark.parametrize(("now", "to"), list(itertools.product(PeerState, PeerState)))
def test_a_leg_moves_only_by_the_table(now: PeerState, to: PeerState) -> None:
    """Forward, or to the end; from the end nowhere."""
    forward = {
        (PeerState.NEW, PeerState.ANSWERED),
        (PeerState.ANSWERED, PeerState.CONNECTED),
        (PeerState.NEW, PeerState.CLOSED),
        (PeerState.ANSWERED, PeerState.CLOSED),
        (PeerState.CONNECTED, PeerState.CLOSED),
    }
    if (now, to) in forward:
        assert move(now, to) is to
    else:
        with pytest.raises(IllegalMoveError):
            move(now, to)


def test_the_table_has_every_state() -> None:
    """A state without a row would be a defect."""
    assert set(MOVES) == set(PeerState)
