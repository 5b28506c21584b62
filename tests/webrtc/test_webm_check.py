"""Reading WebM back: each thing a player relies on is looked at."""

import struct

import pytest

from tests.webrtc.studio import Scene, audio, file_of, index_of, video
from webrtc.file_check import FileMismatchError
from webrtc.media_index import MediaIndex
from webrtc.webm_check import check_webm


@pytest.fixture(scope="module")
def plain() -> bytes:
    """A whole file."""
    return file_of(Scene().add(audio(3), video(3)).fragments())


@pytest.fixture(scope="module")
def index() -> MediaIndex:
    """The index of the same."""
    return index_of(Scene().add(audio(3), video(3)).fragments())


def test_what_the_writer_wrote_is_accepted(plain: bytes, index: MediaIndex) -> None:
    """In one piece or in many."""
    check_webm([plain], index)
    check_webm([plain[:77], plain[77:]], index)


def changed(plain: bytes, found: bytes, put: bytes, *, skip: int = 0) -> bytes:
    """The file with other bytes `skip` bytes behind the first place where some are found."""
    at = plain.index(found) + skip
    return plain[:at] + put + plain[at + len(put) :]


@pytest.mark.parametrize(
    ("found", "put", "skip", "what"),
    [
        (b"webm", b"mkv ", 0, "DocType"),
        (b"V_VP8", b"V_VP9", 0, "track table"),
        (b"\x44\x89\x88", struct.pack(">d", 9.0), 3, "duration"),
        (b"\x53\xac\x88", b"\x01", 3, "seek position"),
        (b"\xf1\x88", b"\x01", 2, "cue"),
        (b"\xb3\x81\x00", b"\x05", 2, "cue"),
        (b"\x1f\x43\xb6\x75", b"\x1f\x43\xb6\x76", 0, "size"),
    ],
)
def test_a_changed_structure_is_refused(
    plain: bytes, index: MediaIndex, found: bytes, put: bytes, skip: int, what: str
) -> None:
    """Positions, durations, codecs and cues are compared with the index, not believed."""
    with pytest.raises(FileMismatchError, match=what):
        check_webm([changed(plain, found, put, skip=skip)], index)


def test_a_block_at_another_time_is_refused(plain: bytes, index: MediaIndex) -> None:
    """One millisecond is a difference."""
    sound = plain.index(b"\xa3", plain.index(b"\x1f\x43\xb6\x75") + 8)
    track = plain.index(b"\x81", sound + 2)
    moved = plain[: track + 2] + bytes((plain[track + 2] ^ 1,)) + plain[track + 3 :]
    with pytest.raises(FileMismatchError, match="time"):
        check_webm([moved], index)


def test_the_file_of_another_call_is_refused(index: MediaIndex) -> None:
    """A sound file of the wrong leg does not pass for this one."""
    other = file_of(Scene().add(audio(3), video(3, from_s=0.02)).fragments())
    with pytest.raises(FileMismatchError):
        check_webm([other], index)
