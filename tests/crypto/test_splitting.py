"""Streams read and written segment by segment, held against Tink and its published vector."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import FinishedStreamError, ParameterError, TamperedStreamError
from crypto.layout import MAX_SEGMENTS, TAG_BYTES, Layout
from crypto.segments import VAULT_SUITE, SegmentCipher, Suite
from crypto.splitting import SegmentReader, SegmentWriter
from tests.crypto.reference_tink import AES128_SHA1, AES128_SHA256, AES256_SHA512, TinkStream

AAD = b"vault-media/1\n"
KEY = bytes(range(32))
PARAMETERS = [
    (41, AES128_SHA256),
    (57, VAULT_SUITE),
    (64, AES128_SHA1),
    (64, VAULT_SUITE),
    (300, AES256_SHA512),
    (4_096, VAULT_SUITE),
    (65_536, VAULT_SUITE),
    (1_048_576, VAULT_SUITE),
]


def boundary_lengths(segment_bytes: int, suite: Suite) -> list[int]:
    """Nothing, one byte, and one byte around each of the first segment borders."""
    capacity = segment_bytes - TAG_BYTES
    first = capacity - suite.header_bytes
    borders = [first, first + capacity, first + 3 * capacity]
    return sorted({0, 1, *(border + step for border in borders for step in (-1, 0, 1))})


def cipher_of(suite: Suite, header: bytes | None = None) -> SegmentCipher:
    """A cipher under the test key."""
    return SegmentCipher(
        KEY[: suite.key_bytes], header or suite.new_header(), associated_data=AAD, suite=suite
    )


def write(plain: bytes, segment_bytes: int, suite: Suite, step: int) -> bytes:
    """The sealed stream, made in pieces of `step` plain bytes."""
    writer = SegmentWriter(cipher_of(suite), segment_bytes=segment_bytes)
    pieces = [writer.update(plain[at : at + step]) for at in range(0, len(plain), step)]
    return b"".join([*pieces, writer.finish()])


def read(sealed: bytes, segment_bytes: int, suite: Suite, step: int) -> bytes:
    """The plain bytes, read in pieces of `step` sealed bytes."""
    reader = SegmentReader(cipher_of(suite, sealed[: suite.header_bytes]), segment_bytes=segment_bytes)
    body = sealed[suite.header_bytes :]
    pieces = [reader.update(body[at : at + step]) for at in range(0, len(body), step)]
    return b"".join([*pieces, reader.finish()])


@pytest.mark.parametrize(("segment_bytes", "suite"), PARAMETERS)
def test_tink_opens_what_we_seal_at_every_border(segment_bytes: int, suite: Suite) -> None:
    """The format is Tink's exactly: its reader takes our streams (FORMAT.md, Sealed streams)."""
    tink_stream = TinkStream(KEY[: suite.key_bytes], suite, segment_bytes)
    for length in boundary_lengths(segment_bytes, suite):
        plain = bytes(length % 251 for length in range(length))
        for step in (max(1, length // 3), length + 1):
            sealed = write(plain, segment_bytes, suite, step)
            assert len(sealed) == Layout.for_plain(length, segment_bytes, suite.header_bytes).sealed_bytes
            assert tink_stream.open(sealed, AAD) == plain


@pytest.mark.parametrize(("segment_bytes", "suite"), PARAMETERS)
def test_we_open_what_tink_seals_at_every_border(segment_bytes: int, suite: Suite) -> None:
    """The other direction: Tink's writer, our reader, in pieces of several sizes."""
    tink_stream = TinkStream(KEY[: suite.key_bytes], suite, segment_bytes)
    for length in boundary_lengths(segment_bytes, suite):
        plain = bytes(length % 241 for length in range(length))
        sealed = tink_stream.seal(plain, AAD)
        for step in (segment_bytes, len(sealed), max(1, len(sealed) // 3)):
            assert read(sealed, segment_bytes, suite, step) == plain


# Tink's cross-language tests, aes_gcm_hkdf_streaming_key_test.py, test_manually_created_test_vector.
PUBLISHED_KEY = bytes.fromhex("6eb56cdc726dfbe5d57f2fcdc6e9345b")
PUBLISHED_HEADER = bytes.fromhex("1893b3af5e14ab378d065addfc8484da642c0862877baea8")
PUBLISHED_PLAIN = (
    b"This is a fairly long plaintext. It is of the exact length to create three output blocks. "
)
PUBLISHED_BODY = bytes.fromhex(
    "db92d9c77406a406168478821c4298eab3e6d531277f4c1a051714faebcaefcbca7b7be05e9445ea"
    "a0bb2904153398a25084dd80ae0edcd1c3079fcea2cd3770630ee36f7539207b8ec9d754956d486b"
    "71cdf989f0ed6fba6779b63558be0a66e668df14e1603cd2"
    "af8944844078345286d0b292e772e7190775c51a0f83e40c0b75821027e7e538e111"
)


def test_the_published_vector_matches_byte_for_byte() -> None:
    """Tink's hand-made vector (AES-128, SHA-1, 64-byte segments), both ways."""
    cipher = SegmentCipher(PUBLISHED_KEY, PUBLISHED_HEADER, associated_data=b"aad", suite=AES128_SHA1)
    assert SegmentWriter(cipher, segment_bytes=64).write_all(PUBLISHED_PLAIN) == (
        PUBLISHED_HEADER + PUBLISHED_BODY
    )
    reader = SegmentReader(cipher, segment_bytes=64)
    assert reader.update(PUBLISHED_BODY) + reader.finish() == PUBLISHED_PLAIN


@settings(max_examples=60, deadline=None)
@given(plain=st.binary(max_size=600), cuts=st.lists(st.integers(1, 200), max_size=12))
def test_how_bytes_arrive_does_not_change_the_stream(plain: bytes, cuts: list[int]) -> None:
    """The sealed bytes depend on the plain bytes alone, not on the sizes of the pieces."""
    header = VAULT_SUITE.new_header()
    whole = SegmentWriter(cipher_of(VAULT_SUITE, header), segment_bytes=64).write_all(plain)
    writer = SegmentWriter(cipher_of(VAULT_SUITE, header), segment_bytes=64)
    sealed, rest = b"", plain
    for cut in cuts:
        sealed += writer.update(rest[:cut])
        rest = rest[cut:]
    sealed += writer.update(rest) + writer.finish()
    assert sealed == whole


def test_a_writer_holds_back_at_most_one_segment() -> None:
    """Memory stays bounded: whatever is more than a segment leaves at once."""
    writer = SegmentWriter(cipher_of(VAULT_SUITE), segment_bytes=64)
    assert writer.update(bytes(8)) == b""
    assert len(writer.update(bytes(1))) == 64
    assert writer.update(bytes(47)) == b""
    assert len(writer.update(bytes(1))) == 64
    assert len(writer.finish()) == 1 + TAG_BYTES


def test_wider_memoryviews_are_taken_as_bytes() -> None:
    """A buffer of 32-bit items is sealed byte by byte, not item by item."""
    numbers = memoryview(bytes(range(160))).cast("I")
    writer = SegmentWriter(cipher_of(VAULT_SUITE), segment_bytes=64)
    sealed = writer.update(numbers) + writer.finish()
    assert read(sealed, 64, VAULT_SUITE, 7) == bytes(range(160))


def test_a_finished_stream_takes_nothing_more() -> None:
    """After the last segment its key must not seal again: the counter has ended."""
    writer = SegmentWriter(cipher_of(VAULT_SUITE), segment_bytes=64)
    sealed = writer.write_all(b"x")
    for again in (writer.finish, lambda: writer.update(b"y")):
        with pytest.raises(FinishedStreamError):
            again()
    reader = SegmentReader(cipher_of(VAULT_SUITE, sealed[:40]), segment_bytes=64)
    assert reader.update(sealed[40:]) + reader.finish() == b"x"
    with pytest.raises(FinishedStreamError):
        reader.update(b"")


def test_a_reader_that_met_tampering_stays_closed() -> None:
    """A player cannot go on past an altered segment by calling again."""
    sealed = bytearray(write(bytes(200), 64, VAULT_SUITE, 200))
    sealed[70] ^= 1
    reader = SegmentReader(cipher_of(VAULT_SUITE, bytes(sealed[:40])), segment_bytes=64)
    with pytest.raises(TamperedStreamError):
        reader.update(bytes(sealed[40:]))
    with pytest.raises(FinishedStreamError):
        reader.update(b"")


def test_a_writer_that_failed_seals_nothing_more() -> None:
    """At the end of the counter the stream stops for good, rather than repeat a nonce."""
    writer = SegmentWriter(cipher_of(VAULT_SUITE), segment_bytes=64)
    writer._index = MAX_SEGMENTS - 1
    assert len(writer.update(bytes(49))) == 64
    with pytest.raises(ParameterError, match="used up"):
        writer.update(bytes(48))
    with pytest.raises(FinishedStreamError):
        writer.finish()


def test_a_segment_size_too_small_or_too_large_is_refused() -> None:
    """Legal sizes leave room for a byte in segment 0 and fit Tink's signed 32-bit number."""
    for segment_bytes in (-1, 0, 56, 1 << 31):
        with pytest.raises(ParameterError):
            SegmentWriter(cipher_of(VAULT_SUITE), segment_bytes=segment_bytes)


def test_a_stream_state_cannot_be_copied() -> None:
    """A copy of a writer would use the same nonces for other bytes."""
    import copy
    import pickle

    writer = SegmentWriter(cipher_of(VAULT_SUITE), segment_bytes=64)
    for clone in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="neither pickled nor copied"):
            clone(writer)


def test_plain_bytes_of_a_refused_call_do_not_linger() -> None:
    """The library writes unauthenticated plain bytes before it refuses; ours are zeros by then."""
    cipher = cipher_of(VAULT_SUITE)
    sealed = bytearray(64 + TAG_BYTES)
    cipher.seal_into(0, b"s" * 64, memoryview(sealed), is_last=True)
    sealed[-1] ^= 1
    out = bytearray(b"?" * 64)
    with pytest.raises(TamperedStreamError):
        cipher.open_into(0, bytes(sealed), memoryview(out), is_last=True)
    assert out == bytes(64)


def test_a_segment_is_plain_aes_gcm_under_the_documented_nonce() -> None:
    """Written out by hand: HKDF key, nonce of prefix, counter and flag, no associated data."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    sealed = write(bytes(range(100)), 64, VAULT_SUITE, 100)
    salt, prefix = sealed[1:33], sealed[33:40]
    file_key = HKDF(hashes.SHA256(), length=32, salt=salt, info=AAD).derive(KEY)
    aead = AESGCM(file_key)
    plain = aead.decrypt(prefix + b"\0\0\0\0\0", sealed[40:64], None)
    plain += aead.decrypt(prefix + b"\0\0\0\1\0", sealed[64:128], None)
    plain += aead.decrypt(prefix + b"\0\0\0\2\1", sealed[128:], None)
    assert (sealed[0], plain) == (40, bytes(range(100)))
