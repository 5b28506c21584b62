"""Leaves in one form, and receipts that prove every entry or nothing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import NoteError, ParameterError, ProofError, ReceiptError
from crypto.merkle import Node, append_nodes, inclusion_proof, leaf_hash, root_from
from crypto.notes import Checkpoint, NoteSigner, Proof, SignatureKind, format_proof, sign_checkpoint
from crypto.receipts import LEAF_LIMIT_BYTES, LeafValue, canonical_leaf, parse_leaf, verify_receipt

SIGNER = NoteSigner("log.example", bytes(range(32)))
SECOND = NoteSigner("log.example", bytes(range(32)), kind=SignatureKind.ML_DSA_44)
PINNED = [SIGNER.verifier, SECOND.verifier]
ERASED: dict[str, LeafValue] = {
    "v": 1,
    "n": "AAAA",
    "type": "object.shredded",
    "request": "del_1",
    "object": "o1",
}
LEAVES = [canonical_leaf(ERASED | {"n": f"blind {number}"}) for number in range(5)]


def entry(index: int, leaves: list[bytes] | None = None) -> dict[str, str]:
    """The entry of one leaf under a signed tree."""
    leaves = leaves or LEAVES
    store: dict[Node, bytes] = {}
    for number, leaf in enumerate(leaves):
        store |= append_nodes(number, leaf_hash(leaf), store)
    size = len(leaves)
    signed = sign_checkpoint(
        Checkpoint("log.example", size, root_from(size, store.__getitem__)), [SIGNER, SECOND], timestamp_s=0
    )
    proof = Proof(index, tuple(inclusion_proof(index, size, store.__getitem__)), signed)
    return {"leaf": leaves[index].decode(), "proof": format_proof(proof)}


DOCUMENT = {"v": 1, "request": "del_1", "status": "complete", "entries": [entry(1), entry(4)]}


def file(**change: object) -> bytes:
    """The receipt file, with members changed."""
    return json.dumps(DOCUMENT | change).encode()


def test_a_receipt_is_verified_with_pinned_keys_alone() -> None:
    """Each entry leads from its leaf to a root that both keys signed."""
    receipt = verify_receipt(file(), PINNED)
    assert (receipt.request, receipt.status, len(receipt.entries)) == ("del_1", "complete", 2)
    assert receipt.entries[0].fields == ERASED | {"n": "blind 1"}
    assert receipt.entries[0].checkpoint.size == 5
    assert verify_receipt(file(status="pending"), [SIGNER.verifier]).status == "pending"


def test_an_entry_that_is_not_proven_spoils_the_receipt() -> None:
    """An altered leaf, another leaf's proof, a key that was not pinned."""
    altered = entry(1) | {"leaf": LEAVES[1].decode().replace("del_1", "del_2")}
    swapped = entry(1) | {"proof": entry(4)["proof"]}
    for wrong in (altered, swapped):
        with pytest.raises(ProofError):
            verify_receipt(file(entries=[entry(4), wrong]), PINNED)
    with pytest.raises(NoteError):
        verify_receipt(file(), [NoteSigner.generate("log.example").verifier])


def test_two_trees_of_one_size_are_called_out() -> None:
    """A ledger that tells two stories has signed the evidence against itself."""
    other = entry(1, [*LEAVES[:4], canonical_leaf({"n": "another"})])
    with pytest.raises(ReceiptError, match="two different trees"):
        verify_receipt(file(entries=[entry(4), other]), PINNED)


def told(*leaves: dict[str, LeafValue], status: str = "complete") -> bytes:
    """A receipt file that proves exactly these leaves."""
    texts = [canonical_leaf(leaf) for leaf in leaves]
    return file(status=status, entries=[entry(index, texts) for index in range(len(texts))])


ASKED: dict[str, LeafValue] = ERASED | {"type": "erasure.requested"}


def test_a_complete_receipt_shows_every_object_shredded() -> None:
    """The word `complete` stands in the unsigned file, so the leaves must bear it out."""
    assert verify_receipt(told(ASKED, ERASED), PINNED).status == "complete"
    assert verify_receipt(told(ASKED, status="pending"), PINNED).status == "pending"
    for leaves in ([ASKED], [ASKED | {"object": "o2"}, ERASED]):
        with pytest.raises(ReceiptError, match="not every object"):
            verify_receipt(told(*leaves), PINNED)


def test_a_complete_receipt_lacks_none_of_the_objects_asked_for() -> None:
    """Each leaf says how many there are, so an entry that is taken out is missed."""
    both = [ERASED | {"objects": 2, "object": name} for name in ("o1", "o2")]
    assert verify_receipt(told(*both), PINNED).status == "complete"
    assert verify_receipt(told(both[0], status="pending"), PINNED).status == "pending"
    for leaves in (both[:1], [both[0], both[0]], [*both, ERASED | {"object": "o3"}]):
        with pytest.raises(ReceiptError, match="some are not in it"):
            verify_receipt(told(*leaves), PINNED)


@pytest.mark.parametrize("request_id", ["del_2", "", 1])
def test_a_receipt_speaks_of_one_request_only(request_id: LeafValue) -> None:
    """A genuine entry of another request cannot be passed off as this one's."""
    with pytest.raises(ReceiptError, match="another request"):
        verify_receipt(told(ERASED, ERASED | {"request": request_id}), PINNED)
    with pytest.raises(ReceiptError, match="another request"):
        verify_receipt(file(request="del_2"), PINNED)
    with pytest.raises(ReceiptError, match="another request"):
        verify_receipt(told({"v": 1}), PINNED)


@pytest.mark.parametrize(
    "receipt",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf" + file(),
        file().decode().encode("utf-16"),
        b'{"v":1,"v":1,"request":"del_1","status":"complete","entries":[]}',
        file(v=2),
        file(v=True),
        file(v="1"),
        file(v=1.0),
        file(request="\ud800"),
        file(extra=1),
        json.dumps({key: value for key, value in DOCUMENT.items() if key != "status"}).encode(),
        file(request=7),
        file(status="done"),
        file(status=[]),
        file(entries=[]),
        file(entries={}),
        file(entries=["leaf"]),
        file(entries=[{"leaf": "{}"}]),
        file(entries=[entry(1) | {"more": 1}]),
        file(entries=[entry(1) | {"leaf": 1}]),
        file(entries=[entry(1) | {"proof": None}]),
        file(entries=[entry(1) | {"leaf": "\u00e9"}]),
        b" " * 10_000_001,
        b"[" * 100_000,
    ],
)
def test_a_malformed_receipt_is_refused(receipt: bytes) -> None:
    """Other encodings and versions, members missing, strange or repeated, other types, sheer size."""
    with pytest.raises(ReceiptError):
        verify_receipt(receipt, PINNED)


def test_a_proven_leaf_in_another_form_is_refused() -> None:
    """A leaf is read only if it can be read in one way."""
    spaced = [LEAVES[0], b'{"a": 1}']
    with pytest.raises(ReceiptError):
        verify_receipt(file(entries=[entry(1, spaced)]), PINNED)


leaf_texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
leaf_values = st.one_of(leaf_texts, st.booleans(), st.integers(-(1 << 53) + 1, (1 << 53) - 1))


@given(fields=st.dictionaries(leaf_texts, leaf_values, max_size=8))
def test_a_leaf_has_one_form_whatever_the_order(fields: dict[str, LeafValue]) -> None:
    """Sorted names, no spaces; reading gives back exactly what was written."""
    leaf = canonical_leaf(fields)
    assert canonical_leaf(dict(reversed(fields.items()))) == leaf
    assert parse_leaf(leaf) == fields


def test_a_leaf_is_the_documented_text() -> None:
    """FORMAT.md, Leaf."""
    assert (
        canonical_leaf({"v": 1, "type": "x", "b": True, "a": 'q"'})
        == b'{"a":"q\\"","b":true,"type":"x","v":1}'
    )


@pytest.mark.parametrize("value", [1.5, None, [], {}, "\u00e9", "line\n", "\x7f", 1 << 53, -(1 << 53)])
def test_a_value_that_could_be_written_in_two_ways_is_refused(value: object) -> None:
    """Fractions, large integers, text beyond printable ASCII, nesting."""
    with pytest.raises(ParameterError):
        canonical_leaf({"a": value})  # type: ignore[dict-item]
    with pytest.raises(ReceiptError):
        parse_leaf(json.dumps({"a": value}).encode())


@pytest.mark.parametrize(
    "leaf", [b"{ }", b'{"b":1,"a":1}', b'{"a":1}\n', b'{"a":1,"a":1}', b'{"a":01}', b"1", b""]
)
def test_a_leaf_in_another_form_is_refused(leaf: bytes) -> None:
    """Spaces, another order, repetition, anything before or after."""
    with pytest.raises(ReceiptError):
        parse_leaf(leaf)


def test_an_oversized_leaf_or_name_is_refused() -> None:
    """A leaf holds identifiers and hashes, not content."""
    with pytest.raises(ParameterError, match="at most"):
        canonical_leaf({"a": "x" * LEAF_LIMIT_BYTES})
    with pytest.raises(ParameterError):
        canonical_leaf({"\u00e9": 1})
