"""The part of reading back that both formats share."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.webrtc.studio import H264, VP8, Scene, audio, file_of, index_of, video
from webrtc.containers import open_check, open_writer
from webrtc.file_check import STEP_BYTES, FileMismatchError, pieces
from webrtc.frames import TrackInfo


@pytest.mark.parametrize("info", [VP8, H264], ids=["webm", "mp4"])
@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 30_000), max_size=6))
def test_chunks_of_any_size_are_taken(info: TrackInfo, cuts: list[int]) -> None:
    """A store hands out what it likes; the check sees one file."""
    fragments = Scene().add(audio(2), video(2, info=info)).fragments()
    index = index_of(fragments)
    plain = file_of(fragments, open_writer)
    check = open_check(index)
    places = sorted({0, len(plain), *(cut for cut in cuts if cut < len(plain))})
    for begin, end in pairwise(places):
        check.feed(plain[begin:end])
    check.finish()


@pytest.mark.parametrize("info", [VP8, H264], ids=["webm", "mp4"])
def test_a_file_cut_short_or_made_longer_is_refused(info: TrackInfo) -> None:
    """What the store kept must be all of it and nothing else."""
    fragments = Scene().add(audio(2), video(2, info=info)).fragments()
    index = index_of(fragments)
    plain = file_of(fragments, open_writer)
    for kept in (0, 3, 100, len(plain) // 2, len(plain) - 1):
        check = open_check(index)
        check.feed(plain[:kept])
        with pytest.raises(FileMismatchError):
            check.finish()
    check = open_check(index)
    with pytest.raises(FileMismatchError, match="follow"):
        check.feed(plain + b"\0")


@pytest.mark.parametrize("info", [VP8, H264], ids=["webm", "mp4"])
def test_a_changed_byte_of_media_is_refused(info: TrackInfo) -> None:
    """Every payload byte is compared, by the hash of its track."""
    fragments = Scene().add(audio(2), video(2, info=info)).fragments()
    index = index_of(fragments)
    plain = bytearray(file_of(fragments, open_writer))
    payload = fragments[-1].frames[-1].payload
    at = plain.rindex(payload) + len(payload) // 2
    plain[at] ^= 1
    check = open_check(index)
    check.feed(bytes(plain))
    with pytest.raises(FileMismatchError, match="bytes of a track"):
        check.finish()


@pytest.mark.parametrize("info", [VP8, H264], ids=["webm", "mp4"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damage_never_raises_anything_else(info: TrackInfo, data: st.DataObject) -> None:
    """Whatever the store gives back, the caller has one error to expect."""
    fragments = Scene().add(audio(1), video(1, info=info)).fragments()
    index = index_of(fragments)
    plain = bytearray(file_of(fragments, open_writer))
    for _ in range(data.draw(st.integers(1, 3))):
        plain[data.draw(st.integers(0, min(len(plain) - 1, 3000)))] = data.draw(st.integers(0, 255))
    check = open_check(index)
    try:
        check.feed(bytes(plain))
        check.finish()
    except FileMismatchError:
        return


def test_long_runs_are_read_in_steps() -> None:
    """A check never asks for more than it may hold."""
    assert list(pieces(2 * STEP_BYTES + 1)) == [STEP_BYTES, STEP_BYTES, 1]
    assert list(pieces(0)) == []
