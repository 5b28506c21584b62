"""The ledger's entries beside the objects: none missing, few pieces, and read back exactly."""

from typing import Any

import pytest

from storage.debts import MemoryDebts
from storage.replicated import ReplicatedStore
from storage.store import ObjectKey
from tests.storage.test_replicated import Place
from tests.vault.media.workshop import Workshop
from vault.errors import LedgerBrokenError
from vault.ledger import outside as outside_module
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.outside import MOST_PIECES, Outside, covered


async def grown(work: Workshop, entries: int) -> int:
    """Add entries; how many the ledger then has."""
    index = 0
    for _ in range(entries):
        index = await work.ledger.record(Entry(EntryType.SYSTEM_STARTED))
    return index + 1


async def test_every_entry_lies_outside_and_the_pieces_stay_few(work: Workshop) -> None:
    """One piece each time, joined when there are many, by a new process too."""
    outside = Outside(work.database, work.store)
    for _ in range(MOST_PIECES + 3):
        size = await grown(work, 1)
        await outside.publish(size)
    size = await grown(work, 2)
    await Outside(work.database, work.store).publish(size)
    pieces = [stored.key async for stored in work.store.list("ledger/leaves/")]
    assert len(pieces) <= 5
    read = await Outside(work.database, work.store).between(0, size)
    told = [await work.ledger.leaf(index, tenant_id=work.tenant_id) for index in range(size)]
    assert list(read) == told


async def test_full_pieces_are_left_as_they_are(work: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger of years has many; joining touches the small ones of the end only."""
    monkeypatch.setattr(outside_module, "AT_ONCE", 2)
    monkeypatch.setattr(outside_module, "READ_AT_ONCE", 1)
    outside = Outside(work.database, work.store)
    size = await grown(work, 2 * MOST_PIECES + 4)
    await outside.publish(size)
    before = [stored async for stored in work.store.list("ledger/leaves/")]
    assert len(before) > MOST_PIECES
    written: list[str] = []
    put = work.store.put

    async def counted(key: ObjectKey, *rest: Any, **more: Any) -> Any:
        written.append(key)
        return await put(key, *rest, **more)

    monkeypatch.setattr(work.store, "put", counted)
    await outside.publish(await grown(work, 1))
    assert len(written) == 1
    assert len(await Outside(work.database, work.store).between(0, size)) == size


async def test_a_replica_that_is_away_does_not_keep_entries_from_lying_outside(work: Workshop) -> None:
    """Joined pieces cannot be erased there now; that is owed, and everything is there all the same."""
    places = {"primary": Place(), "lyon": Place()}
    store = ReplicatedStore(places, MemoryDebts())
    outside = Outside(work.database, store)
    places["lyon"].is_away = True
    for _ in range(MOST_PIECES + 3):
        size = await grown(work, 1)
        await outside.publish(size)
    assert len(await Outside(work.database, store).between(0, size)) == size
    places["lyon"].is_away = False
    pieces = {line.split(" ")[1] for line in await places["primary"].remains("ledger/leaves/")}
    assert len(pieces) <= 5


async def test_a_missing_piece_is_told(work: Workshop) -> None:
    """Nothing is made up for an entry that is nowhere."""
    outside = Outside(work.database, work.store)
    await outside.publish(await grown(work, 3))
    size = await grown(work, 3)
    await outside.publish(size)
    pieces = sorted([stored.key async for stored in work.store.list("ledger/leaves/")])
    await work.store.erase(ObjectKey(pieces[0]))
    with pytest.raises(LedgerBrokenError):
        await Outside(work.database, work.store).between(0, size)


def test_runs_cover_up_to_the_first_gap() -> None:
    """Overlaps count once."""
    assert covered([]) == 0
    assert covered([(0, 3), (2, 5), (5, 6), (8, 9)]) == 6
    assert covered([(1, 3)]) == 0
