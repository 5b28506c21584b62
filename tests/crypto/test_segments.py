"""The suite and header of a stream; the cipher itself is held against Tink in test_splitting.py."""

import pytest

from crypto.errors import ParameterError, TamperedStreamError
from crypto.layout import HEADER_BYTES, MAX_SEGMENTS, TAG_BYTES
from crypto.segments import VAULT_SUITE, SegmentCipher

KEY = bytes(range(32))
AAD = b"vault-media/1\n"


def test_headers_are_random_and_carry_their_length() -> None:
    """40 bytes: the length, a salt of 32, a nonce prefix of 7; no two alike."""
    headers = {VAULT_SUITE.new_header() for _ in range(200)}
    assert len(headers) == 200
    assert {len(header) for header in headers} == {HEADER_BYTES}
    assert {header[0] for header in headers} == {40}


@pytest.mark.parametrize("first", [0, 24, 39, 41, 255])
def test_a_header_with_another_length_byte_is_refused(first: int) -> None:
    """The length byte is not authenticated by the format, so it is compared."""
    header = bytes([first]) + VAULT_SUITE.new_header()[1:]
    with pytest.raises(TamperedStreamError):
        SegmentCipher(KEY, header, associated_data=AAD)


@pytest.mark.parametrize("length", [0, 1, 39, 41])
def test_a_header_of_another_size_is_refused(length: int) -> None:
    """Cut or with bytes appended."""
    with pytest.raises(TamperedStreamError):
        SegmentCipher(KEY, (VAULT_SUITE.new_header() + b"x")[:length], associated_data=AAD)


@pytest.mark.parametrize(("index", "is_last"), [(1, True), (0, False), (1, False)])
def test_a_segment_opens_only_at_its_place(index: int, is_last: bool) -> None:  # noqa: FBT001
    """Counter and last-flag stand in the nonce: elsewhere the tag is wrong."""
    cipher = SegmentCipher(KEY, VAULT_SUITE.new_header(), associated_data=AAD)
    sealed = bytearray(5 + TAG_BYTES)
    cipher.seal_into(0, b"plain", memoryview(sealed), is_last=True)
    out = bytearray(5)
    with pytest.raises(TamperedStreamError, match=f"segment {index}"):
        cipher.open_into(index, bytes(sealed), memoryview(out), is_last=is_last)
    cipher.open_into(0, bytes(sealed), memoryview(out), is_last=True)
    assert out == b"plain"


def test_the_last_counter_value_is_never_used() -> None:
    """Tink for Go refuses it, so a stream of ours must not need it."""
    cipher = SegmentCipher(KEY, VAULT_SUITE.new_header(), associated_data=AAD)
    cipher.seal_into(MAX_SEGMENTS - 1, b"x", memoryview(bytearray(17)), is_last=False)
    with pytest.raises(ParameterError):
        cipher.seal_into(MAX_SEGMENTS, b"x", memoryview(bytearray(17)), is_last=True)
