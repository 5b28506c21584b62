"""The recorder's end: when fragments close, what is dropped, how much memory is held."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webrtc.studio import AUDIO, H264, VP8
from webrtc.fragments import (
    FragmentLimits,
    FragmentPace,
    FragmentWriter,
    GapBegin,
    GapCause,
    GapEnd,
    Loss,
    SenderReport,
    StoredFrame,
    TrackEnded,
    read_fragment,
)
from webrtc.frames import Codec, EncodedFrame, MediaKind, TrackInfo

if TYPE_CHECKING:
    from collections.abc import Callable

SOUND = EncodedFrame(MediaKind.AUDIO, Codec.OPUS, 0, 0.0, b"\xfc\xff\xfe", is_keyframe=True)
KEY = EncodedFrame(MediaKind.VIDEO, Codec.VP8, 0, 0.0, b"k" * 100, is_keyframe=True, width=64, height=48)
DELTA = replace(KEY, payload=b"d" * 10, is_keyframe=False, width=None, height=None)


def at(frame: EncodedFrame, now_s: float, payload: bytes | None = None) -> EncodedFrame:
    """The same frame at another time."""
    rate = frame.codec.clock_rate_hz
    return replace(
        frame, rtp_timestamp=round(now_s * rate), arrival_s=now_s, payload=payload or frame.payload
    )


def writer_of(*infos: TrackInfo, **options: object) -> FragmentWriter:
    """A writer that knows these tracks."""
    writer = FragmentWriter(**options)  # type: ignore[arg-type]
    for info in infos:
        writer.track_started(info)
    return writer


def test_frames_come_back_as_they_went_in() -> None:
    """Timestamps, arrival to the microsecond, sizes and levels survive."""
    writer = writer_of(AUDIO, VP8)
    assert writer.frame(1, replace(SOUND, arrival_s=12.3456789, rtp_timestamp=2**33, audio_level=40))
    assert writer.frame(2, replace(KEY, arrival_s=12.5))
    fragment = read_fragment(writer.close())
    assert fragment.tracks == (AUDIO, VP8)
    assert fragment.frames == [
        StoredFrame(1, 2**33, 12_345_679, SOUND.payload, is_keyframe=True, size=None, audio_level=40),
        StoredFrame(2, 0, 12_500_000, KEY.payload, is_keyframe=True, size=(64, 48), audio_level=None),
    ]


def test_fragments_are_numbered_without_holes_from_the_number_given() -> None:
    """After a restart a recording goes on with the next number."""
    writer = writer_of(AUDIO, first_number=7)
    numbers = [read_fragment(writer.close()).number for _ in range(3)]
    assert numbers == [7, 8, 9]
    assert writer.is_empty


def test_a_fragment_closes_at_a_sound_after_one_second() -> None:
    """Between 1.0 and 1.2 s a fragment ends behind a packet of sound."""
    writer = writer_of(AUDIO, VP8)
    writer.frame(1, at(SOUND, 5.0))
    assert not writer.due(5.99)
    assert writer.due(6.0)
    writer.frame(2, at(KEY, 6.01))
    assert not writer.due(6.1)
    assert writer.due(6.2)


def test_a_coming_keyframe_closes_early_so_that_it_opens_the_next() -> None:
    """From 0.8 s on a keyframe is worth a boundary."""
    writer = writer_of(AUDIO, VP8)
    writer.frame(2, at(KEY, 5.0))
    assert not writer.due(5.7, upcoming=at(KEY, 5.7))
    assert not writer.due(5.9, upcoming=at(DELTA, 5.9))
    assert writer.due(5.9, upcoming=at(KEY, 5.9))


def test_video_alone_closes_after_one_second() -> None:
    """Without sound every frame is a boundary."""
    writer = writer_of(VP8)
    writer.frame(2, at(KEY, 5.0))
    assert not writer.due(5.9)
    assert writer.due(6.0)


def test_a_burst_closes_a_fragment_before_its_time() -> None:
    """Bytes close too: the spool's objects stay small."""
    writer = writer_of(VP8, pace=FragmentPace(full_bytes=1000))
    writer.frame(2, at(KEY, 5.0, b"k" * 999))
    assert writer.due(5.0)


def test_an_empty_writer_is_never_due() -> None:
    """Nothing to seal, nothing to write, however late it is."""
    writer = writer_of(AUDIO)
    assert writer.is_empty
    assert not writer.due(1e6)


def test_memory_stays_bounded_when_nobody_closes() -> None:
    """A recorder that hangs loses frames, never the server: they are counted and declared as a loss."""
    limits = FragmentLimits(fragment_bytes=100_000, frame_bytes=20_000)
    writer = writer_of(VP8, limits=limits)
    for step in range(100):
        writer.frame(2, at(KEY, 5 + step / 30, bytes(20_000)))
        assert writer.plain_bytes < limits.fragment_bytes
    assert writer.counts.over_limit > 90
    plain = writer.close()
    assert len(plain) <= limits.fragment_bytes
    fragment = read_fragment(plain, limits)
    assert [event.packets for event in fragment.events if isinstance(event, Loss)] == [0]


def test_after_a_dropped_frame_video_waits_for_a_keyframe() -> None:
    """A delta frame that builds on a dropped one would only show a broken picture."""
    limits = FragmentLimits(fragment_bytes=40_000, frame_bytes=40_000)
    writer = writer_of(VP8, limits=limits)
    assert writer.frame(2, at(KEY, 5.0))
    assert not writer.frame(2, at(DELTA, 5.1, bytes(39_000)))
    assert not writer.frame(2, at(DELTA, 5.2))
    writer.close()
    assert not writer.frame(2, at(DELTA, 5.3))
    assert writer.frame(2, at(KEY, 5.4))
    assert writer.frame(2, at(DELTA, 5.5))


def test_many_tiny_events_are_bounded_too() -> None:
    """Counts are limited as well as bytes, and the reader accepts what the writer made."""
    writer = writer_of(AUDIO)
    for step in range(20_000):
        writer.frame(1, at(SOUND, 5 + step / 1e5))
    assert writer.due(5.2)
    assert len(read_fragment(writer.close()).events) <= FragmentLimits().events


def test_nothing_is_stored_while_capture_is_paused() -> None:
    """Between pause and resume not one frame enters a fragment; the gap is told with both ends."""
    writer = writer_of(AUDIO, VP8)
    writer.frame(1, at(SOUND, 5.0))
    writer.pause(5.01)
    writer.pause(5.02)
    assert not writer.frame(1, at(SOUND, 5.02))
    assert not writer.frame(2, at(KEY, 5.03))
    writer.resume(5.5)
    writer.resume(5.6)
    assert writer.frame(1, at(SOUND, 5.52))
    events = read_fragment(writer.close()).events
    assert events[1:3] == (GapBegin(0, GapCause.PAUSE, 5_010_000), GapEnd(0, 5_500_000))
    assert len(events) == 4
    assert writer.counts.paused == 2


def test_a_pause_is_sealed_soon_though_no_frame_follows() -> None:
    """A crash in the middle of a pause must not turn it into a crash's gap."""
    writer = writer_of(AUDIO)
    writer.pause(5.0)
    assert not writer.due(5.5)
    assert writer.due(6.2)


def test_one_track_can_be_paused_alone() -> None:
    """Sound goes on while the picture is off the record."""
    writer = writer_of(AUDIO, VP8)
    writer.pause(5.0, track_id=2)
    assert writer.frame(1, at(SOUND, 5.0))
    assert not writer.frame(2, at(KEY, 5.0))


def test_an_ended_track_leaves_the_next_fragments_table() -> None:
    """Its end stands in the fragment that has its last frames; nothing of it is taken later."""
    writer = writer_of(AUDIO, VP8)
    writer.frame(2, at(KEY, 5.0))
    writer.track_ended(2, "bye")
    writer.track_ended(2, "bye")
    assert not writer.frame(2, at(KEY, 5.1))
    first, second = read_fragment(writer.close()), read_fragment(writer.close())
    assert first.events[1:] == (TrackEnded(2, "bye"),)
    assert second.tracks == (AUDIO,)


def test_sender_reports_are_unwrapped_beside_the_last_frame() -> None:
    """A report's 32-bit timestamp means the turn the frames are in."""
    writer = writer_of(AUDIO)
    writer.sender_report(1, 3.9e9, 5)
    writer.frame(1, replace(SOUND, rtp_timestamp=2**32 + 960))
    writer.sender_report(1, 3.9e9, 480)
    writer.sender_report(1, 3.9e9, 2**32 - 480)
    reports = [event for event in read_fragment(writer.close()).events if isinstance(event, SenderReport)]
    assert [report.rtp_timestamp for report in reports] == [5, 2**32 + 480, 2**32 - 480]
    assert reports[0].ntp_us == 3_900_000_000_000_000


@pytest.mark.parametrize(
    ("track_id", "frame"),
    [
        (9, SOUND),
        (1, replace(SOUND, payload=b"")),
        (1, replace(SOUND, rtp_timestamp=2**62)),
        (1, KEY),
        (2, replace(KEY, payload=bytes(5 * 1024 * 1024))),
    ],
    ids=["unknown track", "empty", "impossible timestamp", "another codec", "too big"],
)
def test_what_cannot_be_stored_is_refused_and_counted(track_id: int, frame: EncodedFrame) -> None:
    """The writer never raises for what a sender may do."""
    writer = writer_of(AUDIO, VP8)
    assert not writer.frame(track_id, frame)
    assert writer.counts.refused == 1
    assert writer.is_empty


def test_tracks_that_do_not_fit_are_not_recorded() -> None:
    """Too many tracks, labels too long or not text: their frames count as refused."""
    writer = FragmentWriter(limits=FragmentLimits(tracks=1))
    writer.track_started(replace(AUDIO, mid="m" * 65))
    writer.track_started(replace(AUDIO, mid="\ud800"))
    writer.track_started(replace(AUDIO, clock_rate_hz=8000))
    assert not writer.frame(1, SOUND)
    writer.track_started(AUDIO)
    writer.track_started(H264)
    assert writer.frame(1, SOUND)
    assert read_fragment(writer.close()).tracks == (AUDIO,)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("sound"), st.floats(0, 100)),
            st.tuples(st.just("key"), st.floats(0, 100)),
            st.tuples(st.just("delta"), st.floats(0, 100)),
            st.tuples(st.just("lost"), st.integers(-5, 2**40)),
            st.tuples(st.just("report"), st.integers(0, 2**34)),
            st.tuples(st.just("pause"), st.floats(-5, 1e20)),
            st.tuples(st.just("resume"), st.floats(-5, 1e20)),
            st.tuples(st.just("close"), st.none()),
        ),
        max_size=60,
    )
)
def test_any_order_of_calls_makes_fragments_that_read_back(calls: list[tuple[str, object]]) -> None:
    """Whatever the media loop tells, in any order, each fragment is valid and in sequence."""
    writer = writer_of(AUDIO, VP8)
    acts: dict[str, Callable[[Any], object]] = {
        "sound": lambda now: writer.frame(1, at(SOUND, now)),
        "key": lambda now: writer.frame(2, at(KEY, now)),
        "delta": lambda now: writer.frame(2, at(DELTA, now)),
        "lost": lambda packets: writer.lost(2, packets, 1.0),
        "report": lambda stamp: writer.sender_report(1, 3.9e9, stamp),
        "pause": writer.pause,
        "resume": writer.resume,
    }
    closed = []
    for name, value in [*calls, ("close", None)]:
        if name == "close":
            closed.append(read_fragment(writer.close()))
        else:
            acts[name](value)
    assert [fragment.number for fragment in closed] == list(range(len(closed)))
