"""Packets back in order: every disorder within the wait is cured, every loss is counted once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webrtc.packets import packet
from webrtc.sequencer import Sequencer, SequencerLimits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from webrtc.rtp import RtpPacket

LIMITS = SequencerLimits(
    wait_s=0.5, held=100, jump=3000, nack_interval_s=0.03, nack_interval_max_s=0.2, nacks_per_packet=3
)


def numbers(packets: Iterable[RtpPacket]) -> list[int]:
    """The sequence numbers of packets."""
    return [each.sequence for each in packets]


@given(st.permutations(range(1, 40)), st.integers(0, 65_535), st.data())
def test_any_disorder_is_cured_and_repeats_vanish(order: list[int], first: int, data: st.DataObject) -> None:
    """After the first packet, all others come in any order, some twice: out they come in order, once."""
    sequencer = Sequencer(LIMITS)
    ready = list(sequencer.push(packet(first), 0.0))
    for place in order:
        for _ in range(data.draw(st.integers(1, 2))):
            ready += sequencer.push(packet(first + place), 0.01)
    assert numbers(ready) == [(first + n) & 0xFFFF for n in range(40)]
    assert not sequencer.has_gap
    assert sequencer._held == {}


@given(st.sets(st.integers(1, 58)), st.integers(0, 65_535))
def test_what_never_comes_is_given_up_after_the_wait_and_counted(absent: set[int], first: int) -> None:
    """Lost plus delivered is everything; nothing is given up early."""
    sequencer = Sequencer(LIMITS)
    ready: list[RtpPacket] = []
    lost = 0
    for place in range(60):
        if place not in absent:
            ready += sequencer.push(packet(first + place), 1.0)
    assert sequencer.give_up(1.49) == (0, [])
    while sequencer.has_gap:
        count, after = sequencer.give_up(1.5)
        assert count
        lost += count
        ready += after
    assert numbers(ready) == [(first + n) & 0xFFFF for n in range(60) if n not in absent]
    assert lost == len(absent)


def test_a_missing_packet_is_asked_for_at_once_then_every_round_trip_then_no_more() -> None:
    """NACK repeats: 0, 30, 60 ms with the first guess; three times in all by these limits."""
    sequencer = Sequencer(LIMITS)
    sequencer.push(packet(1), 0.0)
    sequencer.push(packet(4), 0.0)
    assert sequencer.to_ask(0.0) == [2, 3]
    assert sequencer.to_ask(0.01) == []
    assert sequencer.to_ask(0.031) == [2, 3]
    assert sequencer.to_ask(0.062) == [2, 3]
    assert sequencer.to_ask(0.2) == []


def test_a_packet_has_those_asked_for_that_are_missing_since_it_came() -> None:
    """Each at once and once; whatever else is missing is asked for again by the clock, not by packets."""
    sequencer = Sequencer(LIMITS)
    sequencer.push(packet(1), 0.0)
    sequencer.push(packet(4), 0.0)
    assert sequencer.to_ask_first(0.0) == [2, 3]
    assert sequencer.to_ask_first(0.1) == []
    sequencer.push(packet(5), 0.1)
    assert sequencer.to_ask_first(0.1) == []
    sequencer.push(packet(8), 0.1)
    assert sequencer.to_ask_first(0.1) == [6, 7]
    assert sequencer.to_ask(0.1) == [2, 3]
    sequencer.push(packet(30_000), 0.1)
    assert sequencer.to_ask_first(0.1) == []


def test_the_interval_follows_the_measured_round_trip() -> None:
    """Over a far link a resend is awaited before it is asked for again."""
    sequencer = Sequencer(LIMITS)
    sequencer.push(packet(0), 0.0)
    for place in range(2, 100, 2):
        sequencer.push(packet(place), place * 1.0)
        assert sequencer.to_ask(place * 1.0) == [place - 1]
        sequencer.push(packet(place - 1), place * 1.0 + 0.15)
    sequencer.push(packet(101), 200.0)
    assert sequencer.to_ask(200.0) == [99, 100]
    assert sequencer.to_ask(200.12) == []
    assert sequencer.to_ask(200.16) == [99, 100]


def test_too_much_behind_a_hole_gives_it_up_early() -> None:
    """Memory is bounded by packets held, whatever the wait."""
    sequencer = Sequencer(LIMITS)
    sequencer.push(packet(0), 0.0)
    for place in range(2, 103):
        sequencer.push(packet(place), 0.0)
    lost, ready = sequencer.give_up(0.0)
    assert (lost, len(ready)) == (1, 101)


def test_a_jump_is_a_restart_not_a_loss_of_thousands() -> None:
    """RFC 3550, A.1: beyond MAX_DROPOUT the sender began anew."""
    sequencer = Sequencer(LIMITS)
    sequencer.push(packet(10), 0.0)
    sequencer.push(packet(12), 0.0)
    assert numbers(sequencer.push(packet(20_000), 0.0)) == [20_000]
    assert sequencer.restarts == 1
    assert not sequencer.has_gap
    assert numbers(sequencer.push(packet(20_001), 0.0)) == [20_001]


def test_a_packet_from_the_past_is_late() -> None:
    """What was given up or came before is dropped and counted."""
    sequencer = Sequencer(LIMITS)
    sequencer.push(packet(5), 0.0)
    assert list(sequencer.push(packet(4), 0.0)) == []
    assert sequencer.late == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_long_bad_link_keeps_nothing(seed: int) -> None:
    """Over 20,000 packets with loss, disorder and repeats, what is held stays small and counts add up."""
    dice = random.Random(seed)
    sequencer = Sequencer(LIMITS)
    waiting: list[tuple[float, int]] = []
    got = lost = 0
    sent = set()
    for number in range(20_000):
        now_s = number * 0.01
        if dice.random() > 0.05:
            waiting.append((now_s + dice.choice([0, 0, 0, 0.03, 0.2]), number))
        for due in sorted(each for each in waiting if each[0] <= now_s):
            waiting.remove(due)
            sent.add(due[1])
            got += len(sequencer.push(packet(due[1]), now_s))
        while True:
            count, ready = sequencer.give_up(now_s)
            if not count:
                break
            lost += count
            got += len(ready)
        assert len(sequencer._held) < 70
        assert len(sequencer._missing) < 70
    assert got + lost + len(sequencer._held) + len(sequencer._missing) >= 19_990
