"""What is due now and then is due for many at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webrtc.rhythm import GROUPS, next_phase, on_grid


@given(
    now_s=st.floats(min_value=0, max_value=1e6),
    interval_s=st.sampled_from([0.05, 0.1, 0.2, 1.0]),
    phase=st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8]),
)
def test_the_next_beat_is_on_the_grid_and_not_too_soon(now_s: float, interval_s: float, phase: float) -> None:
    """Half an interval to one and a half from now, at a multiple moved by the phase."""
    due_s = on_grid(now_s, interval_s, phase)
    beats = due_s / interval_s - phase
    assert beats == pytest.approx(round(beats), abs=1e-6)
    assert 0.49 * interval_s <= due_s - now_s <= 1.51 * interval_s


def test_legs_that_ask_in_the_same_interval_beat_together() -> None:
    """Two legs that began at different times are served in one turn of the loop."""
    assert on_grid(100.01, 0.1) == on_grid(100.04, 0.1) == pytest.approx(100.1)


def test_many_legs_make_groups_of_the_same_size() -> None:
    """A packet waits for a fifth of the legs at most."""
    phases = [next_phase() for _ in range(4 * GROUPS)]
    assert {phases.count(phase) for phase in phases} == {4}
    assert all(0 <= phase < 1 for phase in phases)
