"""Signed notes and checkpoints: published examples, and every way a note can be wrong."""

import base64

import pytest

from crypto.errors import NoteError, ParameterError, ProofError
from crypto.merkle import Node, append_nodes, inclusion_proof, leaf_hash, root_from
from crypto.notes import (
    Checkpoint,
    NoteSigner,
    NoteVerifier,
    Proof,
    SignatureKind,
    format_proof,
    open_checkpoint,
    open_note,
    sign_checkpoint,
    sign_note,
    verify_proof,
)

SEED = bytes(range(32))
ED25519 = NoteSigner("log.example", SEED)
ML_DSA = NoteSigner("log.example", SEED, kind=SignatureKind.ML_DSA_44)
STRANGER = NoteSigner("other.example", SEED)
CHECKPOINT = Checkpoint("log.example", 3, bytes(range(32)))
SIGNED = sign_checkpoint(CHECKPOINT, [ED25519, ML_DSA], timestamp_s=1_700_000_000)
BOTH = [ED25519.verifier, ML_DSA.verifier]

# C2SP signed-note, Verifier keys, Example.
C2SP_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n"
    "\u2014 example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# golang.org/x/mod/sumdb/note, note_test.go.
GO_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_NOTE = (
    GO_TEXT + "\n\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_the_c2sp_example_note_opens() -> None:
    """The example of the specification, with its verifier key."""
    assert open_note(C2SP_NOTE, [NoteVerifier.parse(C2SP_VKEY)]) == "This is an example message.\n"


def test_the_go_reference_note_is_made_and_opened() -> None:
    """Ed25519 is deterministic, so our signature equals Go's."""
    signer = NoteSigner("PeterNeumann", GO_SEED)
    assert sign_note(GO_TEXT, [signer], timestamp_s=0) == GO_NOTE
    assert open_note(GO_NOTE, [signer.verifier]) == GO_TEXT


def test_a_checkpoint_opens_under_either_key_and_under_both() -> None:
    """A reader who knows one kind of signature ignores the other line."""
    for verifiers in ([ED25519.verifier], [ML_DSA.verifier], BOTH):
        assert open_checkpoint(SIGNED, verifiers) == CHECKPOINT


def test_every_key_that_was_asked_for_must_have_signed() -> None:
    """Taking away the second signature is noticed by whoever pinned both keys."""
    single = sign_checkpoint(CHECKPOINT, [ED25519], timestamp_s=0)
    assert open_checkpoint(single, [ED25519.verifier]) == CHECKPOINT
    with pytest.raises(NoteError, match="not signed by the key"):
        open_checkpoint(single, BOTH)
    with pytest.raises(NoteError, match="no key"):
        open_checkpoint(single, [])


def test_lines_of_unknown_keys_are_ignored() -> None:
    """Also when they share a name or a key id with a known one, but not both."""
    stranger = sign_note(CHECKPOINT.text, [STRANGER], timestamp_s=0).partition("\n\n")[2]
    same_name = f"\u2014 log.example {base64.b64encode(b'0000' + bytes(64)).decode()}\n"
    same_id = f"\u2014 x.example {base64.b64encode(ED25519.verifier.key_id + bytes(64)).decode()}\n"
    for line in (stranger, same_name, same_id):
        assert open_checkpoint(SIGNED + line, BOTH) == CHECKPOINT


def test_a_false_line_of_a_known_key_spoils_the_note() -> None:
    """Even beside a true one."""
    false = f"\u2014 log.example {base64.b64encode(ED25519.verifier.key_id + bytes(64)).decode()}\n"
    with pytest.raises(NoteError):
        open_checkpoint(SIGNED + false, [ED25519.verifier])
    assert open_checkpoint(SIGNED + false, [ML_DSA.verifier]) == CHECKPOINT


def test_a_key_vouches_only_for_the_ledger_of_its_name() -> None:
    """Another ledger's operator cannot speak for this one."""
    foreign = sign_note(CHECKPOINT.text, [STRANGER], timestamp_s=0)
    with pytest.raises(NoteError, match="another ledger"):
        open_checkpoint(foreign, [STRANGER.verifier])
    with pytest.raises(ParameterError):
        sign_checkpoint(CHECKPOINT, [STRANGER], timestamp_s=0)
    with_witness = sign_checkpoint(CHECKPOINT, [ED25519, STRANGER], timestamp_s=0)
    assert open_checkpoint(with_witness, [ED25519.verifier, STRANGER.verifier]) == CHECKPOINT


TEXT, _, LINES = GO_NOTE.partition("\n\n")
LINE = LINES.removesuffix("\n")


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        GO_TEXT,
        GO_TEXT + "\n",
        GO_NOTE.removesuffix("\n"),
        GO_NOTE + "\n",
        TEXT + "\n" + LINES,
        GO_NOTE.replace("\u2014", "-"),
        GO_NOTE.replace("\u2014 ", "\u2014"),
        GO_NOTE.replace("PeterNeumann ", "PeterNeumann  "),
        GO_NOTE.replace("PeterNeumann ", ""),
        GO_NOTE.replace("JnAM=", "JnAM"),
        GO_NOTE.replace("JnAM=", "JnAN="),
        GO_NOTE.replace("x08go/", "x08go_"),
        GO_NOTE.replace("PeterNeumann", "Peter\u00a0Neumann"),
        GO_NOTE + "\u2014 short AAAAAA==\n",
        GO_NOTE + "not a signature\n",
        GO_NOTE + "\u2014  AAAAAAAA\n",
        GO_NOTE.replace("answer", "ans\twer"),
        GO_NOTE.replace("answer", "ans\rwer"),
        GO_NOTE.replace("answer", "ans\ud800wer"),
        GO_NOTE.replace("answer", "question"),
        GO_NOTE + (LINE + "\n") * 100,
        "a" * 1_000_001 + "\n\n" + LINES,
    ],
)
def test_a_malformed_note_is_refused(note: str) -> None:
    """Nothing of a note that is not well-formed and signed is ever returned."""
    with pytest.raises(NoteError):
        open_note(note, [NoteSigner("PeterNeumann", GO_SEED).verifier])


def test_an_empty_line_in_the_text_stays_in_the_text() -> None:
    """The last empty line divides text and signatures."""
    text = "one\n\ntwo\n"
    assert open_note(sign_note(text, [ED25519], timestamp_s=0), [ED25519.verifier]) == text


@pytest.mark.parametrize("text", ["", "no line feed", "tab\t\n", "\ud800\n"])
def test_a_text_that_could_not_be_read_back_is_not_signed(text: str) -> None:
    """Control characters, lone surrogates, a missing line feed."""
    with pytest.raises(ParameterError):
        sign_note(text, [ED25519], timestamp_s=0)


def test_a_note_without_a_signer_is_not_made() -> None:
    """It would be a text that nobody vouches for."""
    with pytest.raises(ParameterError):
        sign_note("text\n", [], timestamp_s=0)


LEAVES = [f"leaf {number}".encode() for number in range(9)]


def proof_of(index: int) -> str:
    """The proof of a leaf in a signed tree of nine."""
    store: dict[Node, bytes] = {}
    for number, leaf in enumerate(LEAVES):
        store |= append_nodes(number, leaf_hash(leaf), store)
    checkpoint = Checkpoint("log.example", 9, root_from(9, store.__getitem__))
    signed = sign_checkpoint(checkpoint, [ED25519, ML_DSA], timestamp_s=0)
    return format_proof(Proof(index, tuple(inclusion_proof(index, 9, store.__getitem__)), signed))


@pytest.mark.parametrize("index", range(9))
def test_an_entry_is_proven_offline(index: int) -> None:
    """A leaf, a text and a pinned key suffice."""
    checkpoint = verify_proof(LEAVES[index], proof_of(index), BOTH)
    assert (checkpoint.origin, checkpoint.size) == ("log.example", 9)


def test_a_proof_proves_one_leaf_at_one_place() -> None:
    """Another leaf, another index, another path, another key."""
    proof = proof_of(3)
    for leaf, text in (
        (LEAVES[4], proof),
        (LEAVES[3], proof.replace("index 3", "index 4")),
        (LEAVES[3], proof_of(5)),
        (LEAVES[3], proof.replace("index 3", "index 9")),
    ):
        with pytest.raises(ProofError):
            verify_proof(leaf, text, BOTH)
    with pytest.raises(NoteError):
        verify_proof(LEAVES[3], proof, [STRANGER.verifier])
    with pytest.raises(NoteError):
        verify_proof(LEAVES[3], proof.replace("\n9\n", "\n10\n"), BOTH)
