"""The published vectors: our code meets each of them, and so does Tink where it has a say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tink

from crypto.errors import (
    CommitmentError,
    CryptoError,
    NoteError,
    ProofError,
    ReceiptError,
    TamperedStreamError,
    UnwrapError,
)
from crypto.keys import DataKey, TenantKey, WrappedKey
from crypto.notes import Checkpoint, NoteVerifier, open_checkpoint, verify_proof
from crypto.receipts import verify_receipt
from crypto.segments import VAULT_SUITE
from crypto.streaming import Opener, open_sealed
from crypto.wrapping import WrapContext, check_commitment, unwrap
from scripts import make_vectors
from tests.crypto.reference_tink import TinkStream

FOLDER = Path(__file__).parent / "vectors"
Vector = dict[str, Any]
FAILURES: dict[str, type[CryptoError]] = {
    "tampered": TamperedStreamError,
    "unwrap": UnwrapError,
    "commitment": CommitmentError,
    "note": NoteError,
    "proof": ProofError,
    "receipt": ReceiptError,
}
# Tink for Python reads these forms, which no writer makes: it drops what follows a full segment with the
# last-flag, and takes an empty last segment.
TINK_READS = ("appended: ", "the last-flag stands too early", "an empty last segment follows")


def vectors(name: str) -> list[Vector]:
    """The vectors of one file."""
    loaded: list[Vector] = json.loads((FOLDER / f"{name}.json").read_text(encoding="ascii"))
    return loaded


def each_of(*names: str) -> pytest.MarkDecorator:
    """Run a test for each vector of these files, under its comment's name."""
    found = [pytest.param(each, id=f"{name}: {each['comment']}") for name in names for each in vectors(name)]
    return pytest.mark.parametrize("vector", found)


def hold(vector: Vector, act: Callable[[], object], value: object) -> None:
    """Require the outcome that the vector names."""
    if vector["expected"] == "success":
        assert act() == value
    else:
        with pytest.raises(FAILURES[vector["expected"]]):
            act()


@each_of("streams")
def test_each_stream_vector_is_met(vector: Vector) -> None:
    """At once and byte by byte: the plain text, or a refusal."""
    key, sealed = DataKey(bytes.fromhex(vector["key"])), bytes.fromhex(vector["sealed"])
    aad, segment_bytes = vector["associated_data"].encode(), vector["segment_bytes"]
    plain = bytes.fromhex(vector.get("plain", ""))

    def byte_by_byte() -> bytes:
        opener = Opener(key, associated_data=aad, segment_bytes=segment_bytes)
        opened = [opener.update(sealed[at : at + 1]) for at in range(len(sealed))]
        return b"".join([*opened, opener.finish()])

    hold(vector, lambda: open_sealed(key, sealed, associated_data=aad, segment_bytes=segment_bytes), plain)
    hold(vector, byte_by_byte, plain)


@each_of("streams")
def test_tink_agrees_on_each_stream_vector(vector: Vector) -> None:
    """The second opinion, and the places where we are stricter, written down."""
    reader = TinkStream(bytes.fromhex(vector["key"]), VAULT_SUITE, vector["segment_bytes"])
    sealed, aad = bytes.fromhex(vector["sealed"]), vector["associated_data"].encode()
    if vector["expected"] == "success":
        assert reader.open(sealed, aad) == bytes.fromhex(vector["plain"])
    elif vector["comment"].startswith(TINK_READS):
        assert reader.open(sealed, aad)
    else:
        with pytest.raises((tink.TinkError, OSError)):
            reader.open(sealed, aad)


@each_of("wraps")
def test_each_wrap_vector_is_met(vector: Vector) -> None:
    """The data key under its context, or a refusal."""
    digest = vector["sealed_sha256"]
    context = WrapContext(
        vector["tenant"],
        vector["object"],
        gen=vector["gen"],
        epoch=vector["epoch"],
        commitment=bytes.fromhex(vector["commitment"]),
        sealed_bytes=vector["sealed_bytes"],
        sealed_sha256=None if digest is None else bytes.fromhex(digest),
    )
    tenant_key = TenantKey(bytes.fromhex(vector["tenant_key"]))

    def act() -> bytes:
        return unwrap(WrappedKey(bytes.fromhex(vector["wrapped"])), tenant_key, context=context).reveal()

    hold(vector, act, bytes.fromhex(vector.get("data_key", "")))


@each_of("commitments")
def test_each_commitment_vector_is_met(vector: Vector) -> None:
    """The key that was committed to, and no other."""
    key, aad = DataKey(bytes.fromhex(vector["key"])), vector["associated_data"].encode()
    hold(vector, lambda: check_commitment(key, aad, bytes.fromhex(vector["commitment"])), None)


def keys_of(vector: Vector) -> list[NoteVerifier]:
    """The verifier keys that a vector pins."""
    return [NoteVerifier.parse(vkey) for vkey in vector["keys"]]


@each_of("notes", "notes-ml-dsa")
def test_each_note_vector_is_met(vector: Vector) -> None:
    """The checkpoint that every key has signed, or a refusal."""
    value = Checkpoint.parse(vector["text"]) if "text" in vector else None
    hold(vector, lambda: open_checkpoint(vector["note"], keys_of(vector)), value)


@each_of("proofs")
def test_each_proof_vector_is_met(vector: Vector) -> None:
    """The leaf is in the signed tree, or a refusal."""
    verify = lambda: verify_proof(vector["leaf"].encode(), vector["proof"], keys_of(vector)).size  # noqa: E731
    hold(vector, verify, 7)


@each_of("receipts")
def test_each_receipt_vector_is_met(vector: Vector) -> None:
    """All entries proven, or a refusal."""
    hold(vector, lambda: verify_receipt(vector["receipt"].encode(), keys_of(vector)).request, "del_1")


def test_the_vectors_are_those_the_script_makes() -> None:
    """Nobody has edited them by hand: `python -m scripts.make_vectors` changes nothing."""
    for name, make in make_vectors.FILES.items():
        assert (FOLDER / f"{name}.json").read_text(encoding="ascii") == make_vectors.text_of(make)
    made = {*make_vectors.FILES, *make_vectors.RANDOMISED}
    assert {path.stem for path in FOLDER.glob("*.json")} == made


def test_the_randomised_vectors_are_still_those_of_the_script() -> None:
    """Their ML-DSA-44 signatures differ each time; everything else must be the same."""
    for made, kept in zip(make_vectors.ml_dsa_notes(), vectors("notes-ml-dsa"), strict=True):
        assert {**made, "note": ""} == {**kept, "note": ""}
        assert [line[:30] for line in made["note"].splitlines()] == [
            line[:30] for line in kept["note"].splitlines()
        ]


def test_there_are_enough_vectors_of_every_kind() -> None:
    """150 at least, with every class of failure among them."""
    found = [each for path in FOLDER.glob("*.json") for each in vectors(path.stem)]
    assert len(found) >= 150
    assert {each["expected"] for each in found} == {"success", *FAILURES}
