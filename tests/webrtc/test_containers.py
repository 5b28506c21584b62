"""Both formats behind one door: crash truncation, losses, and any scene at all."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webrtc.studio import (
    ATTACHED_S,
    AUDIO,
    H264,
    VP8,
    Scene,
    Sent,
    audio,
    index_of,
    probe,
    report,
    video,
)
from webrtc.containers import open_check, open_writer
from webrtc.fragments import Fragment, FragmentWriter
from webrtc.frames import TrackInfo
from webrtc.media_index import EmptyRecordingError, MediaIndex

Tell = Callable[[FragmentWriter], None]


def lost_at(at_s: float) -> Tell:
    """Four packets of the picture, lost."""
    return lambda writer: writer.lost(2, 4, at_s)


def paused_at(at_s: float) -> Tell:
    """The recorder's pause."""
    return lambda writer: writer.pause(at_s)


def written(fragments: list[Fragment], *, crashed: bool = False) -> tuple[bytes, MediaIndex]:
    """Both passes and the read-back."""
    index = index_of(fragments, crashed=crashed)
    writer = open_writer(index)
    parts = list(writer.header())
    for fragment in fragments:
        parts += writer.body(fragment)
    writer.finish()
    plain = b"".join(parts)
    assert len(plain) == writer.size_bytes
    check = open_check(index)
    for begin in range(0, len(plain), 10_000):
        check.feed(plain[begin : begin + 10_000])
    check.finish()
    return plain, index


@pytest.mark.parametrize("info", [VP8, H264], ids=["webm", "mp4"])
def test_whatever_a_crash_leaves_of_the_fragments_plays(info: TrackInfo, tmp_path: Path) -> None:
    """After kill -9 at any instant the fragments that were stored make a file without an error in it."""
    fragments = Scene().add(audio(7), video(7, info=info, from_s=0.3)).fragments()
    for kept in range(1, len(fragments) + 1):
        plain, index = written(fragments[:kept], crashed=True)
        path = tmp_path / f"{kept}.{open_writer(index).suffix}"
        path.write_bytes(plain)
        seen = probe(path)
        counts = [int(stream["nb_read_frames"]) for stream in seen["streams"]]
        assert counts == [len(track) for track in index.tracks]
        stored = sum(len(fragment.frames) for fragment in fragments[:kept])
        assert sum(counts) == stored - sum(index.gate.dropped.values())


@pytest.mark.parametrize("info", [VP8, H264], ids=["webm", "mp4"])
def test_fragments_missing_in_the_middle_cost_only_themselves(info: TrackInfo, tmp_path: Path) -> None:
    """An object that is gone leaves a declared gap; everything decodes without an error."""
    fragments = Scene().add(audio(7), video(7, info=info)).fragments()
    plain, index = written([one for one in fragments if one.number not in {2, 3}])
    path = tmp_path / f"call.{open_writer(index).suffix}"
    path.write_bytes(plain)
    counts = [int(stream["nb_read_frames"]) for stream in probe(path)["streams"]]
    assert counts == [len(track) for track in index.tracks]


@pytest.mark.parametrize("info", [VP8, H264], ids=["webm", "mp4"])
def test_lossy_calls_decode_without_an_error(info: TrackInfo, tmp_path: Path) -> None:
    """Where packets were lost, sound has holes and pictures go on at a keyframe: nothing broken is seen."""
    dice = random.Random(7)
    scene = Scene().add([one for one in audio(10) if dice.random() > 0.05])
    waiting = False
    for one in video(10, info=info):
        if dice.random() < 0.03:
            waiting = True
            moment_s = one.frame.arrival_s - ATTACHED_S
            scene.note(moment_s, lost_at(one.frame.arrival_s))
        elif one.frame.is_keyframe or not waiting:
            waiting = False
            scene.add([one])
    plain, index = written(scene.fragments())
    path = tmp_path / f"call.{open_writer(index).suffix}"
    path.write_bytes(plain)
    seen = probe(path)
    assert [int(stream["nb_read_frames"]) for stream in seen["streams"]] == [len(one) for one in index.tracks]


@pytest.mark.parametrize(("info", "suffix"), [(VP8, "webm"), (H264, "mp4"), (None, "webm")])
def test_the_codec_of_the_picture_chooses_the_container(info: TrackInfo | None, suffix: str) -> None:
    """VP8 goes into WebM, H.264 into MP4; sound alone into WebM."""
    scene = Scene().add(audio(1))
    if info is not None:
        scene.add(video(1, info=info))
    assert open_writer(index_of(scene.fragments())).suffix == suffix


def test_dtx_is_written_as_it_came(tmp_path: Path) -> None:
    """Few packets in silence are few packets in the file; readers cope."""
    quiet = [one for at, one in enumerate(audio(8)) if not 100 <= at < 300 or at % 20 == 0]
    plain, _ = written(Scene().add(quiet, video(8)).fragments())
    path = tmp_path / "call.webm"
    path.write_bytes(plain)
    counts = {one["codec_name"]: int(one["nb_read_frames"]) for one in probe(path)["streams"]}
    assert counts == {"opus": len(quiet), "vp8": 240}


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """A call in which everything that can go wrong may."""
    info = draw(st.sampled_from([VP8, H264]))
    scene = Scene()
    stamp = st.integers(-(2**34), 2**34)
    late = st.floats(0, 3)
    for number in range(draw(st.integers(0, 2))):
        scene.add(audio(2, from_s=number * 3, rtp=draw(stamp), delay_s=draw(late)))
    for number in range(draw(st.integers(0, 2))):
        scene.add(video(2, info=info, from_s=number * 2.5, rtp=draw(stamp), delay_s=draw(late)))
    keep = draw(st.integers(0, 2**32))
    scene.sent = [one for at, one in enumerate(scene.sent) if not keep >> at % 32 & 1]
    for _ in range(draw(st.integers(0, 3))):
        at_s = draw(st.floats(0, 6))
        info_told = draw(st.sampled_from([AUDIO, info]))
        scene.note(at_s, report(info_told, draw(st.floats(0, 1e4)), draw(stamp)))
    for _ in range(draw(st.integers(0, 2))):
        at_s = draw(st.floats(0, 6))
        scene.note(at_s, paused_at(ATTACHED_S + at_s))
        scene.note(at_s + draw(st.floats(0, 2)), lambda writer: writer.resume(ATTACHED_S + 9))
    return scene


@settings(max_examples=60, deadline=None)
@given(scenes(), st.sets(st.integers(0, 6), max_size=2))
def test_any_scene_becomes_a_file_that_reads_back(scene: Scene, gone: set[int]) -> None:
    """Whatever was sent, lost or paused: the file is whole and is what the index says, or there is none."""
    try:
        written([one for one in scene.fragments() if one.number not in gone])
    except EmptyRecordingError:
        assert not playable(scene, gone)


def playable(scene: Scene, gone: set[int]) -> bool:
    """Whether a scene has a sound or a keyframe in a fragment that is left."""
    left = [one for one in scene.fragments() if one.number not in gone]
    return any(frame.is_keyframe for fragment in left for frame in fragment.frames)


def test_a_track_that_starts_again_under_a_new_id_is_another_track() -> None:
    """A second video track (screen share) has its own number in the file."""
    screen = TrackInfo(3, VP8.kind, VP8.codec, VP8.clock_rate_hz, "2")
    second = [Sent(screen, one.frame) for one in video(2, from_s=1)]
    _, index = written(Scene().add(audio(3), video(3), second).fragments())
    assert [track.info.id for track in index.tracks] == [1, 2, 3]
