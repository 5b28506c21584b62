"""The few texts that may enter associated data: checked here, so that no line can be forged.

Associated data is a list of ASCII lines. Whatever goes into a line is an identifier made by the
vault itself, never text from a user, so no value can contain a line feed or an equals sign.
"""

import re
from typing import Final

from crypto.errors import ParameterError

__all__ = ["checked_counter", "checked_part", "checked_uuid"]

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PART: Final = re.compile(r"[a-z0-9-]{1,64}")


def checked_uuid(text: str, *, name: str) -> str:
    """`text` if it is a canonical lower-case UUID (RFC 9562, section 4); else `ParameterError`."""
    if _UUID.fullmatch(text) is None:
        raise ParameterError(f"{name} must be a lower-case UUID with hyphens")
    return text


def checked_part(text: str) -> str:
    """`text` if it names a part: 1 to 64 of a-z, 0-9 and hyphen; else `ParameterError`."""
    if _PART.fullmatch(text) is None:
        raise ParameterError("part must be 1 to 64 characters of a-z, 0-9 and hyphen")
    return text


def checked_counter(value: int, *, name: str, bits: int) -> int:
    """`value` if it fits an unsigned integer of `bits` bits; else `ParameterError`."""
    if not 0 <= value < 1 << bits:
        raise ParameterError(f"{name} must be between 0 and 2^{bits} - 1")
    return value
