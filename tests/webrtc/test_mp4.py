"""MP4 out of fragments, judged by stock readers: FFmpeg's tools and library."""

from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.webrtc.studio import (
    AUDIO,
    H264,
    Scene,
    audio,
    file_of,
    frame_counts,
    grey_at,
    index_of,
    probe,
    pts_of,
    report,
    stamps_s,
    video,
)
from webrtc.media_index import ContainerError
from webrtc.mp4 import Mp4Writer

AUDIO_RTP, VIDEO_RTP = 3_000_000_000, 4_000_000_000
LOOK_AHEAD_S = 312 / 48_000  # what the edit list takes off the sound


def written(scene: Scene, folder: Path) -> Path:
    """The scene as a file."""
    path = folder / "call.mp4"
    path.write_bytes(file_of(scene.fragments(), Mp4Writer))
    return path


def test_every_frame_of_a_call_is_in_the_file_once(tmp_path: Path) -> None:
    """Frame counts and duration are exact; the index stands before the media."""
    path = written(Scene().add(audio(6), video(6, info=H264)), tmp_path)
    seen = probe(path)
    assert frame_counts(seen) == {"opus": 300, "h264": 180}
    assert float(seen["format"]["duration"]) == pytest.approx(6.01, abs=0.001)
    plain = path.read_bytes()
    assert plain.index(b"moov") < plain.index(b"mdat")


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_one_track_alone_makes_a_file(kind: str, tmp_path: Path) -> None:
    """Audio-only calls, and legs that send only pictures."""
    scene = Scene().add(audio(3)) if kind == "audio" else Scene().add(video(3, info=H264))
    seen = probe(written(scene, tmp_path))
    assert [(stream["codec_type"], int(stream["nb_read_frames"])) for stream in seen["streams"]] == [
        (kind, 150 if kind == "audio" else 90)
    ]
    assert float(seen["format"]["duration"]) == pytest.approx(3.0, abs=0.007)
    assert Mp4Writer(index_of(scene.fragments())).media_type == f"{kind}/mp4"


@pytest.mark.parametrize("late_s", [0.03, 0.2, 0.9])
def test_sender_reports_put_picture_and_sound_within_two_milliseconds(late_s: float, tmp_path: Path) -> None:
    """However late pictures arrive, they lie where the sender's clock says: 100 ms behind the sound."""
    scene = Scene().add(audio(6), video(5, info=H264, from_s=0.1, delay_s=late_s))
    for at_s in (0.6, 1.7, 3.1):
        scene.note(at_s + late_s, report(H264, at_s, VIDEO_RTP + round((at_s - 0.1) * 90_000)))
    scene.note(2.4, report(AUDIO, 2.3, AUDIO_RTP + round(2.3 * 48_000)))
    path = written(scene, tmp_path)
    with av.open(str(path)) as media:
        sound = next(packet for packet in media.demux(audio=0))
        start_s = float(pts_of(sound) * sound.time_base) + LOOK_AHEAD_S
    assert stamps_s(path, "video")[0] - start_s == pytest.approx(0.1, abs=0.002)


def test_times_in_the_file_are_exactly_those_of_the_sender(tmp_path: Path) -> None:
    """An MP4 keeps the RTP clocks: no rounding at all."""
    path = written(Scene().add(audio(4), video(4, info=H264)), tmp_path)
    with av.open(str(path)) as media:
        for stream, step in ((media.streams.audio[0], 960), (media.streams.video[0], 3000)):
            media.seek(0)
            stamps = [pts_of(packet) for packet in media.demux(stream) if packet.size]
            assert {later - sooner for sooner, later in pairwise(stamps)} == {step}


def test_a_seek_lands_on_the_keyframe_before(tmp_path: Path) -> None:
    """The sync samples are where the index says; the picture is the right one."""
    path = written(Scene().add(audio(20), video(20, info=H264)), tmp_path)
    with av.open(str(path)) as media:
        stream = media.streams.video[0]
        assert stream.time_base is not None
        for target_s in (17.5, 0.5, 9.9):
            media.seek(round(target_s / stream.time_base), stream=stream)
            picture = next(media.decode(stream))
            assert picture.key_frame
            assert picture.time == pytest.approx(int(target_s) + 0.01, abs=0.002)
            grey = picture.to_ndarray(format="gray")[-1, 0]
            assert abs(int(grey) - (grey_at(int(target_s) * 30) - 16) * 255 / 219) < 8


def test_a_mute_stays_a_gap_of_the_same_length(tmp_path: Path) -> None:
    """Nothing is pulled together: sound after a mute lies where it was spoken."""
    later = audio(3, from_s=7, rtp=AUDIO_RTP + 7 * 48_000)
    path = written(Scene().add(audio(3), later, video(10, info=H264)), tmp_path)
    sound = stamps_s(path, "audio")
    assert sound[150] - sound[149] == pytest.approx(4.02, abs=0.001)
    assert frame_counts(probe(path)) == {"opus": 300, "h264": 300}


@pytest.mark.parametrize("late", ["audio", "video"])
def test_a_late_track_waits_in_an_empty_edit(late: str, tmp_path: Path) -> None:
    """It begins where it began, and the duration is that of the call."""
    scene = Scene()
    scene.add(
        audio(2 if late == "audio" else 6, from_s=4 if late == "audio" else 0),
        video(2 if late == "video" else 6, info=H264, from_s=4 if late == "video" else 0),
    )
    path = written(scene, tmp_path)
    seen = probe(path)
    starts = {stream["codec_type"]: float(stream["start_time"]) for stream in seen["streams"]}
    assert starts[late] == pytest.approx(4.0, abs=0.011)
    assert float(seen["format"]["duration"]) == pytest.approx(6.0, abs=0.011)


def test_a_change_of_parameter_sets_decodes_to_the_end(tmp_path: Path) -> None:
    """A browser that changes resolution sends new SPS and PPS; going back reuses the first description."""
    scene = Scene().add(
        audio(6),
        video(2, info=H264),
        video(2, info=H264, size=(320, 240), from_s=2, rtp=VIDEO_RTP + 180_000),
        video(2, info=H264, from_s=4, rtp=VIDEO_RTP + 360_000),
    )
    path = written(scene, tmp_path)
    assert frame_counts(probe(path)) == {"opus": 300, "h264": 180}
    with av.open(str(path)) as media:
        sizes = [(frame.width, frame.height) for frame in media.decode(video=0)]
    assert sizes == [(160, 120)] * 60 + [(320, 240)] * 60 + [(160, 120)] * 60
    assert path.read_bytes().count(b"avcC") == 2


def test_a_file_over_four_gigabytes_gets_wide_offsets() -> None:
    """Positions that 32 bits cannot hold are written with 64; the media box tells its size with 64 too."""
    index = index_of(Scene().add(video(1, info=H264)).fragments())
    for at in range(len(index.tracks[0])):
        index.tracks[0].sizes[at] = 200_000_000
    head = b"".join(Mp4Writer(index).header())
    assert b"co64" in head
    assert b"stco" not in head
    assert head[-16:-8] == b"\0\0\0\1mdat"
    assert int.from_bytes(head[-8:], "big") == 30 * 200_000_000 + 16


def test_vp8_is_refused_before_a_byte_is_written() -> None:
    """VP8 in MP4 plays in few places: it goes into WebM."""
    index = index_of(Scene().add(video(1)).fragments())
    with pytest.raises(ContainerError, match="WebM"):
        Mp4Writer(index)
