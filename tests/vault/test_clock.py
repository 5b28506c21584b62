"""Time as texts and as two readings."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.clock import SystemClock, TurnableClock, from_text, to_text

START = datetime(2026, 1, 31, 8, tzinfo=UTC)


def test_a_moment_is_written_in_utc_with_milliseconds_and_z() -> None:
    """RFC 3339; the same moment has one spelling wherever it was read."""
    moment = datetime(2026, 1, 31, 9, 30, 15, 123_456, tzinfo=timezone(timedelta(hours=1)))
    assert to_text(moment) == "2026-01-31T08:30:15.123Z"
    assert to_text(START) == "2026-01-31T08:00:00.000Z"


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30)), st.integers(-14, 14))  # noqa: DTZ001  # given its zone below
def test_what_is_written_is_read_back_to_the_millisecond(naive: datetime, offset_h: int) -> None:
    """Nothing but what is finer than a millisecond is lost, in any time zone."""
    moment = naive.replace(tzinfo=timezone(timedelta(hours=offset_h)))
    read = from_text(to_text(moment))
    assert timedelta(0) <= moment - read < timedelta(milliseconds=1)
    assert read.utcoffset() == timedelta(0)


def test_a_text_of_another_zone_is_read_as_the_same_moment() -> None:
    """Offsets are understood and given back as UTC."""
    assert from_text("2026-01-31T10:00:00+02:00") == START
    assert from_text("2026-01-31T10:00:00+02:00").tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T08:00:00",
        "2026-01-31",
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_a_text_without_offset_or_sense_is_refused(text: str) -> None:
    """A time that does not say where it is would be guessed."""
    with pytest.raises(ValueError, match=r"."):
        from_text(text)


def test_the_systems_clock_is_aware_and_never_goes_back() -> None:
    """Wall time in UTC; seconds that rise."""
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    readings = [clock.monotonic() for _ in range(100)]
    assert readings == sorted(readings)


def test_a_turnable_clock_stands_still_until_it_is_turned() -> None:
    """Both readings move by the same time, and only then."""
    clock = TurnableClock(START)
    before_s = clock.monotonic()
    assert (clock.now(), clock.monotonic()) == (START, before_s)
    clock.turn(timedelta(days=1, milliseconds=500))
    assert clock.now() == START + timedelta(days=1, milliseconds=500)
    assert clock.monotonic() - before_s == pytest.approx(86_400.5)
