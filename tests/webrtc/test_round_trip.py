"""The way there and back, measured on checks: late answers count, forged ones do not."""

import os

from aioice import stun

from webrtc.round_trip import LONGEST_S, REMEMBERED, RoundTrip

PASSWORD = "a password of this session only"


def answer(
    transaction_id: bytes, *, password: str = PASSWORD, kind: stun.Class = stun.Class.RESPONSE
) -> bytes:
    """A STUN answer, signed."""
    message = stun.Message(stun.Method.BINDING, kind, transaction_id=transaction_id)
    message.add_message_integrity(password.encode())
    return bytes(message)


def asked(trip: RoundTrip, at_s: float) -> bytes:
    """A check that was sent then."""
    transaction_id = os.urandom(12)
    trip.asked(transaction_id, at_s)
    return transaction_id


def test_the_newest_answer_counts_however_late_it_comes() -> None:
    """Also shorter than the one before; each answer once, and no more than so long."""
    trip = RoundTrip()
    first, second, third = (asked(trip, at_s) for at_s in (10.0, 15.0, 20.0))
    trip.heard(answer(first), PASSWORD, 11.5)
    assert trip.newest_s == 1.5
    trip.heard(answer(first), PASSWORD, 12.0)
    assert trip.newest_s == 1.5
    trip.heard(answer(second), PASSWORD, 15.1)
    assert round(trip.newest_s, 3) == 0.1
    trip.heard(answer(third), PASSWORD, 60.0)
    assert trip.newest_s == LONGEST_S


def test_what_is_no_authentic_answer_to_a_check_of_ours_is_none() -> None:
    """A forged one, one to nothing, an error, a request, before the password is known, bytes."""
    trip = RoundTrip()
    known = asked(trip, 10.0)
    for datagram, password in (
        (answer(known, password="another one"), PASSWORD),
        (answer(os.urandom(12)), PASSWORD),
        (answer(known, kind=stun.Class.ERROR), PASSWORD),
        (answer(known, kind=stun.Class.REQUEST), PASSWORD),
        (answer(known), None),
        (answer(known)[:30], PASSWORD),
        (bytes(8) + known, PASSWORD),
        (b"", PASSWORD),
    ):
        trip.heard(datagram, password, 11.0)
    assert trip.newest_s == 0.0
    trip.heard(answer(known), PASSWORD, 11.0)
    assert trip.newest_s == 1.0


def test_checks_that_nobody_answers_are_forgotten() -> None:
    """A peer that answers nothing costs no memory."""
    trip = RoundTrip()
    ids = [asked(trip, 10.0) for _ in range(REMEMBERED + 1)]
    trip.heard(answer(ids[0]), PASSWORD, 11.0)
    assert trip.newest_s == 0.0
    trip.heard(answer(ids[1]), PASSWORD, 11.0)
    assert trip.newest_s == 1.0
