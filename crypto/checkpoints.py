"""The text of a ledger checkpoint (C2SP tlog-checkpoint): origin, size and root on three lines."""

from dataclasses import dataclass
from typing import Final, Self

from crypto.encoding import decode_base64, decode_decimal, encode_base64
from crypto.errors import NoteError, ParameterError
from crypto.merkle import HASH_BYTES

__all__ = ["Checkpoint"]

_LINES: Final = 3


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: the ledger's name, how many leaves it has, and their root (32 bytes).

    Raises `ParameterError` for a value that has no such text.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or not self.origin.isprintable():
            raise ParameterError("an origin is one printable line that is not empty")
        if not 0 <= self.size < 1 << 63:
            raise ParameterError("a tree size is between 0 and 2^63 - 1")
        if len(self.root) != HASH_BYTES:
            raise ParameterError("a root has 32 bytes")

    @property
    def text(self) -> str:
        """The note text that is signed, with its final line feed."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The checkpoint with exactly this text; else `NoteError`.

        C2SP allows extension lines below the root. We refuse them: our ledger writes none, and the
        ML-DSA-44 signature does not cover them.
        """
        lines = text.split("\n")
        if len(lines) != _LINES + 1 or lines[_LINES]:
            raise NoteError("a checkpoint has exactly three lines")
        origin, size, root = lines[0], decode_decimal(lines[1]), decode_base64(lines[2])
        if size is None or root is None:
            raise NoteError("the size or the root of the checkpoint is malformed")
        try:
            return cls(origin, size, root)
        except ParameterError as cause:
            raise NoteError("the checkpoint is malformed") from cause
