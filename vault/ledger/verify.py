"""The whole ledger, checked against every checkpoint it ever signed.

The steps, each of which a tampered database fails:

1. Leaves are numbered 0, 1, 2 … without a hole, each is canonical, and the columns by which a leaf is found
   say what the leaf says.
2. The nodes of the tree, computed anew from the leaves, are the stored ones.
3. Each stored checkpoint is signed by our keys and its root is the computed one at its size.
4. Each checkpoint kept elsewhere is signed, no larger than the ledger, and its root is the computed one:
   this is what shows a tail that was cut off, or a ledger written anew.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crypto import merkle
from crypto.checkpoints import Checkpoint
from crypto.errors import CryptoError
from crypto.notes import open_checkpoint
from crypto.receipts import parse_leaf
from crypto.signers import NoteVerifier
from vault.clock import to_text
from vault.db.engine import Database
from vault.db.tables import checkpoints, leaves, ledger_nodes
from vault.errors import LedgerBrokenError
from vault.model import uuid_of

PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Verified:
    """What was checked: so many leaves, so many checkpoints, of which so many were kept elsewhere."""

    leaves: int
    checkpoints: int
    kept_elsewhere: int


async def verify_ledger(
    database: Database, verifiers: Sequence[NoteVerifier], *, kept: Sequence[str] = ()
) -> Verified:
    """Check everything; raises LedgerBrokenError that names the first thing found wrong."""
    elsewhere = [_opened(note, verifiers) for note in kept]
    async with database.read() as connection:
        if database.dialect == "postgresql":  # a ledger that grows meanwhile must look still
            await connection.execution_options(isolation_level="REPEATABLE READ")
        heads = await _stored_heads(connection, verifiers)
        size = await _walk(connection, [*heads, *elsewhere])
    return Verified(size, len(heads), len(elsewhere))


async def _stored_heads(connection: AsyncConnection, verifiers: Sequence[NoteVerifier]) -> list[Checkpoint]:
    rows = await connection.execute(select(checkpoints).order_by(checkpoints.c.size))
    heads = []
    for row in rows:
        head = _opened(row.note, verifiers)
        if head.size != row.size or head.root != row.root:
            raise LedgerBrokenError(f"the checkpoint of size {row.size} is not the one that was signed")
        heads.append(head)
    return heads


async def _walk(connection: AsyncConnection, heads: Sequence[Checkpoint]) -> int:
    """Walk the leaves once, with the right edge of the tree in hand, and meet each head at its size."""
    waiting = sorted(heads, key=lambda head: head.size, reverse=True)
    edge: dict[merkle.Node, bytes] = {}
    size = 0
    _meet(waiting, size, edge)
    async for page in _pages(connection):
        computed: dict[merkle.Node, bytes] = {}
        for row in page:
            if row.leaf_index != size:
                raise LedgerBrokenError(f"leaf {size} of the ledger is missing")
            _require_told(row)
            completed = merkle.append_nodes(size, merkle.leaf_hash(row.leaf.encode()), edge)
            computed |= completed
            edge |= completed
            size += 1
            edge = {node: edge[node] for node in merkle.root_nodes(size)}
            _meet(waiting, size, edge)
        await _require_stored(connection, computed)
    if waiting:
        raise LedgerBrokenError(f"the ledger has {size} leaves, but one of {waiting[-1].size} was signed")
    nodes = (await connection.execute(select(func.count()).select_from(ledger_nodes))).scalar_one()
    if nodes != sum(len(merkle.completed_by(index)) for index in range(size)):
        raise LedgerBrokenError("the ledger's tree has nodes that belong to no leaf")
    return size


def _meet(waiting: list[Checkpoint], size: int, edge: dict[merkle.Node, bytes]) -> None:
    while waiting and waiting[-1].size == size:
        head = waiting.pop()
        if merkle.root_from(size, edge.__getitem__) != head.root:
            raise LedgerBrokenError(f"the first {size} leaves are not the ones that were signed")


async def _pages(connection: AsyncConnection) -> AsyncIterator[Sequence[Row[Any]]]:
    start = 0
    while True:
        rows = await connection.execute(
            select(leaves).where(leaves.c.leaf_index >= start).order_by(leaves.c.leaf_index).limit(PAGE)
        )
        page = rows.all()
        if page:
            yield page
        if len(page) < PAGE:
            return
        start = page[-1].leaf_index + 1


def _require_told(row: Row[Any]) -> None:
    try:
        told = parse_leaf(row.leaf.encode())
    except CryptoError as cause:
        raise LedgerBrokenError(f"leaf {row.leaf_index} of the ledger is not canonical") from cause
    said = (told.get("type"), told.get("tenant"), told.get("object"), told.get("time"))
    if said != (row.type, _uuid(row.tenant_id), _uuid(row.object_id), to_text(row.at)):
        raise LedgerBrokenError(f"leaf {row.leaf_index} is filed under what it does not say")


def _uuid(identifier: str | None) -> str:
    try:
        return uuid_of(identifier) if identifier else ""
    except ValueError as cause:
        raise LedgerBrokenError("a leaf is filed under something that is no identifier") from cause


async def _require_stored(connection: AsyncConnection, computed: dict[merkle.Node, bytes]) -> None:
    """Compare a page's nodes with the stored ones; those of one level are neighbours: one query each."""
    stored: dict[merkle.Node, bytes] = {}
    for level in {node.level for node in computed}:
        places = [node.index for node in computed if node.level == level]
        rows = await connection.execute(
            select(ledger_nodes).where(
                ledger_nodes.c.level == level, ledger_nodes.c.node_index.between(min(places), max(places))
            )
        )
        stored |= {merkle.Node(row.level, row.node_index): row.hash for row in rows}
    for node, value in computed.items():
        if stored.get(node) != value:
            raise LedgerBrokenError(f"a node of the tree over leaf {node.index << node.level} was changed")


def _opened(note: str, verifiers: Sequence[NoteVerifier]) -> Checkpoint:
    try:
        return open_checkpoint(note, verifiers)
    except CryptoError as cause:
        raise LedgerBrokenError("a checkpoint is not signed by the ledger's keys") from cause
