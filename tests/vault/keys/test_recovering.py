"""While the provider is away new keys are sealed to the recovery key: nobody opens them until it is back."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from crypto.keys import AnchorKey, DataKey, RecoveryKey, TenantKey
from crypto.recovery import RECOVERY_RECORD_BYTES, public_key_of, seal_to_recovery
from crypto.wrapping import commitment
from tests.servers.moto import Moto
from tests.vault.keys.test_turning import Told, copied, opened_in, turn_of
from tests.vault.keys.test_watch import owned
from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Workshop, open_ground
from vault.clock import TurnableClock
from vault.db.key_tables import data_keys, recovery_keys, tenant_keys
from vault.errors import KeyForgottenError, KeyProviderError, TamperedError
from vault.keys.epochs import EpochState
from vault.keys.file_provider import FileKeyProvider
from vault.keys.provider import EpochKeyState
from vault.keys.records import committed_stream, context_of
from vault.keys.store import KeyStore
from vault.keys.watch import ProviderWatch, Standing
from vault.model import Id, new_id


@contextmanager
def away(work: Workshop) -> Iterator[None]:
    """Take the epoch keys away from every process, as after the caches' five minutes."""
    ring = work.ground.root_key
    elsewhere = ring.with_name("elsewhere")
    ring.rename(elsewhere)
    work.keys.drop_all()
    try:
        yield
    finally:
        elsewhere.rename(ring)


async def made(work: Workshop, keys: KeyStore | None = None) -> tuple[Id, bytes]:
    """A fresh object and its key's bytes."""
    object_id = new_id("rec")
    key = await (keys or work.keys).create_data_key(tenant_id=work.tenant_id, object_id=object_id)
    return object_id, key.reveal()


async def opened(work: Workshop, object_id: str) -> bytes:
    """A key as a process without a cache finds it."""
    keys = (await work.reborn()).keys
    return (await keys.data_key(tenant_id=work.tenant_id, object_id=object_id)).reveal()


async def row_of(work: Workshop, object_id: str) -> Any:
    """A key's record."""
    async with work.key_database.read() as connection:
        return (await connection.execute(select(data_keys).where(data_keys.c.object_id == object_id))).one()


async def in_recovery(work: Workshop) -> list[int]:
    """How many keys of each epoch are in recovery."""
    return [each.in_recovery for each in await work.keys.epochs.all()]


async def test_a_key_made_while_the_provider_is_away_is_closed_until_it_is_back_and_then_the_same(
    any_work: Workshop,
) -> None:
    """No other key takes its place; who made it goes on with it, everybody else waits, the maker included."""
    with away(any_work):
        object_id, key = await made(any_work)
        held = await any_work.keys.data_key(tenant_id=any_work.tenant_id, object_id=object_id)
        assert held.reveal() == key
        any_work.keys.drop_all()
        for keys in (any_work.keys, (await any_work.reborn()).keys):
            with pytest.raises(KeyProviderError):
                await keys.data_key(tenant_id=any_work.tenant_id, object_id=object_id)
            with pytest.raises(KeyProviderError):
                await keys.recovering.carry()
        row = await row_of(any_work, object_id)
        assert (row.in_recovery, len(row.wrapped)) == (True, RECOVERY_RECORD_BYTES)
        assert await in_recovery(any_work) == [1]
    assert await opened(any_work, object_id) == key  # also before it came out
    assert await any_work.keys.recovering.carry() == 1
    row = await row_of(any_work, object_id)
    assert (row.in_recovery, len(row.wrapped)) == (False, 66)
    assert await in_recovery(any_work) == [0]
    assert any_work.keys.recovering.waiting == 0
    assert await opened(any_work, object_id) == key
    assert await any_work.keys.recovering.carry() == 0


async def test_many_come_out_in_any_number_of_processes_at_once(
    any_work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each moves by comparison: pages, two programs, an erasure and a binding in between lose nothing."""
    monkeypatch.setattr("vault.keys.recovering.BATCH", 3)
    with away(any_work):
        keys = dict([await made(any_work) for _ in range(10)])
    other = await any_work.reborn()
    erased, bound, *_ = keys
    await asyncio.gather(
        any_work.keys.recovering.carry(),
        other.keys.recovering.carry(),
        any_work.keys.forget(object_id=erased),
        other.keys.bind_object(
            tenant_id=any_work.tenant_id, object_id=bound, gen=1, sealed_bytes=5, sealed_sha256=bytes(32)
        ),
    )
    await any_work.keys.recovering.carry()
    assert await in_recovery(any_work) == [0]
    with pytest.raises(KeyForgottenError):
        await opened(any_work, erased)
    for object_id, key in keys.items():
        assert object_id == erased or await opened(any_work, object_id) == key
    assert (await any_work.keys.records(object_id=bound))[0].sealed_bytes == 5


async def test_a_crash_at_any_step_of_coming_out_is_finished_by_the_next(tmp_path: Path) -> None:
    """A SIGKILL before the write: it waits; after it: it is done."""
    async with open_ground(tmp_path) as ground:
        work = Workshop(ground, Wire(), new_id("ten"))
        await work.keys.start()
        for dies_at in range(1, 6):
            with away(work):
                object_id, key = await made(work)
            dying = Workshop(ground, Wire(dies_at), work.tenant_id)
            try:
                await dying.keys.recovering.carry()
            except Crash:
                await (await work.reborn()).keys.recovering.carry()
            assert await in_recovery(work) == [0]
            assert await opened(work, object_id) == key


async def test_binding_brings_a_record_out_and_waits_where_it_cannot(any_work: Workshop) -> None:
    """A recording is finished when the provider is back: no length is bound to a record in recovery."""
    bind: dict[str, Any] = {"gen": 1, "sealed_bytes": 5, "sealed_sha256": bytes(32)}
    with away(any_work):
        object_id, key = await made(any_work)
        with pytest.raises(KeyProviderError):
            await any_work.keys.bind_object(tenant_id=any_work.tenant_id, object_id=object_id, **bind)
    await any_work.keys.bind_object(tenant_id=any_work.tenant_id, object_id=object_id, **bind)
    assert not (await row_of(any_work, object_id)).in_recovery
    assert await opened(any_work, object_id) == key


async def test_a_turn_waits_for_what_is_in_recovery_and_an_old_copy_then_opens_nothing(
    tmp_path: Path,
) -> None:
    """P8: an epoch never ends with a key in it; and what was sealed to its recovery key ends with it."""
    async with open_ground(tmp_path / "live") as ground:
        work = Workshop(ground, Wire(), new_id("ten"))
        await work.keys.start()
        told, turn = Told(), None
        with away(work):
            erased, _ = await made(work)
            kept, key = await made(work)
        copy = await copied(work, tmp_path / "copy")
        turn = turn_of(work, told)
        await turn.begin()
        with away(work):
            late, late_key = await made(work)
            with pytest.raises(KeyProviderError):
                await turn.carry(grace=timedelta(0))
            assert not await work.keys.epochs.retire(1)
        assert await in_recovery(work) == [2, 1]
        assert [each.state for each in await work.keys.epochs.all()] == [
            EpochState.RETIRING,
            EpochState.CURRENT,
        ]
        await work.keys.forget(object_id=erased)
        assert await opened_in(copy, work, erased)  # the copy brings it back, until the turn's end
        await turn.carry(grace=timedelta(0))
        assert told.ends == [1]
        assert (await opened(work, kept), await opened(work, late)) == (key, late_key)
        for object_id in (erased, kept):
            with pytest.raises(KeyProviderError):
                await opened_in(copy, work, object_id)
        async with work.key_database.read() as connection:
            left = (await connection.execute(select(recovery_keys.c.epoch))).scalars().all()
        assert left == [2]


async def test_a_tenant_that_is_forgotten_takes_its_keys_in_recovery_along(any_work: Workshop) -> None:
    """They open without the tenant's key: they go in the same moment, and no neighbour's does."""
    stranger = new_id("ten")
    await made(any_work)
    with away(any_work):
        object_id, _ = await made(any_work)
        theirs = new_id("rec")
        await any_work.keys.create_data_key(tenant_id=stranger, object_id=theirs)
    assert await any_work.keys.forget_tenant(any_work.tenant_id) == 1
    assert await any_work.keys.forget_tenant(any_work.tenant_id) == 1
    assert await any_work.keys.recovering.carry() == 1
    with pytest.raises(KeyForgottenError):
        await opened(any_work, object_id)
    await any_work.keys.data_key(tenant_id=stranger, object_id=theirs)


async def test_a_tenant_with_nothing_but_keys_in_recovery_has_an_epoch_too(any_work: Workshop) -> None:
    """Its receipt waits for the end of the epoch whose recovery key opens them in an older copy."""
    tenant_id = new_id("ten")
    with away(any_work):
        await any_work.keys.create_data_key(tenant_id=tenant_id, object_id=tenant_id)
    assert await any_work.keys.forget_tenant(tenant_id) == 1


EDITS: dict[str, dict[str, Any]] = {
    "the record": {"wrapped": bytes(RECOVERY_RECORD_BYTES)},
    "the form": {"in_recovery": False},
    "the commitment": {"commitment": bytes(32)},
    "a length that was never bound": {"sealed_bytes": 1, "sealed_sha256": bytes(32)},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
async def test_an_edited_column_is_refused_and_stays(work: Workshop, edit: dict[str, Any]) -> None:
    """P4: what was changed opens nothing, and is not wrapped as if it were right; the turn tells of it."""
    with away(work):
        object_id, _ = await made(work)
        other, key = await made(work)
    async with work.key_database.write() as connection:
        await connection.execute(update(data_keys).where(data_keys.c.object_id == object_id).values(edit))
    with pytest.raises(TamperedError):
        await opened(work, object_id)
    assert await work.keys.recovering.carry() == 1
    assert await opened(work, other) == key
    if edit != {"in_recovery": False}:
        assert work.keys.recovering.waiting == 1
        with pytest.raises(TamperedError):
            await work.keys.bind_object(
                tenant_id=work.tenant_id, object_id=object_id, gen=1, sealed_bytes=1, sealed_sha256=bytes(32)
            )
    assert await work.keys.unopened([(work.tenant_id, one, 1) for one in (object_id, other)]) == [object_id]


async def test_nobody_lays_down_a_record_of_their_own(work: Workshop) -> None:
    """P4: the public key is public; a record that this vault did not seal opens nothing."""
    await made(work)
    object_id, key = new_id("rec"), DataKey.generate()
    stream = committed_stream(tenant_id=work.tenant_id, object_id=object_id, gen=1)
    async with work.key_database.write() as connection:
        public = (await connection.execute(select(recovery_keys.c.public_key))).scalar_one()
        row = {
            "object_id": object_id,
            "gen": 1,
            "tenant_id": work.tenant_id,
            "epoch": 1,
            "wrapped": b"",
            "in_recovery": True,
            "commitment": commitment(key, stream),
            "created_at": work.clock.now(),
        }
        await connection.execute(insert(data_keys).values(row))
        found = (await connection.execute(select(data_keys).where(data_keys.c.object_id == object_id))).one()
        context = context_of(found, epoch=1, sealed_bytes=None, sealed_sha256=None)
        forged = seal_to_recovery(key, public, AnchorKey.generate(), context=context)
        await connection.execute(
            update(data_keys).where(data_keys.c.object_id == object_id).values(wrapped=forged)
        )
    with pytest.raises(TamperedError):
        await opened(work, object_id)


async def test_nothing_is_sealed_to_a_public_key_that_somebody_put_there(work: Workshop) -> None:
    """P4: who writes to the key store cannot read what is sealed in an outage; a start sets it right."""
    theirs = {"public_key": public_key_of(RecoveryKey.generate())}
    async with work.key_database.write() as connection:
        await connection.execute(update(recovery_keys).values(theirs))
    with away(work), pytest.raises(KeyProviderError):
        await made(work)
    await work.keys.start()
    with away(work):
        object_id, key = await made(work)
    assert await opened(work, object_id) == key


async def test_an_epoch_of_an_older_version_gets_its_recovery_key_at_the_start(any_work: Workshop) -> None:
    """With the provider there; else a start goes on without, says so, and the job makes it later."""
    async with any_work.key_database.write() as connection:
        await connection.execute(delete(recovery_keys))
    with away(any_work):
        later = await any_work.reborn()
        with pytest.raises(KeyProviderError):
            await made(later)
        assert not await later.keys.takes_new()
    others = [await any_work.reborn(starts=False) for _ in range(2)]
    await asyncio.gather(*(each.keys.start() for each in others))
    with away(any_work):
        assert await any_work.keys.takes_new()
        object_id, key = await made(any_work)
    assert await opened(any_work, object_id) == key


async def test_without_an_anchor_nothing_is_sealed_for_recovery(work: Workshop) -> None:
    """A key store that somebody opens to look at it answers as it did: no."""
    keys = KeyStore(work.key_database, FileKeyProvider.open(work.ground.root_key), work.clock)
    with away(work), pytest.raises(KeyProviderError):
        await made(work, keys)


async def test_nothing_is_sealed_for_an_epoch_whose_key_is_gone(work: Workshop) -> None:
    """A token that was initialised again never opens what was sealed: the call is refused, not lost later."""
    await made(work)
    await FileKeyProvider.open(work.ground.root_key).destroy_epoch(1, now=work.clock.now())
    work.keys.drop_all()
    watch = ProviderWatch(work.keys)
    with pytest.raises(KeyProviderError):
        await watch.check()
    assert watch.standing is Standing.CLOSED
    with pytest.raises(KeyProviderError):
        await made(work)


async def test_one_tenants_damaged_key_holds_up_no_other_tenants_records(work: Workshop) -> None:
    """What cannot be wrapped stays in recovery; nobody waits for it."""
    stranger, theirs = new_id("ten"), new_id("rec")
    await work.keys.create_data_key(tenant_id=stranger, object_id=stranger)
    await made(work)
    with away(work):
        await work.keys.create_data_key(tenant_id=stranger, object_id=theirs)
        mine, key = await made(work)
    async with work.key_database.write() as connection:
        own = update(tenant_keys).where(tenant_keys.c.tenant_id == stranger)
        await connection.execute(own.values(wrapped=bytes(60)))
    fresh = (await work.reborn()).keys
    with pytest.raises(KeyProviderError):
        await fresh.recovering.carry()
    assert fresh.recovering.waiting == 1
    assert not (await row_of(work, mine)).in_recovery
    assert await opened(work, mine) == key


class Hanging(FileKeyProvider):
    """Answers nobody for as long as it is told to; ``asked`` counts who waits."""

    hangs = False
    asked = 0

    async def unwrap(self, epoch: int, wrapped: bytes, *, context: bytes) -> TenantKey:
        """Hang."""
        self.asked += 1
        if self.hangs:
            await asyncio.sleep(3_600)
        return await super().unwrap(epoch, wrapped, context=context)

    async def state(self, epoch: int, *, made: Mapping[str, str] | None = None) -> EpochKeyState:
        """Hang as the others do, and time out."""
        if self.hangs:
            raise KeyProviderError("the provider did not answer in 10 s")
        return await super().state(epoch, made=made)


@asynccontextmanager
async def hanging(work: Workshop, clock: TurnableClock) -> AsyncIterator[tuple[KeyStore, Hanging]]:
    """A key store over a provider that can be made to hang."""
    provider = Hanging.open(work.ground.root_key)
    assert isinstance(provider, Hanging)
    yield KeyStore(work.key_database, provider, clock, work.ledger_keys.anchor), provider


async def test_a_provider_that_hangs_keeps_one_caller_waiting_and_no_more(
    work: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P14: the first waits a little, whoever follows not at all, until the watch has heard of it again."""
    monkeypatch.setattr("vault.keys.patience.HURRY_S", 0.05)
    monkeypatch.setattr("vault.keys.patience.SLOW_S", 0.0)  # what times out here does so at once
    clock = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC))
    async with hanging(work, clock) as (keys, provider):
        watch = ProviderWatch(keys)
        await watch.look()
        provider.hangs = True
        (first, key), (second, _) = await made(work, keys), await made(work, keys)
        assert provider.asked == 1
        for _ in range(20):
            await watch.look()
            clock.turn(timedelta(seconds=15))
            await made(work, keys)
        assert provider.asked == 1
        seen = [watch.standing]
        provider.hangs = False
        await watch.look()
        assert [*seen, watch.standing] == [Standing.RECOVERY, Standing.OPEN]
        assert await keys.recovering.carry() == 22
    assert await opened(work, first) == key
    assert first != second


async def test_a_disabled_key_closes_what_is_sealed_and_new_keys_are_kept_for_later(
    tmp_path: Path, moto_kms: Moto
) -> None:
    """Its owner's no is obeyed: nothing opens. Calls are not lost by it: they open when it is enabled."""
    async with owned(tmp_path, moto_kms, anchor=AnchorKey.generate()) as house:
        before, watch = await house.made(), ProviderWatch(house.keys)
        await watch.look()
        house.owner("disable_key")
        await watch.look()
        assert watch.standing is Standing.RECOVERY
        during = await house.made()
        house.keys.drop_all()
        assert [await house.opens(one) for one in (before, during)] == [False, False]
        with pytest.raises(KeyProviderError):
            await house.keys.recovering.carry()
        house.owner("enable_key")
        await watch.look()
        assert await house.keys.recovering.carry() == 1
        assert [await house.opens(one) for one in (before, during)] == [True, True]
