"""EBML numbers, against the examples and bounds of RFC 8794."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webrtc.ebml import element, fixed_number, long_size, number, real, size_of, text


@pytest.mark.parametrize(
    ("length", "coded"),
    [
        (0, "80"),
        (2, "82"),
        (126, "fe"),
        (127, "407f"),
        (16_382, "7ffe"),
        (16_383, "203fff"),
        ((1 << 56) - 2, "01fffffffffffffe"),
    ],
)
def test_sizes_are_as_short_as_they_can_be(length: int, coded: str) -> None:
    """RFC 8794, 4.1 to 4.4: all ones means unknown, so it moves to the next width."""
    assert size_of(length).hex() == coded


def test_a_size_of_more_than_56_bits_is_refused() -> None:
    """There is no ninth byte."""
    with pytest.raises(ValueError, match="56 bits"):
        size_of((1 << 56) - 1)


@given(st.integers(0, (1 << 56) - 2))
def test_a_long_size_has_always_eight_bytes(length: int) -> None:
    """A position can be filled in later without moving what follows."""
    assert len(long_size(length)) == 8
    assert int.from_bytes(long_size(length), "big") ^ 1 << 56 == length


def test_elements_carry_id_size_and_value() -> None:
    """Numbers are at least one byte; text is UTF-8; floats have eight bytes."""
    assert number(b"\x83", 0).hex() == "838100"
    assert number(b"\x83", 256).hex() == "83820100"
    assert fixed_number(b"\xf1", 1).hex() == "f1880000000000000001"
    assert real(b"\xb5", 48_000.0).hex() == "b58840e7700000000000"
    assert text(b"\x86", "é").hex() == "8682c3a9"
    assert element(b"\xa3", b"ab") == b"\xa3\x82ab"
