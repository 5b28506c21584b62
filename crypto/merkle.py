"""The ledger's Merkle tree (RFC 6962, section 2.1), computed from stored complete subtrees.

A `Node` is a complete subtree: level 0 is a leaf hash, level l covers 2^l leaves. Complete nodes
never change once made, so a database can keep them, and every root or proof folds O(log n) of them.
The functions ending in `_nodes` say which nodes are needed, so that they can be fetched together;
`lookup` then maps a node to its 32-byte hash.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crypto.errors import ParameterError, ProofError

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "Lookup",
    "Node",
    "append_nodes",
    "completed_by",
    "consistency_nodes",
    "consistency_proof",
    "inclusion_nodes",
    "inclusion_proof",
    "leaf_hash",
    "node_hash",
    "root",
    "root_from",
    "root_nodes",
    "verify_consistency",
    "verify_inclusion",
]

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()  # RFC 6962, 2.1: the hash of an empty tree


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """The complete subtree of 2^level leaves that begins at leaf index * 2^level."""

    level: int
    index: int


Lookup = Callable[[Node], bytes]


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of 0x00 and the leaf's bytes (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01 and the two child hashes (RFC 6962, 2.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root of the tree with these leaf hashes, all at once."""
    row = list(leaf_hashes)
    if not row:
        return EMPTY_ROOT
    while len(row) > 1:
        paired = [node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
        row = paired + row[len(paired) * 2 :]  # an odd last one moves up unchanged
    return row[0]


def completed_by(leaf_index: int) -> list[Node]:
    """The nodes that become complete when leaf `leaf_index` is appended, lowest (the leaf) first."""
    _require(leaf_index >= 0, "a leaf index is not negative")
    nodes = [Node(0, leaf_index)]
    while leaf_index & 1:
        leaf_index >>= 1
        nodes.append(Node(nodes[-1].level + 1, leaf_index))
    return nodes


def append_nodes(leaf_index: int, leaf: bytes, stored: Mapping[Node, bytes]) -> dict[Node, bytes]:
    """The hashes of `completed_by(leaf_index)`, given the leaf hash and `root_nodes(leaf_index)`."""
    _require(len(leaf) == HASH_BYTES, "a leaf hash has 32 bytes")
    completed: dict[Node, bytes] = {}
    current = leaf
    for node in completed_by(leaf_index):
        if node.level:
            current = node_hash(stored[Node(node.level - 1, node.index * 2)], current)
        completed[node] = current
    return completed


def root_nodes(size: int) -> list[Node]:
    """The complete nodes whose fold is the root of a tree of `size` leaves, largest first."""
    _require(size >= 0, "a tree size is not negative")
    return _cover(0, size)


def root_from(size: int, lookup: Lookup) -> bytes:
    """The root of the first `size` leaves."""
    nodes = root_nodes(size)
    return _fold(nodes, lookup) if nodes else EMPTY_ROOT


def inclusion_nodes(index: int, size: int) -> list[list[Node]]:
    """For each hash of the inclusion proof, from the leaf upwards, the nodes that fold to it."""
    _require(0 <= index < size, "an entry lies inside its tree")
    return [_cover(start, stop) for start, stop in _path(index, 0, size)]


def inclusion_proof(index: int, size: int, lookup: Lookup) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves (RFC 6962, 2.1.1)."""
    return [_fold(nodes, lookup) for nodes in inclusion_nodes(index, size)]


def consistency_nodes(old_size: int, new_size: int) -> list[list[Node]]:
    """For each hash of the consistency proof, the nodes that fold to it; none if a size is 0 or equal."""
    _require(0 <= old_size <= new_size, "a log only grows")
    if old_size in {0, new_size}:
        return []
    return [_cover(start, stop) for start, stop in _consistency_ranges(old_size, new_size)]


def consistency_proof(old_size: int, new_size: int, lookup: Lookup) -> list[bytes]:
    """The proof that the tree of `new_size` leaves begins with the tree of `old_size` (RFC 6962, 2.1.2)."""
    return [_fold(nodes, lookup) for nodes in consistency_nodes(old_size, new_size)]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes
) -> None:
    """Raise `ProofError` unless leaf hash `leaf` stands at `index` of the tree with this root.

    RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size or any(len(each) != HASH_BYTES for each in (leaf, *proof)):
        raise ProofError("the proof is malformed")
    position, last = index, size - 1
    current = leaf
    for sibling in proof:
        if last == 0:
            raise ProofError("the proof is longer than its tree is high")
        if position & 1 or position == last:
            current = node_hash(sibling, current)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        position, last = position >> 1, last >> 1
    if last or not hmac.compare_digest(current, expected_root):
        raise ProofError("the entry is not in the tree with this root")


def verify_consistency(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raise `ProofError` unless the new tree begins with exactly the old one.

    RFC 9162, 2.1.4.2; an empty old tree is a prefix of every tree.
    """
    if not 0 <= old_size <= new_size or any(len(each) != HASH_BYTES for each in proof):
        raise ProofError("the proof is malformed")
    if old_size in {0, new_size}:
        _verify_trivial(old_size, old_root, new_size, new_root, proof)
        return
    path = list(proof)
    if not old_size & (old_size - 1):
        path.insert(0, old_root)  # a power of two: the old root is itself the first node
    old, new = _fold_consistency(old_size, new_size, path)
    if not (hmac.compare_digest(old, old_root) and hmac.compare_digest(new, new_root)):
        raise ProofError("the new tree does not begin with the old one")


def _verify_trivial(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    same = old_root == new_root if old_size == new_size else old_root == EMPTY_ROOT
    if proof or not same:
        raise ProofError("two trees of these sizes need no proof, and must agree")


def _fold_consistency(old_size: int, new_size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The old and the new root that a consistency path leads to (RFC 9162, 2.1.4.2, steps 3 to 6)."""
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    if not path:
        raise ProofError("the proof is shorter than its tree is high")
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the proof is longer than its tree is high")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise ProofError("the proof is shorter than its tree is high")
    return old, new


def _require(holds: bool, rule: str) -> None:  # noqa: FBT001  # reads as a sentence where it is called
    if not holds:
        raise ParameterError(rule)


def _split(size: int) -> int:
    """The largest power of two smaller than `size` (RFC 6962's k); `size` is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def _cover(start: int, stop: int) -> list[Node]:
    """The complete nodes of the leaves [start, stop), where start is aligned to their number."""
    nodes: list[Node] = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        nodes.append(Node(level, start >> level))
        start += 1 << level
    return nodes


def _fold(nodes: Sequence[Node], lookup: Lookup) -> bytes:
    hashes = [lookup(node) for node in nodes]
    current = hashes.pop()
    while hashes:
        current = node_hash(hashes.pop(), current)
    return current


def _path(index: int, start: int, stop: int) -> list[tuple[int, int]]:
    """The sibling ranges of leaf `index` below [start, stop), from the leaf upwards."""
    ranges: list[tuple[int, int]] = []
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            ranges.append((middle, stop))
            stop = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def _consistency_ranges(old_size: int, new_size: int) -> list[tuple[int, int]]:
    """SUBPROOF of RFC 6962, 2.1.2, as ranges of leaves; 0 < old_size < new_size."""
    ranges: list[tuple[int, int]] = []
    start, stop = 0, new_size
    while old_size != stop:
        middle = start + _split(stop - start)
        if old_size <= middle:
            ranges.append((middle, stop))
            stop = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:
        ranges.append((start, stop))  # otherwise it is the old root, which the verifier knows
    return ranges[::-1]
