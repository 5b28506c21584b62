"""What can go wrong in this package: one class for each decision the caller can take.

No message carries a key, a plain byte or the reason inside the cipher: all ways of failing
authentication look alike, so an attacker who may retry learns nothing from the difference.
"""

__all__ = [
    "CommitmentError",
    "CryptoError",
    "FinishedStreamError",
    "NoteError",
    "ParameterError",
    "ProofError",
    "RangeError",
    "ReceiptError",
    "SheetError",
    "TamperedStreamError",
    "UnrecoverableStreamError",
    "UnwrapError",
]


class CryptoError(Exception):
    """Base of every error of this package: catch it only to log and refuse."""


class ParameterError(CryptoError):
    """The caller asked for something the format cannot express: fix the call, nothing was sealed."""


class TamperedStreamError(CryptoError):
    """Sealed bytes failed authentication or have an impossible length: serve nothing more of them."""


class RangeError(CryptoError):
    """The plain range asked for lies outside the stream: answer 416 or ask for less."""


class FinishedStreamError(CryptoError):
    """The stream was finished or has failed before: begin a new one, never feed this one again."""


class UnrecoverableStreamError(CryptoError):
    """A torn stream holds not one complete segment: destroy its data key and record the loss."""


class UnwrapError(CryptoError):
    """A wrapped key does not open under this tenant key and context: treat its record as edited."""


class CommitmentError(CryptoError):
    """A data key is not the one that was committed to: refuse it, the wrap or the record was swapped."""


class SheetError(CryptoError):
    """What was typed is not a recovery sheet: look at line ``line`` again."""

    def __init__(self, message: str, *, line: int) -> None:
        super().__init__(message)
        self.line = line


class NoteError(CryptoError):
    """A signed note or checkpoint is malformed or lacks a valid signature: ignore its whole text."""


class ProofError(CryptoError):
    """A Merkle path does not lead to the signed root: the entry is not proven, believe nothing of it."""


class ReceiptError(CryptoError):
    """A ledger leaf, a receipt or an evidence pack is not what it must be: refuse it, believe none of it."""
