"""Data keys: made, found, bound, and forgotten so that nothing brings them back."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from crypto.keys import DataKey
from crypto.wrapping import WrapContext, wrap
from tests.vault.media.workshop import Workshop, open_ground, open_workshop
from vault.clock import TurnableClock
from vault.db.key_tables import data_keys, tenant_keys
from vault.errors import KeyForgottenError, KeyProviderError, TamperedError, VaultError
from vault.keys.file_provider import FileKeyProvider
from vault.keys.store import CACHE_KEYS, KeyStore
from vault.keys.tenant_keys import CACHE_MAX, CACHE_S
from vault.keys.watch import ProviderWatch
from vault.model import Id, new_id, uuid_of


async def made(work: Workshop) -> tuple[Id, bytes]:
    """A fresh object and its key's bytes."""
    object_id = new_id("rec")
    key = await work.keys.create_data_key(tenant_id=work.tenant_id, object_id=object_id)
    return object_id, bytes(key.reveal())


async def found(work: Workshop, object_id: str, **how: Any) -> bytes:
    """The key's bytes as a process without a cache finds them."""
    keys = (await work.reborn()).keys
    named = {"tenant_id": work.tenant_id, "object_id": object_id} | how
    return bytes((await keys.data_key(**named)).reveal())


async def wrapped_of(work: Workshop, object_id: str) -> bytes:
    """The wrapped bytes as they stand in the row."""
    async with work.key_database.read() as connection:
        row = await connection.execute(select(data_keys.c.wrapped).where(data_keys.c.object_id == object_id))
        return bytes(row.scalar_one())


async def test_a_key_is_found_again_by_another_process(any_work: Workshop) -> None:
    """What create_data_key returned is durable and opens after a restart."""
    object_id, key = await made(any_work)
    assert await found(any_work, object_id) == key
    assert len(key) == 32


@pytest.mark.parametrize("cached", [True, False])
async def test_another_tenants_name_finds_no_key(
    work: Workshop,
    cached: bool,  # noqa: FBT001  # a column of the table
) -> None:
    """P5: neither the row nor the cache answers under a foreign tenant."""
    object_id, _ = await made(work)
    keys = work.keys if cached else (await work.reborn()).keys
    with pytest.raises(KeyForgottenError):
        await keys.data_key(tenant_id=new_id("ten"), object_id=object_id)


async def test_another_generation_is_another_key(work: Workshop) -> None:
    """The generation is part of the name and of the wrap's context."""
    object_id, key = await made(work)
    with pytest.raises(KeyForgottenError):
        await work.keys.data_key(tenant_id=work.tenant_id, object_id=object_id, gen=2)
    second = await work.keys.create_data_key(tenant_id=work.tenant_id, object_id=object_id, gen=2)
    assert bytes(second.reveal()) != key
    assert await found(work, object_id, gen=2) == bytes(second.reveal())


COLUMNS: dict[str, dict[str, Any]] = {
    "the wrapped bytes": {"wrapped": bytes(66)},
    "the commitment": {"commitment": bytes(32)},
    "a length that was never bound": {"sealed_bytes": 1, "sealed_sha256": bytes(32)},
    "a digest alone": {"sealed_sha256": bytes(32)},
    "the generation": {"gen": 7},
    "an epoch that is not there": {"epoch": 2},
    "the object": {"object_id": "rec_" + "0" * 32},
}


@pytest.mark.parametrize("change", COLUMNS.values(), ids=COLUMNS.keys())
async def test_an_edited_column_is_refused(work: Workshop, change: dict[str, Any]) -> None:
    """Each column of a key's record is bound into the wrap: edit one and it does not unwrap."""
    object_id, _ = await made(work)
    async with work.key_database.write() as connection:
        await connection.execute(update(data_keys).where(data_keys.c.object_id == object_id).values(change))
    named = {name: change[name] for name in ("object_id", "gen") if name in change}
    with pytest.raises((TamperedError, KeyForgottenError)):
        await found(work, named.pop("object_id", object_id), **named)


async def test_two_records_that_change_places_are_refused(work: Workshop) -> None:
    """Swapping the wrapped bytes of two objects opens neither."""
    (one, _), (other, _) = await made(work), await made(work)
    swapped = {one: await wrapped_of(work, other), other: await wrapped_of(work, one)}
    async with work.key_database.write() as connection:
        for object_id, wrapped in swapped.items():
            await connection.execute(
                update(data_keys).where(data_keys.c.object_id == object_id).values(wrapped=wrapped)
            )
    for object_id in swapped:
        with pytest.raises(TamperedError):
            await found(work, object_id)


async def test_another_key_under_the_recorded_commitment_is_refused(work: Workshop) -> None:
    """P4: whoever has the tenant key can wrap a second key; the commitment says that it is not the first."""
    object_id, _ = await made(work)
    async with work.key_database.read() as connection:
        row = (await connection.execute(select(data_keys).where(data_keys.c.object_id == object_id))).one()
    context = WrapContext(uuid_of(row.tenant_id), uuid_of(object_id), row.gen, row.epoch, row.commitment)
    tenant_key = await work.keys._tenant_keys.get(row.tenant_id, row.epoch)
    second = bytes(wrap(DataKey.generate(), tenant_key, context=context))
    async with work.key_database.write() as connection:
        await connection.execute(
            update(data_keys).where(data_keys.c.object_id == object_id).values(wrapped=second)
        )
    with pytest.raises(TamperedError):
        await found(work, object_id)


async def test_an_edited_tenant_key_is_refused(work: Workshop) -> None:
    """The level above is bound as well."""
    object_id, _ = await made(work)
    async with work.key_database.write() as connection:
        await connection.execute(update(tenant_keys).values(wrapped=bytes(60)))
    with pytest.raises(KeyProviderError):
        await found(work, object_id)


async def test_binding_what_was_sealed_keeps_the_key_and_may_be_repeated(any_work: Workshop) -> None:
    """The wrap changes, the key does not; a crash after it repeats it with other bytes."""
    object_id, key = await made(any_work)
    for size in (10, 20):
        await any_work.keys.bind_object(
            tenant_id=any_work.tenant_id,
            object_id=object_id,
            gen=1,
            sealed_bytes=size,
            sealed_sha256=bytes(32),
        )
        assert await found(any_work, object_id) == key
    (record,) = await any_work.keys.records(object_id=object_id)
    assert (record.sealed_bytes, record.sealed_sha256) == (20, bytes(32))


async def test_a_forgotten_key_is_gone_from_row_and_cache(any_work: Workshop) -> None:
    """Forgetting acts at once, may be repeated, and touches no neighbour."""
    (object_id, _), (neighbour, key) = await made(any_work), await made(any_work)
    for _ in range(2):
        await any_work.keys.forget(object_id=object_id)
    with pytest.raises(KeyForgottenError):
        await any_work.keys.data_key(tenant_id=any_work.tenant_id, object_id=object_id)
    with pytest.raises(KeyForgottenError):
        await any_work.keys.bind_object(
            tenant_id=any_work.tenant_id, object_id=object_id, gen=1, sealed_bytes=1, sealed_sha256=bytes(32)
        )
    assert await any_work.keys.records(object_id=object_id) == ()
    assert await found(any_work, neighbour) == key


def holders(folder: Path, needle: bytes) -> list[str]:
    """The files that hold some bytes, log and shared memory of the database included."""
    return [path.name for path in sorted(folder.rglob("*")) if path.is_file() and needle in path.read_bytes()]


async def test_wrapped_bytes_leave_no_trace_in_any_file(work: Workshop, tmp_path: Path) -> None:
    """F10: raw bytes of the key store's files, log included, before and after; the earlier wrap as well."""
    object_id, _ = await made(work)
    neighbours = [await made(work) for _ in range(30)]
    unbound = await wrapped_of(work, object_id)
    await work.keys.bind_object(
        tenant_id=work.tenant_id, object_id=object_id, gen=1, sealed_bytes=1, sealed_sha256=bytes(32)
    )
    bound = await wrapped_of(work, object_id)
    assert holders(tmp_path, bound)  # the scan can find it
    await work.keys.forget(object_id=object_id)
    assert await work.keys.traces_gone()
    assert holders(tmp_path, bound) + holders(tmp_path, unbound) == []
    for neighbour, key in neighbours:
        assert await found(work, neighbour) == key


async def test_a_reader_of_the_key_store_keeps_the_traces_and_that_is_said(work: Workshop) -> None:
    """F10: while somebody reads, the log cannot be truncated; the answer is no, then yes."""
    object_id, _ = await made(work)
    async with work.key_database.read() as reading:
        await reading.execute(select(data_keys))
        await work.keys.forget(object_id=object_id)
        assert not await work.keys.traces_gone()
    assert await work.keys.traces_gone()


async def test_a_tenants_first_keys_may_be_asked_for_at_once(any_work: Workshop) -> None:
    """Two processes and many requests make one tenant key; every data key opens under it."""
    other = await any_work.reborn()
    tenant_id = new_id("ten")
    ids = [new_id("rec") for _ in range(20)]
    stores = (any_work.keys, other.keys)
    made_keys = await asyncio.gather(
        *(stores[n % 2].create_data_key(tenant_id=tenant_id, object_id=id_) for n, id_ in enumerate(ids))
    )
    third = (await any_work.reborn()).keys
    for object_id, key in zip(ids, made_keys, strict=True):
        again = await third.data_key(tenant_id=tenant_id, object_id=object_id)
        assert again.reveal() == key.reveal()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_two_first_starts_agree_on_one_epoch_key(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What either wraps, a later start with the file alone can unwrap."""
    urls = None
    if kind == "postgresql":
        url = request.getfixturevalue("postgres_database")
        urls = (url, url)
    async with open_ground(tmp_path, urls=urls) as ground:
        clock = ground.clock
        both = [KeyStore(ground.keys, FileKeyProvider.open(ground.root_key), clock) for _ in range(2)]
        await asyncio.gather(*(keys.start() for keys in both))
        tenants = [new_id("ten") for _ in both]
        for keys, tenant_id in zip(both, tenants, strict=True):
            await keys.create_data_key(tenant_id=tenant_id, object_id=tenant_id)
        later = KeyStore(ground.keys, FileKeyProvider.open(ground.root_key), clock)
        await later.start()
        for tenant_id in tenants:
            await later.data_key(tenant_id=tenant_id, object_id=tenant_id)


async def test_a_crash_between_epoch_key_and_row_costs_nothing(tmp_path: Path) -> None:
    """The provider's key is there first; the next start takes it as it is."""
    async with open_ground(tmp_path) as ground:
        provider = FileKeyProvider.open(ground.root_key)
        await provider.create_epoch(1)
        before = ground.root_key.read_bytes()
        await KeyStore(ground.keys, FileKeyProvider.open(ground.root_key), ground.clock).start()
        assert ground.root_key.read_bytes() == before


async def test_the_wrong_ring_opens_nothing(work: Workshop, tmp_path: Path) -> None:
    """Another deployment's key file is an error with words, never wrong bytes."""
    object_id, _ = await made(work)
    stranger = FileKeyProvider.create(tmp_path / "other" / "root.key")
    with pytest.raises(KeyProviderError):
        await KeyStore(work.key_database, stranger, work.clock).data_key(
            tenant_id=work.tenant_id, object_id=object_id
        )
    await stranger.create_epoch(1)
    with pytest.raises(KeyProviderError):
        await KeyStore(work.key_database, stranger, work.clock).data_key(
            tenant_id=work.tenant_id, object_id=object_id
        )


async def test_a_key_forgotten_elsewhere_leaves_memory_with_the_next_look(work: Workshop) -> None:
    """The command line erases beside a server, which looks every few seconds; keys of the living stay."""
    (gone, _), (other, kept) = await made(work), await made(work)
    await (await work.reborn()).keys.forget(object_id=gone)
    await ProviderWatch(work.keys).look()
    assert [name[1] for name in work.keys._data_keys if name[1] in {gone, other}] == [other]
    with pytest.raises(KeyForgottenError):
        await work.keys.data_key(tenant_id=work.tenant_id, object_id=gone)
    assert (await work.keys.data_key(tenant_id=work.tenant_id, object_id=other)).reveal() == kept


async def test_a_key_forgotten_elsewhere_is_believed_in_for_minutes_only(tmp_path: Path) -> None:
    """Also where nobody looks, the cache ends: what another process forgot opens no longer than CACHE_S."""
    clock = TurnableClock(datetime(2026, 11, 23, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        object_id, _ = await made(work)
        await (await work.reborn()).keys.forget(object_id=object_id)
        clock.turn(timedelta(seconds=CACHE_S))
        with pytest.raises(KeyForgottenError):
            await work.keys.data_key(tenant_id=work.tenant_id, object_id=object_id)


async def test_the_cache_holds_a_thousand_keys_and_no_more(work: Workshop) -> None:
    """Memory is bounded, whatever a listing touches."""
    object_id, _ = await made(work)
    key = await work.keys.data_key(tenant_id=work.tenant_id, object_id=object_id)
    for number in range(CACHE_KEYS + 10):
        work.keys._remember(work.tenant_id, f"rec_{number:032x}", 1, key, 1)
    assert len(work.keys._data_keys) == CACHE_KEYS


async def test_the_cache_of_tenants_keys_is_bounded_and_keeps_none_whose_time_is_over(tmp_path: Path) -> None:
    """A key lies in memory for minutes, whether anybody asks for it again or not."""
    clock = TurnableClock(datetime(2026, 11, 23, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        tenants = work.keys._tenant_keys
        key = await work.keys.tenant_key(work.tenant_id, 1, create=True)
        for number in range(CACHE_MAX + 10):
            tenants._keep((f"ten_{number:032x}", 1), key)
        assert len(tenants._cached) == CACHE_MAX
        clock.turn(timedelta(seconds=CACHE_S))
        tenants._keep((work.tenant_id, 1), key)
        assert len(tenants._cached) == 1


async def test_a_store_without_its_first_epoch_says_what_to_do(tmp_path: Path) -> None:
    """No key is made before the program has started once."""
    async with open_ground(tmp_path) as ground:
        keys = KeyStore(ground.keys, FileKeyProvider.open(ground.root_key), ground.clock)
        with pytest.raises(VaultError, match="start the program once"):
            await keys.create_data_key(tenant_id=new_id("ten"), object_id=new_id("rec"))
        await keys.ping()
        assert await keys.assurance(None) == "software"


async def test_the_key_store_is_fully_synchronous(work: Workshop) -> None:
    """A key that was acknowledged survives a power cut: what it sealed would not open without it."""
    async with work.key_database.write() as connection:
        assert (await connection.execute(text("PRAGMA synchronous"))).scalar_one() == 2
        assert (await connection.execute(text("PRAGMA secure_delete"))).scalar_one() == 1
