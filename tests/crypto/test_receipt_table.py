"""Every verifier in Python says what the table says of each receipt (the page: tests/browser/verify)."""

from pathlib import Path

import pytest

from crypto.errors import CryptoError, NoteError, ProofError, ReceiptError
from crypto.notes import NoteVerifier
from crypto.receipts import Receipt, verify_receipt
from tests.crypto.receipt_table import FALSE, TABLE, Row, bytes_changed
from tests.crypto.test_docs_tools import run

CLASSES: dict[type[CryptoError], str] = {ReceiptError: "receipt", ProofError: "proof", NoteError: "note"}
# The script of a hundred lines leaves out what guards a server, and what changes nothing that it proves.
SCRIPT_READS = {
    "a hundred and one signatures",
    "an extra line that is no base64",
    "a name twice",
    "a name twice, escaped",
    "the version as a fraction",
    "the version with an exponent",
    "the version as true",
    "larger than any receipt",
}


def word_of(receipt: Receipt) -> str:
    """The status, or ``held`` where something of a pending receipt is held and not erased."""
    types = {(entry.fields["type"], entry.fields["object"]) for entry in receipt.entries}
    held = {thing for kind, thing in types if kind == "erasure.held"}
    waiting = {thing for thing in held if ("object.shredded", thing) not in types}
    return "held" if receipt.status == "pending" and waiting else receipt.status


def verdict_of(row: Row) -> str:
    """What `verify_receipt` says of a row."""
    try:
        return word_of(verify_receipt(row.file, [NoteVerifier.parse(key) for key in row.keys]))
    except CryptoError as refused:
        return CLASSES[type(refused)]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_the_verdict_is_the_tables(row: Row) -> None:
    """As the command and every program that uses the package has it."""
    assert verdict_of(row) == row.verdict


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_the_script_says_the_same(row: Row, tmp_path: Path) -> None:
    """Proven or refused, by a program that shares no code; where it is laxer is written down."""
    (tmp_path / "receipt.json").write_bytes(row.file)
    given = [part for key in row.keys for part in ("--key", key)]
    ended = run("verify_receipt", tmp_path / "receipt.json", *given)
    is_proven = row.verdict in {"pending", "held", "complete", "final"} or row.name in SCRIPT_READS
    assert ended.returncode == (0 if is_proven else 1), ended.stderr


def test_no_byte_can_be_changed_that_counts() -> None:
    """A single byte: refused, or it is one that says nothing (an indent of the file)."""
    said = [verdict_of(row) for row in bytes_changed(300)]
    assert set(said) <= {"receipt", "proof", "note", "final"}
    assert said.count("final") < 30


def test_the_table_has_forgeries_of_every_kind() -> None:
    """Sixty at least, that fail in each of the three ways, under names of their own."""
    assert len(FALSE) >= 60
    assert {row.verdict for row in FALSE} == {"receipt", "proof", "note"}
    assert len({row.name for row in TABLE}) == len(TABLE)
