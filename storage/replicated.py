"""A primary and any number of replicas as one store, see docs/adr/0012.

* **Put.** That the replicas lack the object is written down before the primary gets it, so that no crash can
  leave one behind unnoticed. With `Acknowledge.PRIMARY` a put returns when the primary has it, and `CatchUp`
  does the rest; with `Acknowledge.ALL` when every place has it.
* **Read.** From the primary. Where it does not answer, or has lost what a replica still has, a replica gives
  it: only one that owes nothing for this key, so neither an older object nor one that is being erased. What
  the primary lost is owed to it from then on.
* **List** is the primary's alone: a replica that is behind would leave objects out without a word.
* **Erase** writes a debt for every place first, then deletes everywhere. A place that does not answer makes
  it `UnavailableError` and is named; its debt stays and is carried when it is back. **remains** asks every
  place and tells where each thing was found, so it is only empty when nothing is anywhere.
* **Single** folders hold what lies at the primary alone. An earlier primary may still have some of it:
  remains tells, and erase deletes it there as well.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from storage.catching_up import CatchUp, refusal
from storage.debts import Act
from storage.errors import AbsentError, ChangedError, StorageError, UnavailableError
from storage.pool import uninterrupted
from storage.resilient import ResumedReading
from storage.store import (
    REMAINS_MAX,
    ByteRange,
    Erasure,
    ObjectKey,
    ObjectStore,
    Placement,
    ProbeReport,
    Reading,
    StoredObject,
    collect,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from storage.debts import Debts

T = TypeVar("T")
PUT_S: Final = 900.0  # a put that a crash cut short is looked after when it cannot be under way any more


class Acknowledge(StrEnum):
    """When a put returns."""

    PRIMARY = "primary"
    ALL = "all"


class ReplicatedStore(ObjectStore):
    """Several stores as one. The first of `places` is the primary; names are the operator's own."""

    def __init__(
        self,
        places: Mapping[str, ObjectStore],
        debts: Debts,
        *,
        acknowledge: Acknowledge = Acknowledge.PRIMARY,
        single: tuple[str, ...] = (),
    ) -> None:
        self.places = dict(places)
        self.catch_up = CatchUp(self.places, debts)
        self.debts = debts
        self._acknowledge = acknowledge
        self._single = single
        self._name, *self._replicas = self.places
        self._primary = self.places[self._name]
        self._swept: set[str] = set()  # replicas that hold nothing of the single folders

    # --- writing --------------------------------------------------------------------------------------------

    async def put(
        self, key: ObjectKey, body: bytes | AsyncIterator[bytes], *, if_absent: bool = False
    ) -> StoredObject:
        """Store an object; see `ObjectStore.put`, and `Acknowledge` for when it returns."""
        if not self._replicas or self._is_single(key):
            return await self._primary.put(key, body, if_absent=if_absent)
        if any(debt.act is Act.ERASE for debt in await self.debts.of(key)):
            await self.erase(key)  # older versions go first, everywhere
        ticket = await self.debts.owe(Act.COPY, key, self._replicas, wait_s=PUT_S)
        try:
            stored = await self._primary.put(key, body, if_absent=if_absent)
        except UnavailableError:
            raise  # it may be stored all the same: the debt stays for when that is certain
        except BaseException:
            with suppress(UnavailableError):
                await uninterrupted(self.debts.hasten(key, ticket), f"put-{key}")
            raise
        try:
            await self._replicate(key, ticket)
        except asyncio.CancelledError:
            with suppress(StorageError):  # owed, so carried later
                await uninterrupted(self.erase(key), f"put-{key}")
            raise
        return stored

    async def _replicate(self, key: ObjectKey, ticket: str) -> None:
        """Have the replicas get what the primary has now."""
        with suppress(UnavailableError):  # the debt is written; it only comes due later
            if not await self.debts.hasten(key, ticket):
                # Erased, then nothing is copied; or put so slowly that somebody believed it had failed.
                await self.debts.owe(Act.COPY, key, self._replicas, gently=True)
        if self._acknowledge is Acknowledge.ALL:
            for name in self._replicas:
                await self.catch_up.bring(key, name)
        self.catch_up.wake()

    async def erase(self, key: ObjectKey) -> Erasure:
        """Delete all there is of one key at every place; see `ObjectStore.erase`."""
        if not self._replicas:
            return await self._primary.erase(key)
        if self._is_single(key):
            return await self._erase_single(key)
        await self.debts.owe(Act.ERASE, key, self.places)
        names = list(self.places)
        ended = await asyncio.gather(
            *(self.catch_up.erase(key, name) for name in names), return_exceptions=True
        )
        failed = {name: one for name, one in zip(names, ended, strict=True) if isinstance(one, BaseException)}
        if failed:
            raise refusal(key, failed)
        return _sum([one for one in ended if isinstance(one, Erasure)])

    async def _erase_single(self, key: ObjectKey) -> Erasure:
        erased = [await self._primary.erase(key)]
        for name in self._replicas:
            # One that is away is no reason to keep the spool: `remains` will not say that nothing is there.
            with suppress(UnavailableError):
                if not await self._is_swept(name):
                    erased.append(await self.places[name].erase(key))
        return _sum(erased)

    async def _is_swept(self, name: str) -> bool:
        if name not in self._swept:
            for folder in self._single:
                if await self.places[name].remains(folder):
                    return False
            self._swept.add(name)
        return True

    async def remains(self, where: str) -> tuple[str, ...]:
        """Return what is still there, anywhere, and where; raises where a place does not answer."""
        found: dict[str, list[str]] = {}
        for name, store in self.places.items():
            try:
                lines = await store.remains(where)
            except UnavailableError as cause:
                away = UnavailableError(f"{name} does not say what it still has: {cause}")
                away.places = (name,)
                raise away from cause
            for line in lines:
                found.setdefault(line, []).append(name)
        if not self._replicas:
            return tuple(found)
        return tuple(f"{line} at {', '.join(found[line])}" for line in sorted(found)[:REMAINS_MAX])

    async def hidden(self, *, older_s: float) -> AsyncIterator[tuple[ObjectKey, ...]]:
        """Give what no listing shows, of every place."""
        for store in self.places.values():
            async for page in store.hidden(older_s=older_s):
                yield page

    # --- reading --------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def open(
        self, key: ObjectKey, byte_range: ByteRange | None = None, *, etag: str | None = None
    ) -> AsyncIterator[Reading]:
        """Open an object; a reading that breaks off goes on at another place."""
        async with AsyncExitStack() as opened:
            at = self._name

            async def enter(name: str, wanted: ByteRange | None, of: str | None) -> Reading:
                await opened.aclose()
                return await opened.enter_async_context(self.places[name].open(key, wanted, etag=of))

            async def go_on(wanted: ByteRange | None, _etag: str | None) -> Reading:
                reading = await enter(at, wanted, None)
                if reading.stored.size_bytes != first.stored.size_bytes:
                    raise ChangedError(f"{key} is another object at {at}")
                return reading

            async def elsewhere(step: Callable[[int], Awaitable[Any]]) -> Any:
                nonlocal at
                try:
                    return await step(0)
                except UnavailableError as error:
                    for name in await self._others(key, but=at):
                        at = name
                        with suppress(UnavailableError):
                            return await step(1)
                    raise error from None

            at, first = await self._somewhere(key, lambda name: enter(name, byte_range, etag))
            yield ResumedReading(first, byte_range, go_on, elsewhere)

    async def read(self, key: ObjectKey, byte_range: ByteRange | None = None, *, limit_bytes: int) -> bytes:
        """Return an object or a range; see `ObjectStore.read`."""
        return await collect(self.open(key, byte_range), limit_bytes)

    async def head(self, key: ObjectKey) -> StoredObject:
        """Tell about an object; see `ObjectStore.head`."""
        return (await self._somewhere(key, lambda name: self.places[name].head(key)))[1]

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        """Give the primary's objects; see the module."""
        try:
            async for stored in self._primary.list(prefix):
                yield stored
        except UnavailableError as error:
            error.places = (self._name,)
            raise

    async def _somewhere(self, key: ObjectKey, look: Callable[[str], Awaitable[T]]) -> tuple[str, T]:
        """Look at the primary, then at replicas; the primary's own error where none has it."""
        try:
            return self._name, await look(self._name)
        except (UnavailableError, AbsentError) as error:
            for name in await self._others(key, but=self._name):
                with suppress(StorageError):
                    found = await look(name)
                    if isinstance(error, AbsentError):
                        await self.debts.owe(Act.COPY, key, [self._name], gently=True)
                        self.catch_up.wake()
                    return name, found
            raise

    async def _others(self, key: ObjectKey, *, but: str) -> tuple[str, ...]:
        """Name the places whose object is the one that counts: none where anything is being erased."""
        if not self._replicas or self._is_single(key):
            return ()
        try:
            owed = await self.debts.of(key)
        except UnavailableError:
            return ()
        if any(debt.act is Act.ERASE for debt in owed):
            return ()
        owing = {debt.place for debt in owed}
        return tuple(name for name in self.places if name != but and name not in owing)

    # --- the rest -------------------------------------------------------------------------------------------

    async def placement(self) -> Placement:
        """Ask where the primary lies; `placements` tells all."""
        return await self._primary.placement()

    async def placements(self) -> Mapping[str, Placement]:
        """Ask every place where it lies, the primary first; raises what the first that fails raises."""
        return {name: await store.placement() for name, store in self.places.items()}

    async def probe(self) -> ProbeReport:
        """Try the primary; each replica is tried by itself when it is opened."""
        return await self._primary.probe()

    async def aclose(self) -> None:
        """Close every place."""
        for store in self.places.values():
            await store.aclose()

    def _is_single(self, key: ObjectKey) -> bool:
        return key.startswith(self._single)


def _sum(erased: Sequence[Erasure]) -> Erasure:
    return Erasure(
        sum(one.versions_deleted for one in erased),
        sum(one.markers_deleted for one in erased),
        sum(one.uploads_aborted for one in erased),
    )
