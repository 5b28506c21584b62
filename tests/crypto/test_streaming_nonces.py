"""No key and nonce protect two texts: watched at the cipher itself, over thousands of streams."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto import segments
from crypto.keys import DataKey
from crypto.streaming import Sealer, seal

AAD = b"vault-media/1\n"


class Watched:
    """AES-GCM that notes each (key, nonce) it is asked to seal under, and otherwise does its work."""

    seen: set[tuple[bytes, bytes]]
    repeats: int

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._aead = AESGCM(key)

    def encrypt_into(self, nonce: bytes, plain: bytes, associated_data: None, out: memoryview) -> int:
        """Seal, after looking whether this pair was used before."""
        Watched.repeats += (self._key, nonce) in Watched.seen
        Watched.seen.add((self._key, nonce))
        return self._aead.encrypt_into(nonce, plain, associated_data, out)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> type[Watched]:
    """The cipher of every stream made in this test, under watch."""
    Watched.seen, Watched.repeats = set(), 0
    monkeypatch.setattr(segments, "AESGCM", Watched)
    return Watched


@pytest.mark.slow
def test_streams_under_one_key_repeat_no_nonce(
    watched: type[Watched], rounds: Callable[[int, int], int]
) -> None:
    """One data key carries many streams; each has a file key of its own."""
    key, streams = DataKey.generate(), rounds(2_000, 200_000)
    for number in range(streams):
        seal(key, bytes(number % 200), associated_data=AAD, segment_bytes=64)
    assert watched.repeats == 0
    assert len({file_key for file_key, _ in watched.seen}) == streams


@pytest.mark.slow
def test_segments_of_one_stream_repeat_no_nonce(
    watched: type[Watched], rounds: Callable[[int, int], int]
) -> None:
    """A long stream, in pieces of all sizes: every segment has its own counter."""
    sealer, sealed_bytes = Sealer(DataKey.generate(), associated_data=AAD, segment_bytes=57), 0
    count = rounds(20_000, 1_000_000)
    for number in range(count // 50):
        sealed_bytes += len(sealer.update(bytes(41 * 50 + number % 3)))
    sealed_bytes += len(sealer.finish())
    assert watched.repeats == 0
    assert len(watched.seen) == -(-sealed_bytes // 57) >= count


def test_a_stream_left_in_the_middle_is_never_taken_up_again(watched: type[Watched]) -> None:
    """After a crash a call goes on in a new stream: a new header, so a new file key."""
    key, texts = DataKey.generate(), [bytes([number]) * 100 for number in range(50)]
    for text in texts:
        Sealer(key, associated_data=AAD, segment_bytes=64).update(text)
    assert watched.repeats == 0
