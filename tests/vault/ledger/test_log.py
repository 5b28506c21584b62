"""Appending, reading back, and what is left of an entry after an erasure."""

import asyncio
import json

import pytest
from sqlalchemy import select, update

from crypto import merkle
from crypto.notes import verify_proof
from tests.vault.media.workshop import CANARY, Workshop
from vault.db.tables import leaf_details, leaves
from vault.errors import KeyForgottenError, TamperedError
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.verify import verify_ledger
from vault.model import Id, new_id


async def object_with_key(work: Workshop) -> Id:
    """An object that entries are about."""
    object_id = new_id("rec")
    await work.keys.create_data_key(tenant_id=work.tenant_id, object_id=object_id)
    return object_id


def viewed(work: Workshop, object_id: Id, **detail: str) -> Entry:
    """An entry with a detail."""
    return Entry(
        EntryType.MEDIA_VIEWED,
        tenant_id=work.tenant_id,
        object_id=object_id,
        actor_id=work.tenant_id,
        detail=detail or {"purpose": CANARY},
    )


async def all_leaves(work: Workshop) -> list[tuple[int, str]]:
    """Index and text of each leaf."""
    async with work.database.read() as connection:
        rows = await connection.execute(
            select(leaves.c.leaf_index, leaves.c.leaf).order_by(leaves.c.leaf_index)
        )
        return [(row.leaf_index, row.leaf) for row in rows]


async def test_an_entry_that_is_ready_needs_no_key_any_more(work: Workshop) -> None:
    """The main database's writer does not wait for the key store: what needs keys comes before its turn."""
    object_id = await object_with_key(work)
    ready = await work.ledger.ready(viewed(work, object_id))
    await work.keys.forget(object_id=object_id)
    async with work.key_database.write(), work.database.write() as connection:  # nobody else gets a turn
        index = await work.ledger.append(connection, ready)
    assert index == len(await all_leaves(work)) - 1
    assert (await work.ledger.history(object_id))[0].detail == {}
    await verify_ledger(work.database, work.ledger_keys.verifiers)


async def test_an_entry_shares_the_fate_of_its_act(any_work: Workshop) -> None:
    """What is rolled back leaves neither leaf, node nor detail, and the next entry takes its place."""
    object_id = await object_with_key(any_work)
    before = await all_leaves(any_work)

    async def act() -> None:
        async with any_work.database.write() as connection:
            await any_work.ledger.append(connection, viewed(any_work, object_id))
            raise RuntimeError("the act failed")

    with pytest.raises(RuntimeError, match="the act failed"):
        await act()
    assert await all_leaves(any_work) == before
    assert await any_work.ledger.record(viewed(any_work, object_id)) == len(before)
    await verify_ledger(any_work.database, any_work.ledger_keys.verifiers)


async def test_fifty_writers_leave_no_gap(any_work: Workshop) -> None:
    """One file of entries: indices 0, 1, 2 … however many write, and the tree over them verifies."""
    object_id = await object_with_key(any_work)
    other = await any_work.reborn()
    before = len(await all_leaves(any_work))
    writers = [any_work.ledger, other.ledger]
    given = await asyncio.gather(
        *(writers[number % 2].record(viewed(any_work, object_id)) for number in range(50))
    )
    assert sorted(given) == list(range(before, before + 50))
    assert [index for index, _ in await all_leaves(any_work)] == list(range(before + 50))
    found = await verify_ledger(any_work.database, any_work.ledger_keys.verifiers)
    assert found.leaves == before + 50


async def test_the_tree_in_the_database_is_the_tree_of_the_leaves(any_work: Workshop) -> None:
    """Every proof verifies with the stand-alone functions, under the published keys."""
    object_id = await object_with_key(any_work)
    for _ in range(8):
        await any_work.ledger.record(viewed(any_work, object_id))
    kept = await all_leaves(any_work)
    expected = merkle.root([merkle.leaf_hash(text.encode()) for _, text in kept])
    for index, text in kept:
        proof = await any_work.checkpoints.proof(index)
        head = verify_proof(text.encode(), proof, any_work.ledger_keys.verifiers)
        assert (head.size, head.root) == (len(kept), expected)


async def test_a_leaf_holds_no_personal_datum(work: Workshop) -> None:
    """5.3: neither the detail nor the person's id is in the leaf; the history shows both while keys live."""
    object_id = await object_with_key(work)
    index = await work.ledger.record(viewed(work, object_id, purpose=CANARY, person="per_1"))
    leaf = await work.ledger.leaf(index, tenant_id=work.tenant_id)
    assert leaf is not None
    assert CANARY not in leaf
    assert "per_1" not in leaf
    assert json.loads(leaf)["actor"] == await work.blobs.pseudonym(
        tenant_id=work.tenant_id, subject_id=work.tenant_id
    )
    (told,) = await work.ledger.history(object_id)
    assert told.detail == {"purpose": CANARY, "person": "per_1"}


async def test_details_die_with_their_key_and_the_tree_still_verifies(any_work: Workshop) -> None:
    """The commitment stays in the leaf and leads nowhere; the row of the detail goes as well."""
    object_id, neighbour = await object_with_key(any_work), await object_with_key(any_work)
    for one in (object_id, neighbour):
        await any_work.ledger.record(viewed(any_work, one))
    await any_work.keys.forget(object_id=object_id)
    (told,) = await any_work.ledger.history(object_id)
    assert told.detail == {}
    async with any_work.database.write() as connection:
        assert await any_work.ledger.forget_details(connection, key_object=object_id) == 1
    assert (await any_work.ledger.history(object_id))[0].detail == {}
    assert (await any_work.ledger.history(neighbour))[0].detail == {"purpose": CANARY}
    await verify_ledger(any_work.database, any_work.ledger_keys.verifiers)


async def test_an_entry_about_a_forgotten_object_has_no_detail(work: Workshop) -> None:
    """After the key nothing can be sealed beside a leaf: the act that tries is refused."""
    object_id = await object_with_key(work)
    await work.keys.forget(object_id=object_id)
    before = await all_leaves(work)
    with pytest.raises(KeyForgottenError):
        await work.ledger.record(viewed(work, object_id))
    assert await all_leaves(work) == before


async def test_two_details_of_one_object_cannot_change_places(work: Workshop) -> None:
    """Both open under the object's key: the leaf's commitment tells which is whose."""
    object_id = await object_with_key(work)
    indices = [await work.ledger.record(viewed(work, object_id, purpose=text)) for text in ("one", "two")]
    async with work.database.write() as connection:
        rows = {
            row.leaf_index: row.sealed for row in await connection.execute(select(leaf_details)) if row.sealed
        }
        for here, there in (indices, reversed(indices)):
            await connection.execute(
                update(leaf_details).where(leaf_details.c.leaf_index == here).values(sealed=rows[there])
            )
    with pytest.raises(TamperedError):
        await work.ledger.history(object_id)


async def test_a_foreign_leaf_looks_missing(work: Workshop) -> None:
    """P5: another tenant's entry and one that is not there give the same answer."""
    index = await work.ledger.record(viewed(work, await object_with_key(work)))
    assert await work.ledger.leaf(index, tenant_id=new_id("ten")) is None
    assert await work.ledger.leaf(10_000, tenant_id=work.tenant_id) is None


async def test_history_comes_in_pages_newest_first(work: Workshop) -> None:
    """A page ends where the next begins."""
    object_id = await object_with_key(work)
    given = [await work.ledger.record(viewed(work, object_id)) for _ in range(5)]
    first = await work.ledger.history(object_id, limit=3)
    rest = await work.ledger.history(object_id, before=first[-1].index, limit=3)
    assert [told.index for told in [*first, *rest]] == given[::-1]
