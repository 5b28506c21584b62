"""Verify a receipt offline; needs Python 3.11 and the package `cryptography`, nothing else.

    python verify_receipt.py receipt.json --key VKEY [--key VKEY] [--expect object=UUID ...]

Give each verifier key that you pinned beforehand (a contract, a web page you saved): every one of them must
have signed. --expect compares a member of the entries with what you know, for example the key_commitment of
your upload receipt. Exit 0: every entry is proven. docs/FORMAT.md, Receipts, is the specification.
"""

# ruff: noqa: INP001, PLR2004, T201 -- one file on its own, that speaks to a terminal
import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

Key = tuple[str, bytes, int, bytes]  # name, key id, type, public key
Head = tuple[str, int, bytes]  # origin, size, root


class RefusedError(Exception):
    """The receipt proves nothing; the message says why."""


def require(holds: object, why: str) -> None:
    """Refuse unless `holds`."""
    if not holds:
        raise RefusedError(why)


def from_base64(text: str) -> bytes:
    """Bytes of standard base64 in its one canonical spelling."""
    value = base64.b64decode(text, validate=True)
    require(base64.b64encode(value).decode() == text, "base64 is not canonical")
    return value


def number(text: str) -> int:
    """A decimal without leading zeros."""
    require(text.isascii() and text.isdigit() and str(int(text)) == text, "a number is malformed")
    return int(text)


def parse_key(vkey: str) -> Key:
    """Name, key id, type and public key of a verifier key."""
    name, key_id, encoded = vkey.split("+", 2)
    typed = from_base64(encoded)
    expected = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
    require(
        expected.hex() == key_id and typed[0] in (1, 6), "the verifier key is mistyped or of an unknown type"
    )
    return name, expected, typed[0], typed[1:]


def check_signature(kind: int, public: bytes, name: str, text: str, signature: bytes) -> None:
    """Type 1 is Ed25519 over the text, type 6 an ML-DSA-44 cosignature of the checkpoint."""
    if kind == 1:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
        return
    origin, size, root = text.encode().split(b"\n")[:3]
    message = b"subtree/v1\n\0" + bytes([len(name.encode())]) + name.encode() + signature[:8]
    message += (
        bytes([len(origin)]) + origin + bytes(8) + int(size).to_bytes(8, "big") + base64.b64decode(root)
    )
    MLDSA44PublicKey.from_public_bytes(public).verify(signature[8:], message)


def open_checkpoint(note: str, keys: list[Key]) -> Head:
    """Origin, size and root of a checkpoint that every key has signed."""
    require(
        all(character >= " " or character == "\n" for character in note), "the note has control characters"
    )
    text, separator, below = note.rpartition("\n\n")
    require(separator and below.endswith("\n"), "the checkpoint is not signed")
    signatures = []
    for line in below[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        require(dash == "\N{EM DASH}", "a signature line is malformed")
        signatures.append((name, from_base64(encoded)))
    lines = text.split("\n")
    require(len(lines) == 3 and lines[0], "a checkpoint has three lines")
    for name, key_id, kind, public in keys:
        known = [signed[4:] for who, signed in signatures if who == name and signed[:4] == key_id]
        require(known, f"the checkpoint is not signed by {name}")
        for signature in known:
            check_signature(kind, public, name, text + "\n", signature)
    require(any(name == lines[0] for name, *_ in keys), "the checkpoint belongs to another ledger")
    return lines[0], number(lines[1]), from_base64(lines[2])


def verify_entry(leaf: str, proof: str, keys: list[Key]) -> tuple[dict[str, Any], Head]:
    """The members of a leaf, once it is proven to stand in the signed tree (RFC 9162, 2.1.3.2)."""
    head, _, note = proof.partition("\n\n")
    version, *lines = head.split("\n")
    require(version == "c2sp.org/tlog-proof@v1", "not a proof of version 1")
    lines = lines[1:] if lines[0].startswith("extra ") else lines
    require(lines[0].startswith("index "), "the proof has no index")
    index, path = number(lines[0][6:]), [from_base64(line) for line in lines[1:]]
    checkpoint = open_checkpoint(note, keys)
    _, size, root = checkpoint
    require(0 <= index < size and all(len(each) == 32 for each in path), "the proof is malformed")
    current, last = hashlib.sha256(b"\0" + leaf.encode("ascii")).digest(), size - 1
    for sibling in path:
        require(last, "the proof is too long")
        if index % 2 or index == last:
            current = hashlib.sha256(b"\1" + sibling + current).digest()
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            current = hashlib.sha256(b"\1" + current + sibling).digest()
        index, last = index // 2, last // 2
    require(not last and current == root, "the entry is not in the signed tree")
    members = json.loads(leaf)
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    require(canonical == leaf and isinstance(members, dict), "a leaf is not in its canonical form")
    return members, checkpoint


def verify(receipt: dict[str, Any], keys: list[Key], expected: dict[str, str]) -> list[dict[str, Any]]:
    """The members of every entry, if all are proven and bear out what the file says of itself."""
    require(
        set(receipt) == {"v", "request", "status", "entries"} and receipt["v"] == 1,
        "not a receipt of version 1",
    )
    require(
        receipt["status"] in ("pending", "complete", "final") and receipt["entries"],
        "no status or no entries",
    )
    proven: list[dict[str, Any]] = []
    heads: dict[tuple[str, int], bytes] = {}
    for entry in receipt["entries"]:
        require(set(entry) == {"leaf", "proof"}, "an entry has other members")
        members, (origin, size, root) = verify_entry(entry["leaf"], entry["proof"], keys)
        require(heads.setdefault((origin, size), root) == root, "the ledger signed two trees of one size")
        proven.append(members)
    # The end of an epoch is an entry of the whole deployment: it names no request and no object.
    ended = {each["epoch"] for each in proven if each["type"] == "epoch.destroyed"}
    own = [each for each in proven if each["type"] != "epoch.destroyed"]
    require(all(each.get("request") == receipt["request"] for each in own), "an entry of another request")
    shredded = {each.get("object") for each in proven if each.get("type") == "object.shredded"}
    complete = receipt["status"] != "pending"
    require(not complete or {each.get("object") for each in own} == shredded, "not every object is shredded")
    counts = {each["objects"] for each in proven if "objects" in each}
    require(not complete or counts <= {len(shredded)}, "an object that was asked for is not in it")
    lived_in = {each["epoch"] for each in own if "epoch" in each}
    require(receipt["status"] != "final" or lived_in == ended, "not every epoch is proven to be destroyed")
    for name, value in expected.items():
        require(any(str(each.get(name)) == value for each in proven), f"no entry has {name} = {value}")
    return proven


def main() -> int:
    """Verify the file, print its entries, and say in one line what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("receipt")
    parser.add_argument("--key", action="append", required=True, help="a verifier key: name+id+base64")
    parser.add_argument("--expect", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args()
    try:
        receipt = json.loads(Path(given.receipt).read_text(encoding="utf-8"))
        keys = [parse_key(vkey) for vkey in given.key]
        proven = verify(receipt, keys, dict(each.split("=", 1) for each in given.expect))
    except InvalidSignature:
        print("refused: a signature is not valid", file=sys.stderr)
        return 1
    except (
        RefusedError,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        RecursionError,
    ) as why:
        print(
            f"refused: {why if isinstance(why, RefusedError) else 'the file or a key is malformed'}",
            file=sys.stderr,
        )
        return 1
    for members in proven:
        print(json.dumps(members, sort_keys=True))
    print(f"{receipt['request']}: {receipt['status']}, {len(proven)} entries proven")
    return 0


if __name__ == "__main__":
    sys.exit(main())
