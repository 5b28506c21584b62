"""Copies and erasures at once: whatever stands still or dies, and wherever, nothing erased comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from storage.catching_up import CatchUp
from storage.debts import CLAIM_S, Act, Debt, MemoryDebts
from storage.errors import UnavailableError
from storage.memory import MemoryStore
from storage.replicated import ReplicatedStore
from storage.store import ByteRange, Erasure, ObjectKey, Reading, StoredObject
from tests.storage.contract import KEY, some_bytes

LARGE = some_bytes(600_000)  # three blocks
ROUNDS = 60


class Killed(BaseException):
    """The process is no more: nothing of it runs on, no `finally` reaches anything outside."""


class Stop:
    """Counts a process's steps to the outside, and holds it, or kills it, at one of them."""

    def __init__(self, at: int = 0, *, kills: bool = False) -> None:
        self.steps = 0
        self._at = at
        self._kills = kills
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def step(self) -> None:
        """Take one."""
        self.steps += 1
        if self._kills and self.steps >= self._at:
            self.reached.set()
            raise Killed
        if self.steps == self._at:
            self.reached.set()
            await self.go_on.wait()


class SteppedDebts(MemoryDebts):
    """Another process's hands on the same list."""

    def __init__(self, of: MemoryDebts, stop: Stop) -> None:
        super().__init__()
        self.__dict__.update(of.__dict__)
        self._stop = stop

    async def of(self, key: ObjectKey) -> list[Debt]:
        """Look, as a step."""
        await self._stop.step()
        return list(await super().of(key))

    async def claim(self, debt: Debt) -> Debt | None:
        """Claim, as a step before and one after."""
        await self._stop.step()
        claimed = await super().claim(debt)
        await self._stop.step()
        return claimed

    async def renew(self, debt: Debt) -> bool:
        """Renew, as a step."""
        await self._stop.step()
        return await super().renew(debt)

    async def settle(self, debt: Debt) -> bool:
        """Settle, as a step before and one after."""
        await self._stop.step()
        settled = await super().settle(debt)
        await self._stop.step()
        return settled

    async def release(self, debt: Debt, *, wait_s: float = 0, failed: bool = False) -> None:
        """Release, as a step."""
        await self._stop.step()
        await super().release(debt, wait_s=wait_s, failed=failed)


class SteppedStore(MemoryStore):
    """Another process's hands on the same place. A request that was sent arrives though the sender died."""

    def __init__(self, of: MemoryStore, stop: Stop, landing: list[bytes]) -> None:
        super().__init__()
        self.__dict__.update(of.__dict__)
        self._of = of
        self._stop = stop
        self._landing = landing

    async def put(
        self, key: ObjectKey, body: bytes | AsyncIterator[bytes], *, if_absent: bool = False
    ) -> StoredObject:
        """Gather the body, send it off, hear of it: killed in between, it lands all the same."""
        assert not isinstance(body, bytes)
        whole = b"".join([block async for block in body])
        try:
            await self._stop.step()
        except Killed:
            self._landing.append(whole)
            raise
        stored = await self._of.put(key, whole, if_absent=if_absent)
        await self._stop.step()
        return stored

    @asynccontextmanager
    async def open(
        self, key: ObjectKey, byte_range: ByteRange | None = None, *, etag: str | None = None
    ) -> AsyncIterator[Reading]:
        """Open, as a step."""
        await self._stop.step()
        async with self._of.open(key, byte_range, etag=etag) as reading:
            yield reading

    async def erase(self, key: ObjectKey) -> Erasure:
        """Erase, as a step before and one after."""
        await self._stop.step()
        erased = await self._of.erase(key)
        await self._stop.step()
        return erased


class House:
    """Two places and a list, and any number of processes that work with them."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.places = {"primary": MemoryStore(), "lyon": MemoryStore()}
        self.debts = MemoryDebts(monotonic=lambda: self.now_s)
        self.store = ReplicatedStore(self.places, self.debts)
        self.store.catch_up.patience_s = 0.0
        self.landing: list[bytes] = []

    def process(self, stop: Stop) -> CatchUp:
        """Another process that catches up."""
        places = {name: SteppedStore(one, stop, self.landing) for name, one in self.places.items()}
        return CatchUp(places, SteppedDebts(self.debts, stop))

    async def land(self) -> None:
        """Let what a dead process had sent arrive."""
        for whole in self.landing:
            await self.places["lyon"].put(KEY, whole)
        self.landing.clear()

    async def is_erased(self) -> bool:
        """Ask for the erasure once more."""
        with suppress(UnavailableError):
            await self.store.erase(KEY)
            return await self.store.remains(KEY) == ()
        return False

    async def settled(self) -> None:
        """Let time pass and everybody work until nothing is owed."""
        for _ in range(ROUNDS):
            for name in self.places:
                await self.store.catch_up.turn(name)
            self.now_s += CLAIM_S / 4
            if not await self.debts.lag():
                return
        pytest.fail("something is owed for ever")


async def copying(house: House, stop: Stop) -> None:
    """Put an object, and begin to copy it in another process."""
    await house.store.put(KEY, LARGE)
    with suppress(Killed):
        await house.process(stop).turn("lyon")


@pytest.mark.parametrize("late_s", [0.0, CLAIM_S + 1])
async def test_a_copy_held_at_any_step_never_lands_behind_an_erasure(late_s: float) -> None:
    """Every step enumerated: the erasure waits, or the copy notices and takes back what it wrote.

    Held for longer than its claim, a process is taken for dead, and is not.
    """
    await copying(House(), counted := Stop())
    assert counted.steps > 8
    for at in range(1, counted.steps + 1):
        house, stop = House(), Stop(at)
        copy = asyncio.create_task(copying(house, stop), name="copy")
        await stop.reached.wait()
        house.now_s += late_s
        erased = await house.is_erased()
        stop.go_on.set()
        await copy
        if erased:  # what was said to be gone is gone, now that the copy has ended
            assert await house.store.remains(KEY) == (), at
        await house.settled()
        assert await house.store.remains(KEY) == (), at


async def test_a_copy_killed_at_any_step_never_lands_behind_an_erasure() -> None:
    """Its claim outlives it; the erasure waits for the claim, and looks again when its requests are over."""
    await copying(House(), counted := Stop())
    for at in range(1, counted.steps + 1):
        house = House()
        await copying(house, Stop(at, kills=True))
        for _ in range(ROUNDS):
            if await house.is_erased():
                break
            house.now_s += CLAIM_S / 4
        else:
            pytest.fail(f"never erased after a kill at {at}")
        await house.land()
        await house.settled()
        assert await house.store.remains(KEY) == (), at


async def test_a_copy_killed_at_any_step_is_made_in_the_end() -> None:
    """Nothing that was acknowledged stays owed for ever."""
    await copying(House(), counted := Stop())
    for at in range(1, counted.steps + 1):
        house = House()
        await copying(house, Stop(at, kills=True))
        await house.settled()
        assert await house.places["lyon"].read(KEY, limit_bytes=len(LARGE)) == LARGE


async def test_an_erasure_killed_at_any_step_is_finished_by_others() -> None:
    """Its debts were written first."""

    async def erasing(house: House, stop: Stop) -> None:
        await house.store.put(KEY, LARGE)
        await house.settled()
        await house.debts.owe(Act.ERASE, KEY, house.places)
        process = house.process(stop)
        with suppress(Killed):
            for name in house.places:
                await process.erase(KEY, name)

    await erasing(House(), counted := Stop())
    for at in range(1, counted.steps + 1):
        house = House()
        await erasing(house, Stop(at, kills=True))
        await house.settled()
        assert await house.store.remains(KEY) == (), at


async def test_a_put_and_an_erasure_at_once_end_alike_everywhere() -> None:
    """Whichever came last, no place keeps what another has lost."""
    for turns in range(12):
        house = House()
        house.store.catch_up.patience_s = 5.0
        await house.store.put(KEY, b"old")
        await house.settled()
        putting = asyncio.create_task(house.store.put(KEY, LARGE), name="put")
        for _ in range(turns):
            await asyncio.sleep(0)
        await asyncio.gather(house.store.erase(KEY), putting, return_exceptions=True)
        await house.settled()
        left = {line.split(" at ")[1] for line in await house.store.remains(KEY)}
        assert left in (set(), {"primary, lyon"}), turns
