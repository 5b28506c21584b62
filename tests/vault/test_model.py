"""Identifiers that sort by time, and the tables of moves walked in full."""

import time
import uuid
from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from typing import Any

import pytest

from vault.errors import IllegalMoveError
from vault.model import (
    ASK_MOVES,
    CALL_MOVES,
    ERASURE_MOVES,
    EXIT_MOVES,
    LEG_MOVES,
    MEDIA_MOVES,
    PREFIXES,
    RECORDING_MOVES,
    RING_MOVES,
    AskState,
    CallState,
    ErasureState,
    ExitState,
    LegState,
    MediaState,
    RecordingState,
    RingState,
    before,
    is_id,
    new_id,
    require_move,
    uuid_of,
)

MOVES: dict[type[StrEnum], set[tuple[str, str]]] = {
    CallState: {("open", "live"), ("open", "ended"), ("live", "ended")},
    LegState: {("connecting", "live"), ("connecting", "ended"), ("live", "ended")},
    RingState: {
        ("ringing", "taken"),
        ("ringing", "declined"),
        ("ringing", "timed_out"),
        ("ringing", "gone"),
    },
    AskState: {
        ("ringing", "taken"),
        ("ringing", "nobody"),
        ("taken", "done"),
        *((now, to) for now in ("ringing", "taken") for to in ("declined", "timed_out", "cancelled", "over")),
    },
    RecordingState: {
        *(("unanswered", to) for to in ("off", "recording", "paused", "refused")),
        *(("recording", to) for to in ("paused", "full", "withdrawn", "not_recorded")),
        *(("paused", to) for to in ("recording", "withdrawn", "not_recorded")),
        *(("full", to) for to in ("withdrawn", "not_recorded")),
        ("not_recorded", "withdrawn"),
    },
    MediaState: {
        ("capturing", "finishing"),
        ("finishing", "ready"),
        ("finishing", "lost"),
        ("capturing", "erasing"),
        ("finishing", "erasing"),
        ("ready", "erasing"),
        ("lost", "erasing"),
        ("erasing", "erased"),
    },
    ErasureState: {
        ("requested", "key_forgotten"),
        ("key_forgotten", "objects_deleted"),
        ("objects_deleted", "complete"),
    },
    ExitState: {
        *((now, "cancelled") for now in ("exporting", "ready")),
        ("exporting", "ready"),
        ("ready", "leaving"),
        ("leaving", "gone"),
    },
}
TABLES: dict[type[StrEnum], Mapping[Any, frozenset[Any]]] = {
    CallState: CALL_MOVES,
    LegState: LEG_MOVES,
    RingState: RING_MOVES,
    AskState: ASK_MOVES,
    RecordingState: RECORDING_MOVES,
    MediaState: MEDIA_MOVES,
    ErasureState: ERASURE_MOVES,
    ExitState: EXIT_MOVES,
}
WALKS = [(states, now, to) for states in TABLES for now, to in product(states, states)]


@pytest.mark.parametrize(("states", "now", "to"), WALKS, ids=lambda value: getattr(value, "__name__", value))
def test_every_move_is_allowed_or_refused_as_the_table_says(
    states: type[StrEnum], now: StrEnum, to: StrEnum
) -> None:
    """Each pair of states is tried; what is not listed here is refused, staying included."""
    if (now.value, to.value) in MOVES[states]:
        assert require_move(TABLES[states], now, to) is to
    else:
        with pytest.raises(IllegalMoveError):
            require_move(TABLES[states], now, to)


@pytest.mark.parametrize(("states", "to"), [(states, to) for states in TABLES for to in states])
def test_an_update_moves_from_where_the_table_allows_and_from_nowhere_else(
    states: type[StrEnum], to: StrEnum
) -> None:
    """The condition of an update and the check of a single move are one table."""
    assert set(before(TABLES[states], to)) == {now for now, reached in MOVES[states] if reached == to}


@pytest.mark.parametrize("states", TABLES, ids=lambda states: states.__name__)
def test_every_state_has_its_row_and_is_reached(states: type[StrEnum]) -> None:
    """No state is forgotten in its table, and each but the first can be come to."""
    assert set(TABLES[states]) == set(states)
    first, *others = states
    reached = {to for moves in TABLES[states].values() for to in moves}
    assert reached == set(others)
    assert first not in reached


@pytest.mark.parametrize("prefix", PREFIXES)
def test_an_identifier_says_its_kind_and_holds_a_uuid_of_version_7(prefix: str) -> None:
    """RFC 9562, 5.7: version 7, the variant of the RFC, the time in the first 48 bits."""
    before_ms = time.time_ns() // 1_000_000
    made = new_id(prefix)
    inside = uuid.UUID(uuid_of(made))
    assert made == f"{prefix}_{inside.hex}"
    assert (inside.version, inside.variant) == (7, uuid.RFC_4122)
    assert before_ms <= inside.int >> 80 <= time.time_ns() // 1_000_000
    assert is_id(made)
    assert is_id(made, prefix)
    assert not any(is_id(made, other) for other in PREFIXES if other != prefix)


def test_later_identifiers_sort_behind_earlier_ones() -> None:
    """Lists are ordered and paged by id alone, so ids of later milliseconds must be greater as texts."""
    made = []
    for _ in range(5):
        made.append(new_id("rec"))
        time.sleep(0.002)
    assert made == sorted(made)


def test_identifiers_made_at_once_do_not_meet() -> None:
    """74 bits are random: within one millisecond, too, ids differ."""
    assert len({new_id("leg") for _ in range(10_000)}) == 10_000


def test_a_kind_nobody_knows_gets_no_identifier() -> None:
    """The list of prefixes is closed."""
    with pytest.raises(KeyError):
        new_id("xyz")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rec_",
        "rec_" + "0" * 31,
        "rec_" + "0" * 33,
        "rec_" + "A" * 32,
        "rec_" + "0" * 32 + "\n",
        " rec_" + "0" * 32,
        "xyz_" + "0" * 32,
        "0" * 32,
        "rec_00000000-0000-7000-8000-000000000000",
        "rec_" + "\u0660" * 32,
    ],
)
def test_what_is_no_identifier_is_told(text: str) -> None:
    """One spelling only: no capitals, hyphens, blanks or digits of other scripts."""
    assert not is_id(text)
    with pytest.raises(ValueError, match="not an identifier"):
        uuid_of(text)
