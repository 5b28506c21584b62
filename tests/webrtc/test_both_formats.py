"""What WebM and MP4 have in common, judged by stock readers: FFmpeg's tools and library."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from tests.webrtc.studio import (
    AUDIO,
    H264,
    VP8,
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
from webrtc.frames import TrackInfo
from webrtc.mp4 import Mp4Writer
from webrtc.webm import WebmWriter

AUDIO_RTP, VIDEO_RTP = 3_000_000_000, 4_000_000_000


@dataclass(frozen=True)
class Form:
    """One format: the picture it takes, what a reader takes off the sound, and how exact its clock is."""

    writer: Any
    info: TrackInfo
    codec: str
    names: str
    look_ahead_s: float
    exact_s: float

    def written(self, scene: Scene, folder: Path) -> Path:
        """The scene as a file."""
        path = folder / "call"
        path.write_bytes(file_of(scene.fragments(), self.writer))
        return path


WEBM = Form(WebmWriter, VP8, "vp8", "matroska,webm", look_ahead_s=0.0065, exact_s=0.001)
MP4 = Form(Mp4Writer, H264, "h264", "mov,mp4,m4a,3gp,3g2,mj2", look_ahead_s=312 / 48_000, exact_s=0.007)


@pytest.fixture(params=[WEBM, MP4], ids=["webm", "mp4"])
def form(request: pytest.FixtureRequest) -> Form:
    """Each format."""
    found: Form = request.param
    return found


def test_every_frame_of_a_call_is_in_the_file_once(form: Form, tmp_path: Path) -> None:
    """Frame counts and duration are exact in a reader that knows nothing of us."""
    seen = probe(form.written(Scene().add(audio(6), video(6, info=form.info)), tmp_path))
    assert frame_counts(seen) == {"opus": 300, form.codec: 180}
    assert float(seen["format"]["duration"]) == pytest.approx(6.01, abs=0.001)
    assert seen["format"]["format_name"] == form.names


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_one_track_alone_makes_a_file(form: Form, kind: str, tmp_path: Path) -> None:
    """Audio-only calls, and legs that send only pictures."""
    scene = Scene().add(audio(3) if kind == "audio" else video(3, info=form.info))
    seen = probe(form.written(scene, tmp_path))
    counts = [(stream["codec_type"], int(stream["nb_read_frames"])) for stream in seen["streams"]]
    assert counts == [(kind, 150 if kind == "audio" else 90)]
    assert float(seen["format"]["duration"]) == pytest.approx(3.0, abs=form.exact_s)
    writer = form.writer(index_of(scene.fragments()))
    assert writer.media_type == f"{kind}/{writer.suffix}"


@pytest.mark.parametrize("late_s", [0.03, 0.2, 0.9])
def test_sender_reports_put_picture_and_sound_within_two_milliseconds(
    form: Form, late_s: float, tmp_path: Path
) -> None:
    """However late pictures arrive, they lie where the sender's clock says: 100 ms behind the sound."""
    scene = Scene().add(audio(6), video(5, info=form.info, from_s=0.1, delay_s=late_s))
    for at_s in (0.6, 1.7, 3.1):
        scene.note(at_s + late_s, report(form.info, at_s, VIDEO_RTP + round((at_s - 0.1) * 90_000)))
    scene.note(2.4, report(AUDIO, 2.3, AUDIO_RTP + round(2.3 * 48_000)))
    path = form.written(scene, tmp_path)
    with av.open(str(path)) as media:
        sound = next(packet for packet in media.demux(audio=0))
        start_s = float(pts_of(sound) * sound.time_base) + form.look_ahead_s
    assert stamps_s(path, "video")[0] - start_s == pytest.approx(0.1, abs=0.002)


def test_a_seek_lands_on_the_keyframe_before(form: Form, tmp_path: Path) -> None:
    """The file's index leads there without reading through the file; the picture is the right one."""
    path = form.written(Scene().add(audio(20), video(20, info=form.info)), tmp_path)
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


def test_a_mute_stays_a_gap_of_the_same_length(form: Form, tmp_path: Path) -> None:
    """Nothing is pulled together: sound after a mute lies where it was spoken."""
    later = audio(3, from_s=7, rtp=AUDIO_RTP + 7 * 48_000)
    path = form.written(Scene().add(audio(3), later, video(10, info=form.info)), tmp_path)
    sound = stamps_s(path, "audio")
    assert sound[150] - sound[149] == pytest.approx(4.02, abs=0.002)
    assert frame_counts(probe(path)) == {"opus": 300, form.codec: 300}
