"""Signing keys and their one-line public form, against the published examples."""

import base64
import copy
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from crypto.checkpoints import Checkpoint
from crypto.errors import NoteError, ParameterError
from crypto.signers import NoteSigner, NoteVerifier, SignatureKind, checked_name

KINDS = list(SignatureKind)
SEED = bytes(range(32))
CHECKPOINT = Checkpoint("log.example", 3, bytes(32))
# C2SP signed-note, Verifier keys, and the key of Go's golang.org/x/mod/sumdb/note.
PUBLISHED = [
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
]


@pytest.mark.parametrize("vkey", PUBLISHED)
def test_published_verifier_keys_are_read_and_written(vkey: str) -> None:
    """Name, key id in hex, type and key in base64."""
    verifier = NoteVerifier.parse(vkey)
    assert (verifier.vkey, verifier.kind) == (vkey, SignatureKind.ED25519)


@pytest.mark.parametrize("kind", KINDS)
def test_a_generated_key_signs_what_its_verifier_accepts(kind: SignatureKind) -> None:
    """Also after the key came back from its seed and the verifier from its line."""
    signer = NoteSigner.generate("log.example", kind=kind)
    signature = NoteSigner("log.example", signer.reveal_seed(), kind=kind).sign(
        CHECKPOINT.text, timestamp_s=9
    )
    verifier = NoteVerifier.parse(signer.verifier.vkey)
    assert verifier == signer.verifier
    verifier.verify(CHECKPOINT.text, signature)


@pytest.mark.parametrize("kind", KINDS)
def test_an_altered_signature_or_text_is_refused(kind: SignatureKind) -> None:
    """Each signed byte, the timestamp of a cosignature included, and every length."""
    signer = NoteSigner("log.example", SEED, kind=kind)
    signature = signer.sign(CHECKPOINT.text, timestamp_s=9)
    step = max(1, len(signature) // 60)
    altered = [
        signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :]
        for at in range(0, len(signature), step)
    ]
    for wrong in (*altered, b"", signature[:-1], signature + b"\0", signature[:7]):
        with pytest.raises(NoteError):
            signer.verifier.verify(CHECKPOINT.text, wrong)
    for text in (
        Checkpoint("log.example", 4, bytes(32)).text,
        Checkpoint("log.example", 3, b"r" * 32).text,
        Checkpoint("log2.example", 3, bytes(32)).text,
    ):
        with pytest.raises(NoteError):
            signer.verifier.verify(text, signature)


def test_a_cosignature_signs_the_documented_message() -> None:
    """C2SP tlog-cosignature: label, name, time, origin, start, end, root; then the time goes in front."""
    signer = NoteSigner("witness.example", SEED, kind=SignatureKind.ML_DSA_44)
    signature = signer.sign(CHECKPOINT.text, timestamp_s=1_700_000_000)
    timestamp = (1_700_000_000).to_bytes(8, "big")
    message = (
        b"subtree/v1\n\0\x0fwitness.example" + timestamp + b"\x0blog.example" + bytes(8) + b"\0" * 7 + b"\x03"
    ) + bytes(32)
    assert (signature[:8], len(signature)) == (timestamp, 8 + 2_420)
    MLDSA44PrivateKey.from_seed_bytes(SEED).public_key().verify(signature[8:], message)


def test_a_cosignature_covers_a_checkpoint_only() -> None:
    """There is no message to sign for another text."""
    signer = NoteSigner("log.example", SEED, kind=SignatureKind.ML_DSA_44)
    with pytest.raises(NoteError):
        signer.sign("some text\n", timestamp_s=0)
    with pytest.raises(NoteError):
        signer.verifier.verify("some text\n", bytes(2_428))
    with pytest.raises(NoteError, match="255"):
        signer.sign(Checkpoint("o" * 256, 0, bytes(32)).text, timestamp_s=0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_id_is_a_hash_of_name_type_and_key(kind: SignatureKind) -> None:
    """The same key under another name or type is another key."""
    verifier = NoteSigner("log.example", SEED, kind=kind).verifier
    expected = hashlib.sha256(b"log.example\n" + bytes([kind]) + verifier.public_key).digest()[:4]
    assert verifier.key_id == expected
    assert NoteSigner("log2.example", SEED, kind=kind).verifier.key_id != expected


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "log.example",
        "log.example+530d903a",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U0",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
        " example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+",
        "example.com/foo+530d903a+" + base64.b64encode(b"\x02" + bytes(32)).decode(),
        "example.com/foo+530d903a+" + base64.b64encode(b"\x01" + bytes(31)).decode(),
    ],
)
def test_a_mistyped_verifier_key_is_refused(vkey: str) -> None:
    """One slip anywhere is noticed before a receipt is believed or doubted."""
    with pytest.raises(NoteError):
        NoteVerifier.parse(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a\x7f", "\ud800", "n" * 256])
def test_a_name_that_would_break_a_signature_line_is_refused(name: str) -> None:
    """No spaces of any kind, no plus sign, no control character; at most 255 bytes."""
    with pytest.raises(ParameterError):
        checked_name(name)
    with pytest.raises(ParameterError):
        NoteSigner(name, SEED)


def test_a_signer_shows_its_public_side_only() -> None:
    """No seed in `repr`, no pickling, no copying."""
    signer = NoteSigner("log.example", SEED)
    assert repr(signer) == f"NoteSigner(log.example, {signer.verifier.key_id.hex()})"
    with pytest.raises(TypeError):
        copy.deepcopy(signer)


def test_seeds_and_keys_of_another_length_are_refused() -> None:
    """32 secret bytes; 32 or 1,312 public ones."""
    with pytest.raises(ParameterError):
        NoteSigner("log.example", bytes(31))
    with pytest.raises(ParameterError):
        NoteVerifier("log.example", SignatureKind.ML_DSA_44, bytes(32))
