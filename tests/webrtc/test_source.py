"""A source's report and a track's clock."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from tests.webrtc.packets import packet
from webrtc.rtcp import SenderClock
from webrtc.source import Reception, TrackClock


def test_losses_and_jitter_are_reported_per_interval_and_in_all() -> None:
    """RFC 3550, A.3: expected from the sequence, lost is the rest, the fraction is of the last interval."""
    reception = Reception(1, 48_000)
    assert reception.block(0.0) is None
    for number in range(100):
        if number % 4 or number > 50:
            reception.add(packet(65_500 + number, timestamp=960 * number), number * 0.02)
    block = reception.block(2.0)
    assert block is not None
    assert (block.lost, block.highest_sequence) == (12, 65_599)
    assert block.fraction_lost == (12 << 8) // 99
    assert block.jitter < 5
    for number in range(100, 200):
        reception.add(packet(65_500 + number, timestamp=960 * number), number * 0.02)
    after = reception.block(4.0)
    assert after is not None
    assert after.fraction_lost == 0


def test_a_sender_report_is_answered_with_its_age() -> None:
    """LSR and DLSR let the sender measure the round trip."""
    reception = Reception(1, 48_000)
    reception.add(packet(1), 0.0)
    reception.reported(SenderClock(1, 0.0, 0xAABBCCDD, 0), 10.0)
    block = reception.block(10.5)
    assert block is not None
    assert (block.last_report, block.since_last_report) == (0xAABBCCDD, 32_768)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, 90_000), max_size=100))
def test_stamps_rise_over_the_wrap(first: int, steps: list[int]) -> None:
    """64 bits that never step back, equal in distance to the sender's."""
    clock = TrackClock(90_000)
    stamp, now_s = first, 0.0
    placed = [clock.place(stamp, now_s)]
    for step in steps:
        stamp, now_s = stamp + step, now_s + step / 90_000
        placed.append(clock.place(stamp & 0xFFFFFFFF, now_s))
    rising = [stamp for stamp in placed if stamp is not None]
    assert len(rising) == len(placed)
    assert [b - a for a, b in itertools.pairwise(rising)] == steps
    assert clock.restarts == 0


def test_a_stamp_that_does_not_rise_is_refused() -> None:
    """The same stamp twice, or a little back, is the sender's disorder."""
    clock = TrackClock(90_000)
    clock.place(1000, 0.0)
    assert clock.place(1000, 0.1) is None
    assert clock.place(900, 0.1) is None
    assert clock.place(1001, 0.1) == 1001


def test_a_new_clock_goes_on_by_the_time_that_passed() -> None:
    """Another source, a step back, a leap ahead: the track continues where the old clock would be."""
    clock = TrackClock(90_000)
    assert clock.locate(1) is None
    assert clock.place(5_000_000, 0.0) == 5_000_000
    clock.new_source()
    assert clock.place(77, 0.5) == 5_045_000
    assert clock.locate(77 + 90_000) == 5_135_000
    assert clock.place(77 + 3000, 0.53) == 5_048_000
    assert clock.place(4_000_000_000, 1.03) == 5_093_000
    assert clock.restarts == 1
    assert clock.place(2_000_000_000, 1.13) == 5_102_000


def test_a_long_mute_is_no_new_clock() -> None:
    """When packets stop for a minute and return, the stamps tell the minute."""
    clock = TrackClock(48_000)
    clock.place(0, 0.0)
    assert clock.place(48_000 * 60, 60.2) == 48_000 * 60
    assert clock.restarts == 0
