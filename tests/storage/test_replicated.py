"""Several stores as one: the contract, falling over, and erasures that reach every place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from storage.debts import Act, MemoryDebts
from storage.errors import AbsentError, RefusedError, RetainedError, UnavailableError
from storage.memory import MemoryStore
from storage.replicated import Acknowledge, ReplicatedStore
from storage.store import ByteRange, Erasure, ObjectKey, ObjectStore, Reading, StoredObject
from tests.storage.contract import KEY, SMALL, ObjectStoreContract, in_pieces, keys, some_bytes

LARGE = some_bytes(1_500_000)


class Place(MemoryStore):
    """A place that can be away, or keep what it is told to delete; it counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__(country="FR")
        self.is_away = False
        self.is_locked = False
        self.goes_away_after: int | None = None  # blocks
        self.puts = 0

    def _check_open(self) -> None:
        super()._check_open()
        if self.is_away:
            raise UnavailableError("made to be away")

    async def put(
        self, key: ObjectKey, body: bytes | AsyncIterator[bytes], *, if_absent: bool = False
    ) -> StoredObject:
        """Keep, and count."""
        self.puts += 1
        return await super().put(key, body, if_absent=if_absent)

    async def erase(self, key: ObjectKey) -> Erasure:
        """Erase, unless a lock keeps it."""
        if self.is_locked:
            raise RetainedError("made to keep it")
        return await super().erase(key)

    @asynccontextmanager
    async def open(
        self, key: ObjectKey, byte_range: ByteRange | None = None, *, etag: str | None = None
    ) -> AsyncIterator[Reading]:
        """Open; perhaps be away in the middle."""
        async with super().open(key, byte_range, etag=etag) as reading:
            yield Reading(reading.stored, self._until_away(reading))

    async def _until_away(self, reading: Reading) -> AsyncIterator[bytes]:
        async for block in reading:
            if self.goes_away_after is not None:
                self.goes_away_after -= 1
                self.is_away = self.goes_away_after < 0
                self._check_open()
            yield block


class Three:
    """A primary, two replicas, and the store made of them."""

    def __init__(self, acknowledge: Acknowledge = Acknowledge.PRIMARY) -> None:
        self.primary, self.lyon, self.metz = Place(), Place(), Place()
        self.debts = MemoryDebts()
        self.store = ReplicatedStore(
            {"primary": self.primary, "lyon": self.lyon, "metz": self.metz},
            self.debts,
            acknowledge=acknowledge,
            single=("spool/",),
        )

    async def caught_up(self) -> None:
        """Carry what is owed until nothing more can be."""
        for name in self.store.places:
            while await self.store.catch_up.turn(name):
                pass

    @property
    def all(self) -> list[Place]:
        """Every place."""
        return [self.primary, self.lyon, self.metz]


@pytest.fixture
async def three() -> AsyncIterator[Three]:
    """Three empty places, the primary acknowledges."""
    made = Three()
    yield made
    await made.store.aclose()


class TestPrimaryAcknowledges(ObjectStoreContract):
    """The contract, where replicas catch up later."""

    @pytest.fixture
    async def store(self) -> AsyncIterator[ObjectStore]:
        """A store of three places that nobody catches up for."""
        store = Three().store
        yield store
        await store.aclose()


class TestAllAcknowledge(ObjectStoreContract):
    """The contract, where every place has it when put returns."""

    copies = 3

    @pytest.fixture
    async def store(self) -> AsyncIterator[ObjectStore]:
        """A store of three places."""
        store = Three(Acknowledge.ALL).store
        yield store
        await store.aclose()


class TestWhileCatchingUp(ObjectStoreContract):
    """The contract, while the job that catches up does its work."""

    copies = 1

    @pytest.fixture
    async def store(self) -> AsyncIterator[ObjectStore]:
        """A store of three places, and the job."""
        store = Three().store
        job = asyncio.create_task(store.catch_up.run(), name="catch-up")
        yield store
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        await store.aclose()

    async def test_many_at_once_do_not_mix(self, store: ObjectStore) -> None:
        """How many copies an erasure met depends on the job here; that nothing is left does not."""

        async def there_and_back(n: int) -> None:
            key = ObjectKey(f"many/{n}")
            await store.put(key, whole := some_bytes(10_000 + n, seed=n))
            assert await store.read(key, limit_bytes=len(whole)) == whole
            await store.erase(key)

        await asyncio.gather(*(there_and_back(n) for n in range(40)))
        assert await store.remains("") == ()

    async def test_erase_deletes_all_there_is_and_nothing_else(self, store: ObjectStore) -> None:
        """As above."""
        await store.put(KEY, b"one")
        await store.put(neighbour := ObjectKey(f"{KEY}.more"), SMALL)
        await store.erase(KEY)
        assert await store.remains(KEY) == ()
        assert await store.read(neighbour, limit_bytes=100) == SMALL


async def test_replicas_get_what_the_primary_acknowledged(three: Three) -> None:
    """Nothing is owed when they have it."""
    await three.store.put(KEY, in_pieces(LARGE))
    assert {(debt.place, debt.act) for debt in await three.debts.of(KEY)} == {
        ("lyon", Act.COPY),
        ("metz", Act.COPY),
    }
    await three.caught_up()
    for place in three.all:
        assert await place.read(KEY, limit_bytes=len(LARGE)) == LARGE
    assert await three.debts.lag() == {}


async def test_a_replica_that_is_away_is_owed_and_does_not_hold_up_the_other(three: Three) -> None:
    """The lag tells how many and since when; when it is back, it gets them."""
    three.lyon.is_away = True
    await three.store.put(KEY, SMALL)
    await three.caught_up()
    assert await three.metz.read(KEY, limit_bytes=99) == SMALL
    lag = (await three.debts.lag())["lyon"]
    assert (lag.owed, lag.failing) == (1, 1)
    assert three.store.catch_up.failures["lyon"] == 1
    three.lyon.is_away = False
    for debt in await three.debts.of(KEY):
        assert await three.store.catch_up.carry(debt)
    assert await three.lyon.read(KEY, limit_bytes=99) == SMALL


async def test_with_all_a_put_is_no_success_while_a_place_is_away() -> None:
    """It stays open, as the contract has it: put again when the place is back, or erase."""
    three = Three(Acknowledge.ALL)
    three.metz.is_away = True
    with pytest.raises(UnavailableError, match="metz"):
        await three.store.put(KEY, SMALL)
    three.metz.is_away = False
    await three.store.put(KEY, SMALL)
    for place in three.all:
        assert await place.read(KEY, limit_bytes=99) == SMALL


async def test_reading_falls_over_when_the_primary_is_away(three: Three) -> None:
    """Open, range and head."""
    await three.store.put(KEY, SMALL)
    await three.caught_up()
    three.primary.is_away = three.lyon.is_away = True
    assert await three.store.read(KEY, limit_bytes=99) == SMALL
    assert await three.store.read(KEY, ByteRange(2, 5), limit_bytes=99) == SMALL[2:5]
    assert (await three.store.head(KEY)).size_bytes == len(SMALL)


async def test_a_reading_goes_on_elsewhere_when_its_place_goes_away(three: Three) -> None:
    """No byte is missing or repeated, however often."""
    await three.store.put(KEY, LARGE)
    await three.caught_up()
    three.primary.goes_away_after, three.lyon.goes_away_after = 2, 1
    assert await three.store.read(KEY, limit_bytes=len(LARGE)) == LARGE
    assert three.primary.is_away
    assert three.lyon.is_away


async def test_a_replica_that_is_behind_is_not_asked(three: Three) -> None:
    """An older object is worse than none; and the primary's absence of an answer is no absence."""
    await three.store.put(KEY, b"first")
    await three.caught_up()
    await three.store.put(KEY, b"second")
    three.primary.is_away = True
    with pytest.raises(UnavailableError):
        await three.store.read(KEY, limit_bytes=99)
    with pytest.raises(UnavailableError):
        await three.store.head(ObjectKey("never/put"))


async def test_what_the_primary_lost_is_given_by_a_replica_and_brought_back(three: Three) -> None:
    """Reading alone sets it right."""
    await three.store.put(KEY, SMALL)
    await three.caught_up()
    await three.primary.erase(KEY)
    assert await three.store.read(KEY, limit_bytes=99) == SMALL
    await three.caught_up()
    assert await three.primary.read(KEY, limit_bytes=99) == SMALL


async def test_a_listing_is_never_the_replicas(three: Three) -> None:
    """One that is behind would leave out what a recording is made of."""
    await three.store.put(KEY, SMALL)
    await three.caught_up()
    three.primary.is_away = True
    with pytest.raises(UnavailableError):
        await keys(three.store.list())


async def test_an_erasure_names_who_is_away_and_is_not_complete(three: Three) -> None:
    """Everywhere else it is gone at once; nothing serves it meanwhile, not even the one that was away."""
    await three.store.put(KEY, SMALL)
    await three.caught_up()
    three.lyon.is_away = True
    with pytest.raises(UnavailableError, match="lyon"):
        await three.store.erase(KEY)
    for place in (three.primary, three.metz):
        assert await place.remains("") == ()
    with pytest.raises(UnavailableError, match="lyon"):
        await three.store.remains(KEY)
    three.lyon.is_away = False
    assert await three.store.remains(KEY) == (f"object {KEY} at lyon",)
    with pytest.raises(AbsentError):
        await three.store.read(KEY, limit_bytes=99)
    for debt in await three.debts.of(KEY):
        assert await three.store.catch_up.carry(debt)
    assert await three.store.remains("") == ()
    assert await three.debts.lag() == {}


async def test_a_place_that_must_keep_it_is_a_refusal(three: Three) -> None:
    """Also where another is away: waiting would not help."""
    await three.store.put(KEY, SMALL)
    await three.caught_up()
    three.metz.is_locked, three.lyon.is_away = True, True
    with pytest.raises(RetainedError, match="lyon, metz"):
        await three.store.erase(KEY)


async def test_remains_tells_where(three: Three) -> None:
    """One line for what is the same, with every place that has it."""
    await three.store.put(KEY, SMALL)
    await three.caught_up()
    await three.metz.put(stray := ObjectKey("stray"), SMALL)
    assert await three.store.remains("") == (
        f"object {KEY} at primary, lyon, metz",
        f"object {stray} at metz",
    )


async def test_what_is_single_lies_at_the_primary_alone(three: Three) -> None:
    """And what an earlier primary still has of it is found, and erased with the rest."""
    key = ObjectKey("spool/a/00000001")
    await three.store.put(key, SMALL)
    assert await three.debts.lag() == {}
    await three.store.erase(key)
    assert [place.puts for place in three.all] == [1, 0, 0]
    await three.store.put(key, SMALL)
    three.primary.is_away = True
    with pytest.raises(UnavailableError):
        await three.store.read(key, limit_bytes=99)
    other = Three()
    await other.lyon.put(key, SMALL)
    assert await other.store.remains("spool/a/") == (f"object {key} at lyon",)
    await other.store.erase(key)
    assert await other.store.remains("") == ()


async def test_a_failed_put_leaves_nothing_owed(three: Three) -> None:
    """What was written down for it goes as soon as somebody looks."""

    async def failing() -> AsyncIterator[bytes]:
        yield SMALL
        raise RefusedError("made to fail")

    with pytest.raises(RefusedError, match="made to fail"):
        await three.store.put(KEY, failing())
    await three.caught_up()
    assert await three.debts.lag() == {}


async def test_an_object_put_over_an_erasure_that_is_owed_waits_for_it(three: Three) -> None:
    """A versioned place would keep the old version behind the new one."""
    await three.store.put(KEY, SMALL)
    await three.caught_up()
    three.lyon.is_away = True
    for _ in range(2):
        with pytest.raises(UnavailableError, match="lyon"):
            await (three.store.erase(KEY) if _ == 0 else three.store.put(KEY, b"new"))
    three.lyon.is_away = False
    await three.store.put(KEY, b"new")
    await three.caught_up()
    assert await three.lyon.read(KEY, limit_bytes=9) == b"new"
