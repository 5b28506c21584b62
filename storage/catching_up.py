"""Carrying debts: what a place lacks is copied there, what it must lose is erased there.

An object that was erased never comes back by a copy:

* an erasure writes its debts for every place before it deletes anything, and waits for the claim of a copy
  that is under way. A copy looks at its debt before each block, so it notices and gives up;
* a copy that ends settles its debt under the ticket it began with. Where that does not work, the object was
  erased or replaced meanwhile: what was just written is erased again, before the claim is given back;
* whoever takes over the claim of a process that died erases a second time when every request of the dead one
  must have ended.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from storage.debts import CLAIM_S, Act
from storage.errors import AbsentError, RefusedError, StorageError, UnavailableError
from storage.pool import uninterrupted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from storage.debts import Debt, Debts, Lag
    from storage.store import Erasure, ObjectKey, ObjectStore, Reading

AT_ONCE: Final = 4  # of one place: more crowd out what people wait for
LOOK_EVERY_S: Final = 5.0  # for debts that another program wrote, or that are due again
LONGEST_WAIT_S: Final = 60.0  # a place that is back is not left behind for longer
ERASE_PATIENCE_S: Final = 5.0  # how long an erasure waits for a copy to notice it; then it is asked again
LOOK_AGAIN_S: Final = 0.02


class _OvertakenError(StorageError):
    """The debt changed while it was carried."""


class CatchUp:
    """Carries the debts of all places. Who starts `run` waits for it; it ends by cancellation."""

    def __init__(self, places: Mapping[str, ObjectStore], debts: Debts) -> None:
        self._places = places
        self._debts = debts
        self._wakes = {name: asyncio.Event() for name in places}
        self.patience_s = ERASE_PATIENCE_S
        self.failures: Counter[str] = Counter()  # by place, since the start
        self.lag: Mapping[str, Lag] = {}  # as of the last look

    def wake(self) -> None:
        """There is something new to carry."""
        for event in self._wakes.values():
            event.set()

    async def run(self) -> None:
        """Carry what comes, each place at its own pace; a place alone owes nothing."""
        if len(self._places) == 1:
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as tasks:
            for name in self._places:
                tasks.create_task(self._keep_up(name), name=f"catch-up-{name}")

    async def _keep_up(self, place: str) -> None:
        wake = self._wakes[place]
        while True:
            wake.clear()
            carried = 0
            with suppress(UnavailableError):  # the list itself does not answer
                carried = await self.turn(place)
                self.lag = await self._debts.lag()
            if not carried:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY_S):
                        await wake.wait()

    async def turn(self, place: str) -> int:
        """Carry some of what is due at a place; return how many debts were settled."""
        due = await self._debts.due(place, AT_ONCE)
        ended = await asyncio.gather(*(self.carry(debt) for debt in due))
        return sum(ended)

    async def carry(self, debt: Debt) -> bool:
        """Carry one debt; False where it could not be, and is due again later."""
        try:
            claimed = await self._debts.claim(debt)
            if claimed is None:
                return False
            if claimed.act is Act.COPY:
                await self._copy(claimed)
            else:
                await self._erase(claimed)
        except StorageError:
            return False
        return True

    async def bring(self, key: ObjectKey, place: str) -> None:
        """Copy a key to a place now; raises `UnavailableError` where that place does not get it."""
        while (debt := await self._owed(key, place, Act.COPY)) is not None:
            claimed = await self._debts.claim(debt)
            if claimed is None:  # somebody copies it already
                await asyncio.sleep(LOOK_AGAIN_S)
                continue
            try:
                await self._copy(claimed)
            except _OvertakenError:
                continue
            except StorageError as cause:
                raise UnavailableError(f"{key} is not at {place} yet: {cause}") from cause

    async def erase(self, key: ObjectKey, place: str) -> Erasure:
        """Carry the erasure that a place is owed, when no copy is under way there any more."""
        over_s = time.monotonic() + self.patience_s
        while (debt := await self._owed(key, place, Act.ERASE)) is not None:
            claimed = await self._debts.claim(debt)
            if claimed is not None:
                return await self._erase(claimed)
            if time.monotonic() > over_s:
                raise UnavailableError(f"something is still being done with {key} at {place}")
            await asyncio.sleep(LOOK_AGAIN_S)
        return await self._places[place].erase(key)  # somebody erased it, or puts it anew

    async def _owed(self, key: ObjectKey, place: str, act: Act) -> Debt | None:
        owed = [debt for debt in await self._debts.of(key) if debt.place == place]
        return next((debt for debt in owed if debt.act is act), None)

    async def _erase(self, debt: Debt) -> Erasure:
        try:
            erased = await self._places[debt.place].erase(debt.key)
        except BaseException as error:
            await self._give_back(debt, error)
            raise
        if debt.inherited:
            await self._debts.release(debt, wait_s=CLAIM_S)
        elif not await self._debts.settle(debt):
            await self._debts.release(debt)
        return erased

    async def _copy(self, debt: Debt) -> None:
        try:
            has_it = await self._written(debt)
        except BaseException as error:
            await self._give_back(debt, error)
            raise
        if await self._debts.settle(debt):
            return
        try:
            if has_it and await self._is_unwanted(debt):
                await self._places[debt.place].erase(debt.key)
        finally:
            await self._debts.release(debt)

    async def _is_unwanted(self, debt: Debt) -> bool:
        """Tell whether what was just copied was erased meanwhile; what was put anew is owed again anyway."""
        now = [one for one in await self._debts.of(debt.key) if one.place == debt.place]
        return not now or now[0].act is Act.ERASE

    async def _written(self, debt: Debt) -> bool:
        """Copy from the first place that has it; False where no place does: then nothing is owed either."""
        owing = {one.place for one in await self._debts.of(debt.key)}
        away: StorageError | None = None
        for name, source in self._places.items():
            if name == debt.place or name in owing:
                continue
            try:
                async with source.open(debt.key) as reading:
                    await self._places[debt.place].put(debt.key, self._watched(debt, reading))
            except AbsentError:
                continue
            except UnavailableError as error:
                away = error
                continue
            return True
        if away is not None:
            raise away
        return False

    async def _watched(self, debt: Debt, reading: Reading) -> AsyncIterator[bytes]:
        async for block in reading:
            if not await self._debts.renew(debt):
                raise _OvertakenError(f"{debt.key} was erased or replaced while it was copied")
            yield block

    async def _give_back(self, debt: Debt, error: BaseException) -> None:
        failed = isinstance(error, Exception) and not isinstance(error, _OvertakenError)
        wait_s = min(LONGEST_WAIT_S, 2.0**debt.attempts) if failed else 0.0
        self.failures[debt.place] += failed
        giving = self._debts.release(debt, wait_s=wait_s, failed=failed)
        with suppress(UnavailableError):  # then the claim ends by itself
            await uninterrupted(giving, f"give-back-{debt.key}")


def refusal(key: ObjectKey, failed: Mapping[str, BaseException]) -> BaseException:
    """Choose the error of an erasure that some places did not carry; a refusal outweighs an absence."""
    worst = min(failed.values(), key=lambda error: isinstance(error, UnavailableError))
    if not isinstance(worst, StorageError):
        return worst
    kind = type(worst) if isinstance(worst, RefusedError) else UnavailableError
    refused = kind(f"{key} could not be erased at {', '.join(sorted(failed))}: {worst}")
    refused.places = tuple(sorted(failed))
    return refused
