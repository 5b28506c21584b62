"""What the manifest declares: gaps with their causes, losses, sizes, clocks."""

from dataclasses import replace

from tests.webrtc.studio import (
    ATTACHED_S,
    AUDIO,
    VP8,
    Scene,
    Sent,
    audio,
    index_of,
    video,
)
from tests.webrtc.studio import (
    report as sender_report,
)
from webrtc.fragments import FragmentWriter
from webrtc.media_report import Gap, LossNote, MediaReport, PictureSize, report

RTP = 4_000_000_000


def told(scene: Scene, *, crashed: bool = False) -> MediaReport:
    """The report on a scene."""
    return report(index_of(scene.fragments(), crashed=crashed))


def without(sent: list[Sent], from_s: float, to_s: float) -> list[Sent]:
    """The same without what arrives between two moments."""
    return [one for one in sent if not ATTACHED_S + from_s <= one.frame.arrival_s < ATTACHED_S + to_s]


def test_a_whole_call_has_no_gaps() -> None:
    """Duration, frames, times and codecs of each track; nothing to declare."""
    seen = told(Scene().add(audio(6), video(6)))
    assert seen.gaps == ()
    assert seen.duration_ms == 6010
    assert [(one.codec, one.frames, one.first_ms, one.last_ms) for one in seen.tracks] == [
        ("opus", 300, 0, 5980),
        ("vp8", 180, 10, 5977),
    ]
    assert [one.sizes for one in seen.tracks] == [(), (PictureSize(10, 160, 120),)]
    assert seen.started_us == 1_000_020_000


def test_a_mute_is_a_gap_of_its_track_alone() -> None:
    """The camera stays on while the microphone is off."""
    seen = told(Scene().add(without(audio(9), 3, 6), video(9)))
    assert seen.gaps == (Gap(1, 2980, 5980, "mute"),)
    assert seen.duration_ms == 9010


def test_lost_packets_are_told_where_they_are_missing() -> None:
    """Each hole with its start and end, and how many packets it took."""
    scene = Scene().add(without(audio(6), 2.0, 2.1), video(6))
    scene.note(2.09, lambda writer: writer.lost(1, 5, ATTACHED_S + 2.09))
    seen = told(scene)
    assert seen.gaps == (Gap(1, 1980, 2080, "loss"),)
    assert seen.tracks[0].packets_lost == 5
    assert seen.tracks[0].losses == (LossNote(1960, 5),)


def test_a_loss_of_video_is_a_gap_up_to_the_next_keyframe() -> None:
    """What was dropped because it builds on the lost picture belongs to the gap."""
    scene = Scene().add(audio(6), without(video(6), 2.2, 2.3))
    scene.note(2.3, lambda writer: writer.lost(2, 9, ATTACHED_S + 2.3))
    seen = told(scene)
    (gap,) = seen.gaps
    assert (gap.track_id, gap.end_ms, gap.cause) == (2, 3010, "loss")
    assert 2150 < gap.start_ms < 2250
    assert seen.tracks[1].frames_dropped == 21
    assert seen.tracks[1].frames == 180 - 21 - 3


def test_a_pause_is_declared_for_every_track() -> None:
    """Secure pause: the hole is on purpose, and provable."""
    scene = Scene().add(audio(9), video(9))
    scene.note(3.0, lambda writer: writer.pause(ATTACHED_S + 3.0))
    scene.note(5.0, lambda writer: writer.resume(ATTACHED_S + 5.0))
    seen = told(scene)
    assert [(gap.track_id, gap.cause) for gap in seen.gaps] == [(1, "pause"), (2, "pause")]
    sound, picture = seen.gaps
    assert 2960 <= sound.start_ms <= 3000
    assert (sound.end_ms, picture.end_ms) == (4980, 5010)


def test_a_pause_at_the_end_has_no_known_end() -> None:
    """The leg ended while capture was paused."""
    scene = Scene().add(audio(5)).note(3.0, lambda writer: writer.pause(ATTACHED_S + 3.0))
    assert told(scene).gaps == (Gap(1, 2980, None, "pause"),)


def test_a_crash_is_declared_at_the_end_and_between() -> None:
    """What was not stored is said to be missing, for the whole leg and for a lost fragment."""
    fragments = Scene().add(audio(6)).fragments()
    seen = report(index_of(fragments[:4], crashed=True))
    assert seen.gaps == (Gap(0, seen.duration_ms, None, "crash"),)
    (gap,) = report(index_of(fragments[:2] + fragments[3:])).gaps
    assert gap.cause == "crash"
    assert gap.end_ms is not None
    assert 900 < gap.end_ms - gap.start_ms < 1100


def test_silence_under_dtx_is_no_gap() -> None:
    """A sender that announces silence and sends a packet every 400 ms is not muted."""
    sent = audio(6)
    quiet = [
        replace(one, frame=replace(one.frame, payload=b"\xf8") if 100 <= at < 200 else one.frame)
        for at, one in enumerate(sent)
        if not 100 <= at < 200 or at % 20 == 0
    ]
    seen = told(Scene().add(quiet))
    assert seen.gaps == ()
    assert seen.tracks[0].frames == 205


def test_a_late_track_begins_late_and_stretches_nothing() -> None:
    """A camera switched on after a minute begins there; the duration stays that of the call."""
    seen = told(Scene().add(audio(6), video(2, from_s=4)))
    assert seen.duration_ms == 6010
    assert seen.tracks[1].first_ms == 4010
    assert seen.gaps == ()


def test_size_changes_are_listed_with_their_times() -> None:
    """A browser changes its resolution with its bandwidth."""
    scene = Scene().add(audio(4), video(2), video(2, size=(320, 240), from_s=2, rtp=RTP + 180_000))
    assert told(scene).tracks[1].sizes == (PictureSize(10, 160, 120), PictureSize(2010, 320, 240))


def test_the_clock_that_placed_a_track_is_named() -> None:
    """Reports on both tracks make the offset exact; the reader of a manifest can tell."""
    scene = Scene().add(audio(4), video(4, delay_s=0.15))
    assert {one.clock for one in told(scene).tracks} == {"arrival"}
    scene.note(2.3, sender_report(AUDIO, 2.3, 3_000_000_000 + round(2.3 * 48_000)))
    scene.note(2.5, sender_report(VP8, 2.5, RTP + round(2.5 * 90_000)))
    seen = told(scene)
    assert {one.clock for one in seen.tracks} == {"sender"}
    assert seen.tracks[1].first_ms == 0


def test_ends_and_repaired_timestamps_are_told() -> None:
    """A track's goodbye, and frames whose timestamp did not rise."""
    sent = audio(2)
    sent[50] = replace(sent[50], frame=replace(sent[50].frame, rtp_timestamp=sent[49].frame.rtp_timestamp))

    def goodbye(writer: FragmentWriter) -> None:
        writer.track_ended(1, "bye")

    seen = told(Scene().add(sent).note(5.0, goodbye))
    assert seen.tracks[0].ended == "bye"
    assert seen.tracks[0].timestamps_repaired == 1
    assert seen.tracks[0].frames == 100
