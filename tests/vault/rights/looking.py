"""Holding a vault against its model: what is there plays, what is erased opens nowhere, in no backup."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from typing import Any

from crypto.receipts import verify_receipt
from storage.filesystem import FilesystemStore
from storage.read_only import ReadOnlyStore
from tests.vault.media.crashes import Wire
from tests.vault.media.workshop import Workshop, open_ground
from tests.vault.rights.database_files import replace_database
from tests.vault.rights.lifetimes import DATABASES, Item, Life, Past, fence_of, is_earlier
from vault.errors import (
    ErasedError,
    KeyForgottenError,
    KeyProviderError,
    LedgerBrokenError,
    NotFoundError,
    RestrictedError,
)
from vault.keys.file_provider import FileKeyProvider
from vault.keys.store import KeyStore
from vault.ledger.verify import verify_ledger
from vault.media.places import media_prefix, spool_prefix
from vault.media.reading import Reader
from vault.model import Id, Part


async def look(life: Life) -> None:
    """Every invariant of the vault as it runs."""
    keys = KeyStore(
        life.ground.keys, FileKeyProvider.open(life.ground.root_key), life.clock
    )  # remembers nothing
    reader = Reader(life.ground.main, keys, life.ground.store)
    for item in life.items.values():
        if item.media_id not in life.ruined:
            await _as_the_model_says(life, reader, keys, item)
        await _nothing_for_others(life, item)
    for object_id in life.state.erased:
        await _has_no_key(life, keys, object_id)
    for call_id, notes in life.state.notes.items():
        for note in notes if call_id in life.state.erased else ():
            await _has_no_key(life, keys, note)
    head = await life.head()
    found = await verify_ledger(life.ground.main, life.work.ledger_keys.verifiers)
    assert head is None or head.size <= found.leaves


async def glance(life: Life, turn: int) -> None:
    """One recording, and one thing that is erased, each time the next; a look at all is for now and then."""
    keys = KeyStore(life.ground.keys, FileKeyProvider.open(life.ground.root_key), life.clock)
    items = [item for name, item in life.items.items() if name not in life.ruined]
    if items:
        reader = Reader(life.ground.main, keys, life.ground.store)
        await _as_the_model_says(life, reader, keys, items[turn % len(items)])
    if erased := sorted(life.state.erased):
        await _has_no_key(life, keys, erased[turn % len(erased)])


async def _as_the_model_says(life: Life, reader: Reader, keys: KeyStore, item: Item) -> None:
    refused = refusal(life, item)
    told: type[Exception] | None = None
    try:
        part = await reader.part(item.media_id, Part.MEDIA)
        assert await reader.read(part) == item.plain, item
    except (ErasedError, KeyForgottenError, NotFoundError, RestrictedError) as error:
        told = type(error)
    assert told is refused, (item.media_id, told, refused)
    named = {"tenant_id": item.tenant_id, "media_id": item.media_id}
    if item.media_id in life.state.erased:
        assert await life.ground.store.remains(media_prefix(**named)) == ()
        assert await life.ground.store.remains(spool_prefix(**named)) == ()
    elif item.media_id in life.state.keyed and life.state.is_held(item):
        await keys.data_key(tenant_id=item.tenant_id, object_id=item.media_id)  # asked for or not


def refusal(life: Life, item: Item) -> type[Exception] | None:
    """How reading an item ends; None where it plays."""
    state = life.state
    if item.media_id not in state.known:
        return NotFoundError
    if item.media_id in state.asked:
        return ErasedError
    if state.is_restricted(item):
        return RestrictedError
    return None if item.media_id in state.keyed else KeyForgottenError


async def _nothing_for_others(life: Life, item: Item) -> None:
    other = next(tenant for tenant in life.tenants if tenant != item.tenant_id)
    stranger = life.work.by(tenant_id=other)
    for missing in (
        life.work.library.get(item.media_id, by=stranger),
        life.work.links.make(item.media_id, "why", by=stranger),
    ):
        told = None
        with suppress(NotFoundError):
            told = await missing
        assert told is None


async def _has_no_key(life: Life, keys: KeyStore, object_id: str) -> None:
    for tenant in life.tenants:
        opened = False
        with suppress(KeyForgottenError, KeyProviderError):
            await keys.data_key(tenant_id=tenant, object_id=object_id)
            opened = True
        assert not opened, f"{object_id} is erased and has a key"


async def require_receipts(life: Life) -> int:
    """Every receipt of something erased verifies offline, and says so; tells how many."""
    requests: dict[Id, tuple[Id, set[str]]] = {}
    for object_id in life.state.erased & life.state.known:
        request_id = await life.work.requests.request_of(object_id)
        if request_id is not None:
            tenant = next(
                one.tenant_id for one in life.items.values() if object_id in {one.media_id, one.call_id}
            )
            requests.setdefault(request_id, (tenant, set()))[1].add(object_id)
    for asked, (whose, objects) in requests.items():
        text = await life.work.receipts.of(asked, by=life.work.by(tenant_id=whose))
        receipt = verify_receipt(text, life.work.ledger_keys.verifiers)
        shredded = [one for one in receipt.entries if one.fields["type"] == "object.shredded"]
        assert len(shredded) >= len(objects)
    return len(requests)


async def look_back(life: Life, past: Past, which: tuple[str, ...]) -> None:
    """A backup brought up beside the vault, with every credential: nothing erased opens behind the fence.

    The objects are only looked at. Where the backup is no earlier state, the fence opens no door.
    """
    head = await life.head()
    outside = (await life.leaves())[: 0 if head is None else head.size]
    if head is not None and head.size < len(await life.leaves()):
        await life.publish()
        outside = await life.leaves()
        await life.note_published()
    folder = life.root / "beside"
    await asyncio.to_thread(shutil.copytree, life.root / "vault", folder)
    try:
        for name in which:
            await asyncio.to_thread(replace_database, folder, past.folder, name)
        store: Any = ReadOnlyStore(await FilesystemStore.create(life.root / "objects", country="FR"))
        async with open_ground(folder, store=store, clock=life.clock) as ground:
            work = Workshop(ground, Wire(), life.tenants[0])
            try:
                await fence_of(work).let_through()
            except LedgerBrokenError:
                assert "main.db" in which
                assert not is_earlier(past.leaves, outside)
                return
            assert "main.db" not in which or is_earlier(past.leaves, outside)
            await _nothing_erased_opens(life, work)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder)


async def _nothing_erased_opens(life: Life, work: Workshop) -> None:
    for object_id in life.state.erased:
        await _has_no_key(life, work.keys, object_id)
    for item in life.items.values():
        if item.media_id not in life.state.erased:
            continue
        opened = False
        with suppress(ErasedError, NotFoundError):
            await work.reader.part(item.media_id, Part.MEDIA)
            opened = True
        assert not opened, f"{item.media_id} is erased and is found in a backup"


def every_way() -> tuple[tuple[str, ...], ...]:
    """The main database, the key store, both."""
    main, keys = DATABASES
    return (main,), (keys,), (main, keys)
