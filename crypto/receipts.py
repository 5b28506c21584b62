"""Ledger leaves in their one canonical form, and receipts: leaves with their proofs, in one file.

A receipt is checked with nothing but a verifier key that was pinned beforehand: no network, no
database (FORMAT.md, Receipts).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crypto.checkpoints import Checkpoint
from crypto.errors import ParameterError, ReceiptError
from crypto.notes import verify_proof
from crypto.signers import NoteVerifier

__all__ = [
    "LEAF_LIMIT_BYTES",
    "RECEIPT_LIMIT_CHARACTERS",
    "LeafValue",
    "ProvenEntry",
    "Receipt",
    "canonical_leaf",
    "parse_leaf",
    "parse_object",
    "prove_entry",
    "verify_receipt",
]

LeafValue = str | int | bool

LEAF_LIMIT_BYTES: Final = 65_536  # a leaf holds identifiers and hashes; the largest has about 1,000 bytes
RECEIPT_LIMIT_CHARACTERS: Final = 10_000_000  # a receipt has a few entries of about 10,000 each
_SAFE_INTEGER: Final = (1 << 53) - 1  # RFC 8785, 3.2.2.3: beyond it two JSON readers may differ
_MEMBERS: Final = frozenset({"v", "request", "status", "entries"})
_ENTRY_MEMBERS: Final = frozenset({"leaf", "proof"})
_SHREDDED: Final = "object.shredded"  # the entry that says an object's key and bytes are gone
_ENDED: Final = "epoch.destroyed"  # says that an epoch's key is gone: the deployment's own entry
_EPOCH: Final = "epoch"  # in both: which one
_OBJECTS: Final = "objects"  # in each such entry: how many objects its request has
_STATUSES: Final = frozenset({"pending", "complete", "final"})


def canonical_leaf(fields: Mapping[str, LeafValue]) -> bytes:
    """The bytes of a leaf: JSON with sorted names, no spaces, ASCII only (a subset of RFC 8785).

    Values are printable ASCII strings, integers below 2^53 and booleans; anything else is a
    `ParameterError`, because two programs could write it in two ways.
    """
    for name, value in fields.items():
        if not _is_leaf_text(name) or not _is_leaf_value(value):
            raise ParameterError(f"leaf member {name!a} is not a printable ASCII string, integer or boolean")
    leaf = json.dumps(dict(fields), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    if len(leaf) > LEAF_LIMIT_BYTES:
        raise ParameterError(f"a leaf has at most {LEAF_LIMIT_BYTES} bytes")
    return leaf


def parse_leaf(leaf: bytes) -> dict[str, LeafValue]:
    """The members of a leaf; `ReceiptError` unless it is exactly what `canonical_leaf` writes."""
    members = parse_object(leaf)
    fields: dict[str, LeafValue] = {
        name: value for name, value in members.items() if isinstance(value, str | int)
    }
    try:
        canonical = canonical_leaf(fields)
    except ParameterError as cause:
        raise ReceiptError("a leaf has a member it cannot have") from cause
    if canonical != leaf:
        raise ReceiptError("a leaf is not in its canonical form")
    return fields


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """A leaf that is proven to be in the ledger, and the signed checkpoint that proves it."""

    fields: dict[str, LeafValue]
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt whose entries are all proven, all speak of `request`, and bear out its `status`."""

    request: str
    status: str
    entries: tuple[ProvenEntry, ...]


def verify_receipt(receipt: bytes, verifiers: Sequence[NoteVerifier]) -> Receipt:
    """The receipt, if each of its entries is proven under a checkpoint that every verifier signed.

    The file itself is not signed, so its own words must be borne out by its leaves: each names the
    request, and a complete receipt has the shredding of every object it speaks of, and of as many as the
    leaves say there are. A final one has the end of every epoch besides that a shredded key lived in. Raises
    `ReceiptError` if they are not, if the file or a leaf is malformed, or if two checkpoints tell
    different stories; `ProofError` or `NoteError` if an entry is not proven.
    """
    if len(receipt) > RECEIPT_LIMIT_CHARACTERS:
        raise ReceiptError("the receipt is too long")
    request, status, entries = _receipt_members(parse_object(receipt))
    proven = tuple(prove_entry(entry, verifiers) for entry in entries)
    _require_one_story(proven)
    _require_borne_out(request, status, proven)
    return Receipt(request=request, status=status, entries=proven)


def _receipt_members(document: dict[str, object]) -> tuple[str, str, list[object]]:
    if set(document) != _MEMBERS or type(document["v"]) is not int or document["v"] != 1:
        raise ReceiptError("not a receipt of version 1")
    request, status, entries = document["request"], document["status"], document["entries"]
    if not isinstance(request, str) or not _is_leaf_text(request):
        raise ReceiptError("the receipt does not name its request")
    if not isinstance(status, str) or status not in _STATUSES:
        raise ReceiptError("the receipt has no known status")
    if not isinstance(entries, list) or not entries:
        raise ReceiptError("the receipt has no entries")
    return request, status, entries


def _require_one_story(entries: Sequence[ProvenEntry]) -> None:
    """Two trees of one size with different roots: a log that shows each reader another history."""
    heads = {entry.checkpoint for entry in entries}
    if len({(head.origin, head.size) for head in heads}) != len(heads):
        raise ReceiptError("the ledger signed two different trees of one size: keep this file as evidence")


def _require_borne_out(request: str, status: str, entries: Sequence[ProvenEntry]) -> None:
    ended = {entry.fields.get(_EPOCH) for entry in entries if entry.fields.get("type") == _ENDED}
    own = [entry for entry in entries if entry.fields.get("type") != _ENDED]
    if any(entry.fields.get("request") != request for entry in own):
        raise ReceiptError("an entry belongs to another request than the receipt says")
    if status == "pending":
        return
    _require_all_shredded(own)
    lived_in = {entry.fields[_EPOCH] for entry in own if _EPOCH in entry.fields}
    if status == "final" and lived_in != ended:
        raise ReceiptError("the receipt says final, but not every epoch is proven to be destroyed")


def _require_all_shredded(entries: Sequence[ProvenEntry]) -> None:
    objects = {entry.fields.get("object") for entry in entries}
    shredded = {entry.fields.get("object") for entry in entries if entry.fields.get("type") == _SHREDDED}
    if objects != shredded:
        raise ReceiptError("the receipt says complete, but not every object is proven to be shredded")
    asked_for = {entry.fields[_OBJECTS] for entry in entries if _OBJECTS in entry.fields}
    if asked_for - {len(objects)}:
        raise ReceiptError("the receipt says complete, but of the objects asked for some are not in it")


def prove_entry(entry: object, verifiers: Sequence[NoteVerifier]) -> ProvenEntry:
    """The entry of a file, ``{"leaf": …, "proof": …}``, if every verifier signed the head it is proven under.

    Raises `ReceiptError` for a malformed one, `ProofError` or `NoteError` for one that is not proven.
    """
    if not isinstance(entry, dict) or set(entry) != _ENTRY_MEMBERS:
        raise ReceiptError("an entry of the file is malformed")
    leaf, proof = entry["leaf"], entry["proof"]
    if not isinstance(leaf, str) or not isinstance(proof, str) or not leaf.isascii():
        raise ReceiptError("an entry of the file is malformed")
    leaf_bytes = leaf.encode("ascii")
    checkpoint = verify_proof(leaf_bytes, proof, verifiers)
    return ProvenEntry(fields=parse_leaf(leaf_bytes), checkpoint=checkpoint)


def parse_object(text: bytes) -> dict[str, object]:
    """A JSON object in UTF-8 without repeated names; its values are not checked yet. Else `ReceiptError`."""
    try:
        # Given bytes, the parser would guess at encodings that other readers refuse (RFC 8259, 8.1).
        parsed = json.loads(text.decode(), object_pairs_hook=_unrepeated)
    except (ValueError, RecursionError) as cause:
        raise ReceiptError("not JSON") from cause
    if not isinstance(parsed, dict):
        raise ReceiptError("not a JSON object")
    return parsed


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name is repeated")
    return members


def _is_leaf_text(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _is_leaf_value(value: object) -> bool:
    if isinstance(value, str):
        return _is_leaf_text(value)
    return isinstance(value, int) and -_SAFE_INTEGER <= value <= _SAFE_INTEGER
