"""Whether a call may be recorded: every combination of facts, and every change of one."""

from dataclasses import replace
from itertools import product

from vault.calls.calls import CallView
from vault.calls.permits import OpenPause, Permit, Permits
from vault.clock import SystemClock
from vault.model import RECORDING_MOVES, CallState, ConsentChoice, RecordingState, new_id

PAUSE = OpenPause(new_id("pau"), SystemClock().now(), is_written=True)
CALL, TENANT = new_id("call"), new_id("ten")
PERMITS = [
    Permit(CALL, TENANT, records, consent, unrecorded, pause)
    for records, consent, unrecorded, pause in product(
        (True, False), (None, *ConsentChoice), (False, True), (None, PAUSE)
    )
]


def test_a_call_is_recorded_only_where_nothing_speaks_against_it() -> None:
    """One of all the combinations, and one more that begins as soon as a pause is over."""
    recording = [one for one in PERMITS if one.state() is RecordingState.RECORDING]
    assert recording == [
        Permit(CALL, TENANT, records=True, consent=ConsentChoice.ACCEPTED, unrecorded=False, pause=None)
    ]
    assert [one for one in PERMITS if one.may_begin] == [*recording, replace(recording[0], pause=PAUSE)]
    assert all(one.state(full=True) is not RecordingState.RECORDING for one in PERMITS)


def test_what_can_happen_to_a_call_is_in_the_table_of_moves() -> None:
    """An answer, a withdrawal, an agent's wish, a pause and its end, a limit: each from every state."""
    for one, full in product(PERMITS, (False, True)):
        later = [
            (replace(one, unrecorded=True), full),
            (replace(one, pause=PAUSE), full),
            (replace(one, pause=None), full),
            (one, full or (one.pause is None and one.state() is RecordingState.RECORDING)),
        ]
        if one.consent is None and not one.unrecorded:
            later += [
                (replace(one, consent=choice), full)
                for choice in (ConsentChoice.ACCEPTED, ConsentChoice.REFUSED)
                if not full
            ]
        if one.consent is ConsentChoice.ACCEPTED:
            later.append((replace(one, consent=ConsentChoice.WITHDRAWN), full))
        now = one.state(full=full)
        for other, is_full in later:
            to = other.state(full=is_full)
            assert to is now or to in RECORDING_MOVES[now], (now, to)


def view(consent: ConsentChoice | None) -> CallView:
    """The call as somebody read it."""
    at = SystemClock().now()
    call = (CALL, TENANT, new_id("btn"), CallState.OPEN, "en", ("audio",), at, None, None)
    return CallView(*call, consent, records=True, retention_days=30)


def test_a_withdrawal_reaches_a_permit_that_is_made_later() -> None:
    """Before anybody joined, before the answer was known here; a wish that came to nothing is forgotten."""
    for known in (False, True):
        permits = Permits()
        if known:
            permits.of(view(None))
        permits.withdraw(CALL)
        assert permits.seen(view(None)).consent is None
        assert permits.seen(view(ConsentChoice.ACCEPTED)).consent is not ConsentChoice.ACCEPTED
        assert permits.of(view(ConsentChoice.ACCEPTED)).consent is ConsentChoice.WITHDRAWN
    permits = Permits()
    permits.withdraw(CALL)
    permits.withdrawn(CALL, written=False)
    assert permits.of(view(ConsentChoice.ACCEPTED)).consent is ConsentChoice.ACCEPTED
    permits.withdraw(CALL)
    permits.withdrawn(CALL, written=True)
    assert permits.of(view(ConsentChoice.ACCEPTED)).consent is ConsentChoice.WITHDRAWN


def test_an_old_view_never_makes_a_recording_of_what_is_none() -> None:
    """What speaks against it is taken over from wherever it comes, and never undone."""
    permits = Permits()
    permits.of(view(ConsentChoice.ACCEPTED))
    permits.of(replace(view(ConsentChoice.ACCEPTED), unrecorded=True))
    assert permits.of(view(ConsentChoice.ACCEPTED)).state() is RecordingState.NOT_RECORDED
    permits.of(view(ConsentChoice.WITHDRAWN))
    assert permits.of(view(ConsentChoice.ACCEPTED)).state() is RecordingState.WITHDRAWN
