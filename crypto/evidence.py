"""Evidence packs: what a running vault said of itself, bound to one entry of its ledger.

The pack is hashed and the digest stands in an entry, so the signatures are those of the checkpoint that the
entry is proven under. The keys sign nothing but checkpoints, and no pack can be made that the ledger does
not tell of (FORMAT.md, Evidence).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crypto.checkpoints import Checkpoint
from crypto.errors import ParameterError, ReceiptError
from crypto.notes import open_checkpoint
from crypto.receipts import ProvenEntry, parse_object, prove_entry
from crypto.signers import NoteVerifier

__all__ = [
    "EVIDENCE_LIMIT_BYTES",
    "Evidence",
    "canonical_pack",
    "evidence_file",
    "verify_evidence",
]

EVIDENCE_LIMIT_BYTES: Final = 4_000_000  # a pack has about 20,000, with every list at its longest 400,000
VERSION: Final = 1
_MEMBERS: Final = frozenset({"v", "evidence", "leaf", "proof"})
_MADE: Final = "evidence.made"  # the entry that says a pack was made, and its digest
_SAFE_INTEGER: Final = (1 << 53) - 1  # RFC 8785, 3.2.2.3: beyond it two JSON readers may differ
_DEPTH_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Evidence:
    """A pack that is proven to be what the ledger's entry says was made."""

    pack: dict[str, object]
    sha256: str  # of the pack's canonical form, hex
    entry: ProvenEntry


def canonical_pack(pack: Mapping[str, object]) -> bytes:
    """The bytes of a pack: JSON with sorted names, no spaces, ASCII only, no fractions.

    Anything that two programs could write in two ways is a `ParameterError`.
    """
    _require_plain(pack, _DEPTH_MAX)
    return json.dumps(pack, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def evidence_file(pack: Mapping[str, object], *, leaf: str, proof: str) -> bytes:
    """The file: the pack, the exact leaf that has its digest, and the leaf's proof."""
    return canonical_pack({"v": VERSION, "evidence": pack, "leaf": leaf, "proof": proof})


def verify_evidence(file: bytes, verifiers: Sequence[NoteVerifier]) -> Evidence:
    """The pack, if its digest stands in an entry proven under a checkpoint that every verifier signed.

    Raises `ReceiptError` for a file that is malformed, not in its canonical form, or says something else
    than the entry; `ProofError` or `NoteError` where the entry, or the checkpoint in the pack, is not proven.
    """
    if len(file) > EVIDENCE_LIMIT_BYTES:
        raise ReceiptError("the evidence is too long")
    document = parse_object(file)
    if set(document) != _MEMBERS or type(document["v"]) is not int or document["v"] != VERSION:
        raise ReceiptError("not evidence of version 1")
    pack = document["evidence"]
    if not isinstance(pack, dict) or _canonical(document) != file:
        raise ReceiptError("the evidence is not in its canonical form")
    entry = prove_entry({"leaf": document["leaf"], "proof": document["proof"]}, verifiers)
    sha256 = hashlib.sha256(_canonical(pack)).hexdigest()
    if entry.fields.get("type") != _MADE or entry.fields.get("sha256") != sha256:
        raise ReceiptError("the ledger's entry speaks of another evidence than this")
    _require_one_ledger(pack, entry.checkpoint, verifiers)
    return Evidence(pack=pack, sha256=sha256, entry=entry)


def _canonical(document: Mapping[str, object]) -> bytes:
    try:
        return canonical_pack(document)
    except ParameterError as cause:
        raise ReceiptError("the evidence has a value it cannot have") from cause


def _require_one_ledger(
    pack: Mapping[str, object], proven: Checkpoint, verifiers: Sequence[NoteVerifier]
) -> None:
    """The checkpoint that the pack quotes is signed as well, and no later one than its entry's."""
    ledger = pack.get("ledger")
    note = ledger.get("checkpoint") if isinstance(ledger, dict) else None
    if not isinstance(note, str):
        raise ReceiptError("the evidence quotes no checkpoint")
    quoted = open_checkpoint(note, verifiers)
    if (quoted.origin, quoted.size > proven.size) != (proven.origin, False):
        raise ReceiptError("the evidence quotes a checkpoint of another ledger, or of later than its entry")
    if quoted.size == proven.size and quoted.root != proven.root:
        raise ReceiptError("the ledger signed two different trees of one size: keep this file as evidence")


def _require_plain(value: object, depth: int) -> None:
    if depth == 0:
        raise ParameterError("evidence is nested too deep")
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise ParameterError("a member of evidence has a name that is no text")
        for member in value.values():
            _require_plain(member, depth - 1)
    elif isinstance(value, list):
        for member in value:
            _require_plain(member, depth - 1)
    elif isinstance(value, int):
        if not -_SAFE_INTEGER <= value <= _SAFE_INTEGER:
            raise ParameterError("an integer of evidence is beyond 2^53")
    elif value is not None and not isinstance(value, str):
        raise ParameterError(f"evidence has no {type(value).__name__}")
