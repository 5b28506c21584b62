"""WebM out of fragments, judged by stock readers: FFmpeg's tools and library."""

from itertools import pairwise
from pathlib import Path

import av
import pytest

from tests.webrtc.studio import (
    H264,
    Scene,
    audio,
    file_of,
    index_of,
    probe,
    pts_of,
    stamps_s,
    video,
)
from webrtc.media_index import ContainerError
from webrtc.webm import CLUSTER_MS, WebmWriter

AUDIO_RTP, VIDEO_RTP = 3_000_000_000, 4_000_000_000
LOOK_AHEAD_S = 0.0065  # what a reader takes off the sound (CodecDelay)


def written(scene: Scene, folder: Path) -> Path:
    """The scene as a file."""
    path = folder / "call.webm"
    path.write_bytes(file_of(scene.fragments()))
    return path


def test_times_in_the_file_are_those_of_the_sender(tmp_path: Path) -> None:
    """Every packet is 20 ms, every picture 33 ms after the one before, to the millisecond."""
    path = written(Scene().add(audio(4), video(4)), tmp_path)
    for kind, step in (("audio", 0.02), ("video", 1 / 30)):
        assert all(
            later - sooner == pytest.approx(step, abs=0.0011)
            for sooner, later in pairwise(stamps_s(path, kind))
        )


def test_a_late_picture_does_not_stretch_the_file(tmp_path: Path) -> None:
    """A camera switched on late begins there, whatever its timestamps begin with."""
    path = written(Scene().add(audio(6), video(2, from_s=4, rtp=17)), tmp_path)
    seen = probe(path)
    assert stamps_s(path, "video")[0] == pytest.approx(4.01, abs=0.002)
    assert float(seen["format"]["duration"]) == pytest.approx(6.01, abs=0.002)


def test_a_change_of_resolution_decodes_to_the_end(tmp_path: Path) -> None:
    """VP8 carries its size in each keyframe; the header keeps the first."""
    bigger = video(2, size=(320, 240), from_s=2, rtp=VIDEO_RTP + 180_000)
    path = written(Scene().add(audio(4), video(2), bigger), tmp_path)
    with av.open(str(path)) as media:
        assert (media.streams.video[0].width, media.streams.video[0].height) == (160, 120)
        sizes = [(frame.width, frame.height) for frame in media.decode(video=0)]
    assert sizes == [(160, 120)] * 60 + [(320, 240)] * 60


def test_clusters_are_short_and_blocks_in_order(tmp_path: Path) -> None:
    """Times never fall in the file, and no cluster is longer than five seconds, keyframes or not."""
    path = written(Scene().add(audio(12), video(12, key_every=1000)), tmp_path)
    with av.open(str(path)) as media:
        times = [
            float(pts_of(packet) * packet.time_base) + (LOOK_AHEAD_S if packet.stream.type == "audio" else 0)
            for packet in media.demux()
            if packet.size
        ]
    assert all(later >= sooner - 0.001 for sooner, later in pairwise(times))
    index = index_of(Scene().add(audio(12), video(12, key_every=1000)).fragments())
    starts = [cluster.time_ms for cluster in WebmWriter(index)._clusters]
    assert all(later - sooner <= CLUSTER_MS for sooner, later in pairwise(starts))


def test_sound_of_two_channels_is_told_from_its_packets(tmp_path: Path) -> None:
    """The SDP always says two channels; the file says what the packets hold."""
    path = written(Scene().add(audio(2)), tmp_path)
    assert probe(path)["streams"][0]["channels"] == 1


def test_h264_is_refused_before_a_byte_is_written() -> None:
    """WebM has no H.264: a player would have to guess."""
    index = index_of(Scene().add(video(1, info=H264)).fragments())
    with pytest.raises(ContainerError, match="MP4"):
        WebmWriter(index)
