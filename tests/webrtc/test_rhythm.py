"""What is due now and then is due for all at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webrtc.rhythm import on_grid


@given(now_s=st.floats(min_value=0, max_value=1e7), interval_s=st.sampled_from([0.05, 0.1, 0.2, 1.0]))
def test_the_next_beat_is_on_the_grid_and_not_too_soon(now_s: float, interval_s: float) -> None:
    """Half an interval to one and a half from now, at a whole multiple."""
    due_s = on_grid(now_s, interval_s)
    assert due_s / interval_s == pytest.approx(round(due_s / interval_s))
    assert 0.49 * interval_s <= due_s - now_s <= 1.51 * interval_s


def test_legs_that_ask_in_the_same_interval_beat_together() -> None:
    """Two legs that began at different times are served in one turn of the loop."""
    assert on_grid(100.01, 0.1) == on_grid(100.04, 0.1) == pytest.approx(100.1)
