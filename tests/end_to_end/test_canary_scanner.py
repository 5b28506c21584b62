"""The search for plaintext finds what it looks for: no hits must mean no plaintext."""

import base64
import os
from pathlib import Path

import pytest

from tests.end_to_end.campaign_media import noise_clip
from tests.end_to_end.canaries import OVERLAP_BYTES, PIECE_BYTES, Canaries, spellings
from tests.webrtc.media import video_clip

WORD = "Zoé Kanari-Vögelchen"


@pytest.mark.parametrize("spelling", [name for name, _ in spellings(WORD)])
def test_a_word_is_found_in_each_spelling(tmp_path: Path, spelling: str) -> None:
    """In the middle of random bytes, at any place."""
    canaries = Canaries()
    canaries.add_word("name", WORD)
    form = dict(spellings(WORD))[spelling]
    (tmp_path / "file").write_bytes(os.urandom(5001) + form + os.urandom(5000))
    assert any(hit.what.startswith("name") for hit in canaries.scan(tmp_path))


def test_a_word_inside_a_longer_base64_text_is_found(tmp_path: Path) -> None:
    """Whatever stands before it."""
    canaries = Canaries()
    canaries.add_word("name", WORD)
    for shift in range(3):
        text = base64.b64encode(b"x" * (30 + shift) + WORD.encode() + b"yz")
        assert list(canaries.find(text)), shift


def test_each_frame_of_media_is_found(tmp_path: Path) -> None:
    """Not only the first ones; and a file that did not change is looked at once."""
    canaries = Canaries()
    canaries.add_media("sound", noise_clip().frames)
    canaries.add_media("picture", video_clip(width=160, height=96, fps=15).frames)
    for number in (0, 7, 31):
        (tmp_path / "file").write_bytes(os.urandom(100) + noise_clip().frames[number])
        assert [hit.what for hit in canaries.scan(tmp_path)] == [f"sound {number}"]
    assert canaries.scan(tmp_path) == []


def test_a_word_is_found_in_a_disk_of_holes_and_between_two_pieces(tmp_path: Path) -> None:
    """A store's disk is one file of gigabytes: what is written in it is read, wherever it was cut."""
    canaries = Canaries()
    canaries.add_word("name", WORD)
    far, cut = 8 << 30, PIECE_BYTES - 5
    with (tmp_path / "disk").open("wb") as disk:
        disk.write(os.urandom(cut) + WORD.encode() + os.urandom(100))
        disk.seek(far + 123)
        disk.write(WORD.encode())
        disk.truncate(32 << 30)
    hits = canaries.scan(tmp_path)
    assert [hit.offset for hit in hits if hit.what == "name in UTF-8"] == [cut, far + 123]
    assert canaries.scanned_bytes < 2 * (PIECE_BYTES + OVERLAP_BYTES)


@pytest.mark.parametrize(
    "plain",
    [
        bytes.fromhex("1a45dfa3010000000000001f4286810142f78101"),
        bytes.fromhex("1a45dfa39f4286810142f78101"),
        bytes.fromhex("1f43b67501000000000040f0e78100a3"),
        b"\x13OpusHead\x01\x02",
        b"\0\0\0\x20ftypisom\0\0\x02\0",
        b"\0\0\0\x40moof\0\0\0\x10mfhd",
        b"RIFF\x10\x20\0\0WEBPVP8 ",
        b"CVFR\x01\x02\0\0\0\0\x01",
        b'{"v":1,"gaps":[],"gaps_not_listed":0}',
    ],
)
def test_the_beginnings_of_containers_are_found(plain: bytes) -> None:
    """Media in the clear shows by its container even where its frames are not known."""
    assert list(Canaries().find(os.urandom(64) + plain))


def test_random_bytes_hold_nothing() -> None:
    """Ciphertext is not mistaken for media."""
    canaries = Canaries()
    canaries.add_word("name", WORD)
    canaries.add_media("sound", noise_clip().frames)
    assert list(canaries.find(os.urandom(8_000_000))) == []
