"""A tenant that was forgotten for good gets no key any more, whoever was about to make, move or store one."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from tests.vault.keys.test_turning import Told, opened, some_keys, states, turn_of
from tests.vault.media.crashes import Wire
from tests.vault.media.workshop import Workshop
from vault.db.key_tables import data_keys, tenant_keys
from vault.errors import KeyForgottenError
from vault.keys.epochs import EpochState
from vault.model import Id, new_id

NOW = timedelta(0)


async def left_of(work: Workshop, tenant_id: str) -> list[str]:
    """The tables that still have a key of a tenant."""
    left = []
    async with work.key_database.read() as connection:
        for table in (tenant_keys, data_keys):
            query = select(table.c.tenant_id).where(table.c.tenant_id == tenant_id)
            left += [table.name] * len((await connection.execute(query)).all())
    return left


async def another(work: Workshop) -> Workshop:
    """The same house for another tenant."""
    return Workshop(work.ground, Wire(), await work.tenants.add(name="Another", retention_days=30))


async def test_no_key_is_made_for_a_tenant_that_was_forgotten(any_work: Workshop) -> None:
    """Neither in the epoch it was in nor in a later one, in this process nor in the next."""
    (made,) = await some_keys(any_work, 1)
    assert await any_work.keys.forget_tenant(any_work.tenant_id) == 1
    await turn_of(any_work, Told()).begin()
    for work in (any_work, await any_work.reborn()):
        for epoch in (1, 2):
            with pytest.raises(KeyForgottenError):
                await work.keys.tenant_key(work.tenant_id, epoch, create=True)
        with pytest.raises(KeyForgottenError):
            await work.keys.create_data_key(tenant_id=work.tenant_id, object_id=new_id("rec"))
        with pytest.raises(KeyForgottenError):
            await work.keys.data_key(tenant_id=work.tenant_id, object_id=made)
    await some_keys(await another(any_work), 1)


async def test_forgetting_again_tells_the_same_epoch(any_work: Workshop) -> None:
    """Whoever was killed before writing it down asks again, and is told."""
    turn = turn_of(any_work, Told())
    await some_keys(any_work)
    await turn.begin()
    await turn.carry(grace=NOW)
    assert [await any_work.keys.forget_tenant(any_work.tenant_id) for _ in range(2)] == [2, 2]
    assert await any_work.keys.forget_tenant(new_id("ten")) is None


async def test_whoever_stores_a_key_while_a_tenant_is_forgotten_is_first_or_too_late(
    any_work: Workshop,
) -> None:
    """No tenant key is left, so that what was stored before does not open."""
    for _ in range(5):
        work = await another(any_work)
        await turn_of(work, Told()).begin()  # so that each has a tenant key to make
        stored = [some_keys(work, 1) for _ in range(3)]
        await asyncio.gather(*stored, work.keys.forget_tenant(work.tenant_id), return_exceptions=True)
        assert "tenant_keys" not in await left_of(work, work.tenant_id)
        await turn_of(work, Told()).carry(grace=NOW)


async def test_a_turn_beside_the_end_of_a_tenant_brings_no_key_back(any_work: Workshop) -> None:
    """It had the old keys in hand when the tenant was forgotten; the neighbour's move on."""
    (made,) = await some_keys(any_work, 1)
    neighbour = await another(any_work)
    kept = await some_keys(neighbour, 1)
    told = Told()
    turn = turn_of(any_work, told)
    await turn.begin()
    real = any_work.keys.tenant_key
    epochs: list[int | None] = []

    async def overtaken(tenant_id: str, epoch: int, *, create: bool = False) -> Any:
        key = await real(tenant_id, epoch, create=create)
        if tenant_id == any_work.tenant_id and create:
            any_work.keys.tenant_key = real  # type: ignore[method-assign]
            epochs.append(await any_work.keys.forget_tenant(tenant_id))
        return key

    any_work.keys.tenant_key = overtaken  # type: ignore[method-assign]
    for _ in range(2):
        await turn.carry(grace=NOW)
    assert (epochs, told.ends, turn.broken) == ([2], [1], ())
    assert await left_of(any_work, any_work.tenant_id) == []
    with pytest.raises(KeyForgottenError):
        await opened(any_work, made)
    for object_id, key in kept.items():
        assert await opened(neighbour, object_id) == key


async def test_records_of_a_tenant_that_was_forgotten_hold_no_turn_up(any_work: Workshop) -> None:
    """Its end may wait for a store for weeks; the epochs of everybody else turn."""
    await some_keys(any_work)
    kept = await some_keys(neighbour := await another(any_work), 1)
    await any_work.keys.forget_tenant(any_work.tenant_id)
    told = Told()
    turn = turn_of(any_work, told)
    await turn.begin()
    await turn.carry(grace=NOW)
    assert (told.ends, turn.broken) == ([1], ())
    for object_id, key in kept.items():
        assert await opened(neighbour, object_id) == key


async def test_a_tenant_key_that_is_missing_holds_the_turn_up_and_is_named(work: Workshop) -> None:
    """Nobody forgot it: its records may be all that is left of recordings."""
    made = await some_keys(work)
    async with work.key_database.write() as connection:
        await connection.execute(delete(tenant_keys))
    work.keys.drop_all()
    turn = turn_of(work, Told())
    await turn.begin()
    await turn.carry(grace=NOW)
    assert {*made} <= {Id(name) for name in turn.broken}
    assert await states(work) == [EpochState.RETIRING, EpochState.CURRENT]


async def test_a_key_store_that_was_set_back_forgets_tenants_again(any_work: Workshop) -> None:
    """Their keys, records and the mark; it tells how many it knew."""
    await some_keys(any_work)
    stranger = new_id("ten")
    assert await any_work.keys.forget_tenants([any_work.tenant_id, stranger]) == 1
    assert await any_work.keys.forget_tenants([any_work.tenant_id, stranger]) == 0
    assert await left_of(any_work, any_work.tenant_id) == []
    assert set(await any_work.keys.forgotten([any_work.tenant_id, stranger, "ten_"])) == {
        any_work.tenant_id,
        stranger,
    }
