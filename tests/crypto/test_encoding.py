"""One spelling for each value: what decodes alike is the same text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.encoding import decode_base64, decode_decimal, encode_base64


@given(value=st.binary(max_size=100))
def test_base64_comes_back_the_same(value: bytes) -> None:
    """Standard alphabet, with padding."""
    assert decode_base64(encode_base64(value)) == value


@pytest.mark.parametrize(
    "text", ["YQ", "YR==", "YQ=", "YQ==\n", " YQ==", "YQ==YQ==", "-_==", "Y Q=", "\u00e9"]
)
def test_other_spellings_of_base64_are_refused(text: str) -> None:
    """Missing padding, stray bits, white space, the URL alphabet, other letters."""
    assert decode_base64(text) is None


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("7", 7), ("9223372036854775807", (1 << 63) - 1), ("10", 10)]
)
def test_decimals_are_read_exactly(text: str, value: int) -> None:
    """ASCII digits without leading zeros."""
    assert decode_decimal(text) == value


@pytest.mark.parametrize("text", ["", "00", "01", "+1", "-1", "1_0", " 1", "1\n", "\u0661", "1" * 20, "1.0"])
def test_other_spellings_of_a_decimal_are_refused(text: str) -> None:
    """Signs, separators, other digits, and numbers beyond any tree."""
    assert decode_decimal(text) is None
