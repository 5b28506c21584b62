"""The turn of an epoch: every key that survives moves on, then the old epoch's key is destroyed.

Whoever forgot a data key had to trust that no copy of the key store kept it. After a turn nobody has to:
a copy from before it, known or not, is wrapped in keys that no longer exist. The steps, each durable and
each repeated without harm, so that a crash anywhere is finished by whoever comes next:

1. The next epoch begins, the current one is *retiring*. New keys go to the next at once.
2. Each record moves: opened under its old tenant key and held against its commitment, wrapped under a new
   tenant key, written where the old one still stands. Records that nobody can open stop the turn, they are
   never left behind.
3. Every record in the new epoch is opened once more as it lies in the database; the old one is *retired*.
4. Backups of the key store are made and read back, one in each place. The live key store counts as none: an
   erasure, a fault or a fire may reach it and what stands beside it.
5. After the grace period, each is read back once more, and only with as many good ones as the rules ask for,
   none lost with another, the provider destroys the old epoch's key.
6. Its end is told once the provider has no such key any more: one that only schedules may be told to stop.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import Row, and_, bindparam, or_, select, update

from crypto.keys import TenantKey
from crypto.wrapping import wrap
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.key_tables import data_keys
from vault.errors import TamperedError, VaultError
from vault.keys.epochs import EpochState, Standing
from vault.keys.provider import EpochKeyState
from vault.keys.records import context_of, opened
from vault.keys.store import KeyStore

log = structlog.get_logger(__name__)

BATCH: Final = 250  # records in one transaction: some milliseconds of the one writer, and of the loop
LOOK_EVERY_S: Final = 60.0
MOST_BROKEN: Final = 100  # named in the status; the count is whole


@dataclass(frozen=True, slots=True)
class TurnRules:
    """When epochs turn, and what their end waits for. ``days`` of zero: only when somebody says so."""

    days: int
    grace: timedelta
    least_copies: int


class Ends(Protocol):
    """Where it is recorded, for receipts, that an epoch was destroyed."""

    async def told(self) -> Collection[int]:
        """Name the epochs whose end is recorded."""
        ...

    async def tell(self, ended: Standing) -> None:
        """Record an epoch's end; repeating it is harmless."""
        ...


class Copies(Protocol):
    """Backups of the key store. What is lost together counts once; a place that is away has none."""

    async def see_to(self, since: datetime, /) -> int:
        """See to a backup from after a moment at each place; tell how many there are that read back."""
        ...

    async def read_back(self, since: datetime, /) -> int:
        """Read those from after a moment once more, now; tell how many are good."""
        ...


@dataclass(frozen=True, slots=True)
class TurnParts:
    """What a turn reaches into."""

    database: Database
    keys: KeyStore
    clock: Clock
    copies: Copies
    ends: Ends


class Turn:
    """Carries epochs from *current* to *destroyed*, as far as can be at a time."""

    def __init__(self, parts: TurnParts, rules: TurnRules) -> None:
        self._database = parts.database
        self._keys = parts.keys
        self._epochs = parts.keys.epochs
        self._clock = parts.clock
        self._copies = parts.copies
        self._ends = parts.ends
        self._rules = rules
        self.broken: tuple[str, ...] = ()  # objects whose record does not open; they hold the turn up
        self.copies_lacking = 0  # good backups that the end of an epoch waits for, as of the last look

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
        number = await self._epochs.turn()
        log.info("keys.turn_begun", epoch=number)
        return number

    async def carry(self, *, grace: timedelta | None = None) -> Sequence[Standing]:
        """Do what can be done now for every epoch that is not current; tell how they all stand."""
        for each in await self._epochs.all():
            if each.state is EpochState.RETIRING:
                await self._move_out(each.epoch)
        retired = [each for each in await self._epochs.all() if each.state is EpochState.RETIRED]
        lacking = [await self._end(each, self._rules.grace if grace is None else grace) for each in retired]
        self.copies_lacking = max(lacking, default=0)
        standing = await self._epochs.all()
        told = await self._ends.told()
        for each in standing:
            if each.state is EpochState.DESTROYED and each.epoch not in told:
                await self._tell(each)
        return standing

    # moving

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

    async def _end(self, each: Standing, grace: timedelta) -> int:
        """Destroy a retired epoch's key, after its grace and with enough good backups; tell how many lack.

        They are read once more at the last moment: between a turn and its end, a disk has a day to die.
        """
        since = each.retired_at
        if since is None:
            return 0
        lacking = self._lacking(each, await self._copies.see_to(since))
        if lacking or self._clock.now() - since < grace:
            return lacking
        if lacking := self._lacking(each, await self._copies.read_back(since)):
            return lacking
        await self._epochs.destroy(each.epoch)
        log.info("keys.epoch_destroyed", epoch=each.epoch)
        return 0

    def _lacking(self, each: Standing, copies: int) -> int:
        least = self._rules.least_copies
        if copies < least:
            log.warning(
                "keys.turn_waits",
                epoch=each.epoch,
                reason="too few good backups of the key store since",
                copies=copies,
                least_copies=least,
            )
        return max(0, least - copies)

    async def _tell(self, each: Standing) -> None:
        """Record the end once the provider has no such key and the database's log no tenant keys of it."""
        self._keys.drop_epoch(each.epoch)
        state = await self._epochs.key_state(each.epoch)
        if state in {EpochKeyState.USABLE, EpochKeyState.DISABLED}:
            log.error("keys.destruction_taken_back", epoch=each.epoch)
            await self._epochs.destroy(each.epoch)
            return
        is_over = each.destroyed_at is not None and each.destroyed_at <= self._clock.now()
        if state is EpochKeyState.GONE and is_over and await self._epochs.traces_gone():
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
