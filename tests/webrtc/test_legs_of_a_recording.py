"""A recording that several legs go on with: one file on one clock, whatever clocks and stamps they bring."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, TypeGuard

import pytest

from tests.webrtc.studio import (
    AUDIO,
    H264,
    VP8,
    Sent,
    audio,
    file_of,
    index_of,
    probe,
    report,
    stamps_s,
    video,
)
from webrtc.fragment_format import Fragment, GapCause, leg_of
from webrtc.fragments import FragmentWriter, GoesOn, StoredFrame, read_fragment
from webrtc.media_report import report as report_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CLOCKS_APART_S = 77_000.0  # another process: its monotonic clock has nothing to do with ours


def fragments_of(sent: Sequence[Sent], writer: FragmentWriter) -> list[Fragment]:
    """What a leg leaves in the spool."""
    for info in {one.info.id: one.info for one in sent}.values():
        writer.track_started(info)
    plains = []
    for one in sorted(sent, key=lambda one: one.frame.arrival_s):
        if writer.due(one.frame.arrival_s, upcoming=one.frame):
            plains.append(writer.close())
        writer.frame(one.info.id, one.frame)
    for info in {one.info.id: one.info for one in sent}.values():
        writer.track_ended(info.id, "transport")
    return [read_fragment(plain) for plain in (*plains, writer.close())]


def on_another_clock(sent: Sequence[Sent]) -> list[Sent]:
    """The same frames as another process sees them come."""
    return [
        Sent(one.info, replace(one.frame, arrival_s=one.frame.arrival_s + CLOCKS_APART_S)) for one in sent
    ]


def two_legs(
    *, away_s: float = 30.0, size: tuple[int, int] = (160, 120), drop_first: bool = False
) -> list[Fragment]:
    """Three seconds, a gap, three seconds on another leg with new timestamps and another picture."""
    first = FragmentWriter()
    before = fragments_of(audio(3) + video(3), first)
    again = on_another_clock(
        audio(3, from_s=3 + away_s, rtp=17_000) + video(3, from_s=3 + away_s, rtp=90_000, size=size)
    )
    goes_on = GoesOn(first.number, 1, round(-CLOCKS_APART_S * 1e6), GapCause.RECONNECT, first.last_us)
    after = fragments_of(again, FragmentWriter(goes_on=goes_on))
    return [*before, *(after[1:] if drop_first else after)]


def test_the_numbers_go_on_and_tell_the_leg() -> None:
    """No number of a fragment or a track comes twice, so each fragment says by itself where it belongs."""
    fragments = two_legs()
    assert [fragment.number for fragment in fragments] == list(range(len(fragments)))
    legs = [{leg_of(info.id) for info in fragment.tracks} for fragment in fragments]
    assert legs[0] == {0}
    assert legs[-1] == {1}
    assert sorted({info.id for fragment in fragments for info in fragment.tracks}) == [1, 2, 17, 18]


@pytest.mark.parametrize("size", [(160, 120), (320, 240)], ids=["same size", "another size"])
def test_the_file_plays_through_with_the_gap_on_its_clock(tmp_path: Path, size: tuple[int, int]) -> None:
    """One track of each kind; no time stamp goes back, none overlaps, and every frame can be decoded."""
    fragments = two_legs(size=size)
    index = index_of(fragments)
    assert [track.info.codec.value for track in index.tracks] == ["opus", "vp8"]
    assert [len(track) for track in index.tracks] == [300, 180]
    for track in index.tracks:
        assert all(later > earlier for earlier, later in pairwise(track.ticks))
    path = tmp_path / "two.webm"
    path.write_bytes(file_of(fragments))
    assert {stream["codec_name"] for stream in probe(path)["streams"]} == {"opus", "vp8"}
    for kind in ("audio", "video"):
        stamps = stamps_s(path, kind)
        (jump,) = [later - earlier for earlier, later in pairwise(stamps) if later - earlier > 1]
        assert jump == pytest.approx(30, abs=0.1)


def test_the_gap_is_declared_and_each_leg_has_its_place() -> None:
    """From the last frame of the one to the first of the other, for each track."""
    told = report_of(index_of(two_legs()))
    gaps = [
        (gap.track_id, gap.cause, round(gap.start_ms, -2), round((gap.end_ms or 0), -2)) for gap in told.gaps
    ]
    assert gaps == [(1, "reconnect", 3000, 33000), (2, "reconnect", 3000, 33000)]
    assert [span.leg for span in told.legs] == [0, 1]
    assert told.legs[0].to_ms == pytest.approx(3000, abs=100)
    assert told.legs[1].from_ms == pytest.approx(33000, abs=100)
    assert told.tracks[0].ended == "transport"


def test_a_gap_whose_own_words_are_lost_is_a_crash_and_moves_nothing() -> None:
    """The first fragment of the second leg is gone: its tracks say by their numbers that they are new."""
    whole, torn = index_of(two_legs()), index_of(two_legs(drop_first=True))
    assert {gap.cause for gap in report_of(torn).gaps} == {"crash"}
    assert torn.tracks[0].ticks[-1] == pytest.approx(whole.tracks[0].ticks[-1], abs=48_000 // 50)


def test_sound_that_is_late_is_one_track_with_the_next_legs() -> None:
    """Named in a fragment that holds nothing of it, it is not begun a second time: players play one track."""
    first = FragmentWriter()
    before = fragments_of(audio(1, from_s=2.5) + video(3.5), first)
    assert [len(before[0].tracks), {event.track_id for event in before[0].events if is_frame(event)}] == [
        2,
        {2},
    ]
    again = on_another_clock(audio(3, from_s=30, rtp=17_000) + video(3, from_s=30, rtp=90_000))
    goes_on = GoesOn(first.number, 1, round(-CLOCKS_APART_S * 1e6), GapCause.RECONNECT, first.last_us)
    index = index_of([*before, *fragments_of(again, FragmentWriter(goes_on=goes_on))])
    assert [track.info.codec for track in index.tracks] == [AUDIO.codec, VP8.codec]
    assert [leg for leg, _ in index.tracks[0].legs] == [0, 1]


def is_frame(event: object) -> TypeGuard[StoredFrame]:
    """Whether an event of a fragment is a frame."""
    return isinstance(event, StoredFrame)


def test_a_clock_that_was_set_back_makes_no_time_go_back() -> None:
    """The first frame of the next leg comes after the last of the leg before, if only by a millisecond."""
    first = FragmentWriter()
    before = fragments_of(audio(3), first)
    wrong_us = round(-CLOCKS_APART_S * 1e6) - 3_600_000_000
    writer = FragmentWriter(goes_on=GoesOn(first.number, 1, wrong_us, GapCause.RESTART, first.last_us))
    after = fragments_of(on_another_clock(audio(3, from_s=33, rtp=5)), writer)
    index = index_of([*before, *after])
    (track,) = index.tracks
    assert all(later > earlier for earlier, later in pairwise(track.ticks))
    assert report_of(index).duration_ms == pytest.approx(6000, abs=100)
    assert writer.last_us > first.last_us


def test_reports_of_another_sender_s_clock_place_only_their_own_leg() -> None:
    """The agent came back on another machine, whose clock is an hour off: sound and picture stay together."""
    fragments = []
    writer = FragmentWriter()
    for leg, (from_s, rtp, off_s) in enumerate([(0.0, 3_000_000_000, 0.0), (33.0, 17_000, 3600.0)]):
        if leg:
            writer = FragmentWriter(
                goes_on=GoesOn(writer.number, leg, writer.shift_us, GapCause.RECONNECT, writer.last_us)
            )
        sent = audio(4, from_s=from_s, rtp=rtp) + video(4, from_s=from_s, rtp=rtp, delay_s=0.08)
        for info in (AUDIO, VP8):
            writer.track_started(info)
        plains = []
        for at, one in enumerate(sorted(sent, key=lambda one: one.frame.arrival_s)):
            if writer.due(one.frame.arrival_s, upcoming=one.frame):
                plains.append(writer.close())
            writer.frame(one.info.id, one.frame)
            if at % 40 == 20:  # both tracks began at the same moment of the sender's clock
                for info in (AUDIO, VP8):
                    report(info, 0.0, rtp, ntp_s=from_s + off_s)(writer)
        fragments += [read_fragment(plain) for plain in (*plains, writer.close())]
    index = index_of(fragments)
    assert all(track.is_exact for track in index.tracks)
    sound, picture = index.tracks
    for at_sound, at_picture in ((0, 0), (200, 120)):
        apart_s = picture.ticks[at_picture] / 90_000 - sound.ticks[at_sound] / 48_000
        assert apart_s == pytest.approx(0, abs=0.002)


def test_a_picture_in_another_codec_is_another_track() -> None:
    """It never stands in the file of the first one; the recorder begins a new recording instead."""
    first = FragmentWriter()
    before = fragments_of(video(2), first)
    goes_on = GoesOn(first.number, 1, 0, GapCause.RECONNECT, first.last_us)
    after = fragments_of(video(2, info=H264, from_s=5), FragmentWriter(goes_on=goes_on))
    index = index_of([*before, *after])
    assert [track.info.codec.value for track in index.tracks] == ["vp8"]
    assert [track.info.codec.value for track in index.left_out] == ["h264"]
