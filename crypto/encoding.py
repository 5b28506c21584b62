"""Base64 and decimals with one spelling only: what decodes to the same value must be the same text."""

import base64
import binascii
import re
from typing import Final

__all__ = ["decode_base64", "decode_decimal", "encode_base64"]

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")  # up to 19 digits: below 2^64, as tree sizes are


def encode_base64(value: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(value).decode("ascii")


def decode_base64(text: str) -> bytes | None:
    """The bytes, or None unless `text` is exactly their `encode_base64`.

    Lenient decoders take several spellings of the same bytes (RFC 4648, 3.5); we take one.
    """
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return value if encode_base64(value) == text else None


def decode_decimal(text: str) -> int | None:
    """The number, or None unless `text` is ASCII digits without leading zeros, below 10^19."""
    return int(text) if _DECIMAL.fullmatch(text) is not None else None
