"""A ring key as a person writes it down and types it: four lines of four groups, each line with its check.

A line is eight bytes of the key and two of SHA-256 over label, line number and these eight, in Crockford's
base 32: no letter that looks like a digit, upper and lower case the same, O read as 0, I and L as 1.
"""

import hashlib
import hmac
import re
from typing import Final

from crypto.errors import SheetError
from crypto.keys import KEY_BYTES, RingKey

__all__ = ["read_sheet", "sheet_lines"]

LABEL: Final = b"callvault-sheet/1\n"
LINES: Final = 4
LINE_BYTES: Final = KEY_BYTES // LINES
CHECK_BYTES: Final = 2
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SYMBOLS: Final = (LINE_BYTES + CHECK_BYTES) * 8 // 5
GROUP: Final = 4
_LIKENESSES: Final = str.maketrans("OIL", "011")


def sheet_lines(ring_key: RingKey) -> tuple[str, ...]:
    """Write a ring key as the lines of its sheet, like ``1  7Z8K 0M4Q …``."""
    secret = ring_key.reveal()
    lines = []
    for number in range(1, LINES + 1):
        part = secret[(number - 1) * LINE_BYTES : number * LINE_BYTES]
        value = int.from_bytes(part + _check(number, part), "big")
        text = "".join(ALPHABET[value >> 5 * place & 31] for place in reversed(range(SYMBOLS)))
        groups = " ".join(text[at : at + GROUP] for at in range(0, SYMBOLS, GROUP))
        lines.append(f"{number}  {groups}")
    return tuple(lines)


def read_sheet(text: str) -> RingKey:
    """Read the lines that a person typed; raises SheetError with the number of the first line that is wrong.

    Blanks and hyphens are of no matter, and a line's own number may stand before it.
    """
    typed = [line for line in text.splitlines() if line.strip()]
    if len(typed) != LINES:
        raise SheetError(f"a sheet has {LINES} lines", line=min(len(typed), LINES))
    return RingKey.from_bytes(b"".join(_part(number, line) for number, line in enumerate(typed, 1)))


def _part(number: int, line: str) -> bytes:
    symbols = re.sub(r"[\s-]", "", line).upper().translate(_LIKENESSES)
    if len(symbols) == SYMBOLS + 1 and symbols[0] == str(number):
        symbols = symbols[1:]
    if len(symbols) != SYMBOLS or not set(symbols) <= set(ALPHABET):
        raise SheetError(f"line {number} has not {SYMBOLS} letters and digits", line=number)
    value = 0
    for symbol in symbols:
        value = value << 5 | ALPHABET.index(symbol)
    found = value.to_bytes(LINE_BYTES + CHECK_BYTES, "big")
    part, check = found[:LINE_BYTES], found[LINE_BYTES:]
    if not hmac.compare_digest(check, _check(number, part)):
        raise SheetError(f"line {number} is not as it was printed", line=number)
    return part


def _check(number: int, part: bytes) -> bytes:
    return hashlib.sha256(LABEL + bytes([number]) + part).digest()[:CHECK_BYTES]
