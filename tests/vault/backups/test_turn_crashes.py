"""The end of an epoch with real backups at real places: dead at any step, two good copies come first."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import select

from storage.memory import MemoryStore
from storage.store import ObjectStore
from tests.vault.backups.test_backups import backups_of
from tests.vault.keys.test_turning import DAY, Told, opened, some_keys
from tests.vault.media.crashes import Crash, Wire, WiredStore
from tests.vault.media.workshop import Workshop
from vault.backups.dump import Kind
from vault.db.key_tables import epochs
from vault.keys.epochs import EpochState
from vault.keys.file_provider import FileKeyProvider
from vault.keys.provider import Destruction
from vault.keys.ring_file import RingFile
from vault.keys.store import KeyStore
from vault.keys.turning import Turn, TurnParts, TurnRules

NOW = timedelta(0)


class Witness(FileKeyProvider):
    """Counts the good copies there are in the moment a key is destroyed."""

    def __init__(self, file: RingFile, count: Callable[[int], Awaitable[int]]) -> None:
        super().__init__(file)
        self.seen: list[int] = []
        self._count = count

    async def destroy_epoch(
        self, epoch: int, *, now: datetime, made: Mapping[str, str] | None = None
    ) -> Destruction:
        """Look first."""
        self.seen.append(await self._count(epoch))
        return await super().destroy_epoch(epoch, now=now, made=made)


class Turns:
    """Turns of one key store, one after the other, with places that outlive every process."""

    def __init__(self, work: Workshop) -> None:
        self.work = work
        self.stores: list[ObjectStore] = [MemoryStore(country="FR") for _ in range(2)]
        self.told = Told()
        self.witness = Witness(RingFile(work.ground.root_key), self._copies)

    async def _copies(self, epoch: int) -> int:
        """How many places have a good backup from after an epoch retired, as somebody new reads them."""
        async with self.work.ground.keys.read() as connection:
            found = await connection.execute(select(epochs.c.retired_at).where(epochs.c.epoch == epoch))
        return await backups_of(self.work, *self.stores).read_back(found.scalar_one())

    async def once(self, dies_at: int | None) -> int:
        """Turn once, dying at a step and going on in a new process; how many steps there were."""
        old = await self.work.keys.epochs.current()
        wire = Wire(dies_at)
        try:
            await self._whole(old, wire)
        except Crash:
            await self._whole(old, Wire())
        assert self.told.ends == list(range(1, old + 1))
        return len(wire.steps)

    async def _whole(self, old: int, wire: Wire) -> None:
        at = Workshop(self.work.ground, wire, self.work.tenant_id)
        keys = KeyStore(at.key_database, self.witness, at.clock)
        backups = backups_of(at, *(WiredStore(store, wire) for store in self.stores))
        turn = Turn(TurnParts(at.key_database, keys, at.clock, backups, self.told), TurnRules(0, DAY, 2))
        if await keys.epochs.current() == old:
            await turn.begin()
        await turn.carry(grace=NOW)
        await turn.carry(grace=NOW)


async def test_a_turn_that_dies_at_any_step_destroys_nothing_before_two_copies_read_back(
    any_work: Workshop,
) -> None:
    """P8 at its price: after the end only the new epoch's backups are worth anything, so they are there."""
    turns, made = Turns(any_work), await some_keys(any_work, 2)
    steps = await turns.once(None)
    assert steps > 20
    for number in range(1, steps + 1):
        await turns.once(number)
    assert set(turns.witness.seen) == {2}
    assert len(turns.witness.seen) > steps
    for object_id, key in made.items():
        assert await opened(any_work, object_id) == key
    standing = await any_work.keys.epochs.all()
    assert {each.state for each in standing[:-1]} == {EpochState.DESTROYED}
    for shelf in backups_of(any_work, *turns.stores).shelves(Kind.KEYS):
        assert len(await shelf.all()) > steps


async def test_a_place_that_is_away_holds_the_end_up_until_it_is_back(any_work: Workshop) -> None:
    """Nothing is destroyed with one copy, however often it is tried; then the other place gets its own."""
    lyon, metz = MemoryStore(country="FR"), MemoryStore(country="FR")
    made, told = await some_keys(any_work, 1), Told()
    away = MemoryStore(country="FR")
    await away.aclose()

    def turn(*stores: ObjectStore) -> Turn:
        backups = backups_of(any_work, *stores)
        parts = TurnParts(any_work.key_database, any_work.keys, any_work.clock, backups, told)
        return Turn(parts, TurnRules(0, DAY, 2))

    waiting = turn(lyon, away)
    await waiting.begin()
    for _ in range(3):
        (old, _) = await waiting.carry(grace=NOW)
        assert (old.state, waiting.copies_lacking, told.ends) == (EpochState.RETIRED, 1, [])
    assert len([one async for one in lyon.list()]) == 1
    back = turn(lyon, metz)
    (old, _) = await back.carry(grace=NOW)
    assert (old.state, back.copies_lacking, told.ends) == (EpochState.DESTROYED, 0, [1])
    (object_id, key) = next(iter(made.items()))
    assert await opened(any_work, object_id) == key
