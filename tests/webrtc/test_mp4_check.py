"""Reading MP4 back: each thing a player relies on is looked at."""

import pytest

from tests.webrtc.studio import H264, Scene, audio, file_of, index_of, video
from webrtc.file_check import FileMismatchError
from webrtc.media_index import MediaIndex
from webrtc.mp4 import Mp4Writer
from webrtc.mp4_check import check_mp4


def scene() -> Scene:
    """A call with both kinds of track, the sound a little late."""
    return Scene().add(audio(3, from_s=0.5), video(3, info=H264))


@pytest.fixture(scope="module")
def plain() -> bytes:
    """A whole file."""
    return file_of(scene().fragments(), Mp4Writer)


@pytest.fixture(scope="module")
def index() -> MediaIndex:
    """The index of the same."""
    return index_of(scene().fragments())


def test_what_the_writer_wrote_is_accepted(plain: bytes, index: MediaIndex) -> None:
    """In one piece or in many."""
    check_mp4([plain], index)
    check_mp4([plain[:77], plain[77:]], index)


@pytest.mark.parametrize(
    ("box", "skip", "what"),
    [
        (b"ftyp", 0, "ftyp"),
        (b"moov", 0, "index does not come first"),
        (b"mdat", 0, "no media"),
        (b"trak", 0, "number of tracks"),
        (b"Opus", 0, "codec"),
        (b"stts", 12, "number of durations"),
        (b"stts", 19, "time"),
        (b"stsz", 19, "size"),
        (b"stco", 15, "offset"),
        (b"stsc", 19, "chunk"),
        (b"stss", 15, "keyframe"),
        (b"elst", 18, "begins"),
        (b"mdat", -1, "size"),
    ],
)
def test_a_changed_structure_is_refused(
    plain: bytes, index: MediaIndex, box: bytes, skip: int, what: str
) -> None:
    """Tables and offsets are compared with the index, not believed."""
    damaged = bytearray(plain)
    damaged[plain.index(box) + skip] ^= 1
    with pytest.raises(FileMismatchError, match=what):
        check_mp4([bytes(damaged)], index)


def test_the_file_of_another_call_is_refused(index: MediaIndex) -> None:
    """A file of the wrong leg does not pass for this one."""
    other = Scene().add(audio(3, from_s=0.48), video(3, info=H264)).fragments()
    with pytest.raises(FileMismatchError):
        check_mp4([file_of(other, Mp4Writer)], index)
