"""The tree in the database against the tree in memory, at every size."""

import pytest
from sqlalchemy import delete

from crypto import merkle
from tests.vault.media.workshop import Workshop
from vault.db.tables import leaf_details, leaves, ledger_nodes
from vault.errors import LedgerBrokenError
from vault.ledger import tree
from vault.ledger.leaf import Entry, EntryType

SIZE = 33


async def test_roots_and_proofs_are_those_of_the_leaves_at_every_size(any_work: Workshop) -> None:
    """Nodes are stored as they become complete; everything else is folded from them."""
    for _ in range(SIZE):
        await any_work.ledger.record(Entry(EntryType.SYSTEM_STARTED))
    async with any_work.database.read() as connection:
        rows = await connection.execute(leaves.select().order_by(leaves.c.leaf_index))
        hashes = [merkle.leaf_hash(row.leaf.encode()) for row in rows]
        assert await tree.size(connection) == len(hashes)
        for size in range(1, len(hashes) + 1):
            root = merkle.root(hashes[:size])
            assert await tree.root(connection, size) == root
            for index in {0, size // 2, size - 1}:
                proof = await tree.inclusion(connection, index, size)
                merkle.verify_inclusion(hashes[index], index, size, proof, root)


async def test_an_empty_tree_has_the_root_of_nothing(work: Workshop) -> None:
    """RFC 6962, 2.1: the hash of an empty string."""
    async with work.database.write() as connection:
        for table in (leaf_details, leaves, ledger_nodes):
            await connection.execute(delete(table))
        assert await tree.size(connection) == 0
        assert await tree.root(connection, 0) == merkle.root([])


async def test_a_missing_node_stops_appending(work: Workshop) -> None:
    """A tree with a hole is never grown on: what follows could not be proven."""
    async with work.database.write() as connection:
        await connection.execute(delete(ledger_nodes))
    with pytest.raises(LedgerBrokenError):
        await work.ledger.record(Entry(EntryType.SYSTEM_STARTED))
