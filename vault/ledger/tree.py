"""The tree in the database: complete nodes are stored, everything else is folded from them."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import and_, func, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from crypto import merkle
from vault.db.tables import leaves, ledger_nodes
from vault.errors import LedgerBrokenError

APPEND_LOCK: Final = 0x6C656467  # "ledg": PostgreSQL's advisory lock that makes appending a single file


async def lock_for_append(connection: AsyncConnection) -> None:
    """Take the writer's turn until the transaction ends; SQLite's write transaction is one already."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": APPEND_LOCK})


async def size(connection: AsyncConnection) -> int:
    """Return how many leaves there are."""
    newest = (await connection.execute(select(func.max(leaves.c.leaf_index)))).scalar_one_or_none()
    return 0 if newest is None else newest + 1


async def load(connection: AsyncConnection, nodes: Iterable[merkle.Node]) -> dict[merkle.Node, bytes]:
    """Fetch the hashes of stored nodes in one query; raises LedgerBrokenError where one is missing."""
    wanted = list(nodes)
    if not wanted:
        return {}
    places = or_(
        *(
            and_(ledger_nodes.c.level == node.level, ledger_nodes.c.node_index == node.index)
            for node in wanted
        )
    )
    rows = await connection.execute(select(ledger_nodes).where(places))
    found = {merkle.Node(row.level, row.node_index): row.hash for row in rows}
    if len(found) != len(set(wanted)):
        raise LedgerBrokenError("a node of the ledger's tree is missing from the database")
    return found


async def grow(connection: AsyncConnection, index: int, leaf: bytes) -> None:
    """Store the nodes that a new leaf completes."""
    hashed = merkle.leaf_hash(leaf)
    stored = await load(connection, merkle.root_nodes(index))
    completed = merkle.append_nodes(index, hashed, stored)
    await connection.execute(
        insert(ledger_nodes),
        [{"level": node.level, "node_index": node.index, "hash": value} for node, value in completed.items()],
    )


async def root(connection: AsyncConnection, tree_size: int) -> bytes:
    """Return the root of the first ``tree_size`` leaves."""
    stored = await load(connection, merkle.root_nodes(tree_size))
    return merkle.root_from(tree_size, stored.__getitem__)


async def inclusion(connection: AsyncConnection, index: int, tree_size: int) -> list[bytes]:
    """Return the proof that a leaf stands in the tree of the first ``tree_size`` leaves."""
    wanted = {node for group in merkle.inclusion_nodes(index, tree_size) for node in group}
    stored = await load(connection, wanted)
    return merkle.inclusion_proof(index, tree_size, stored.__getitem__)
