"""Whom to tell by mail: one plain address, which is the same in a header and on the wire."""

import re
from typing import Final

from vault.errors import Fault, InvalidError

ADDRESS_MAX: Final = 254  # RFC 5321, 4.5.3.1.3, without the angle brackets
LOCAL_MAX: Final = 64  # RFC 5321, 4.5.3.1.1
# A dot-string and a domain of letters, digits and hyphens (RFC 5321, 4.1.2). No quoted string, no literal, no
# comment; and no "=" or "?", with which a header could be read as an encoded word (RFC 2047).
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
PATTERN: Final = rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*"


def is_address(text: str) -> bool:
    """Tell whether a text is one plain address."""
    fits = re.fullmatch(PATTERN, text) is not None
    return fits and len(text) <= ADDRESS_MAX and text.index("@") <= LOCAL_MAX


def require_address(text: str) -> None:
    """Raise InvalidError for what is not one plain address."""
    if not is_address(text):
        raise InvalidError(
            "this is no address for mail",
            [Fault("#/notify", "not_an_address", "write one address, without a name: dpo@example.org")],
        )
