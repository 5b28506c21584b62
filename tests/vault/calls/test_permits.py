"""Whether a call may be recorded: every combination of facts, and every change of one."""

from dataclasses import replace
from itertools import product

from vault.calls.permits import OpenPause, Permit
from vault.clock import SystemClock
from vault.model import RECORDING_MOVES, ConsentChoice, RecordingState, new_id

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
