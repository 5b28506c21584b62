"""Evidence packs: one entry of the ledger vouches for every byte, or nothing is believed."""

import hashlib
import json
from typing import Any

import pytest

from crypto.errors import NoteError, ParameterError, ProofError, ReceiptError
from crypto.evidence import canonical_pack, evidence_file, verify_evidence
from crypto.merkle import Node, append_nodes, inclusion_proof, leaf_hash, root_from
from crypto.notes import Checkpoint, NoteSigner, Proof, SignatureKind, format_proof, sign_checkpoint
from crypto.receipts import canonical_leaf

SIGNER = NoteSigner("log.example", bytes(range(32)))
SECOND = NoteSigner("log.example", bytes(range(32)), kind=SignatureKind.ML_DSA_44)
PINNED = [SIGNER.verifier, SECOND.verifier]
OTHERS = [canonical_leaf({"v": 1, "type": "call.opened", "n": str(number)}) for number in range(3)]


def head(leaves: list[bytes], origin: str = "log.example") -> tuple[str, dict[Node, bytes]]:
    """The signed head of a tree, and its nodes."""
    store: dict[Node, bytes] = {}
    for number, leaf in enumerate(leaves):
        store |= append_nodes(number, leaf_hash(leaf), store)
    size = len(leaves)
    tree = Checkpoint(origin, size, root_from(size, store.__getitem__))
    signers = [NoteSigner(origin, bytes(range(32)), kind=kind) for kind in SignatureKind]
    return sign_checkpoint(tree, signers, timestamp_s=0), store


PACK: dict[str, Any] = {"v": 1, "tenant": {"name": "Café"}, "ledger": {"checkpoint": head(OTHERS)[0]}}


def made(pack: dict[str, Any] = PACK, *, type_: str = "evidence.made", sha256: str | None = None) -> bytes:
    """A pack's file, as a vault writes it."""
    digest = hashlib.sha256(canonical_pack(pack)).hexdigest()
    leaf = canonical_leaf({"v": 1, "type": type_, "sha256": sha256 or digest})
    note, store = head([*OTHERS, leaf])
    path = tuple(inclusion_proof(3, 4, store.__getitem__))
    return evidence_file(pack, leaf=leaf.decode(), proof=format_proof(Proof(3, path, note)))


def test_a_pack_is_verified_with_pinned_keys_alone() -> None:
    """Both keys together and each alone; what comes out is the pack and the entry that vouches for it."""
    proven = verify_evidence(made(), PINNED)
    assert proven.pack == PACK
    assert proven.sha256 == hashlib.sha256(canonical_pack(PACK)).hexdigest()
    assert (proven.entry.fields["type"], proven.entry.checkpoint.size) == ("evidence.made", 4)
    for alone in PINNED:
        assert verify_evidence(made(), [alone]).pack == PACK


def test_any_byte_that_is_changed_makes_it_invalid() -> None:
    """Every byte of the file, one after the other: in the pack, the leaf, the path, each signature."""
    file = made()
    for place in range(len(file)):
        changed = bytearray(file)
        changed[place] ^= 0x01
        with pytest.raises((ReceiptError, NoteError, ProofError)):
            verify_evidence(bytes(changed), PINNED)


@pytest.mark.parametrize("more", [b" ", b"\n", b"{}"])
def test_nothing_can_be_added_around_it(more: bytes) -> None:
    """One form only: a space before, after or inside is another file."""
    file = made()
    for changed in (more + file, file + more, file.replace(b'"v":1', b'"v":1' + more)):
        with pytest.raises(ReceiptError):
            verify_evidence(changed, PINNED)


def test_another_entry_of_the_ledger_does_not_vouch_for_a_pack() -> None:
    """An entry of another kind that has the digest, and one of the kind that has another digest."""
    for wrong in (made(type_="recording.ready"), made(sha256="0" * 64)):
        with pytest.raises(ReceiptError, match="another evidence"):
            verify_evidence(wrong, PINNED)


def test_a_foreign_key_and_a_missing_signature_are_refused() -> None:
    """Only what was pinned beforehand counts, all of it."""
    stranger = NoteSigner("log.example", bytes(32)).verifier
    for pins in ([stranger], [*PINNED, stranger], []):
        with pytest.raises(NoteError):
            verify_evidence(made(), pins)


def test_the_checkpoint_in_the_pack_is_held_against_the_entrys() -> None:
    """Another ledger's, none, one of a later tree, or a second tree of the same size."""
    other = canonical_leaf({"v": 1, "type": "call.opened", "n": "another"})
    quoted = {
        "another ledger": head(OTHERS, "other.example")[0],
        "later": head([*OTHERS, *OTHERS])[0],
        "second tree": head([*OTHERS, other])[0],
        "no note": "log.example\n3\n",
    }
    for note in quoted.values():
        with pytest.raises((ReceiptError, NoteError)):
            verify_evidence(made(PACK | {"ledger": {"checkpoint": note}}), PINNED)
    with pytest.raises(ReceiptError):
        verify_evidence(made({"v": 1}), PINNED)


def test_an_evidence_note_is_never_a_checkpoint_nor_a_receipt() -> None:
    """The keys sign tree heads only: no text of a pack can be passed off as one."""
    from crypto.notes import open_checkpoint
    from crypto.receipts import verify_receipt

    file = made()
    with pytest.raises(NoteError):
        open_checkpoint(file.decode(), PINNED)
    with pytest.raises(ReceiptError):
        verify_receipt(file, PINNED)


@pytest.mark.parametrize("value", [0.5, 1 << 53, b"bytes", {1: "number"}, ("tuple",)])
def test_what_two_programs_could_write_in_two_ways_is_refused(value: Any) -> None:
    """Fractions, integers beyond 2^53, anything that is not JSON."""
    with pytest.raises(ParameterError):
        canonical_pack({"value": value})


def test_a_pack_is_bounded_in_length_and_depth() -> None:
    """A hostile file costs no more than reading it."""
    deep: dict[str, Any] = {}
    for _ in range(20):
        deep = {"deep": deep}
    with pytest.raises(ParameterError):
        canonical_pack(deep)
    for hostile in (b"[" * 100_000, b"9" * 4_000_001, json.dumps({"v": True}).encode()):
        with pytest.raises(ReceiptError):
            verify_evidence(hostile, PINNED)
