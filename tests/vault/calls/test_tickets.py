"""Tickets: good once, for a moment, for one principal."""

from datetime import timedelta

import pytest

from vault.calls.tickets import TicketLimits, Tickets
from vault.clock import SystemClock, TurnableClock
from vault.errors import BusyError
from vault.identity.errors import TokenRefusedError
from vault.model import Role, new_id
from vault.policy import Principal


@pytest.fixture
def clock() -> TurnableClock:
    """A clock to turn."""
    return TurnableClock(SystemClock().now())


def someone(role: Role = Role.AGENT) -> Principal:
    """A principal, with a session or a call."""
    if role is Role.VISITOR:
        call_id = new_id("call")
        return Principal(call_id, new_id("ten"), role, call_id=call_id, token_id="t")
    return Principal(new_id("per"), new_id("ten"), role, session_id=new_id("ses"))


@pytest.mark.parametrize("role", Role)
def test_a_ticket_speaks_for_exactly_who_asked_for_it(clock: TurnableClock, role: Role) -> None:
    """Person, session, token and call come back as they were."""
    who = someone(role)
    tickets = Tickets(clock)
    made = tickets.make(by=who)
    assert made.expires_at == clock.now() + timedelta(seconds=30)
    assert tickets.use(made.text) == who


def test_a_ticket_is_good_once(clock: TurnableClock) -> None:
    """Who copied it comes too late."""
    tickets = Tickets(clock)
    text = tickets.make(by=someone()).text
    tickets.use(text)
    with pytest.raises(TokenRefusedError):
        tickets.use(text)


def test_a_ticket_is_good_for_thirty_seconds(clock: TurnableClock) -> None:
    """In the last moment it is, in the next it is not."""
    tickets = Tickets(clock)
    early, late = (tickets.make(by=someone()).text for _ in range(2))
    clock.turn(timedelta(seconds=29.9))
    tickets.use(early)
    clock.turn(timedelta(seconds=0.1))
    with pytest.raises(TokenRefusedError):
        tickets.use(late)


@pytest.mark.parametrize("text", ["", "a", "a" * 43, "é" * 43, "a" * 10_000, "\ud800" * 43])
def test_what_nobody_was_given_is_no_ticket(clock: TurnableClock, text: str) -> None:
    """A guess is refused like a used one."""
    with pytest.raises(TokenRefusedError):
        Tickets(clock).use(text)


def test_a_ticket_has_256_bits_and_does_not_print(clock: TurnableClock) -> None:
    """It is a secret for as long as it lives; what is kept of it is a hash."""
    tickets = Tickets(clock)
    made = tickets.make(by=someone())
    assert len(made.text) == 43
    assert made.text not in repr(made)
    assert made.text not in repr(vars(tickets))


def test_somebody_who_hoards_tickets_loses_the_oldest_of_their_own(clock: TurnableClock) -> None:
    """One principal has so many unused ones, and takes nobody else's place."""
    tickets = Tickets(clock, TicketLimits(each=2))
    other = tickets.make(by=someone()).text
    who = someone()
    first, *rest = (tickets.make(by=who).text for _ in range(3))
    with pytest.raises(TokenRefusedError):
        tickets.use(first)
    for text in (*rest, other):
        tickets.use(text)


def test_the_number_of_unused_tickets_has_an_end_that_passes(clock: TurnableClock) -> None:
    """Beyond it there is none for anybody, until some are used or over."""
    tickets = Tickets(clock, TicketLimits(total=2))
    used = tickets.make(by=someone()).text
    tickets.make(by=someone())
    with pytest.raises(BusyError):
        tickets.make(by=someone())
    tickets.use(used)
    tickets.make(by=someone())
    clock.turn(timedelta(seconds=30))
    for _ in range(2):
        tickets.make(by=someone())
