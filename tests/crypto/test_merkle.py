"""The ledger's tree against RFC 6962: reference roots, and every proof of every small tree."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import ParameterError, ProofError
from crypto.merkle import (
    EMPTY_ROOT,
    Node,
    append_nodes,
    completed_by,
    consistency_nodes,
    consistency_proof,
    inclusion_nodes,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    root_from,
    root_nodes,
    verify_consistency,
    verify_inclusion,
)

SIZES = 130
# The inputs and roots of the certificate-transparency reference implementations.
REFERENCE_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
REFERENCE_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1, word for word."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(by_definition(leaves[:k]), by_definition(leaves[k:]))


def path_by_definition(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*path_by_definition(index, leaves[:k]), by_definition(leaves[k:])]
    return [*path_by_definition(index - k, leaves[k:]), by_definition(leaves[:k])]


LEAVES = [f"leaf {number}".encode() for number in range(SIZES + 1)]
STORE: dict[Node, bytes] = {}
for number, each in enumerate(LEAVES):
    STORE |= append_nodes(number, leaf_hash(each), STORE)
ROOTS = [by_definition(LEAVES[:size]) for size in range(SIZES + 2)]


def lookup(node: Node) -> bytes:
    """A stored node, as a database would give it."""
    return STORE[node]


def test_the_reference_roots_are_met() -> None:
    """Eight trees that every implementation of RFC 6962 agrees on, and the empty one."""
    hashes = [leaf_hash(leaf) for leaf in REFERENCE_LEAVES]
    assert [root(hashes[:size]).hex() for size in range(1, 9)] == REFERENCE_ROOTS
    assert root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_stored_nodes_give_the_root_of_every_size() -> None:
    """A root folds at most one node per bit of the size."""
    for size in range(SIZES + 2):
        assert root_from(size, lookup) == ROOTS[size] == root([leaf_hash(leaf) for leaf in LEAVES[:size]])
        assert len(root_nodes(size)) == size.bit_count()


def test_every_inclusion_proof_up_to_130_leaves_verifies() -> None:
    """And it is the very path that the RFC defines."""
    for size in range(1, SIZES + 1):
        for index in range(size):
            proof = inclusion_proof(index, size, lookup)
            verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, ROOTS[size])
            if size in {1, 2, 3, 7, 8, 9, 64, 100, 130}:
                assert proof == path_by_definition(index, LEAVES[:size])


def test_every_consistency_proof_up_to_130_leaves_verifies() -> None:
    """Each tree begins with each smaller one."""
    for new in range(SIZES + 1):
        for old in range(new + 1):
            verify_consistency(old, ROOTS[old], new, ROOTS[new], consistency_proof(old, new, lookup))


def test_the_rfc_example_proofs_are_reproduced() -> None:
    """RFC 6962, 2.1.3: the tree of seven leaves and its named proofs."""
    a, b, c, d, _, f, j = (leaf_hash(leaf) for leaf in LEAVES[:7])
    e = leaf_hash(LEAVES[4])
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, left = node_hash(i, j), node_hash(g, h)
    assert inclusion_proof(0, 7, lookup) == [b, h, k]
    assert inclusion_proof(3, 7, lookup) == [c, g, k]
    assert inclusion_proof(4, 7, lookup) == [f, j, left]
    assert inclusion_proof(6, 7, lookup) == [i, left]
    assert consistency_proof(3, 7, lookup) == [c, d, g, k]
    assert consistency_proof(4, 7, lookup) == [k]
    assert consistency_proof(6, 7, lookup) == [i, j, left]


def test_an_append_completes_one_node_per_trailing_bit() -> None:
    """What a database writes per leaf: the leaf and every subtree it closes, each exactly once."""
    assert completed_by(0) == [Node(0, 0)]
    assert completed_by(7) == [Node(0, 7), Node(1, 3), Node(2, 1), Node(3, 0)]
    written = [node for index in range(SIZES + 1) for node in completed_by(index)]
    assert len(written) == len(set(written))
    assert set(written) == set(STORE)
    for index in range(SIZES):
        needed = {node: STORE[node] for node in root_nodes(index)}
        assert set(append_nodes(index, leaf_hash(LEAVES[index]), needed)) == set(completed_by(index))


@settings(max_examples=200, deadline=None)
@given(data=st.data(), size=st.integers(1, 1 << 40))
def test_large_trees_need_few_nodes(data: st.DataObject, size: int) -> None:
    """O(log n) look-ups for a root, a proof and a consistency proof, each node inside its tree."""
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(0, size))
    groups = [root_nodes(size), *inclusion_nodes(index, size), *consistency_nodes(old, size)]
    assert len(groups) <= 2 + 3 * size.bit_length()
    assert sum(map(len, groups)) <= 6 * size.bit_length()
    assert all((node.index + 1) << node.level <= size for group in groups for node in group)


def test_an_altered_inclusion_proof_is_refused() -> None:
    """Another leaf, index, size, root, order or length of the path."""
    size, index = 21, 13
    leaf, proof, top = leaf_hash(LEAVES[index]), inclusion_proof(index, size, lookup), ROOTS[size]
    verify_inclusion(leaf, index, size, proof, top)
    for wrong in (
        (leaf_hash(b"other"), index, size, proof, top),
        (leaf, index + 1, size, proof, top),
        (leaf, index, 1 << 30, proof, top),
        (leaf, index, index, proof, top),
        (leaf, -1, size, proof, top),
        (leaf, index, size, proof[:-1], top),
        (leaf, index, size, [*proof, leaf], top),
        (leaf, index, size, proof[::-1], top),
        (leaf, index, size, [*proof[:-1], b"short"], top),
        (leaf, index, size, proof, ROOTS[22]),
        (b"short", index, size, proof, top),
        (leaf, 0, 1, [leaf], leaf),
    ):
        with pytest.raises(ProofError):
            verify_inclusion(*wrong)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 7), (4, 7), (6, 8), (8, 21), (13, 21)])
def test_an_altered_consistency_proof_is_refused(old: int, new: int) -> None:
    """Another root on either side, another size, or a path that was changed."""
    proof = consistency_proof(old, new, lookup)
    wrong: list[tuple[int, bytes, int, bytes, list[bytes]]] = [
        (old, ROOTS[old + 1], new, ROOTS[new], proof),
        (old, ROOTS[old], new, ROOTS[new + 1], proof),
        (old, ROOTS[old], new, ROOTS[new], proof[:-1]),
        (old, ROOTS[old], new, ROOTS[new], [*proof, proof[0]]),
        (old, ROOTS[old], new, ROOTS[new], []),
        (old, ROOTS[old], new, ROOTS[new], [b"short", *proof[1:]]),
        (old, ROOTS[old], new * 64, ROOTS[new], proof),
        (new, ROOTS[new], old, ROOTS[old], proof),
        (-1, ROOTS[old], new, ROOTS[new], proof),
    ]
    for arguments in wrong:
        with pytest.raises(ProofError):
            verify_consistency(*arguments)


def test_a_ledger_that_was_rewritten_is_not_consistent() -> None:
    """Editing, cutting or reordering an old entry leaves no proof from the old root to the new."""
    edited = [*LEAVES[:5], b"edited", *LEAVES[6:20]]
    reordered = [*LEAVES[:5], LEAVES[6], LEAVES[5], *LEAVES[7:20]]
    cut = LEAVES[1:21]
    for history in (edited, reordered, cut):
        store: dict[Node, bytes] = {}
        for index, leaf in enumerate(history):
            store |= append_nodes(index, leaf_hash(leaf), store)
        proof = consistency_proof(12, 20, store.__getitem__)
        with pytest.raises(ProofError):
            verify_consistency(12, ROOTS[12], 20, root_from(20, store.__getitem__), proof)


def test_trees_of_size_zero_or_of_one_size_need_no_proof() -> None:
    """They must agree all the same, and a proof where none belongs is refused."""
    verify_consistency(0, EMPTY_ROOT, 5, ROOTS[5], [])
    verify_consistency(5, ROOTS[5], 5, ROOTS[5], [])
    for arguments in (
        (0, ROOTS[1], 5, ROOTS[5], []),
        (0, EMPTY_ROOT, 5, ROOTS[5], [ROOTS[1]]),
        (5, ROOTS[5], 5, ROOTS[4], []),
        (5, ROOTS[5], 5, ROOTS[5], [ROOTS[1]]),
    ):
        with pytest.raises(ProofError):
            verify_consistency(*arguments)


def test_impossible_questions_are_refused() -> None:
    """An entry outside its tree, a log that shrinks, a negative size, a short leaf hash."""
    for ask in (
        lambda: inclusion_nodes(5, 5),
        lambda: inclusion_nodes(-1, 5),
        lambda: consistency_nodes(6, 5),
        lambda: consistency_nodes(-1, 5),
        lambda: root_nodes(-1),
        lambda: completed_by(-1),
    ):
        with pytest.raises(ParameterError):
            ask()
    with pytest.raises(ParameterError):
        append_nodes(0, b"short", {})
