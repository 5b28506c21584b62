"""A database that was set back does not sign a second history (docs/THREATS.md, ledger)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from tests.vault.http.house import settings_in
from vault.app import Rooms, open_rooms
from vault.db.tables import checkpoints, leaf_details, leaves, ledger_nodes
from vault.errors import LedgerBrokenError
from vault.ledger.leaf import Entry, EntryType


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Rooms]:
    """The program without its doors."""
    async with open_rooms(settings_in(tmp_path), development=True) as opened:
        yield opened


async def grow(rooms: Rooms, entries: int) -> None:
    """Add entries, then sign and publish."""
    for _ in range(entries):
        await rooms.ledger.record(Entry(EntryType.SYSTEM_STARTED))
    await rooms.checkpoints.publish(await rooms.checkpoints.newest())


async def cut_to(rooms: Rooms, size: int) -> None:
    """Take the tail out of every table of the ledger, as a restored copy would lack it."""
    async with rooms.database.write() as connection:
        await connection.execute(delete(leaf_details).where(leaf_details.c.leaf_index >= size))
        await connection.execute(delete(leaves).where(leaves.c.leaf_index >= size))
        await connection.execute(delete(checkpoints).where(checkpoints.c.size > size))
        beyond = ledger_nodes.c.node_index >= size
        await connection.execute(delete(ledger_nodes).where(ledger_nodes.c.level == 0, beyond))


async def test_the_first_start_and_a_grown_ledger_go_on(rooms: Rooms) -> None:
    """No head was published, or it is the beginning of what there is."""
    await rooms.checkpoints.require_continued()
    await grow(rooms, 5)
    await rooms.checkpoints.require_continued()
    await rooms.ledger.record(Entry(EntryType.SYSTEM_STARTED))
    await rooms.checkpoints.require_continued()


async def test_a_shortened_ledger_is_refused_at_start(rooms: Rooms) -> None:
    """The head beside the objects is longer than the database: it was set back."""
    await grow(rooms, 9)
    await cut_to(rooms, 4)
    with pytest.raises(LedgerBrokenError):
        await rooms.checkpoints.require_continued()


async def test_another_history_of_the_same_length_is_refused(rooms: Rooms) -> None:
    """Cut and written anew: as long as before, but not the same."""
    await grow(rooms, 8)
    await cut_to(rooms, 0)
    async with rooms.database.write() as connection:
        await connection.execute(delete(ledger_nodes))
    for _ in range(8):
        await rooms.ledger.record(Entry(EntryType.SYSTEM_STARTED))
    with pytest.raises(LedgerBrokenError):
        await rooms.checkpoints.require_continued()
