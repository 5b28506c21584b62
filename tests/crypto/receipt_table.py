"""Receipts as a vault writes them, and as a forger might: one table for every verifier there is.

`verify_receipt` (the CLI), `docs/tools/verify_receipt.py` and the page `/verify` say the same of each row.
The ledger signs with both kinds of key; a row's keys are those that its reader pinned.
"""

import base64
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from crypto.merkle import Node, append_nodes, inclusion_proof, leaf_hash, root_from
from crypto.notes import (
    Checkpoint,
    NoteSigner,
    Proof,
    SignatureKind,
    format_proof,
    sign_checkpoint,
    sign_note,
)
from crypto.receipts import RECEIPT_LIMIT_CHARACTERS, LeafValue, canonical_leaf

ORIGIN: Final = "calls.example.org/ledger"
FIRST: Final = NoteSigner(ORIGIN, bytes(range(32)))
SECOND: Final = NoteSigner(ORIGIN, bytes(range(32)), kind=SignatureKind.ML_DSA_44)
STRANGER: Final = NoteSigner("other.example.org/ledger", bytes(32))
NAMESAKE: Final = NoteSigner(ORIGIN, bytes(32))  # the ledger's name, another key
KEYS: Final = (FIRST.verifier.vkey, SECOND.verifier.vkey)
REQUEST: Final = "del_0198f2c4a7e57b6c9d0e1f2a3b4c5d6e"
OBJECTS: Final = tuple(f"0198f2c4-a7e5-7b6c-9d0e-00000000000{number}" for number in range(1, 4))
BEFORE: Final = 5  # leaves of others, ahead of ours
Leaf = dict[str, LeafValue]


@dataclass(frozen=True, slots=True)
class Row:
    """A file, the keys its reader pinned, and the verdict: a status, ``held``, or the refusal's class."""

    name: str
    file: bytes
    verdict: str
    keys: tuple[str, ...] = KEYS


def _leaf(type_: str, number: int, **more: LeafValue) -> Leaf:
    return {
        "v": 1,
        "n": base64.b64encode(number.to_bytes(16, "big")).decode(),
        "type": type_,
        "time": "2026-11-20T09:15:02.123456Z",
        "tenant": "0198f2c4-0000-7000-8000-000000000001",
        "object": "",
        "actor": "system",
        "detail": "",
        **more,
    }


def shredded(number: int, objects: int, **more: LeafValue) -> Leaf:
    """The leaf of a shredded recording, `number` from 1, of a request with so many objects."""
    facts: Leaf = {
        "object": OBJECTS[number - 1],
        "request": REQUEST,
        "objects": objects,
        "kind": "recording",
        "gen": 1,
        "epoch": 1,
        "key_commitment": f"{number:064x}",
        "ct_sha256": f"{number:0>64}",
        "ct_len": 1_048_576,
        "reason": "visitor_request",
        "method": "NIST SP 800-88r2 cryptographic erase and object deletion",
        "assurance": "software",
        "live_erased_at": "2026-11-20T09:15:01.000000Z",
        "irrecoverable_by": "2026-12-06T09:15:01.000000Z",
    }
    return _leaf("object.shredded", number, **(facts | more))


def held(number: int) -> Leaf:
    """The leaf of an object that a hold keeps."""
    facts: Leaf = {"object": OBJECTS[number - 1], "request": REQUEST, "ground": "legal_claim"}
    return _leaf("erasure.held", 90 + number, **facts, hold="0198f2c4-0000-7000-8000-00000000000a")


def ended(epoch: int = 1) -> Leaf:
    """The deployment's own leaf of an epoch's end."""
    facts: Leaf = {"provider": "file", "effective_at": "2026-12-04T02:00:00.000000Z"}
    return _leaf("epoch.destroyed", 80 + epoch, epoch=epoch, evidence_sha256="e" * 64, **facts)


def entries(
    *leaves: Leaf, signers: Sequence[NoteSigner] = (FIRST, SECOND), origin: str = ORIGIN
) -> list[dict[str, str]]:
    """The entries of these leaves, under one signed tree in which other leaves stand before them."""
    before: list[Leaf] = [{"n": str(number)} for number in range(BEFORE)]
    texts = [canonical_leaf(leaf) for leaf in (*before, *leaves)]
    store: dict[Node, bytes] = {}
    for number, text in enumerate(texts):
        store |= append_nodes(number, leaf_hash(text), store)
    size = len(texts)
    head = Checkpoint(origin, size, root_from(size, store.__getitem__))
    signed = sign_checkpoint if any(each.verifier.name == origin for each in signers) else _sign_as_another
    note = signed(head, signers, timestamp_s=1_763_630_103)
    proofs = [
        Proof(at, tuple(inclusion_proof(at, size, store.__getitem__)), note) for at in range(BEFORE, size)
    ]
    return [
        {"leaf": text.decode(), "proof": format_proof(proof)}
        for text, proof in zip(texts[BEFORE:], proofs, strict=True)
    ]


def _sign_as_another(head: Checkpoint, signers: Sequence[NoteSigner], *, timestamp_s: int) -> str:
    return sign_note(head.text, signers, timestamp_s=timestamp_s)


def receipt(status: str, *leaves: Leaf, **change: Any) -> bytes:
    """A receipt file that proves these leaves, with members changed."""
    document = {"v": 1, "request": REQUEST, "status": status, "entries": entries(*leaves)}
    return json.dumps(document | change, indent=1).encode()


TWO: Final = (shredded(1, 2), shredded(2, 2))
COMPLETE: Final = receipt("complete", *TWO)
FINAL: Final = receipt("final", *TWO, ended())
OF_TWO_EPOCHS: Final = (TWO[0], shredded(2, 2, epoch=2))
BY_A_STRANGER_TOO: Final = entries(shredded(1, 1), signers=(FIRST, STRANGER))
BY_A_STRANGER: Final = entries(shredded(1, 1), signers=(STRANGER,), origin="other.example.org/ledger")
UNDER_ANOTHER_NAME: Final = entries(shredded(1, 1), signers=(FIRST,), origin="third.example.org")
BY_THE_FIRST: Final = entries(shredded(1, 1), signers=(FIRST,))
STRANGE: Final = shredded(1, 1, kind="hologram", reason="whim", live_erased_at="then")
GOOD: Final = (
    Row("one object, complete", receipt("complete", shredded(1, 1)), "complete"),
    Row("two objects, complete", COMPLETE, "complete"),
    Row("one of two objects so far", receipt("pending", TWO[0]), "pending"),
    Row("one object of two is held", receipt("pending", TWO[0], held(2)), "held"),
    Row("nothing but a hold", receipt("pending", held(1)), "held"),
    Row("held, then erased", receipt("complete", held(1), shredded(1, 1)), "complete"),
    Row("held, then erased, while the rest is awaited", receipt("pending", held(1), TWO[0]), "pending"),
    Row("final", FINAL, "final"),
    Row("final, of two epochs", receipt("final", *OF_TWO_EPOCHS, ended(), ended(2)), "final"),
    Row("the Ed25519 key alone", COMPLETE, "complete", KEYS[:1]),
    Row("the ML-DSA-44 key alone", COMPLETE, "complete", KEYS[1:]),
    Row(
        "signed by a stranger too",
        receipt("complete", entries=BY_A_STRANGER_TOO),
        "complete",
        KEYS[:1],
    ),
    Row(
        "words that this version does not know",
        receipt("complete", STRANGE),
        "complete",
    ),
)


def _document(change: Callable[[dict[str, Any]], object], base: bytes = COMPLETE) -> bytes:
    document = json.loads(base)
    change(document)
    return json.dumps(document).encode()


def _entry(**change: Callable[[str], Any]) -> bytes:
    """The complete receipt with the first entry's members changed."""
    first = json.loads(COMPLETE)["entries"][0]
    changed = first | {name: act(first.get(name, "")) for name, act in change.items()}
    return _document(lambda document: document["entries"].__setitem__(0, changed))


def _flipped(encoded: str, at: int) -> str:
    """Base64 with one bit of its byte `at` flipped."""
    value = bytearray(base64.b64decode(encoded))
    value[at] ^= 1
    return base64.b64encode(value).decode()


def _in_line(start: str, at: int, nth: int = 0) -> Callable[[str], str]:
    """Flip a byte of the base64 that ends the nth line beginning with `start`."""

    def change(proof: str) -> str:
        lines = proof.split("\n")
        found = [number for number, line in enumerate(lines) if line.startswith(start)][nth]
        before, encoded = lines[found].rpartition(" ")[::2]
        lines[found] = f"{before} {_flipped(encoded, at)}".lstrip()
        return "\n".join(lines)

    return change


def _replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new, 1)


def _nth_line(number: int, change: Callable[[str], str]) -> Callable[[str], str]:
    def changed(text: str) -> str:
        lines = text.split("\n")
        lines[number] = change(lines[number])
        return "\n".join(lines)

    return changed


DASH: Final = "\N{EM DASH} "
FALSE_LINE: Final = f"{DASH}{ORIGIN} {base64.b64encode(FIRST.verifier.key_id + bytes(64)).decode()}\n"
# Lines of the first entry's proof, after version, index, three hashes, none, origin, size.
ROOT_LINE, ED25519_LINE, ML_DSA_LINE = 8, 10, 11
FLIPPED: Final = {
    "a digit of a leaf": (_entry(leaf=_replaced('"epoch":1', '"epoch":2')), "proof"),
    "the index": (_entry(proof=_replaced("index 5", "index 6")), "proof"),
    "an index beyond the ledger": (_entry(proof=_replaced("index 5", "index 7")), "proof"),
    "the first hash": (_entry(proof=_nth_line(2, lambda line: _flipped(line, 0))), "proof"),
    "the last hash": (_entry(proof=_nth_line(4, lambda line: _flipped(line, 31))), "proof"),
    "the origin": (_entry(proof=_replaced("\n\ncalls", "\n\ncallz")), "note"),
    "the size": (_entry(proof=_replaced("\n7\n", "\n8\n")), "note"),
    "the root": (_entry(proof=_nth_line(ROOT_LINE, lambda line: _flipped(line, 9))), "note"),
    "the first signer's name": (_entry(proof=_replaced(f"{DASH}calls", f"{DASH}callz")), "note"),
    "the first key id": (_entry(proof=_in_line(DASH, 0)), "note"),
    "the Ed25519 signature": (_entry(proof=_in_line(DASH, 40)), "note"),
    "the second key id": (_entry(proof=_in_line(DASH, 0, 1)), "note"),
    "the time of the cosignature": (_entry(proof=_in_line(DASH, 11, 1)), "note"),
    "the ML-DSA-44 signature": (_entry(proof=_in_line(DASH, 1_200, 1)), "note"),
    "the version of the proof": (_entry(proof=_replaced("@v1", "@v2")), "proof"),
    "the request": (COMPLETE.replace(b'"request": "del_0', b'"request": "del_1'), "receipt"),
    "the status": (COMPLETE.replace(b'"complete"', b'"complate"'), "receipt"),
    "the version": (COMPLETE.replace(b'"v": 1', b'"v": 2'), "receipt"),
}


def _swap_proofs(document: dict[str, Any]) -> None:
    first, second = document["entries"]
    first["proof"], second["proof"] = second["proof"], first["proof"]


def _without_line(number: int) -> Callable[[str], str]:
    return lambda text: "\n".join(line for at, line in enumerate(text.split("\n")) if at != number)


FORGED: Final = {
    "an entry cut out": (_document(lambda document: document["entries"].pop()), "receipt"),
    "every entry cut out": (_document(lambda document: document["entries"].clear()), "receipt"),
    "an entry twice in the place of another": (receipt("complete", TWO[0], TWO[0] | {"n": "x"}), "receipt"),
    "two proofs swapped": (_document(_swap_proofs), "proof"),
    "pending said to be complete": (receipt("complete", TWO[0]), "receipt"),
    "held said to be complete": (receipt("complete", shredded(1, 1), held(2)), "receipt"),
    "complete said to be final": (COMPLETE.replace(b'"complete"', b'"final"'), "receipt"),
    "final by the end of another epoch": (receipt("final", *TWO, ended(2)), "receipt"),
    "final by one end of two": (receipt("final", *OF_TWO_EPOCHS, ended()), "receipt"),
    "an entry of another request": (receipt("pending", shredded(1, 1, request="del_2")), "receipt"),
    "two trees of one size": (
        receipt("complete", entries=[entries(*TWO)[0], entries(TWO[0], TWO[1] | {"n": "y"})[1]]),
        "receipt",
    ),
    "a member too many": (_document(lambda document: document.update(note="trust me")), "receipt"),
    "a member missing": (_document(lambda document: document.pop("status")), "receipt"),
    "a member too many in an entry": (_entry(more=lambda _: 1), "receipt"),
    "a name twice": (COMPLETE.replace(b'"v": 1', b'"v": 1, "v": 1'), "receipt"),
    "a name twice, escaped": (COMPLETE.replace(b'"v": 1', b'"v": 1, "\\u0076": 1'), "receipt"),
    "the version as a fraction": (COMPLETE.replace(b'"v": 1', b'"v": 1.0'), "receipt"),
    "the version with an exponent": (COMPLETE.replace(b'"v": 1', b'"v": 1e0'), "receipt"),
    "the version as true": (COMPLETE.replace(b'"v": 1', b'"v": true'), "receipt"),
    "the version as text": (COMPLETE.replace(b'"v": 1', b'"v": "1"'), "receipt"),
    "a leaf that is no text": (_entry(leaf=lambda _: 7), "receipt"),
    "a leaf beyond ASCII": (_entry(leaf=lambda leaf: leaf + "\u00e9"), "receipt"),
    "a proof that is nothing": (_entry(proof=lambda _: None), "receipt"),
    "a hash of the path left out": (_entry(proof=_without_line(2)), "proof"),
    "a hash of the path twice": (_entry(proof=_nth_line(3, lambda line: f"{line}\n{line}")), "proof"),
    "an extra line that is no base64": (_entry(proof=_replaced("\nindex", "\nextra ****\nindex")), "proof"),
    "an unsigned checkpoint": (_entry(proof=lambda proof: proof.partition(DASH)[0]), "note"),
    "an extension line in the checkpoint": (
        _entry(proof=_replaced(f"\n\n{DASH}", f"\nmore\n\n{DASH}")),
        "note",
    ),
    "the Ed25519 line left out": (_entry(proof=_without_line(ED25519_LINE)), "note"),
    "the ML-DSA-44 line left out": (_entry(proof=_without_line(ML_DSA_LINE)), "note"),
    "a second line of the key, false": (_entry(proof=lambda proof: proof + FALSE_LINE), "note"),
    "a hundred and one signatures": (
        _entry(proof=lambda proof: proof + 100 * (proof.split("\n")[ED25519_LINE] + "\n")),
        "note",
    ),
    "a hyphen for the dash": (_entry(proof=_replaced(DASH, "- ")), "note"),
    "a tab in the checkpoint": (_entry(proof=_replaced("\n7\n", "\n7\t\n")), "note"),
    "half of a surrogate pair": (_entry(proof=_replaced("calls", "\ud800")), "note"),
    "a size with a leading zero": (_entry(proof=_replaced("\n7\n", "\n07\n")), "note"),
    "a proof of a million characters": (_entry(proof=lambda proof: proof + "x" * 1_000_000), "proof"),
    "cut off in the middle": (COMPLETE[: len(COMPLETE) // 2], "receipt"),
    "the last byte missing": (COMPLETE.rstrip()[:-1], "receipt"),
    "something after the end": (COMPLETE + b"{}", "receipt"),
    "larger than any receipt": (COMPLETE + b" " * RECEIPT_LIMIT_CHARACTERS, "receipt"),
    "empty": (b"", "receipt"),
    "a list": (b"[]", "receipt"),
    "null": (b"null", "receipt"),
    "not JSON": (b"%PDF-1.7", "receipt"),
    "not text": (b"\x00\xff\xfe\x80" * 100, "receipt"),
    "a byte order mark": (b"\xef\xbb\xbf" + COMPLETE, "receipt"),
    "UTF-16": (COMPLETE.decode().encode("utf-16"), "receipt"),
    "a broken letter": (COMPLETE.replace(b"\\u2014", b"\xe2\x80"), "receipt"),
    "not a number": (COMPLETE.replace(b'"v": 1', b'"v": NaN'), "receipt"),
    "a hundred thousand brackets": (b"[" * 100_000, "receipt"),
    "a prototype": (COMPLETE.replace(b'"v": 1', b'"v": 1, "__proto__": {}'), "receipt"),
}
MISPLACED: Final = (
    Row("the key of another ledger", COMPLETE, "note", (STRANGER.verifier.vkey,)),
    Row("another key of the same name", COMPLETE, "note", (NAMESAKE.verifier.vkey,)),
    Row("the right key and a key that did not sign", COMPLETE, "note", (*KEYS, STRANGER.verifier.vkey)),
    Row(
        "another ledger's tree, signed by that ledger",
        receipt("complete", entries=BY_A_STRANGER),
        "note",
    ),
    Row(
        "a tree of another name than its signer's",
        receipt("complete", entries=UNDER_ANOTHER_NAME),
        "note",
        KEYS[:1],
    ),
    Row(
        "signed by one key of two",
        receipt("complete", entries=BY_THE_FIRST),
        "note",
    ),
)
FALSE: Final = (
    *(Row(f"changed: {name}", file, verdict) for name, (file, verdict) in FLIPPED.items()),
    *(Row(name, file, verdict) for name, (file, verdict) in FORGED.items()),
    *MISPLACED,
)
EXTRA: Final = Row("an extra line", _entry(proof=_replaced("\nindex", "\nextra AAAA\nindex")), "complete")
TABLE: Final = (*GOOD, EXTRA, *FALSE)


def bytes_changed(count: int) -> Iterator[Row]:
    """A final receipt with one random byte changed, the same each time; whoever asks knows the verdict."""
    chance = random.Random(1)  # not a secret: places to change
    base = Row("final", FINAL, "")
    for _ in range(count):
        at, value = chance.randrange(len(base.file)), chance.randrange(256)
        file = base.file[:at] + bytes([value]) + base.file[at + 1 :]
        yield replace(base, name=f"byte {at} is {value}", file=file)
