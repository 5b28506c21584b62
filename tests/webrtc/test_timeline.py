"""One clock for a leg: synthetic senders whose true times are known."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webrtc.timeline import DEFAULT_TIMELINE, Placement, TrackClock, place

AUDIO_HZ, VIDEO_HZ = 48_000, 90_000
NTP_US = 3_900_000_000_000_000


class Sender:
    """A track whose sender's clock runs `drift_ppm` fast and whose frames arrive late by some delay."""

    def __init__(self, rate_hz: int, step_s: float, *, rtp: int = 7_000_000, drift_ppm: float = 0.0) -> None:
        self.clock = TrackClock(rate_hz, DEFAULT_TIMELINE)
        self.rate_hz, self.step_s, self.rtp = rate_hz, step_s, rtp
        self.speed = 1 + drift_ppm / 1e6
        self.true_s: list[float] = []

    def stamp(self, at_s: float) -> int:
        """The RTP timestamp at a true time."""
        return self.rtp + round(at_s * self.rate_hz * self.speed)

    def send(
        self, from_s: float, to_s: float, *, late_s: float = 0.03, jitter: random.Random | None = None
    ) -> None:
        """Frames between two true times."""
        for number in range(round((to_s - from_s) / self.step_s)):
            at_s = from_s + number * self.step_s
            delay_s = late_s + (jitter.expovariate(1 / 0.01) if jitter else 0)
            self.clock.observe(self.stamp(at_s), round((100 + at_s + delay_s) * 1e6))
            self.true_s.append(at_s)

    def report(self, at_s: float, *, ntp_off_s: float = 0.0) -> None:
        """A sender report at a true time."""
        self.clock.report(NTP_US + round((at_s + ntp_off_s) * 1e6), self.stamp(at_s))


def placed(*senders: Sender) -> Placement:
    """The senders' tracks on one clock."""
    return place([sender.clock for sender in senders], DEFAULT_TIMELINE)


def at_s(placement: Placement, number: int, sender: Sender) -> list[float]:
    """Where the frames of one track were put, in seconds."""
    return [ticks / sender.rate_hz for ticks in placement.tracks[number].ticks]


def av_errors_ms(placement: Placement, audio: Sender, video: Sender) -> list[float]:
    """How far each picture is from where the sound says it belongs."""
    sound = at_s(placement, 0, audio)
    shift = sound[0] - audio.true_s[0]
    return [
        (seen - shift - true) * 1000
        for seen, true in zip(at_s(placement, 1, video), video.true_s, strict=True)
    ]


def test_timestamps_alone_space_the_frames_of_a_track() -> None:
    """Network jitter does not reach the file: frames are as far apart as the sender says."""
    audio = Sender(AUDIO_HZ, 0.02)
    audio.send(0, 20, jitter=random.Random(1))
    ticks = placed(audio).tracks[0].ticks
    assert {later - sooner for sooner, later in pairwise(ticks)} == {960}
    assert ticks[0] == 0


def test_reports_place_picture_and_sound_within_two_milliseconds() -> None:
    """RFC 3550, 6.4.1: exact, though the pictures arrive 180 ms later than the sound."""
    audio, video = Sender(AUDIO_HZ, 0.02), Sender(VIDEO_HZ, 1 / 30, rtp=123)
    audio.send(0, 3)
    video.send(0.11, 3, late_s=0.21, jitter=random.Random(2))
    video.report(0.6)
    audio.report(2.3)
    placement = placed(audio, video)
    assert max(map(abs, av_errors_ms(placement, audio, video))) < 0.5
    assert [track.is_exact for track in placement.tracks] == [True, True]


def test_a_report_told_before_the_first_frame_counts() -> None:
    """Capture attaches to a running call: the last report is older than the first frame."""
    audio, video = Sender(AUDIO_HZ, 0.02), Sender(VIDEO_HZ, 1 / 30)
    audio.report(-3.0)
    video.report(-0.5)
    audio.send(0, 2)
    video.send(0.1, 2, late_s=0.4)
    placement = placed(audio, video)
    assert max(map(abs, av_errors_ms(placement, audio, video))) < 0.5
    assert [track.is_exact for track in placement.tracks] == [True, True]


def test_without_reports_arrival_places_the_tracks() -> None:
    """The least delayed frame counts, so a slow first keyframe does not shift the whole picture."""
    audio, video = Sender(AUDIO_HZ, 0.02), Sender(VIDEO_HZ, 1 / 30, rtp=123)
    audio.send(0, 5)
    video.send(0.1, 0.2, late_s=0.4)
    video.send(0.2, 5, jitter=random.Random(3))
    placement = placed(audio, video)
    assert max(map(abs, av_errors_ms(placement, audio, video))) < 5
    assert [track.is_exact for track in placement.tracks] == [False, False]


@pytest.mark.parametrize("drift_ppm", [-100, 100])
def test_clocks_that_drift_apart_are_held_together_for_an_hour(drift_ppm: float) -> None:
    """Sound and picture come from different crystals; reports keep them within two milliseconds."""
    noise = random.Random(4)
    audio = Sender(AUDIO_HZ, 0.1)
    video = Sender(VIDEO_HZ, 0.1, rtp=9, drift_ppm=drift_ppm)
    for begin in range(0, 3600, 5):
        audio.send(begin, begin + 5, jitter=noise)
        video.send(begin, begin + 5, late_s=0.1, jitter=noise)
        audio.report(begin + 4.9, ntp_off_s=noise.uniform(-0.0003, 0.0003))
        video.report(begin + 4.95, ntp_off_s=noise.uniform(-0.0003, 0.0003))
    errors = av_errors_ms(placed(audio, video), audio, video)
    assert max(map(abs, errors)) < 2.5
    assert sum(map(abs, errors)) / len(errors) < 1


def test_a_clock_without_reports_cannot_wander_from_arrival() -> None:
    """A sender whose clock is 1 % wrong is pulled back to what was seen to arrive."""
    audio = Sender(AUDIO_HZ, 0.02, drift_ppm=10_000)
    audio.send(0, 120)
    seen = at_s(placed(audio), 0, audio)
    assert max(abs(one - true) for one, true in zip(seen, audio.true_s, strict=True)) < 0.25


def test_a_stall_of_the_network_does_not_bend_the_clock() -> None:
    """Frames held up for seconds and then delivered at once keep their places."""
    audio = Sender(AUDIO_HZ, 0.02)
    audio.send(0, 5)
    for number in range(200):
        true_s = 5 + number * 0.02
        audio.clock.observe(audio.stamp(true_s), round((100 + max(true_s, 9.0) + 0.03) * 1e6))
        audio.true_s.append(true_s)
    audio.send(9, 15)
    assert {later - sooner for sooner, later in pairwise(placed(audio).tracks[0].ticks)} == {960}


def test_last_frames_that_come_late_are_not_moved() -> None:
    """A call that ends in a jam of the network ends evenly."""
    audio = Sender(AUDIO_HZ, 0.02)
    audio.send(0, 7)
    audio.report(3)
    audio.send(7, 7.5, late_s=0.3)
    assert {later - sooner for sooner, later in pairwise(placed(audio).tracks[0].ticks)} == {960}


def test_a_mute_leaves_a_gap_of_its_true_length() -> None:
    """The sender's clock runs on while it sends nothing."""
    audio = Sender(AUDIO_HZ, 0.02)
    audio.send(0, 5)
    audio.send(25, 30)
    seen = at_s(placed(audio), 0, audio)
    assert seen[250] - seen[249] == pytest.approx(20.02, abs=0.001)


@pytest.mark.parametrize("away_s", [0.3, 1.0, 3.0, 15.0])
@pytest.mark.parametrize("reports_s", [(2.3, 7.3, 12.3, 27.3), (2.3,), (14.3, 27.3), ()])
def test_a_sender_whose_clock_stands_still_while_muted_keeps_lip_sync(
    away_s: float, reports_s: tuple[float, ...]
) -> None:
    """Chromium's timestamps go on after `replaceTrack(null)` as if no time had passed; time had."""
    audio, video = Sender(AUDIO_HZ, 0.02), Sender(VIDEO_HZ, 1 / 30)
    for begin in range(30):
        moment_s = float(begin)
        if begin == 10:
            audio.rtp -= round(away_s * AUDIO_HZ)
        sent_from_s = max(moment_s, 10 + away_s) if begin >= 10 else moment_s
        if sent_from_s < moment_s + 1:
            audio.send(sent_from_s, moment_s + 1)
        for report_s in reports_s:
            if moment_s <= report_s < moment_s + 1 and (report_s < 10 or report_s > 10 + away_s):
                audio.report(report_s)
        video.send(moment_s, moment_s + 1, late_s=0.1 if reports_s else 0.03)
        video.report(moment_s + 0.5)
    placement = placed(audio, video)
    sound = at_s(placement, 0, audio)
    late_s = sound[0] - audio.true_s[0]
    worst_ms = max(abs(seen - true - late_s) for seen, true in zip(sound, audio.true_s, strict=True)) * 1000
    assert worst_ms < (2 if len(reports_s) == 4 and away_s < 15 else 5)
    assert max(map(abs, av_errors_ms(placement, audio, video))) < (2 if reports_s else 5)


@pytest.mark.parametrize("jump", [-3_000_000, 3_000_000, 2**31, -(2**31)])
def test_a_new_source_goes_on_where_its_frames_arrive(jump: int) -> None:
    """A timestamp that leaps (new SSRC, restarted encoder) leaves no hole of hours and no overlap."""
    audio, video = Sender(AUDIO_HZ, 0.02), Sender(VIDEO_HZ, 1 / 30)
    audio.send(0, 20)
    audio.report(3)
    video.send(0, 10)
    video.report(2)
    video.rtp += jump
    video.send(10.5, 20)
    placement = placed(audio, video)
    assert max(map(abs, av_errors_ms(placement, audio, video))) < 40
    assert not placement.tracks[1].is_exact


def test_a_report_against_all_evidence_is_not_believed() -> None:
    """A sender cannot place a track an hour away, or stop a writer with frames that never meet."""
    audio, video = Sender(AUDIO_HZ, 0.02), Sender(VIDEO_HZ, 1 / 30)
    audio.send(0, 10)
    audio.report(3)
    video.send(0, 10)
    video.report(4, ntp_off_s=3600)
    assert max(map(abs, av_errors_ms(placed(audio, video), audio, video))) < 40


def test_a_step_of_the_senders_wall_clock_moves_nothing() -> None:
    """NTP set the sender's clock by a minute in mid-call: the media did not jump."""
    audio, video = Sender(AUDIO_HZ, 0.02), Sender(VIDEO_HZ, 1 / 30)
    for begin in range(0, 60, 5):
        step_s = 60.0 if begin >= 30 else 0.0
        for sender in (audio, video):
            sender.send(begin, begin + 5)
            sender.report(begin + 4.9, ntp_off_s=step_s)
    placement = placed(audio, video)
    assert max(map(abs, av_errors_ms(placement, audio, video))) < 2
    assert {later - sooner for sooner, later in pairwise(placement.tracks[0].ticks)} == {960}


def test_repeated_and_slightly_early_timestamps_stay_in_line() -> None:
    """A sender's slip moves one frame behind the last, and begins no new clock."""
    clock = TrackClock(VIDEO_HZ, DEFAULT_TIMELINE)
    results = [
        clock.observe(stamp, 1_000_000 + at * 33_000) for at, stamp in enumerate([0, 0, 0, 3000, 2500])
    ]
    assert results == [True, False, False, True, False]
    assert list(place([clock], DEFAULT_TIMELINE).tracks[0].ticks) == [0, 1, 2, 3000, 3001]


def test_a_hostile_clock_costs_little_memory_and_time() -> None:
    """Timestamps that leap with every frame, and reports without end, are counted in stretches of 0.2 s."""
    dice = random.Random(5)
    clock = TrackClock(AUDIO_HZ, DEFAULT_TIMELINE)
    for at in range(20_000):
        clock.observe(dice.randrange(2**40), at * 2500)
        clock.report(NTP_US + at, clock.rtp[-1])
    assert len(clock.stretches) <= 251
    assert len(clock.reports) <= 251
    ticks = place([clock], DEFAULT_TIMELINE).tracks[0].ticks
    assert all(later > sooner for sooner, later in pairwise(ticks))
    assert ticks[-1] < 60 * AUDIO_HZ


def test_tracks_without_frames_are_placed_empty() -> None:
    """Nothing is put nowhere."""
    audio = Sender(AUDIO_HZ, 0.02)
    audio.report(1)
    assert list(placed(audio).tracks[0].ticks) == []


observations = st.lists(
    st.tuples(st.integers(-(2**40), 2**40), st.integers(0, 2**40))
    | st.tuples(st.integers(0, 10), st.integers(0, 9)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=200)
@given(
    observations,
    observations,
    st.lists(st.tuples(st.integers(0, 2**52), st.integers(-(2**40), 2**40)), max_size=5),
)
def test_whatever_was_observed_the_ticks_rise_from_zero(
    first: list[tuple[int, int]], second: list[tuple[int, int]], reports: list[tuple[int, int]]
) -> None:
    """No sender can make a file whose times fall or repeat."""
    clocks = [TrackClock(AUDIO_HZ, DEFAULT_TIMELINE), TrackClock(VIDEO_HZ, DEFAULT_TIMELINE)]
    for clock, seen in zip(clocks, (first, second), strict=True):
        for stamp, arrival_us in seen:
            clock.observe(stamp, arrival_us)
            for report in reports:
                clock.report(*report)
    for track, seen in zip(place(clocks, DEFAULT_TIMELINE).tracks, (first, second), strict=True):
        assert len(track.ticks) == len(seen)
        assert track.ticks[0] >= 0
        assert all(later > sooner for sooner, later in pairwise(track.ticks))
