"""Write the published test vectors of the vault's formats: ``python -m scripts.make_vectors``.

Everything is derived from fixed seeds, so a second run changes nothing; tests/crypto/test_vectors.py
holds that. The exception is notes-ml-dsa.json: that signature is randomised, so its file is written
only if it is missing. A vector says what goes in and either what comes out or the class of failure.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crypto.keys import DataKey, WrappedKey
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
from crypto.receipts import canonical_leaf
from crypto.segments import SegmentCipher
from crypto.splitting import SegmentWriter
from crypto.streaming import media_associated_data
from crypto.wrapping import WrapContext, commitment

FOLDER: Final = Path(__file__).resolve().parent.parent / "tests" / "crypto" / "vectors"
Vector = dict[str, Any]

TENANT: Final = "01980000-0000-7000-8000-000000000001"
OBJECT: Final = "01980000-0000-7000-8000-000000000002"
OTHER: Final = "01980000-0000-7000-8000-000000000003"
SEGMENT_BYTES: Final = 64
LONG_SEGMENT_BYTES: Final = 4_096  # its vectors are few: they would fill the file


def seeded(name: str, size_bytes: int) -> bytes:
    """Bytes that look random and are the same each time: SHA-256 of a name and a counter."""
    blocks = range(-(-size_bytes // 32))
    return b"".join(hashlib.sha256(f"{name}/{block}".encode()).digest() for block in blocks)[:size_bytes]


KEY: Final = DataKey(seeded("data key", 32))
FIELDS: Final[dict[str, Any]] = {
    "tenant": TENANT,
    "object_id": OBJECT,
    "part": "media",
    "gen": 1,
    "segment_bytes": SEGMENT_BYTES,
}


def associated_data(**change: Any) -> bytes:
    """The associated data of the test object, with fields changed."""
    return media_associated_data(**(FIELDS | change))


AAD: Final = associated_data()


def cipher(header: bytes, aad: bytes = AAD) -> SegmentCipher:
    """The cipher of the stream that this header begins."""
    return SegmentCipher(KEY.reveal(), header, associated_data=aad)


def sealed_with(name: str, plain: bytes, segment_bytes: int = SEGMENT_BYTES, aad: bytes = AAD) -> bytes:
    """A stream with a header that is the same each time; real headers are random."""
    header = b"\x28" + seeded(f"header {name}", 39)
    return SegmentWriter(cipher(header, aad), segment_bytes=segment_bytes).write_all(plain)


def stream(comment: str, sealed: bytes, **change: Any) -> Vector:
    """A stream vector; without a plain text it is one to refuse."""
    given = {
        "comment": comment,
        "key": KEY.reveal().hex(),
        "associated_data": AAD.decode(),
        "segment_bytes": SEGMENT_BYTES,
        "sealed": sealed.hex(),
    } | change
    return given | ({} if "plain" in given else {"expected": "tampered"})


def opening_streams() -> Iterator[Vector]:
    """Streams of every interesting length."""
    for segment_bytes in (57, 64, 300, LONG_SEGMENT_BYTES):
        capacity, first = segment_bytes - 16, segment_bytes - 56
        lengths = {
            0,
            1,
            first - 1,
            first,
            first + 1,
            first + capacity - 1,
            first + capacity,
            first + capacity + 1,
        }
        lengths |= {first + 4 * capacity} if segment_bytes < LONG_SEGMENT_BYTES else set()
        for length in sorted(lengths):
            plain = seeded(f"plain {length}", length)
            aad = associated_data(segment_bytes=segment_bytes)
            yield stream(
                f"{length} plain bytes in segments of {segment_bytes}",
                sealed_with(f"{segment_bytes} {length}", plain, segment_bytes, aad),
                associated_data=aad.decode(),
                segment_bytes=segment_bytes,
                plain=plain.hex(),
                expected="success",
            )


PLAIN: Final = seeded("plain", 8 + 48 * 4)  # five segments, the last one full
SEALED: Final = sealed_with("base", PLAIN)
BORDERS: Final = [40, 64, 128, 192, 256, 320]
HEADER: Final = SEALED[:40]
SEGMENTS: Final = [SEALED[start:stop] for start, stop in pairwise(BORDERS)]


def altered_streams() -> Iterator[Vector]:
    """One bit flipped, at every kind of byte."""
    places = {"length byte": 0, "first salt byte": 1, "last salt byte": 32, "first prefix byte": 33}
    places |= {"last prefix byte": 39}
    for number, (start, stop) in enumerate(pairwise(BORDERS)):
        places |= {f"first byte of segment {number}": start, f"last tag byte of segment {number}": stop - 1}
    for place, position in places.items():
        altered = bytearray(SEALED)
        altered[position] ^= 1
        yield stream(f"flipped: {place}", bytes(altered))


def cut_streams() -> Iterator[Vector]:
    """Cut on and around every border."""
    lengths = {0, 1, 39, 40, 41, 55, 56, 57}
    lengths |= {border + step for border in BORDERS[1:] for step in (-1, 0, 1, 16)}
    for length in sorted(length for length in lengths if length < len(SEALED)):
        yield stream(f"cut to {length} of {len(SEALED)} bytes", SEALED[:length])


def rearranged_streams() -> Iterator[Vector]:
    """Segments swapped, dropped, repeated, appended, taken from elsewhere."""
    s = SEGMENTS
    orders = {
        "segments 1 and 2 swapped": [s[0], s[2], s[1], s[3], s[4]],
        "last two swapped": [*s[:3], s[4], s[3]],
        "segment 2 dropped": [*s[:2], *s[3:]],
        "segment 0 dropped": s[1:],
        "segment 1 twice": [*s[:2], s[1], *s[2:]],
        "all reversed": s[::-1],
        "only the last": s[-1:],
        "appended: last segment again": [*s, s[4]],
        "appended: segment 0 again": [*s, s[0]],
        "appended: one zero byte": [*s, b"\0"],
        "appended: 16 zero bytes": [*s, bytes(16)],
        "appended: 20 zero bytes": [*s, bytes(20)],
        "appended: the whole stream": [*s, SEALED],
    }
    for comment, order in orders.items():
        yield stream(comment, HEADER + b"".join(order))
    other = sealed_with("other", PLAIN)
    for number, (start, stop) in enumerate(pairwise(BORDERS)):
        spliced = SEALED[:start] + other[start:stop] + SEALED[stop:]
        yield stream(f"segment {number} from another stream under the same key", spliced)
    yield stream("header from another stream under the same key", other[:40] + SEALED[40:])


def misflagged_streams() -> Iterator[Vector]:
    """Streams a faulty writer would make, each segment genuine under its own nonce."""
    sealer = cipher(b"\x28" + seeded("header misflagged", 39))

    def segment(index: int, plain: bytes, *, is_last: bool) -> bytes:
        out = bytearray(len(plain) + 16)
        sealer.seal_into(index, plain, memoryview(out), is_last=is_last)
        return bytes(out)

    first, full = seeded("first", 8), seeded("full", 48)
    forms = {
        "no segment has the last-flag": [segment(0, first, is_last=False), segment(1, full, is_last=False)],
        "the last-flag stands too early": [segment(0, first, is_last=True), segment(1, full, is_last=True)],
        "an empty last segment follows": [segment(0, first, is_last=False), segment(1, b"", is_last=True)],
        "a counter is left out": [segment(0, first, is_last=False), segment(2, full, is_last=True)],
        "the counter begins at one": [segment(1, first, is_last=False), segment(2, full, is_last=True)],
        "segment 0 is short": [segment(0, first[:5], is_last=False), segment(1, full, is_last=True)],
    }
    for comment, form in forms.items():
        yield stream(comment, sealer.header + b"".join(form))


def misread_streams() -> Iterator[Vector]:
    """The genuine stream, read with another context, size or key."""
    changes = {"tenant": OTHER, "object_id": OTHER, "part": "thumb", "gen": 2, "segment_bytes": 65}
    for field, value in changes.items():
        aad = associated_data(**{field: value}).decode()
        yield stream(f"associated data with another {field}", SEALED, associated_data=aad)
    yield stream("no associated data", SEALED, associated_data="")
    yield stream("associated data without its last line feed", SEALED, associated_data=AAD.decode()[:-1])
    for segment_bytes in (57, 63, 65, 128, 4_096):
        yield stream(f"read in segments of {segment_bytes}", SEALED, segment_bytes=segment_bytes)
    yield stream("another key", SEALED, key=seeded("another key", 32).hex())
    one_bit = bytes([KEY.reveal()[0] ^ 1]) + KEY.reveal()[1:]
    yield stream("a key that differs in one bit", SEALED, key=one_bit.hex())
    yield stream("a header of AES-128", b"\x18" + seeded("short header", 23) + SEALED[40:])


CONTEXT: Final = WrapContext(TENANT, OBJECT, gen=1, epoch=7, commitment=commitment(KEY, AAD))
DONE: Final = replace(CONTEXT, sealed_bytes=len(SEALED), sealed_sha256=hashlib.sha256(SEALED).digest())
TENANT_KEY: Final = seeded("tenant key", 32)


def wrapped_with(name: str, context: WrapContext) -> bytes:
    """A wrap with a nonce that is the same each time; real nonces are random."""
    nonce = seeded(f"nonce {name}", 12)
    sealed_key = AESGCM(TENANT_KEY).encrypt(nonce, KEY.reveal(), context.associated_data())
    return bytes(WrappedKey.assemble(epoch=context.epoch, nonce=nonce, sealed_key=sealed_key))


def wrap_vector(comment: str, wrapped: bytes, context: WrapContext, **change: Any) -> Vector:
    """A wrap vector; without a data key it is one to refuse."""
    given = {
        "comment": comment,
        "tenant_key": TENANT_KEY.hex(),
        "wrapped": wrapped.hex(),
        "tenant": context.tenant,
        "object": context.object_id,
        "gen": context.gen,
        "epoch": context.epoch,
        "commitment": context.commitment.hex(),
        "sealed_bytes": context.sealed_bytes,
        "sealed_sha256": context.sealed_sha256.hex() if context.sealed_sha256 else None,
    } | change
    return given | ({} if "data_key" in given else {"expected": "unwrap"})


def wraps() -> Iterator[Vector]:
    """Wrapped keys under the right context, and under each wrong one."""
    key = {"data_key": KEY.reveal().hex(), "expected": "success"}
    recording, done = wrapped_with("recording", CONTEXT), wrapped_with("done", DONE)
    yield wrap_vector("while recording: no length, no digest", recording, CONTEXT, **key)
    yield wrap_vector("after recording", done, DONE, **key)
    changes: dict[str, Any] = {"tenant": OTHER, "object_id": OTHER, "gen": 2, "epoch": 8}
    changes |= {"commitment": bytes(32), "sealed_bytes": 321, "sealed_sha256": bytes(32)}
    for field, value in changes.items():
        yield wrap_vector(f"context with another {field}", done, replace(DONE, **{field: value}))
    yield wrap_vector("length and digest taken away", done, CONTEXT)
    yield wrap_vector("length and digest added", recording, DONE)
    for place in (0, 1, 2, 5, 6, 17, 18, 49, 50, 65):
        altered = bytearray(done)
        altered[place] ^= 1
        yield wrap_vector(f"flipped: byte {place} of the record", bytes(altered), DONE)
    moved = done[:2] + (8).to_bytes(4, "big") + done[6:]
    yield wrap_vector("epoch changed in record and context alike", moved, replace(DONE, epoch=8))
    yield wrap_vector("another tenant key", done, DONE, tenant_key=seeded("another tenant key", 32).hex())
    for length in (0, 65):
        yield wrap_vector(f"record cut to {length} bytes", done[:length], DONE)
    yield wrap_vector("one byte appended to the record", done + b"\0", DONE)


def commitments() -> Iterator[Vector]:
    """Data keys and what commits to them."""
    true = {
        "key": KEY.reveal().hex(),
        "associated_data": AAD.decode(),
        "commitment": commitment(KEY, AAD).hex(),
    }
    wrong: dict[str, dict[str, str]] = {
        "another key": {"key": seeded("another key", 32).hex()},
        "another object": {"associated_data": associated_data(object_id=OTHER).decode()},
        "another part": {"associated_data": associated_data(part="thumb").decode()},
        "commitment of zeros": {"commitment": bytes(32).hex()},
        "commitment cut": {"commitment": true["commitment"][:-2]},
    }
    yield {"comment": "the key that was committed to", **true, "expected": "success"}
    for comment, change in wrong.items():
        yield {"comment": comment, **true, **change, "expected": "commitment"}


SIGNER: Final = NoteSigner("log.example", seeded("log key", 32))
STRANGER: Final = NoteSigner("other.example", seeded("other key", 32))
LEAVES: Final = [
    canonical_leaf(
        {
            "v": 1,
            "n": seeded(f"n {number}", 8).hex(),
            "type": "object.shredded",
            "object": OBJECT,
            "request": "del_1",
        }
    )
    for number in range(7)
]
STORE: Final[dict[Node, bytes]] = {}
for position, made in enumerate(LEAVES):
    STORE.update(append_nodes(position, leaf_hash(made), STORE))
HEAD: Final = Checkpoint("log.example", 7, root_from(7, STORE.__getitem__))
SIGNED: Final = sign_checkpoint(HEAD, [SIGNER], timestamp_s=0)


def note_vector(comment: str, note: str, expected: str = "note", signer: NoteSigner = SIGNER) -> Vector:
    """A note and the keys that must have signed it."""
    opened = {"text": HEAD.text} if expected == "success" else {}
    return {"comment": comment, "note": note, "keys": [signer.verifier.vkey], **opened, "expected": expected}


def notes() -> Iterator[Vector]:
    """Signed checkpoints as they are, and with each part wrong."""
    line = SIGNED.partition("\n\n")[2]
    foreign = sign_note(HEAD.text, [STRANGER], timestamp_s=0).partition("\n\n")[2]
    false = f"\u2014 log.example {base64.b64encode(SIGNER.verifier.key_id + bytes(64)).decode()}\n"
    yield note_vector("a signed checkpoint", SIGNED, "success")
    yield note_vector("a line of an unknown key is ignored", SIGNED + foreign, "success")
    wrong = {
        "no signature": HEAD.text,
        "no signature after the empty line": HEAD.text + "\n",
        "only an unknown key has signed": HEAD.text + "\n" + foreign,
        "a false line of the known key": SIGNED + false,
        "another size": SIGNED.replace("\n7\n", "\n8\n"),
        "another root": SIGNED.replace(HEAD.text.split("\n")[2], base64.b64encode(bytes(32)).decode()),
        "another origin": SIGNED.replace("log.example\n7", "log2.example\n7"),
        "an extension line added": SIGNED.replace("\n\n", "\nmore\n\n", 1),
        "the last line feed missing": SIGNED[:-1],
        "an empty line appended": SIGNED + "\n",
        "a hyphen for the dash": SIGNED.replace("\u2014", "-"),
        "two spaces after the name": SIGNED.replace("log.example ", "log.example  "),
        "base64 without padding": SIGNED.replace("=\n", "\n") if line.endswith("=\n") else SIGNED[:-2] + "\n",
        "a carriage return in the text": SIGNED.replace("\n7\n", "\r\n7\n"),
        "a tab in the text": SIGNED.replace("\n7\n", "\n7\t\n"),
        "a hundred and one signatures": SIGNED + line * 100,
    }
    for comment, note in wrong.items():
        yield note_vector(comment, note)
    signed_extension = sign_note(HEAD.text + "more\n", [SIGNER], timestamp_s=0)
    yield note_vector("an extension line, signed", signed_extension)
    yield note_vector(
        "the key of another ledger", sign_note(HEAD.text, [STRANGER], timestamp_s=0), signer=STRANGER
    )


def ml_dsa_notes() -> Iterator[Vector]:
    """Checkpoints with both kinds of signature; each run would sign anew, so they are written once."""
    second = NoteSigner("log.example", seeded("log key", 32), kind=SignatureKind.ML_DSA_44)
    both = sign_checkpoint(HEAD, [SIGNER, second], timestamp_s=1_700_000_000)
    keys = [SIGNER.verifier.vkey, second.verifier.vkey]
    good = {"text": HEAD.text, "expected": "success"}
    yield {"comment": "both signatures, both asked for", "note": both, "keys": keys, **good}
    yield {"comment": "both signatures, Ed25519 asked for", "note": both, "keys": keys[:1], **good}
    yield {"comment": "both signatures, ML-DSA-44 asked for", "note": both, "keys": keys[1:], **good}
    yield {"comment": "ML-DSA-44 line taken away", "note": SIGNED, "keys": keys, "expected": "note"}
    resized = both.replace("\n7\n", "\n8\n")
    yield {"comment": "another size", "note": resized, "keys": keys[1:], "expected": "note"}
    head, _, tail = both.rpartition(" ")
    signature = bytearray(base64.b64decode(tail))
    signature[11] ^= 1
    retimed = f"{head} {base64.b64encode(signature).decode()}\n"
    yield {
        "comment": "timestamp of the cosignature changed",
        "note": retimed,
        "keys": keys,
        "expected": "note",
    }


def proof_of(index: int) -> str:
    """The proof of a leaf under the signed checkpoint."""
    return format_proof(Proof(index, tuple(inclusion_proof(index, 7, STORE.__getitem__)), SIGNED))


def proofs() -> Iterator[Vector]:
    """Every leaf of a tree of seven, and each way a proof can be wrong."""
    keys = [SIGNER.verifier.vkey]

    def vector(comment: str, leaf: bytes, proof: str, expected: str = "proof") -> Vector:
        return {"comment": comment, "leaf": leaf.decode(), "proof": proof, "keys": keys, "expected": expected}

    for index, leaf in enumerate(LEAVES):
        yield vector(f"leaf {index} of 7", leaf, proof_of(index), "success")
    proof = proof_of(2)
    lines = proof.split("\n")
    wrong = {
        "another index": proof.replace("index 2", "index 3"),
        "an index outside the tree": proof.replace("index 2", "index 7"),
        "an index with a leading zero": proof.replace("index 2", "index 02"),
        "the path of another leaf": proof_of(5).replace("index 5", "index 2"),
        "a hash left out": "\n".join(lines[:2] + lines[3:]),
        "a hash twice": "\n".join([*lines[:3], *lines[2:]]),
        "two hashes swapped": "\n".join([*lines[:2], lines[3], lines[2], *lines[4:]]),
        "another version": proof.replace("@v1", "@v2"),
        "no empty line before the checkpoint": proof.replace("\n\nlog", "\nlog", 1),
        "a hash without padding": proof.replace(lines[2], lines[2].rstrip("=")),
    }
    for comment, text in wrong.items():
        yield vector(comment, LEAVES[2], text)
    yield vector("another leaf", LEAVES[3], proof)
    yield vector("an altered leaf", LEAVES[2].replace(b'"v":1', b'"v":2'), proof)
    yield vector("an altered checkpoint", LEAVES[2], proof.replace("\n7\n", "\n8\n"), "note")
    yield vector("an unsigned checkpoint", LEAVES[2], proof.partition("\n\u2014")[0], "note")


def receipts() -> Iterator[Vector]:
    """Receipt files, whole and falsified."""
    entries = [{"leaf": LEAVES[index].decode(), "proof": proof_of(index)} for index in (1, 6)]
    good = {"v": 1, "request": "del_1", "status": "complete", "entries": entries}
    forged = entries[0] | {"leaf": entries[0]["leaf"].replace("del_1", "del_2")}
    wrong: dict[str, tuple[dict[str, Any], str]] = {
        "another version": ({"v": 2}, "receipt"),
        "a member too many": ({"more": 1}, "receipt"),
        "an unknown status": ({"status": "done"}, "receipt"),
        "no entries": ({"entries": []}, "receipt"),
        "entries of another request": ({"request": "del_2"}, "receipt"),
        "an altered leaf": ({"entries": [forged]}, "proof"),
        "another leaf's proof": ({"entries": [entries[0] | {"proof": proof_of(2)}]}, "proof"),
    }
    for comment, change, expected in [
        ("two entries of one request", {}, "success"),
        ("pending", {"status": "pending"}, "success"),
        *((comment, change, expected) for comment, (change, expected) in wrong.items()),
    ]:
        receipt = json.dumps(good | change)
        yield {"comment": comment, "receipt": receipt, "keys": [SIGNER.verifier.vkey], "expected": expected}


def streams() -> Iterator[Vector]:
    """Every stream vector."""
    for part in (opening_streams, altered_streams, cut_streams, rearranged_streams):
        yield from part()
    yield from misflagged_streams()
    yield from misread_streams()


FILES: Final[dict[str, Callable[[], Iterator[Vector]]]] = {
    "streams": streams,
    "wraps": wraps,
    "commitments": commitments,
    "notes": notes,
    "proofs": proofs,
    "receipts": receipts,
}
RANDOMISED: Final[dict[str, Callable[[], Iterator[Vector]]]] = {"notes-ml-dsa": ml_dsa_notes}


def text_of(vectors: Callable[[], Iterator[Vector]]) -> str:
    """The file of some vectors: one per line, so that a difference is read easily."""
    lines = [json.dumps(vector, ensure_ascii=True) for vector in vectors()]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def main() -> None:
    """Write every file and say how many vectors it holds."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, vectors in FILES.items():
        (FOLDER / f"{name}.json").write_text(text_of(vectors), encoding="ascii")
    for name, vectors in RANDOMISED.items():
        if not (FOLDER / f"{name}.json").exists():
            (FOLDER / f"{name}.json").write_text(text_of(vectors), encoding="ascii")
    for path in sorted(FOLDER.glob("*.json")):
        print(f"{len(json.loads(path.read_text(encoding='ascii'))):4} {path.name}")


if __name__ == "__main__":
    main()
