"""The restore fence where rows are lost altogether, or know less than the ledger does."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.vault.keys.test_turning import Told, turn_of
from tests.vault.media.workshop import Workshop
from tests.vault.rights.test_fence import _replace, copied, fence_of, kept, set_back
from vault.db.ledger_tables import is_shredded, leaves
from vault.db.tables import erasures
from vault.errors import ConflictError, KeyForgottenError
from vault.model import ErasureReason, HoldGround, new_id
from vault.rights.holds import NewHold

__all__ = ["kept"]


async def test_what_no_row_knows_any_more_stays_forgotten_when_the_key_store_is_set_back_later(
    kept: Workshop, tmp_path: Path
) -> None:
    """The ledger has its end, and it alone: the rows were set back to before it was made."""
    copy = await copied(kept, tmp_path / "older")
    begun = await kept.ready()
    later = await copied(kept, tmp_path / "later")
    await kept.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    assert await kept.keeper.turn() == 0
    await kept.checkpoints.publish_now()
    async with set_back(kept, copy, tmp_path / "back", "main.db") as back:
        await fence_of(back).let_through()
        await back.checkpoints.publish_now()
        async with set_back(back, later, tmp_path / "again", "keys.db") as again:
            await fence_of(again).let_through()
            with pytest.raises(KeyForgottenError):
                await again.keys.data_key(tenant_id=again.tenant_id, object_id=begun.media_id)


async def test_no_hold_keeps_what_the_ledger_says_is_shredded(kept: Workshop, tmp_path: Path) -> None:
    """Behind a restore it is only asked for again; it had begun, so its key cannot come back under a hold."""
    begun = await kept.ready()
    asked = await kept.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    copy = await copied(kept, tmp_path / "older")
    assert await kept.keeper.turn() == 0
    await kept.checkpoints.publish_now()
    hold = NewHold(begun.media_id, HoldGround.LEGAL_CLAIM, "why", kept.clock.now() + timedelta(days=3))
    async with set_back(kept, copy, tmp_path / "back", "main.db") as back:
        await fence_of(back).let_through()
        with pytest.raises(ConflictError, match="has begun"):
            await back.custody.holds.place(hold, by=back.by())
        await back.checkpoints.publish_now()
        async with set_back(back, copy, tmp_path / "again", "keys.db") as again:
            await fence_of(again).let_through()
            with pytest.raises(KeyForgottenError):
                await again.keys.data_key(tenant_id=again.tenant_id, object_id=begun.media_id)
            assert await again.keeper.turn() == 0
            assert (await again.requests.get(asked.id, by=again.by())).complete


async def test_what_is_shredded_is_found_by_an_index_and_never_by_reading_the_ledger(work: Workshop) -> None:
    """At each start, before the doors open: ten million entries of calls and views are not of interest."""
    query = select(leaves.c.leaf_index).where(is_shredded, leaves.c.leaf_index > -1)
    async with work.database.read() as connection:
        compiled = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
        plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")).all()
    assert "ix_leaves_shredded" in str(plan)


async def test_a_company_that_came_and_left_after_the_copy_of_the_rows_has_no_key_in_a_later_copy(
    kept: Workshop, tmp_path: Path
) -> None:
    """The main database lost its row; the key store is of its time, and what lies there opens nothing."""
    copy = await copied(kept, tmp_path / "older")
    tenant_id, object_id = await kept.tenants.add(name="Other", retention_days=30), new_id("rec")
    await kept.keys.create_data_key(tenant_id=tenant_id, object_id=object_id)
    await asyncio.to_thread(_replace, copy, await copied(kept, tmp_path / "later"), ("keys.db",))
    await kept.requests.of_tenant(tenant_id)
    assert await kept.keeper.turn() == 0
    await kept.checkpoints.publish_now()
    async with set_back(kept, copy, tmp_path / "back", "main.db", "keys.db") as back:
        await fence_of(back).let_through()
        assert await back.keys.tenants_known([tenant_id]) == []
        with pytest.raises(KeyForgottenError):
            await back.keys.data_key(tenant_id=tenant_id, object_id=object_id)


async def test_an_erasure_from_before_the_copy_rests_on_the_epoch_that_its_key_was_forgotten_in(
    kept: Workshop, tmp_path: Path
) -> None:
    """It waited for a hold while its key moved on: backups from then open it until that epoch ends."""
    begun = await kept.ready()
    until = kept.clock.now() + timedelta(days=3)
    await kept.custody.holds.place(NewHold(begun.media_id, HoldGround.AUTHORITY, "why", until), by=kept.by())
    await kept.requests.of_media(begun.media_id, ErasureReason.VISITOR_REQUEST, by=kept.by())
    await kept.keeper.turn()
    copy = await copied(kept, tmp_path / "copy")
    turn = turn_of(kept, Told())
    await turn.begin()
    await turn.carry()
    assert await kept.custody.holds.end_expired(until) == 1
    assert await kept.keeper.turn() == 0
    await kept.checkpoints.publish_now()
    async with set_back(kept, copy, tmp_path / "back", "main.db") as back:
        await fence_of(back).let_through()
        await back.keeper.turn()
        query = select(erasures.c.state, erasures.c.epoch).where(erasures.c.object_id == begun.media_id)
        async with back.database.read() as connection:
            assert tuple((await connection.execute(query)).one()) == ("complete", 2)
