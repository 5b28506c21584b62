"""WebM out of fragments, judged by stock readers."""

from pathlib import Path

from tests.webrtc.studio import Scene, audio, file_of, frame_counts, probe, video


def test_every_frame_of_a_call_is_in_the_file_once(tmp_path: Path) -> None:
    """Frame counts and duration are exact in a reader that knows nothing of us."""
    path = tmp_path / "call.webm"
    path.write_bytes(file_of(Scene().add(audio(6), video(6)).fragments()))
    seen = probe(path)
    assert frame_counts(seen) == {"opus": 300, "vp8": 180}
    assert abs(float(seen["format"]["duration"]) - 6.0) < 0.05
