"""The datagram guard by itself: what passes, what is dropped, what is held."""

from __future__ import annotations

import dataclasses
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webrtc.strangers import binding_request
from webrtc.guard import Budget, DatagramGuard, Verdict
from webrtc.limits import GuardLimits

LIMITS = GuardLimits()
PEER, STRANGER = ("192.0.2.1", 5000), ("198.51.100.1", 6000)
DTLS, MEDIA = b"\x16\xfe\xfd" + bytes(20), b"\x80\x60" + bytes(20)


def guard_with_peer() -> DatagramGuard:
    """A guard whose peer answered our check."""
    guard = DatagramGuard(LIMITS, ufrag="ourname")
    guard.open(PEER)
    return guard


@pytest.mark.parametrize(
    ("datagram", "from_peer", "from_stranger"),
    [
        (b"", Verdict.EMPTY, Verdict.EMPTY),
        (bytes([255]) * 3000, Verdict.OVERSIZED, Verdict.OVERSIZED),
        (DTLS, Verdict.DTLS, Verdict.STRANGER),
        (MEDIA, Verdict.MEDIA, Verdict.STRANGER),
        (b"\x80", Verdict.MEDIA, Verdict.STRANGER),
        (b"\x05abc", Verdict.UNKNOWN, Verdict.UNKNOWN),
        (b"\x40abc", Verdict.UNKNOWN, Verdict.UNKNOWN),
        (b"\xc0abc", Verdict.UNKNOWN, Verdict.UNKNOWN),
        (b"\x00\x01", Verdict.UNKNOWN, Verdict.UNKNOWN),
        (b"\x00\x01" + bytes(30), Verdict.UNKNOWN, Verdict.UNKNOWN),
        (binding_request(), Verdict.STUN, Verdict.STUN),
        (binding_request(kind=0x0101), Verdict.UNASKED_ANSWER, Verdict.UNASKED_ANSWER),
        (binding_request(kind=0x0111), Verdict.UNASKED_ANSWER, Verdict.UNASKED_ANSWER),
        (binding_request(kind=0x0011), Verdict.UNASKED_ANSWER, Verdict.UNASKED_ANSWER),
    ],
    ids=[
        "empty",
        "oversized",
        "dtls",
        "media",
        "one media byte",
        "0x05",
        "0x40",
        "0xc0",
        "short stun",
        "stun without cookie",
        "request",
        "response",
        "error",
        "indication",
    ],
)
def test_each_family_is_sorted_by_first_byte_and_source(
    datagram: bytes, from_peer: Verdict, from_stranger: Verdict
) -> None:
    """RFC 7983 bands; only a checked peer reaches DTLS and media."""
    assert guard_with_peer().judge(datagram, PEER, now_s=0) is from_peer
    assert guard_with_peer().judge(datagram, STRANGER, now_s=0) is from_stranger


def test_an_answer_passes_only_if_we_asked() -> None:
    """STUN responses are matched to open transactions before they are parsed."""
    answer = binding_request(kind=0x0101)
    guard = guard_with_peer()
    assert guard.judge(answer, STRANGER, now_s=0, questions={answer[8:20]}) is Verdict.STUN
    assert guard.judge(answer, PEER, now_s=0, questions={bytes(12)}) is Verdict.UNASKED_ANSWER


def test_strangers_share_a_small_budget_and_the_peer_has_none() -> None:
    """Unauthenticated checks pass in small number; those that name us have their own, larger one."""
    guard = guard_with_peer()
    named = binding_request("ourname:them")
    verdicts = [guard.judge(binding_request(), STRANGER, now_s=1) for _ in range(500)]
    assert verdicts.count(Verdict.STUN) == LIMITS.stranger_checks_burst
    verdicts = [guard.judge(named, STRANGER, now_s=1) for _ in range(500)]
    assert verdicts.count(Verdict.STUN) == LIMITS.named_checks_burst
    verdicts = [guard.judge(named, PEER, now_s=1) for _ in range(500)]
    assert verdicts.count(Verdict.STUN) == 500
    assert guard.judge(binding_request(), STRANGER, now_s=2) is Verdict.STUN


def test_a_budget_is_a_burst_and_a_rate() -> None:
    """Ten at once, then five per second; a clock that steps back gives nothing."""
    budget = Budget(per_s=5, burst=10)
    assert sum(budget.take(100.0) for _ in range(50)) == 10
    assert sum(budget.take(101.0) for _ in range(50)) == 5
    assert not budget.take(50.0)
    assert sum(budget.take(1000.0) for _ in range(50)) == 10


def test_dtls_ahead_of_our_check_is_held_in_small_number_and_given_out_once() -> None:
    """A peer that proved the password may be one flight early; nobody else is held."""
    guard = DatagramGuard(LIMITS, ufrag="ourname")
    assert guard.judge(DTLS, PEER, now_s=0) is Verdict.STRANGER
    guard.expect(PEER)
    verdicts = [guard.judge(DTLS + bytes([n]), PEER, now_s=0) for n in range(20)]
    assert verdicts.count(Verdict.HELD) == LIMITS.held_datagrams
    assert verdicts.count(Verdict.FULL) == 20 - LIMITS.held_datagrams
    assert guard.judge(MEDIA, PEER, now_s=0) is Verdict.STRANGER
    assert guard.open(PEER) == [DTLS + bytes([n]) for n in range(LIMITS.held_datagrams)]
    assert guard.open(PEER) == []
    assert guard.judge(DTLS, PEER, now_s=0) is Verdict.DTLS


def test_what_is_held_of_a_failed_check_is_forgotten() -> None:
    """A check that fails frees the room for others."""
    guard = DatagramGuard(LIMITS, ufrag="ourname")
    guard.expect(PEER)
    guard.judge(DTLS, PEER, now_s=0)
    guard.forget(PEER)
    assert guard.judge(DTLS, PEER, now_s=0) is Verdict.STRANGER
    assert guard.open(PEER) == []


def test_the_queue_before_the_handshake_is_capped() -> None:
    """DTLS beyond the cap is dropped; media never queues."""
    guard = guard_with_peer()
    assert guard.judge(DTLS, PEER, now_s=0, queued=LIMITS.queued_datagrams) is Verdict.FULL
    assert guard.judge(MEDIA, PEER, now_s=0, queued=LIMITS.queued_datagrams) is Verdict.MEDIA


def test_only_so_many_addresses_may_wait() -> None:
    """A peer with many addresses cannot make the guard remember each."""
    guard = DatagramGuard(dataclasses.replace(LIMITS, pairs=4), ufrag="ourname")
    for port in range(100):
        guard.expect(("192.0.2.1", port))
    assert len(guard._held) == 4


@given(st.binary(max_size=100))
def test_any_bytes_of_a_stranger_are_sorted_and_never_reach_dtls_or_media(datagram: bytes) -> None:
    """The guard is total: every datagram gets a verdict, strangers' ones stop."""
    verdict = guard_with_peer().judge(datagram, STRANGER, now_s=0)
    assert verdict not in {Verdict.DTLS, Verdict.MEDIA, Verdict.HELD}


def test_dropped_counts_what_went_no_further() -> None:
    """The counts are per verdict; `dropped` adds up those that stopped."""
    guard = guard_with_peer()
    for datagram, source in ((b"", PEER), (MEDIA, PEER), (MEDIA, STRANGER), (os.urandom(0), STRANGER)):
        guard.judge(datagram, source, now_s=0)
    assert guard.dropped == 3
    assert guard.counts[Verdict.MEDIA] == 1
