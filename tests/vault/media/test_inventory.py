"""Taking stock of every place: what is missing, damaged, left over, unknown; and what is none of these."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.debts import MemoryDebts
from storage.files import MARK, UNFINISHED
from storage.filesystem import FilesystemStore
from storage.replicated import ReplicatedStore
from storage.store import ObjectKey
from tests.storage.test_replicated import Place
from tests.vault.media.workshop import Workshop, open_workshop, scene
from vault.errors import LedgerBrokenError
from vault.ledger.checkpoints import PUBLISHED
from vault.media.inventory import HIDDEN_S, Finding, Inventory, What
from vault.media.mending import Mender, require_newest
from vault.media.places import media_prefix, part_key, spool_key
from vault.model import ErasureReason, Id, Part, new_id

pytestmark = pytest.mark.usefixtures("quick_child")
SHORT = scene(1.5, codec="none")


class Stocked:
    """A workshop over a primary and a replica, its inventory and its mender."""

    def __init__(self, work: Workshop, store: ReplicatedStore, places: dict[str, Place]) -> None:
        self.work = work
        self.store = store
        self.places = places
        self.inventory = Inventory(work.database, store)
        self.mender = Mender(self.inventory, store)

    async def ready(self) -> Id:
        """A finished recording at every place."""
        begun = await self.work.ready(SHORT)
        for name in self.places:
            while await self.store.catch_up.turn(name):
                pass
        return begun.media_id

    def part(self, media_id: str, part: Part = Part.MEDIA) -> ObjectKey:
        """The key of a part."""
        return part_key(tenant_id=self.work.tenant_id, media_id=media_id, gen=1, part=part)

    async def found(self, *, read_data: bool = False) -> list[Finding]:
        """What taking stock finds."""
        return (await self.inventory.take(read_data=read_data)).findings


@pytest.fixture
async def stocked(tmp_path: Path) -> AsyncIterator[Stocked]:
    """Two empty places."""
    places = {"primary": Place(), "lyon": Place()}
    store = ReplicatedStore(places, MemoryDebts(), single=("spool/",))
    async with open_workshop(tmp_path, store=store) as work:
        yield Stocked(work, store, places)


async def test_a_vault_at_work_has_nothing_to_be_found(stocked: Stocked) -> None:
    """Recordings of every state, the ledger's head, an erasure under way: each object has an owner."""
    await stocked.ready()
    await stocked.work.ended(SHORT)
    begun = await stocked.work.begun()
    await stocked.work.spool(begun, SHORT)
    erasing = await stocked.ready()
    await stocked.work.requests.of_media(erasing, ErasureReason.OTHER, by=stocked.work.by())
    await stocked.work.checkpoints.turn(publishing=True)
    stock = await stocked.inventory.take(read_data=True)
    assert (stock.findings, stock.away, stock.items) == ([], [], 1)
    assert stock.objects["primary"] > stock.objects["lyon"] > 0
    assert stock.read_bytes > 0


async def test_what_a_place_lacks_is_found_and_brought_back(stocked: Stocked) -> None:
    """From the other one, whichever lost it; a neighbour is left alone."""
    first, second = await stocked.ready(), await stocked.ready()
    for place, media_id in (("primary", first), ("lyon", second)):
        await stocked.places[place].erase(stocked.part(media_id))
    lost = [
        Finding(*one, What.MISSING)
        for one in (("primary", stocked.part(first)), ("lyon", stocked.part(second)))
    ]
    stock = await stocked.inventory.take()
    assert sorted(stock.findings, key=lambda one: one.key) == lost
    assert await stocked.mender.mend(stock) == stock.findings
    assert await stocked.found(read_data=True) == []


async def test_damaged_bytes_are_found_by_reading_and_never_copied(stocked: Stocked) -> None:
    """The same length, another digest: only reading tells; the copy with the row's digest wins."""
    media_id = await stocked.ready()
    key = stocked.part(media_id)
    primary = stocked.places["primary"]
    whole = await primary.read(key, limit_bytes=1 << 30)
    await primary.put(key, whole[:-1] + bytes([whole[-1] ^ 1]))
    assert await stocked.found() == []
    stock = await stocked.inventory.take(read_data=True)
    assert stock.findings == [Finding("primary", key, What.DAMAGED)]
    assert await stocked.mender.mend(stock) == stock.findings
    assert await primary.read(key, limit_bytes=1 << 30) == whole
    for place in stocked.places.values():
        await place.put(key, b"x" * len(whole))
    stock = await stocked.inventory.take(read_data=True)
    assert len(stock.findings) == 2
    assert await stocked.mender.mend(stock) == []


async def test_what_is_left_over_of_the_erased_is_deleted(stocked: Stocked) -> None:
    """A place that gave back an object from the dead, and fragments of a recording that is ready."""
    gone, media_id = await stocked.ready(), await stocked.ready()
    await stocked.work.requests.of_media(gone, ErasureReason.OTHER, by=stocked.work.by())
    assert await stocked.work.keeper.turn() == 0
    await stocked.places["lyon"].put(back := stocked.part(gone), b"from the dead")
    fragment = spool_key(tenant_id=stocked.work.tenant_id, media_id=media_id, number=3)
    await stocked.places["primary"].put(fragment, b"fragment")
    stock = await stocked.inventory.take()
    assert {(one.place, one.key, one.what) for one in stock.findings} == {
        ("lyon", back, What.LEFT_OVER),
        ("primary", fragment, What.LEFT_OVER),
    }
    assert stock.orphans == 2
    assert len(await stocked.mender.mend(stock)) == 2
    assert await stocked.found() == []


async def test_what_no_row_knows_is_told_and_never_deleted(stocked: Stocked) -> None:
    """It may be a recording that a database which was set back has forgotten."""
    folder = media_prefix(tenant_id=stocked.work.tenant_id, media_id=new_id("rec"))
    for key in (newer := ObjectKey(f"{folder}1/media"), stranger := ObjectKey("something/else")):
        await stocked.places["primary"].put(key, b"sealed")
    stock = await stocked.inventory.take()
    assert {one.key for one in stock.findings if one.what is What.UNKNOWN} == {newer, stranger}
    assert await stocked.mender.mend(stock) == []
    assert await stocked.places["primary"].read(newer, limit_bytes=9) == b"sealed"


async def test_a_database_older_than_any_place_repairs_nothing(stocked: Stocked, tmp_path: Path) -> None:
    """The replica remembers a later head although the primary was set back together with the database."""
    await stocked.work.checkpoints.turn(publishing=True)
    old = await stocked.store.read(PUBLISHED, limit_bytes=1 << 20)
    work = stocked.work
    args = (work.database, stocked.store, work.ledger_keys, work.clock)
    await require_newest(*args)
    (folder := tmp_path / "ahead").mkdir()
    async with open_workshop(folder, store=Place()) as ahead:
        for _ in range(3):
            await ahead.ready(SHORT)
        ahead.checkpoints._keys = work.ledger_keys
        later = await ahead.checkpoints.newest()
    await stocked.places["lyon"].put(PUBLISHED, later.encode())
    assert await stocked.store.read(PUBLISHED, limit_bytes=1 << 20) == old
    with pytest.raises(LedgerBrokenError):
        await require_newest(*args)


async def test_a_place_that_is_away_is_said_and_the_others_are_looked_at(stocked: Stocked) -> None:
    """Nothing is said of what nobody could see."""
    media_id = await stocked.ready()
    await stocked.places["primary"].erase(stocked.part(media_id))
    stocked.places["lyon"].is_away = True
    stock = await stocked.inventory.take()
    assert stock.away == ["lyon"]
    assert [(one.place, one.what) for one in stock.findings] == [("primary", What.MISSING)]
    assert await stocked.mender.mend(stock) == []


async def test_an_upload_that_nobody_finishes_is_found_once_it_is_a_day_old(tmp_path: Path) -> None:
    """Of an erased item it is left over and goes; of one that lives it is told, and the item stays whole."""
    disk = await FilesystemStore.create(tmp_path / "disk", country="FR")
    store = ReplicatedStore({"primary": disk}, MemoryDebts(), single=("spool/",))
    async with open_workshop(tmp_path, store=store) as work:
        stocked = Stocked(work, store, {})
        gone, media_id = (await work.ready(SHORT)).media_id, (await work.ready(SHORT)).media_id
        await work.requests.of_media(gone, ErasureReason.OTHER, by=work.by())
        assert await work.keeper.turn() == 0
        left = {stocked.part(gone): What.LEFT_OVER, stocked.part(media_id): What.HIDDEN}
        files = [tmp_path / "disk" / UNFINISHED / f"{key.replace('/', MARK)}.{'0' * 16}" for key in left]
        for file in files:
            file.write_bytes(b"half")
        assert await stocked.found() == []
        for file in files:
            os.utime(file, (time.time() - 2 * HIDDEN_S,) * 2)
        stock = await stocked.inventory.take()
        assert {one.key: one.what for one in stock.findings} == left
        assert stock.orphans == 2
        assert [one.what for one in await stocked.mender.mend(stock)] == [What.LEFT_OVER]
        assert [one.what for one in await stocked.found(read_data=True)] == [What.HIDDEN]
    await store.aclose()
