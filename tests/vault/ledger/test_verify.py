"""The campaign against the ledger: every edit of the database is found (P9)."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from crypto import merkle
from crypto.checkpoints import Checkpoint
from crypto.notes import sign_checkpoint
from crypto.receipts import canonical_leaf
from crypto.signers import NoteSigner, SignatureKind
from tests.vault.media.workshop import ORIGIN, Workshop
from vault.db.tables import checkpoints, leaf_details, leaves, ledger_nodes
from vault.errors import LedgerBrokenError
from vault.ledger import verify
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.verify import verify_ledger
from vault.model import new_id

Tamper = Callable[[AsyncConnection], Awaitable[object]]
VICTIM = 5


async def grown(work: Workshop) -> str:
    """A ledger of 13 entries with two stored checkpoints; the newest is kept elsewhere too."""
    object_id = new_id("rec")
    for number in range(12):
        if number == 7:
            await work.checkpoints.newest()
        await work.ledger.record(
            Entry(EntryType.CALL_ENDED, work.tenant_id, object_id, facts={"reason": f"r{number}"})
        )
    return await work.checkpoints.newest()


async def _leaf(connection: AsyncConnection, index: int) -> str:
    return str(
        (await connection.execute(select(leaves.c.leaf).where(leaves.c.leaf_index == index))).scalar_one()
    )


async def _put(connection: AsyncConnection, index: int, **values: Any) -> None:
    await connection.execute(update(leaves).where(leaves.c.leaf_index == index).values(values))


async def _edit(connection: AsyncConnection) -> None:
    fields = json.loads(await _leaf(connection, VICTIM)) | {"reason": "forged"}
    await _put(connection, VICTIM, leaf=canonical_leaf(fields).decode())


async def _edit_and_rebuild(connection: AsyncConnection) -> None:
    await _edit(connection)
    await _rebuild(connection)


async def _rebuild(connection: AsyncConnection) -> None:
    """Recompute every node, as someone with all of the database would."""
    await connection.execute(delete(ledger_nodes))
    rows = (await connection.execute(select(leaves).order_by(leaves.c.leaf_index))).all()
    nodes: dict[merkle.Node, bytes] = {}
    for index, row in enumerate(rows):
        nodes |= merkle.append_nodes(index, merkle.leaf_hash(row.leaf.encode()), nodes)
    await connection.execute(
        ledger_nodes.insert(),
        [{"level": n.level, "node_index": n.index, "hash": h} for n, h in nodes.items()],
    )


async def _spoil_form(connection: AsyncConnection) -> None:
    await _put(connection, VICTIM, leaf=(await _leaf(connection, VICTIM)).replace(",", ", ", 1))


async def _delete_leaf(connection: AsyncConnection) -> None:
    await connection.execute(delete(leaves).where(leaves.c.leaf_index == VICTIM))


async def _swap(connection: AsyncConnection) -> None:
    one, other = await _leaf(connection, VICTIM), await _leaf(connection, VICTIM + 1)
    await _put(connection, VICTIM, leaf=other)
    await _put(connection, VICTIM + 1, leaf=one)


async def _swap_and_rebuild(connection: AsyncConnection) -> None:
    await _swap(connection)
    await _rebuild(connection)


async def _cut(connection: AsyncConnection) -> None:
    await connection.execute(delete(leaf_details).where(leaf_details.c.leaf_index >= 10))
    await connection.execute(delete(leaves).where(leaves.c.leaf_index >= 10))
    await _rebuild(connection)


async def _cut_with_checkpoints(connection: AsyncConnection) -> None:
    await _cut(connection)
    await connection.execute(delete(checkpoints).where(checkpoints.c.size > 10))


async def _forge_node(connection: AsyncConnection) -> None:
    await connection.execute(
        update(ledger_nodes)
        .where(ledger_nodes.c.level == 1, ledger_nodes.c.node_index == 2)
        .values(hash=bytes(32))
    )


async def _drop_node(connection: AsyncConnection) -> None:
    await connection.execute(
        delete(ledger_nodes).where(ledger_nodes.c.level == 1, ledger_nodes.c.node_index == 2)
    )


async def _add_node(connection: AsyncConnection) -> None:
    await connection.execute(ledger_nodes.insert().values(level=9, node_index=0, hash=bytes(32)))


def _foreign_note(size: int, root: bytes) -> str:
    signers = [NoteSigner.generate(ORIGIN), NoteSigner.generate(ORIGIN, kind=SignatureKind.ML_DSA_44)]
    return sign_checkpoint(Checkpoint(ORIGIN, size, root), signers, timestamp_s=1)


async def _replace_checkpoint(connection: AsyncConnection) -> None:
    size = (await connection.execute(select(func.max(checkpoints.c.size)))).scalar_one()
    await connection.execute(
        update(checkpoints)
        .where(checkpoints.c.size == size)
        .values(note=_foreign_note(size, bytes(32)), root=bytes(32))
    )


async def _move_checkpoint(connection: AsyncConnection) -> None:
    size = (await connection.execute(select(func.max(checkpoints.c.size)))).scalar_one()
    await connection.execute(update(checkpoints).where(checkpoints.c.size == size).values(size=size - 1))


async def _rewrite_all(connection: AsyncConnection) -> None:
    rows = (await connection.execute(select(leaves))).all()
    for row in rows:
        fields = json.loads(row.leaf) | {"n": "AAAAAAAAAAAAAAAAAAAAAA=="}
        await _put(connection, row.leaf_index, leaf=canonical_leaf(fields).decode())
    await connection.execute(delete(checkpoints))
    await _rebuild(connection)


async def _refile_object(connection: AsyncConnection) -> None:
    await _put(connection, VICTIM, object_id=new_id("rec"))


async def _refile_type(connection: AsyncConnection) -> None:
    await _put(connection, VICTIM, type="call.opened")


async def _refile_time(connection: AsyncConnection) -> None:
    await _put(connection, VICTIM, at=datetime(2020, 1, 1, tzinfo=UTC))


async def _hide_tenant(connection: AsyncConnection) -> None:
    await _put(connection, VICTIM, tenant_id=None)


async def _refile_nonsense(connection: AsyncConnection) -> None:
    await _put(connection, VICTIM, object_id="nonsense")


TAMPERS: dict[str, Tamper] = {
    "a leaf is edited": _edit,
    "a leaf is edited and the tree rebuilt": _edit_and_rebuild,
    "a leaf is written in another form": _spoil_form,
    "a leaf is deleted": _delete_leaf,
    "two leaves change places": _swap,
    "two leaves change places and the tree is rebuilt": _swap_and_rebuild,
    "the tail is cut off": _cut,
    "a node is forged": _forge_node,
    "a node is dropped": _drop_node,
    "a node is added": _add_node,
    "a checkpoint is replaced": _replace_checkpoint,
    "a checkpoint stands at another size": _move_checkpoint,
    "a leaf is filed under another object": _refile_object,
    "a leaf is filed under another type": _refile_type,
    "a leaf is filed at another time": _refile_time,
    "a leaf is hidden from its tenant": _hide_tenant,
    "a leaf is filed under nonsense": _refile_nonsense,
}
ONLY_AGAINST_A_KEPT_HEAD: dict[str, Tamper] = {
    "the tail is cut off with its checkpoints": _cut_with_checkpoints,
    "the whole log is written anew": _rewrite_all,
}


async def tampered(work: Workshop, tamper: Tamper) -> None:
    """Change the database behind the program's back."""
    async with work.database.write() as connection:
        await tamper(connection)


@pytest.mark.parametrize("page", [1_000, 4])
async def test_an_honest_ledger_verifies(
    any_work: Workshop, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the page size; a ledger that went on after the kept head is honest too."""
    monkeypatch.setattr(verify, "PAGE", page)
    kept = await grown(any_work)
    await any_work.ledger.record(Entry(EntryType.SYSTEM_STARTED))
    found = await verify_ledger(any_work.database, any_work.ledger_keys.verifiers, kept=[kept])
    assert (found.leaves, found.checkpoints, found.kept_elsewhere) == (14, 2, 1)


async def test_an_empty_ledger_verifies(work: Workshop) -> None:
    """A deployment's first day."""
    async with work.database.write() as connection:
        for table in (leaf_details, leaves, ledger_nodes):
            await connection.execute(delete(table))
    assert (await verify_ledger(work.database, work.ledger_keys.verifiers)).leaves == 0


@pytest.mark.parametrize("tamper", TAMPERS.values(), ids=TAMPERS.keys())
async def test_a_tampered_ledger_is_found_out(work: Workshop, tamper: Tamper) -> None:
    """By its own signed checkpoints alone."""
    await grown(work)
    await tampered(work, tamper)
    with pytest.raises(LedgerBrokenError):
        await verify_ledger(work.database, work.ledger_keys.verifiers)


@pytest.mark.parametrize("tamper", ONLY_AGAINST_A_KEPT_HEAD.values(), ids=ONLY_AGAINST_A_KEPT_HEAD.keys())
async def test_what_only_a_kept_head_shows_is_found_against_it(work: Workshop, tamper: Tamper) -> None:
    """Who owns the whole database can cut or rewrite it; one earlier head elsewhere shows that."""
    kept = await grown(work)
    await tampered(work, tamper)
    await verify_ledger(work.database, work.ledger_keys.verifiers)  # so it is indeed consistent in itself
    with pytest.raises(LedgerBrokenError):
        await verify_ledger(work.database, work.ledger_keys.verifiers, kept=[kept])


async def test_a_kept_head_of_another_ledger_is_refused(work: Workshop) -> None:
    """Only our keys' signatures count, also on what is brought along."""
    await grown(work)
    with pytest.raises(LedgerBrokenError, match="signed"):
        await verify_ledger(
            work.database, work.ledger_keys.verifiers, kept=[_foreign_note(3, bytes(32)), "nonsense"]
        )


async def test_a_ledger_that_grows_meanwhile_looks_still(any_work: Workshop) -> None:
    """The verifier reads one snapshot: entries that come while it reads are no forgery."""
    await grown(any_work)
    verifying = verify_ledger(any_work.database, any_work.ledger_keys.verifiers)

    async def growing() -> None:
        for _ in range(10):
            await any_work.ledger.record(Entry(EntryType.SYSTEM_STARTED))

    await asyncio.gather(verifying, growing())
