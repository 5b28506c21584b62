"""Ending a torn stream, at every byte it can be torn at."""

import pytest

from crypto.errors import ParameterError, TamperedStreamError, UnrecoverableStreamError
from crypto.keys import DataKey
from crypto.layout import HEADER_BYTES, TAG_BYTES
from crypto.repair import repair
from crypto.segments import VAULT_SUITE, SegmentCipher
from crypto.splitting import SegmentWriter
from crypto.streaming import open_sealed, seal
from tests.crypto.reference_tink import TinkStream

AAD = b"vault-media/1\n"
KEY = DataKey(bytes(range(32)))
TINK = TinkStream(KEY.reveal(), VAULT_SUITE, 64)
LENGTHS = (0, 1, 7, 8, 9, 55, 56, 57, 104, 105, 200)


def whole_segments_plain(torn_bytes: int) -> int:
    """How many plain bytes the complete 64-byte segments of a torn stream hold."""
    return max(0, 48 * (torn_bytes // 64) - HEADER_BYTES)


def repaired(torn: bytes) -> bytes:
    """The stream after its repair."""
    return repair(KEY, torn, associated_data=AAD, segment_bytes=64).apply(torn)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_stream_torn_at_any_byte_is_ended_or_given_up(length: int) -> None:
    """What is whole is kept, opens everywhere, and a second repair changes nothing."""
    plain = bytes(number % 256 for number in range(length))
    sealed = seal(KEY, plain, associated_data=AAD, segment_bytes=64)
    for torn_bytes in range(len(sealed)):
        torn, kept = sealed[:torn_bytes], whole_segments_plain(torn_bytes)
        if torn_bytes < 64:
            with pytest.raises(UnrecoverableStreamError):
                repaired(torn)
            continue
        ended = repaired(torn)
        assert open_sealed(KEY, ended, associated_data=AAD, segment_bytes=64) == plain[:kept]
        assert TINK.open(ended, AAD) == plain[:kept]
        assert repaired(ended) == ended


@pytest.mark.parametrize("length", LENGTHS)
def test_a_complete_stream_is_left_as_it_is(length: int) -> None:
    """Repairing what is not torn drops nothing."""
    sealed = seal(KEY, bytes(length), associated_data=AAD, segment_bytes=64)
    outcome = repair(KEY, sealed, associated_data=AAD, segment_bytes=64)
    assert (outcome.apply(sealed), outcome.dropped_bytes) == (sealed, 0)


def test_no_nonce_protects_two_texts_after_any_repair() -> None:
    """A torn write, its repair and the writer's own end share a key: no nonce has two texts."""
    header = VAULT_SUITE.new_header()
    cipher = SegmentCipher(KEY.reveal(), header, associated_data=AAD)
    plain = bytes(number * 3 % 256 for number in range(8 + 48 * 3))
    uses: dict[tuple[int, bool], set[bytes]] = {}
    for length in range(len(plain) + 1):
        sealed = SegmentWriter(cipher, segment_bytes=64).write_all(plain[:length])
        for torn_bytes in range(64, len(sealed) + 1):
            ended = repaired(sealed[:torn_bytes])
            opened = open_sealed(KEY, ended, associated_data=AAD, segment_bytes=64)
            last = -(-len(ended) // 64) - 1
            if ended != sealed[:torn_bytes]:
                assert last < (len(sealed) - 1) // 64  # the writer's own last-flag stands further on
                uses.setdefault((last, True), set()).add(opened[max(0, 48 * last - HEADER_BYTES) :])
    assert sorted(uses) == [(0, True), (1, True), (2, True)]
    assert {key: len(texts) for key, texts in uses.items()} == dict.fromkeys(uses, 1)


def test_what_was_dropped_is_counted() -> None:
    """The caller compares the loss with what a crash can explain."""
    sealed = seal(KEY, bytes(200), associated_data=AAD, segment_bytes=64)
    outcome = repair(KEY, sealed[:150], associated_data=AAD, segment_bytes=64)
    assert (outcome.kept_bytes, len(outcome.last_segment), outcome.dropped_bytes) == (64, 64, 150 - 128)
    assert repair(KEY, sealed[:128], associated_data=AAD, segment_bytes=64).dropped_bytes == 0


def test_damage_in_the_middle_ends_the_stream_before_it() -> None:
    """Nothing after a segment that is not genuine is believed."""
    sealed = bytearray(seal(KEY, bytes(range(200)), associated_data=AAD, segment_bytes=64))
    sealed[130] ^= 1
    ended = repaired(bytes(sealed))
    assert open_sealed(KEY, ended, associated_data=AAD, segment_bytes=64) == bytes(range(56))


def test_blocks_of_zeros_after_a_power_cut_are_dropped() -> None:
    """A file system may have lengthened the file before the bytes came."""
    sealed = seal(KEY, bytes(range(200)), associated_data=AAD, segment_bytes=64)
    for zeros in (1, 16, 17, 64, 100):
        ended = repaired(sealed[:128] + bytes(zeros))
        assert open_sealed(KEY, ended, associated_data=AAD, segment_bytes=64) == bytes(range(56))


def test_bytes_after_a_genuine_end_are_dropped_and_nothing_else() -> None:
    """A complete stream in a file that was lengthened keeps its own last segment: no nonce is spent."""
    sealed = seal(KEY, bytes(range(104)), associated_data=AAD, segment_bytes=64)
    assert len(sealed) % 64 == 0
    for tail in (b"\0", bytes(64), sealed):
        outcome = repair(KEY, sealed + tail, associated_data=AAD, segment_bytes=64)
        assert (outcome.apply(sealed + tail), outcome.dropped_bytes) == (sealed, len(tail))


def test_an_empty_last_segment_is_not_an_end() -> None:
    """It is no form of ours: it goes, and the segment before it becomes the last."""
    header = VAULT_SUITE.new_header()
    cipher = SegmentCipher(KEY.reveal(), header, associated_data=AAD)
    first, last = bytearray(24), bytearray(TAG_BYTES)
    cipher.seal_into(0, b"complete", memoryview(first), is_last=False)
    cipher.seal_into(1, b"", memoryview(last), is_last=True)
    ended = repaired(header + bytes(first) + bytes(last))
    assert open_sealed(KEY, ended, associated_data=AAD, segment_bytes=64) == b"complete"


def test_a_stream_under_another_key_or_context_is_given_up() -> None:
    """Without one genuine segment there is nothing to end."""
    sealed = seal(KEY, bytes(200), associated_data=AAD, segment_bytes=64)
    with pytest.raises(UnrecoverableStreamError):
        repair(DataKey.generate(), sealed, associated_data=AAD, segment_bytes=64)
    with pytest.raises(UnrecoverableStreamError):
        repair(KEY, sealed, associated_data=b"", segment_bytes=64)


def test_an_illegal_segment_size_is_refused_before_reading() -> None:
    """As everywhere else."""
    with pytest.raises(ParameterError):
        repair(KEY, b"", associated_data=AAD, segment_bytes=56)


def test_an_unrepaired_stream_does_not_open() -> None:
    """A torn stream is refused by every reader until it has been ended on purpose."""
    sealed = seal(KEY, bytes(200), associated_data=AAD, segment_bytes=64)
    with pytest.raises(TamperedStreamError):
        open_sealed(KEY, sealed[:128], associated_data=AAD, segment_bytes=64)
