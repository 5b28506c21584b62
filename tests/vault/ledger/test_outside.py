"""The ledger's entries beside the objects: none missing, few pieces, and read back exactly."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest

from storage.debts import MemoryDebts
from storage.errors import UnavailableError
from storage.replicated import ReplicatedStore
from storage.store import ObjectKey
from tests.storage.test_replicated import Place
from tests.vault.media.crashes import Crash, Wire
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


async def lay(work: Workshop, run: tuple[int, int], entries: Sequence[str]) -> None:
    """Lay a piece beside the objects."""
    lines = "".join(f"{entry}\n" for entry in entries[slice(*run)])
    await work.store.put(ObjectKey(f"ledger/leaves/{run[0]:012d}-{run[1]:012d}"), lines.encode())


async def told_by(work: Workshop, size: int) -> list[str]:
    """The first entries as the database has them."""
    return [await work.ledger.leaf(index, tenant_id=work.tenant_id) or "" for index in range(size)]


@pytest.mark.parametrize("goes_on", [1, 4, 9], ids="{}_more".format)
async def test_what_reaches_beyond_the_head_is_put_right(any_work: Workshop, goes_on: int) -> None:
    """Left by whoever died before the head; then the database was set back and went on otherwise.

    Pieces beyond the head, and one that was joined across it. Whenever this dies, too, every entry up to the
    head stays, and the next process ends it.
    """
    work, dies_at = any_work, 0
    head = await grown(work, 3)
    true = await told_by(work, head)
    size = await grown(work, goes_on)
    while True:
        dies_at += 1
        for run in ((0, head), (head - 1, head + 4), (head, head + 2), (head + 2, head + 4)):
            await lay(work, run, [*true, *(f"lost {index}" for index in range(head, head + 4))])
        dying = await work.reborn(Wire(dies_at))
        with suppress(Crash):
            await Outside(dying.database, dying.store).mend(head)
            break
        assert list(await Outside(work.database, work.store).between(0, head)) == true
        await ends_well(work, head, size)
    assert dies_at > 6
    await ends_well(work, head, size)


async def ends_well(work: Workshop, head: int, size: int) -> None:
    """The next process publishes: what lies outside is what the database has, and no more."""
    outside = Outside(work.database, work.store)
    await outside.mend(head)
    await outside.publish(size)
    assert list(await Outside(work.database, work.store).between(0, size)) == await told_by(work, size)
    runs = [stored.key.partition("-")[2] async for stored in work.store.list("ledger/leaves/")]
    assert max(int(stop) for stop in runs) == size


async def test_what_a_replica_that_is_away_still_has_beyond_the_head_is_owed(work: Workshop) -> None:
    """It keeps nothing from being published; a store that does not erase does."""
    places = {"primary": Place(), "lyon": Place()}
    store = ReplicatedStore(places, debts := MemoryDebts())
    size = await grown(work, 2)
    beyond = ObjectKey(f"ledger/leaves/{size:012d}-{size + 1:012d}")
    await store.put(beyond, b"lost\n")
    places["lyon"].is_away = True
    await Outside(work.database, store).mend(size)
    assert await places["primary"].remains(beyond) == ()
    assert [debt.place for debt in await debts.of(beyond)] == ["lyon"]
    refusing = Place()
    await refusing.put(beyond, b"lost\n")
    refusing.erase = refused  # type: ignore[method-assign]
    with pytest.raises(UnavailableError):
        await Outside(work.database, refusing).mend(size)


async def refused(key: ObjectKey) -> Any:
    """What a store answers that erases nothing now."""
    raise UnavailableError(f"made not to erase {key}")


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
