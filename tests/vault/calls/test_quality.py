"""What is noticed of a line, from counters: few words, when they last, and numbers to keep."""

from dataclasses import replace

import pytest

from vault.calls.quality import Counted, Sample, Summary, Told, Trouble, between

GOOD = Sample(
    seconds=2.0,
    missed=0.0,
    sound_lost=0.0,
    picture_lost=0.0,
    jitter_s=0.01,
    bits_per_s=900_000.0,
    still_s=0.0,
    round_trip_s=0.05,
    received_lost=0.0,
)


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        ({}, set()),
        ({"sound_lost": 0.03}, {Trouble.SOUND_SENT}),
        ({"missed": 0.15}, {Trouble.SOUND_SENT}),
        ({"missed": 0.05}, set()),  # repaired, and nobody hears it
        ({"picture_lost": 0.05}, {Trouble.PICTURE_SENT}),
        ({"still_s": 2.0}, {Trouble.PICTURE_SENT}),
        ({"received_lost": 0.2}, {Trouble.SOUND_RECEIVED}),
        ({"round_trip_s": 0.9}, {Trouble.LATE}),
        ({"round_trip_s": None, "received_lost": None}, set()),
    ],
)
def test_what_people_notice_is_named(change: dict[str, float | None], noticed: set[Trouble]) -> None:
    """Each threshold on its own."""
    assert replace(GOOD, **change).troubles() == noticed  # type: ignore[arg-type]


def test_a_sample_is_what_happened_between_two_readings() -> None:
    """Shares of what was sent meanwhile, not of the whole call; a new source never makes them negative."""
    before = Counted(expected=1_000, missed=10, sound=500, sound_lost=5, picture=400, pictures=300)
    now = Counted(1_200, 30, 596, 9, 480, 0, 300, 250_000)
    sample = between(before, now, 2.0, jitter_s=0.02, round_trip_s=None, received_lost=None)
    assert sample.missed == pytest.approx(0.1)
    assert sample.sound_lost == pytest.approx(0.04)
    assert sample.still_s == 2.0
    assert sample.bits_per_s == pytest.approx(1_000_000)
    back = between(now, Counted(), 2.0, jitter_s=0.0, round_trip_s=None, received_lost=None)
    assert (back.missed, back.sound_lost, back.bits_per_s, back.still_s) == (0.0, 0.0, 0.0, 0.0)


SENT = Counted(picture=100, pictures=50, vanished=1)


@pytest.mark.parametrize(
    ("change", "still_s"),
    [
        ({"picture": 160, "pictures": 80}, 0.0),
        ({"picture": 160}, 2.0),  # packets, and no picture of them
        ({"vanished": 3}, 2.0),  # the sender tells of some, and nothing comes
        ({"vanished": 3, "pictures": 51}, 0.0),
        ({}, 0.0),  # a camera that is off
        ({"picture": 160, "is_followed": False}, 0.0),  # nobody takes pictures: none is counted
    ],
)
def test_a_picture_stands_still_when_it_is_sent_and_none_comes(
    change: dict[str, int | bool], still_s: float
) -> None:
    """Whatever the sender does not send is no trouble of the line."""
    now = replace(SENT, **change)  # type: ignore[arg-type]
    sample = between(SENT, now, 2.0, jitter_s=0.0, round_trip_s=None, received_lost=None)
    assert sample.still_s == still_s


def test_one_bad_moment_is_no_news_and_a_trouble_that_lasts_is_told_once() -> None:
    """Two of three samples; and it is over when three in a row were without it."""
    told, bad, good = Told(), frozenset({Trouble.LATE}), frozenset[Trouble]()
    assert not any(told.news(found) for found in (good, bad, good, good))
    assert [told.news(found) for found in (bad, bad, bad)] == [False, True, False]
    assert told.troubles == bad
    assert [told.news(found) for found in (good, good, good)] == [False, False, True]
    assert told.troubles == good


def test_a_summary_weighs_by_time_and_remembers_the_worst() -> None:
    """A short bad sample counts less than a long good one; what was never told stays unknown."""
    summary = Summary()
    summary.add(replace(GOOD, seconds=9.0, round_trip_s=None))
    summary.add(replace(GOOD, seconds=1.0, missed=0.5, round_trip_s=None, still_s=1.0))
    assert summary.mean("missed") == pytest.approx(0.05)
    assert summary.worst("missed") == 0.5
    assert summary.mean("round_trip_s") is None
    assert (summary.samples, summary.still_s) == (2, 1.0)


def test_what_is_not_heard_is_told_before_what_is_late() -> None:
    """A person reads two sentences at once: lost sound never waits behind a picture or a delay."""
    told = Told()
    for _ in range(2):
        told.news(frozenset(Trouble))
    in_order = [Trouble.SOUND_SENT, Trouble.PICTURE_SENT, Trouble.SOUND_RECEIVED, Trouble.LATE]
    assert told.worst_first == list(Trouble) == in_order
