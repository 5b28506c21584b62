"""MP4 out of fragments, judged by stock readers: FFmpeg's tools and library."""

from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.webrtc.studio import (
    H264,
    Scene,
    audio,
    file_of,
    frame_counts,
    index_of,
    probe,
    pts_of,
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


def test_the_index_stands_before_the_media(tmp_path: Path) -> None:
    """A player can begin before the file has arrived (fast start)."""
    plain = written(Scene().add(audio(2), video(2, info=H264)), tmp_path).read_bytes()
    assert plain.index(b"moov") < plain.index(b"mdat")


def test_times_in_the_file_are_exactly_those_of_the_sender(tmp_path: Path) -> None:
    """An MP4 keeps the RTP clocks: no rounding at all."""
    path = written(Scene().add(audio(4), video(4, info=H264)), tmp_path)
    with av.open(str(path)) as media:
        for stream, step in ((media.streams.audio[0], 960), (media.streams.video[0], 3000)):
            media.seek(0)
            stamps = [pts_of(packet) for packet in media.demux(stream) if packet.size]
            assert {later - sooner for sooner, later in pairwise(stamps)} == {step}


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
