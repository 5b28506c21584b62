"""The turn of an epoch: every key that survives moves on, then the old epoch's key is destroyed.

Whoever forgot a data key had to trust that no copy of the key store kept it. After a turn nobody has to:
a copy from before it, known or not, is wrapped in keys that no longer exist. The steps, each durable and
each repeated without harm, so that a crash anywhere is finished by whoever comes next:

1. The next epoch begins, the current one is *retiring*. New keys go to the next at once.
2. Each record moves: opened under its old tenant key and held against its commitment, wrapped under a new
   tenant key, written where the old one still stands. Records that nobody can open stop the turn, they are
   never left behind.
3. Every record in the new epoch is opened once more as it lies in the database; the old one is *retired*.
4. A backup of the key store is made and read back: with the live one, two good copies.
5. After the grace period, and only while such a backup is there, the provider destroys the old epoch's key.
6. Its end is told once the provider has no such key any more: one that only schedules may be told to stop.
   From then on it is looked at each hour: a key that came back is destroyed again, and that end is told.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import Row, and_, bindparam, or_, select, update

from crypto.keys import TenantKey
from crypto.wrapping import wrap
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.key_tables import data_keys
from vault.errors import KeyProviderError, TamperedError, VaultError
from vault.keys.epochs import EpochState, Spent, Standing
from vault.keys.provider import EpochKeyState
from vault.keys.records import context_of, opened
from vault.keys.store import KeyStore

log = structlog.get_logger(__name__)

BATCH: Final = 250  # records in one transaction: some milliseconds of the one writer, and of the loop
LOOK_EVERY_S: Final = 60.0
LOOK_AGAIN_EVERY_S: Final = 3_600.0  # at keys that ended: one call of a service for each, for ever
NEVER: Final = datetime.min.replace(tzinfo=UTC)
MOST_BROKEN: Final = 100  # named in the status; the count is whole


@dataclass(frozen=True, slots=True)
class TurnRules:
    """When epochs turn. ``days`` of zero: only when somebody says so."""

    days: int
    grace: timedelta


class Ends(Protocol):
    """Where it is recorded, for receipts, that an epoch was destroyed."""

    async def told(self) -> Mapping[int, datetime]:
        """Name the epochs whose end is recorded, and the moment that was told."""
        ...

    async def spent(self) -> Spent:
        """Tell which numbers no new epoch may bear."""
        ...

    async def tell(self, ended: Standing) -> None:
        """Record an epoch's end; repeating it is harmless. A later one of the same epoch is another."""
        ...


@dataclass(frozen=True, slots=True)
class TurnParts:
    """What a turn reaches into.

    ``backed_up(since)`` sees to a backup of the key store that was made after a moment and read back whole,
    and tells whether there is one.
    """

    database: Database
    keys: KeyStore
    clock: Clock
    backed_up: Callable[[datetime], Awaitable[bool]]
    ends: Ends


class Turn:
    """Carries epochs from *current* to *destroyed*, as far as can be at a time."""

    def __init__(self, parts: TurnParts, rules: TurnRules) -> None:
        self._database = parts.database
        self._keys = parts.keys
        self._epochs = parts.keys.epochs
        self._ending = parts.keys.ending
        self._clock = parts.clock
        self._backed_up = parts.backed_up
        self._ends = parts.ends
        self._rules = rules
        self._look_again_at_s = float("-inf")
        self.broken: tuple[str, ...] = ()  # objects whose record does not open; they hold the turn up

    async def run(self) -> None:
        """Turn when it is time and carry on what was begun, until cancelled; a fault is tried again."""
        while True:
            try:
                await self.begin_when_due()
                await self.carry()
            except VaultError as error:
                log.warning("keys.turn_waits", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    async def begin_when_due(self) -> None:
        """Begin the next epoch where the current one has had its days and no other is on its way out."""
        if not self._rules.days:
            return
        standing = await self._epochs.all()
        if any(each.state is EpochState.RETIRING for each in standing):
            return
        current = next(each for each in standing if each.state is EpochState.CURRENT)
        if self._clock.now() - current.created_at >= timedelta(days=self._rules.days):
            await self.begin()

    async def begin(self) -> int:
        """Begin the next epoch; ConflictError while an older one is still retiring."""
        number = await self._epochs.turn(await self._ends.spent())
        log.info("keys.turn_begun", epoch=number)
        return number

    async def carry(self, *, grace: timedelta | None = None) -> Sequence[Standing]:
        """Do what can be done now for every epoch that is not current; tell how they all stand."""
        await self._leave_ended()
        await self._move()
        await self._end_all(self._rules.grace if grace is None else grace)
        standing = await self._epochs.all()
        await self._close([each for each in standing if each.state is EpochState.DESTROYED])
        return standing

    async def start(self) -> None:
        """Leave an epoch that has ended before and is in use again, before a door opens.

        An older key store came back, and its epoch's key with it. What is erased there would be told to be
        beyond reach by an entry from before. So every record moves to an epoch whose number is new, and that
        one ends once more, like any other that retired. What cannot be done now is done by ``run``.
        """
        try:
            if await self._leave_ended():
                await self._move()
        except KeyProviderError as error:
            log.warning("keys.turn_waits", error=type(error).__name__)

    async def _leave_ended(self) -> bool:
        """Turn where the current epoch has ended before; True where one that has is in use."""
        told = set(await self._ends.told())
        again = [epoch for epoch in await self._epochs.in_use() if epoch in told]
        if not again:
            return False
        log.error("keys.ended_epoch_in_use", epoch=again[-1])
        current = await self._epochs.current()
        # A key that is gone opens nothing and takes no new key: then that store is to be replaced, not moved.
        if current in told and await self._epochs.key_state(current) is EpochKeyState.USABLE:
            await self.begin()
        return True

    # moving

    async def _move(self) -> None:
        for each in await self._epochs.all():
            if each.state is EpochState.RETIRING:
                await self._move_out(each.epoch)

    async def _move_out(self, epoch: int) -> None:
        """Move every record out of an epoch, verify the next one, and retire the old one."""
        to = await self._epochs.current()
        broken: list[str] = []
        async for rows in _pages(self._database, epoch, below=True):
            broken += await self._moved(rows, to)
        if not broken:
            async for rows in _pages(self._database, to, below=False):
                broken += await self._verified(rows)
        self.broken = tuple(broken[:MOST_BROKEN])
        if broken:
            log.error("keys.turn_held_up", epoch=epoch, records=len(broken))
        elif await self._epochs.retire(epoch):
            log.info("keys.epoch_retired", epoch=epoch)

    async def _moved(self, rows: Sequence[Row[Any]], to: int) -> Sequence[str]:
        """Wrap records under the new epoch; tells the objects whose record does not open."""
        old = await self._tenant_keys(rows, create=False)
        wanted = {(row.tenant_id, to) for row in rows}
        new = {name: await self._keys.tenant_key(*name, create=True) for name in wanted}
        moved, broken = await asyncio.to_thread(_rewrapped, rows, old, new, to)
        if moved:
            async with self._database.write() as connection:
                await connection.execute(_MOVE, moved)
        return broken

    async def _verified(self, rows: Sequence[Row[Any]]) -> Sequence[str]:
        keys = await self._tenant_keys(rows, create=False)
        return await asyncio.to_thread(_unopened, rows, keys)

    async def _tenant_keys(
        self, rows: Iterable[Row[Any]], *, create: bool
    ) -> dict[tuple[str, int], TenantKey]:
        wanted = {(row.tenant_id, row.epoch) for row in rows}
        return {name: await self._keys.tenant_key(*name, create=create) for name in wanted}

    # the end

    async def _end_all(self, grace: timedelta) -> None:
        """End what has retired. One that cannot end keeps no other; the first that could not is raised."""
        told = await self._ends.told()
        failed: list[VaultError] = []
        for each in await self._epochs.all():
            if each.state is EpochState.RETIRED:
                try:
                    await self._end(each, grace, told.get(each.epoch))
                except VaultError as error:
                    log.warning("keys.turn_waits", epoch=each.epoch, error=type(error).__name__)
                    failed.append(error)
        if failed:
            raise failed[0]

    async def _end(self, each: Standing, grace: timedelta, told_at: datetime | None) -> None:
        """Destroy a retired epoch's key, when its grace is over and a good backup is there."""
        if each.retired_at is None or not await self._backed_up(each.retired_at):
            log.warning("keys.turn_waits", epoch=each.epoch, reason="no backup of the key store since")
            return
        if self._clock.now() - each.retired_at < grace:
            return
        await self._ending.destroy(each.epoch, told_at=told_at)
        log.info("keys.epoch_destroyed", epoch=each.epoch)

    async def _close(self, destroyed: Sequence[Standing]) -> None:
        """Tell the ends that are not told; now and then see that those which are have come to stay."""
        told = await self._ends.told()
        looks_again = self._clock.monotonic() >= self._look_again_at_s
        for each in destroyed:
            is_told = each.destroyed_at is not None and each.destroyed_at <= told.get(each.epoch, NEVER)
            if looks_again or not is_told:
                await self._look_at(each, is_told=is_told)
        if looks_again:
            self._look_again_at_s = self._clock.monotonic() + LOOK_AGAIN_EVERY_S

    async def _look_at(self, each: Standing, *, is_told: bool) -> None:
        """Destroy a key again that came back; else tell the end, once the database's log has no trace."""
        self._keys.drop_epoch(each.epoch)
        state = await self._epochs.key_state(each.epoch)
        if state in {EpochKeyState.USABLE, EpochKeyState.DISABLED}:
            log.error("keys.destruction_taken_back", epoch=each.epoch)
            await self._ending.destroy(each.epoch)
            return
        is_over = each.destroyed_at is not None and each.destroyed_at <= self._clock.now()
        if not is_told and state is EpochKeyState.GONE and is_over and await self._epochs.traces_gone():
            await self._ends.tell(each)


# Only where the record is the one that was read: an erasure or a finished recording may have been first.
_MOVE: Final = (
    update(data_keys)
    .where(
        data_keys.c.object_id == bindparam("of"),
        data_keys.c.gen == bindparam("of_gen"),
        data_keys.c.wrapped == bindparam("was"),
    )
    .values(wrapped=bindparam("becomes"), epoch=bindparam("to"))
)


async def _pages(database: Database, epoch: int, *, below: bool) -> AsyncIterator[Sequence[Row[Any]]]:
    """Give the records of an epoch, or of it and all before, page by page in the order of their names."""
    name, gen = data_keys.c.object_id, data_keys.c.gen
    chosen = data_keys.c.epoch <= epoch if below else data_keys.c.epoch == epoch
    after: tuple[str, int] = ("", 0)
    while True:
        later = or_(name > after[0], and_(name == after[0], gen > after[1]))
        query = select(data_keys).where(chosen, later).order_by(name, gen).limit(BATCH)
        async with database.read() as connection:
            rows = (await connection.execute(query)).all()
        if not rows:
            return
        yield rows
        after = (rows[-1].object_id, rows[-1].gen)


def _rewrapped(
    rows: Sequence[Row[Any]],
    old: dict[tuple[str, int], TenantKey],
    new: dict[tuple[str, int], TenantKey],
    to: int,
) -> tuple[list[dict[str, object]], list[str]]:
    moved: list[dict[str, object]] = []
    broken: list[str] = []
    for row in rows:
        try:
            key = opened(row, old[row.tenant_id, row.epoch])
        except TamperedError:
            broken.append(row.object_id)
            continue
        context = context_of(row, epoch=to, sealed_bytes=row.sealed_bytes, sealed_sha256=row.sealed_sha256)
        becomes = bytes(wrap(key, new[row.tenant_id, to], context=context))
        moved.append(
            {"of": row.object_id, "of_gen": row.gen, "was": row.wrapped, "becomes": becomes, "to": to}
        )
    return moved, broken


def _unopened(rows: Sequence[Row[Any]], keys: dict[tuple[str, int], TenantKey]) -> list[str]:
    broken = []
    for row in rows:
        try:
            opened(row, keys[row.tenant_id, row.epoch])
        except TamperedError:
            broken.append(row.object_id)
    return broken
