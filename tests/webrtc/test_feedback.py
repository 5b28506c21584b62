"""Transport-wide feedback, read back by a reader written from the draft."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from webrtc.feedback import TransportFeedback

TICK_S = 0.00025


def read(plain: bytes) -> tuple[int, int, dict[int, float | None]]:
    """The feedback count, the base and the arrival (or None) per sequence number (draft, 3.1)."""
    flags, kind, words = struct.unpack_from("!BBH", plain)
    assert (flags, kind, len(plain)) == (0x8F, 205, 4 + 4 * words)
    _, _, base, count = struct.unpack_from("!LLHH", plain, 4)
    reference = int.from_bytes(plain[16:19], "big")
    at = 20
    symbols: list[int] = []
    while len(symbols) < count:
        (chunk,) = struct.unpack_from("!H", plain, at)
        at += 2
        if chunk >> 15 == 0:
            symbols += [chunk >> 13 & 3] * (chunk & 0x1FFF)
        else:
            assert chunk >> 14 & 1, "vectors of two bits only"
            symbols += [chunk >> 12 - 2 * n & 3 for n in range(7)]
    clock, found = reference * 256, {}
    for place, symbol in enumerate(symbols[:count]):
        arrival: float | None = None
        if symbol == 1:
            clock += plain[at]
            at += 1
        elif symbol == 2:
            clock += struct.unpack_from("!h", plain, at)[0]
            at += 2
        if symbol:
            arrival = clock * TICK_S
        found[base + place] = arrival
    assert len(plain) - at < 4
    return plain[19], base, found


@given(st.dictionaries(st.integers(1, 500), st.floats(0, 2.0), min_size=1), st.integers(0, 60_000))
def test_every_arrival_is_told_to_a_quarter_of_a_millisecond(arrivals: dict[int, float], first: int) -> None:
    """Received ones with their time, the others as not received."""
    feedback = TransportFeedback(1)
    feedback.add(first, 1000.0)
    for sequence, after_s in arrivals.items():
        feedback.add((first + sequence) & 0xFFFF, 1000.0 + after_s)
    count, base, found = read(feedback.take(2) or b"")
    assert (count, base) == (0, first)
    expected = {first: 1000.0} | {first + s: 1000.0 + after_s for s, after_s in arrivals.items()}
    assert {s for s, arrival in found.items() if arrival is not None} == set(expected)
    for sequence, arrival_s in expected.items():
        assert abs((found[sequence] or 0) - arrival_s) < 0.0003
    assert max(found) == max(expected)


def test_reports_follow_one_another_without_a_hole() -> None:
    """The next one begins where the last ended, over the wrap; a loss between two is told."""
    feedback = TransportFeedback(1)
    for sequence in (65_530, 65_531, 65_533):
        feedback.add(sequence, 5.0)
    assert list(read(feedback.take(2) or b"")[2]) == [65_530, 65_531, 65_532, 65_533]
    assert feedback.take(2) is None
    for sequence in (65_535, 0, 1):
        feedback.add(sequence, 5.1)
    count, base, found = read(feedback.take(2) or b"")
    assert (count, base) == (1, 65_534)
    assert found[65_534] is None
    assert len(found) == 4


def test_a_long_silence_or_a_flood_stays_in_one_packet() -> None:
    """The report is bounded; what is too old is left out."""
    feedback = TransportFeedback(1)
    feedback.add(0, 5.0)
    feedback.take(2)
    for sequence in range(20_000, 30_000):
        feedback.add(sequence, 6.0 + sequence * 1e-5)
    packet = feedback.take(2) or b""
    assert len(packet) < 1400
    assert len(read(packet)[2]) <= 600
    assert not feedback._arrivals
