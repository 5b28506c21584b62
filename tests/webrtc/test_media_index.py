"""Pass 1: which frames are kept, in what order fragments must come, how much memory an hour takes."""

import tracemalloc
from collections.abc import Iterator

import pytest

from tests.webrtc.studio import AUDIO, H264, VP8, Scene, audio, index_of, pictures, video
from webrtc.fragments import Fragment, GapCause, StoredFrame
from webrtc.frames import Codec
from webrtc.media_index import (
    ContainerError,
    EmptyRecordingError,
    FragmentOrderError,
    IndexLimits,
    MediaIndex,
    RecordingTooLongError,
)
from webrtc.webm import WebmWriter


def delta(at: int, track_id: int = 2) -> StoredFrame:
    """A picture that builds on another."""
    return StoredFrame(
        track_id, at * 3000, at * 33_333, b"\x01d", is_keyframe=False, size=None, audio_level=None
    )


def key(at: int, payload: bytes = b"\x00k") -> StoredFrame:
    """A picture that stands alone."""
    return StoredFrame(2, at * 3000, at * 33_333, payload, is_keyframe=True, size=(64, 48), audio_level=None)


def test_video_before_the_first_keyframe_is_dropped_and_counted() -> None:
    """Capture attaches to a running call: the first pictures build on ones nobody has."""
    index = index_of([Fragment(0, (VP8,), (delta(0), delta(1), key(2), delta(3)))])
    assert len(index.tracks[0]) == 2
    assert index.gate.dropped == {2: 2}


def test_h264_begins_with_a_keyframe_that_brings_its_parameter_sets() -> None:
    """Without SPS and PPS no decoder can start; once known, later keyframes need not repeat them."""
    whole = pictures(Codec.H264, 5, (64, 48), 30)[0][0]
    bare = (3).to_bytes(4, "big") + b"\x65ab"
    index = index_of([Fragment(0, (H264,), (key(0, bare), delta(1), key(2, whole), key(3, bare)))])
    assert len(index.tracks[0]) == 2
    assert index.gate.dropped == {2: 2}


def test_after_missing_fragments_video_waits_for_a_keyframe() -> None:
    """A lost spool object costs its own second and the pictures that build on it."""
    index = index_of(
        [
            Fragment(3, (VP8,), (key(0), delta(1))),
            Fragment(5, (VP8,), (delta(60), key(61), delta(62))),
        ]
    )
    assert list(index.tracks[0].ticks) == [0, 3000, 61 * 3000, 62 * 3000]
    assert index.tracks[0].marks == {2: GapCause.CRASH}


@pytest.mark.parametrize("numbers", [(1, 0), (2, 2)])
def test_fragments_out_of_order_are_refused(numbers: tuple[int, int]) -> None:
    """A file in the wrong order would be written without a complaint from any player."""
    index = MediaIndex()
    index.add(Fragment(numbers[0], (VP8,), (key(0),)))
    with pytest.raises(FragmentOrderError):
        index.add(Fragment(numbers[1], (VP8,), (key(1),)))


def test_a_leg_without_playable_frames_is_told_apart() -> None:
    """Nothing to play is not a failure of the file: the manifest still stands."""
    index = MediaIndex()
    index.add(Fragment(0, (VP8,), (delta(0),)))
    with pytest.raises(EmptyRecordingError):
        index.finish()


def test_a_leg_with_too_many_frames_is_refused() -> None:
    """Memory of the second pass grows with frames, so frames have a limit."""
    index = MediaIndex(limits=IndexLimits(frames=1))
    with pytest.raises(RecordingTooLongError):
        index.add(Fragment(0, (VP8,), (key(0), key(1))))


def test_a_second_video_codec_stays_out_of_the_file() -> None:
    """One file holds one video codec; the manifest names the tracks left out."""
    third = H264.__class__(3, H264.kind, H264.codec, 90_000, "2")
    payload = pictures(Codec.H264, 5, (64, 48), 30)[0][0]
    index = index_of([Fragment(0, (VP8, third), (key(0), key(1, payload)._replace(track_id=3)))])
    assert [track.info.id for track in index.tracks] == [2]
    assert [track.info.id for track in index.left_out] == [3]
    fragment = Fragment(0, (VP8, third), (key(0), key(1, payload)._replace(track_id=3)))
    writer = WebmWriter(index)
    assert b"".join([*writer.header(), *writer.body(fragment)]).endswith(b"\x00k")
    writer.finish()


def test_a_second_pass_that_lacks_a_fragment_is_noticed() -> None:
    """Between the passes an object may vanish: the file must not pass for whole."""
    fragments = Scene().add(audio(3), video(3)).fragments()
    writer = WebmWriter(index_of(fragments))
    for fragment in fragments[:-1]:
        list(writer.body(fragment))
    with pytest.raises(ContainerError, match="missing"):
        writer.finish()


def tiny(track_id: int, second: int, rate_hz: int, ticks: int, us: int, *, is_key: bool) -> StoredFrame:
    """A frame of three bytes, so many ticks and microseconds into a second."""
    size = (64, 48) if is_key and track_id == 2 else None
    stamp, arrival_us = second * rate_hz + ticks, second * 1_000_000 + us
    return StoredFrame(track_id, stamp, arrival_us, b"\xfc\0\0", is_key, size, None)


def minutes(count: int) -> Iterator[Fragment]:
    """A long call in fragments of a second, each frame as small as can be."""
    for second in range(count * 60):
        frames = [tiny(1, second, 48_000, at * 960, at * 20_000, is_key=True) for at in range(50)]
        starts = second % 10 == 0
        frames += [
            tiny(2, second, 90_000, at * 3000, at * 33_333, is_key=starts and at == 0) for at in range(30)
        ]
        frames.sort(key=lambda frame: frame.arrival_us)
        yield Fragment(second, (AUDIO, VP8), tuple(frames))


def test_an_hour_takes_a_few_megabytes_of_index() -> None:
    """Both passes hold at most 36 bytes per frame, however big frames are: 10 MiB for an hour."""
    tracemalloc.start()
    try:
        index = MediaIndex()
        for fragment in minutes(10):
            index.add(fragment)
        index.finish()
        writer = WebmWriter(index)
        written = sum(len(piece) for piece in writer.header())
        for fragment in minutes(10):
            written += sum(len(piece) for piece in writer.body(fragment))
        writer.finish()
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    frames = sum(map(len, index.tracks))
    assert frames == 48_000
    assert written == writer.size_bytes
    assert peak_bytes < 36 * frames + 256 * 1024
