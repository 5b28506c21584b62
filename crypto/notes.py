"""Signed notes, signed checkpoints, and proofs checked against them.

C2SP signed-note, tlog-checkpoint, tlog-cosignature and tlog-proof. A note's text must be ignored
until a trusted key has verified; so nothing here returns unverified text.
"""

from collections.abc import Sequence
from typing import Final

from crypto.checkpoints import Checkpoint
from crypto.encoding import decode_base64, encode_base64
from crypto.errors import NoteError, ParameterError
from crypto.merkle import leaf_hash, verify_inclusion
from crypto.proofs import Proof, format_proof, parse_proof
from crypto.signers import KEY_ID_BYTES, NoteSigner, NoteVerifier, SignatureKind, checked_name

__all__ = [
    "Checkpoint",
    "NoteSigner",
    "NoteVerifier",
    "Proof",
    "SignatureKind",
    "format_proof",
    "open_checkpoint",
    "open_note",
    "parse_proof",
    "sign_checkpoint",
    "sign_note",
    "verify_proof",
]

NOTE_LIMIT_BYTES: Final = 1_000_000  # as Go's reader; a checkpoint with two signatures has about 4,000
MAX_SIGNATURES: Final = 100  # as Go's reader; C2SP asks for 16 at least
_SIGNATURE_MARK: Final = "\N{EM DASH} "


def sign_note(text: str, signers: Sequence[NoteSigner], *, timestamp_s: int) -> str:
    """The note with this text and a signature line by each signer, in their order.

    `text` ends with a line feed and holds no other control character. `timestamp_s` is POSIX time
    and enters ML-DSA-44 lines only.
    """
    if not text.endswith("\n") or not _is_plain_text(text):
        raise ParameterError("a note's text is UTF-8 lines without control characters")
    if not signers:
        raise ParameterError("a note needs a signer")
    lines = [
        f"{_SIGNATURE_MARK}{signer.verifier.name} "
        f"{encode_base64(signer.verifier.key_id + signer.sign(text, timestamp_s=timestamp_s))}\n"
        for signer in signers
    ]
    return text + "\n" + "".join(lines)


def open_note(note: str, verifiers: Sequence[NoteVerifier]) -> str:
    """The note's text, if every one of `verifiers` has signed it; else `NoteError`.

    Lines by other keys are ignored, as the specification demands; a line by a known key that does
    not verify makes the whole note invalid. Asking for *every* key given is our stricter rule:
    whoever pins two keys means both, or the second one would protect nothing.
    """
    text, signatures = _parse_note(note)
    if not verifiers:
        raise NoteError("no key was given to verify the note with")
    for verifier in verifiers:
        known = [signature for name, key_id, signature in signatures if (name, key_id) == _who(verifier)]
        if not known:
            raise NoteError(f"the note is not signed by the key {verifier.name}+{verifier.key_id.hex()}")
        for signature in known:
            verifier.verify(text, signature)
    return text


def sign_checkpoint(checkpoint: Checkpoint, signers: Sequence[NoteSigner], *, timestamp_s: int) -> str:
    """The signed checkpoint; at least one signer must bear the ledger's name (`origin`)."""
    if all(signer.verifier.name != checkpoint.origin for signer in signers):
        raise ParameterError("a checkpoint is signed by a key that bears its origin's name")
    return sign_note(checkpoint.text, signers, timestamp_s=timestamp_s)


def open_checkpoint(note: str, verifiers: Sequence[NoteVerifier]) -> Checkpoint:
    """The checkpoint, if every verifier has signed it and one of them bears its origin's name.

    Else `NoteError`. The name ties a ledger to its key: another ledger's key cannot vouch for it.
    """
    checkpoint = Checkpoint.parse(open_note(note, verifiers))
    if all(verifier.name != checkpoint.origin for verifier in verifiers):
        raise NoteError("the checkpoint belongs to another ledger than the given keys")
    return checkpoint


def verify_proof(leaf: bytes, proof_text: str, verifiers: Sequence[NoteVerifier]) -> Checkpoint:
    """The checkpoint under which `leaf` is proven to be in the ledger; needs no network.

    Raises `ProofError` for a malformed text or a path that does not lead from the leaf to the root,
    `NoteError` if the checkpoint is not signed by every verifier.
    """
    proof = parse_proof(proof_text)
    checkpoint = open_checkpoint(proof.checkpoint, verifiers)
    verify_inclusion(leaf_hash(leaf), proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return checkpoint


def _who(verifier: NoteVerifier) -> tuple[str, bytes]:
    return verifier.name, verifier.key_id


def _is_plain_text(text: str) -> bool:
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:  # a lone surrogate: not UTF-8
        return False
    return size_bytes <= NOTE_LIMIT_BYTES and all(character >= " " or character == "\n" for character in text)


def _parse_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """The text and (key name, key id, signature) of each line; nothing of it is verified."""
    if not _is_plain_text(note):
        raise NoteError("the note is too long, not UTF-8, or has control characters")
    above, separator, below = note.rpartition("\n\n")  # the last empty line divides
    if not separator or not below.endswith("\n"):
        raise NoteError("the note has no signatures")
    lines = below.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteError("the note has too many signatures")
    return above + "\n", [_parse_signature(line) for line in lines]


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_SIGNATURE_MARK).partition(" ")
    signature = decode_base64(encoded)
    if not line.startswith(_SIGNATURE_MARK) or signature is None or len(signature) <= KEY_ID_BYTES:
        raise NoteError("a signature line is malformed")
    try:
        return checked_name(name), signature[:KEY_ID_BYTES], signature[KEY_ID_BYTES:]
    except ParameterError as cause:
        raise NoteError("a signature line is malformed") from cause
