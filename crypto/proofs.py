"""The text of a ledger proof (C2SP tlog-proof): an index, a Merkle path and a signed checkpoint."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from crypto.encoding import decode_base64, decode_decimal, encode_base64
from crypto.errors import ProofError
from crypto.merkle import HASH_BYTES

__all__ = ["PROOF_LIMIT_CHARACTERS", "Proof", "format_proof", "parse_proof"]

PROOF_LIMIT_CHARACTERS: Final = 1_000_000  # a proof with two signatures has about 7,000
_FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
_MAX_HASHES: Final = 63  # no tree of fewer than 2^63 leaves is higher


@dataclass(frozen=True, slots=True)
class Proof:
    """Where an entry stands (`index`, from 0), its audit path, and the signed checkpoint, verbatim.

    `extra` is opaque and proves nothing: no part of a proof authenticates it.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: str
    extra: bytes = b""


def format_proof(proof: Proof) -> str:
    """The text of a proof, ready to be stored as a `.tlog-proof` file."""
    extra = [f"extra {encode_base64(proof.extra)}"] if proof.extra else []
    path = [encode_base64(each) for each in proof.hashes]
    return "\n".join([_FIRST_LINE, *extra, f"index {proof.index}", *path, "", proof.checkpoint])


def parse_proof(text: str) -> Proof:
    """The parts of a proof, none of them verified yet; `ProofError` if the text is malformed."""
    if len(text) > PROOF_LIMIT_CHARACTERS:
        raise ProofError("the proof is too long")
    head, separator, checkpoint = text.partition("\n\n")
    lines = iter(head.split("\n"))
    if not separator or next(lines) != _FIRST_LINE:
        raise ProofError("not a tlog-proof of version 1")
    line = next(lines, "")
    extra: bytes | None = b""
    if line.startswith("extra "):
        extra = decode_base64(line.removeprefix("extra "))
        line = next(lines, "")
    index = decode_decimal(line.removeprefix("index ")) if line.startswith("index ") else None
    hashes = _hashes(lines)
    if index is None or extra is None or hashes is None:
        raise ProofError("a line of the proof is malformed")
    return Proof(index=index, hashes=hashes, checkpoint=checkpoint, extra=extra)


def _hashes(lines: Iterator[str]) -> tuple[bytes, ...] | None:
    decoded = [decode_base64(line) for line in lines]
    hashes = tuple(each for each in decoded if each is not None and len(each) == HASH_BYTES)
    return hashes if len(hashes) == len(decoded) <= _MAX_HASHES else None
