"""The turn of an epoch: every key that survives moves on, then the old epoch's key is destroyed.

Whoever forgot a data key had to trust that no copy of the key store kept it. After a turn nobody has to:
a copy from before it, known or not, is wrapped in keys that no longer exist. The steps, each durable and
each repeated without harm, so that a crash anywhere is finished by whoever comes next:

1. The next epoch begins, the current one is *retiring*. New keys go to the next at once.
2. What is in recovery comes out of it (``vault.keys.recovering``). Each record moves: opened under its old
   tenant key and held against its commitment, wrapped under a new tenant key, written where the old one still
   stands. Records that nobody can open stop the turn, they are never left behind; those of a tenant that was
   forgotten for good are deleted.
3. Every record in the new epoch is opened once more as it lies in the database; the old one is *retired*.
4. Backups of the key store are made and read back, one in each place. The live key store counts as none: an
   erasure, a fault or a fire may reach it and what stands beside it.
5. After the grace period, each is read back once more, and only with as many good ones as the rules ask for,
   none lost with another, the provider destroys the old epoch's key.
6. Its end is told once the provider has no such key any more: one that only schedules may be told to stop;
   and after the ends of the epochs that its keys came from, so that what is said of it holds for them.
   From then on it is looked at each hour: a key that came back is destroyed again, and that end is told.

Each holder of epoch keys turns by itself (``vault.keys.holders``). One that is away holds up its own turn,
and that of an epoch with keys that are to move to it: nothing else.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

import structlog
from sqlalchemy import Row, Select, and_, select, tuple_

from crypto.keys import TenantKey
from vault.clock import Believed, Clock
from vault.db.engine import Database
from vault.db.key_tables import data_keys
from vault.errors import DependencyError, KeyProviderError, TamperedError, VaultError
from vault.keys.epochs import EpochState, Spent, Standing
from vault.keys.moving import Under, had, rewrapped, write_moves
from vault.keys.provider import EpochKeyState
from vault.keys.records import opened
from vault.keys.store import KeyStore
from vault.settings import DEFAULT_HOLDER

log = structlog.get_logger(__name__)

BATCH: Final = 250  # records in one transaction: some milliseconds of the one writer, and of the loop
LOOK_EVERY_S: Final = 60.0
LOOK_AGAIN_EVERY_S: Final = 3_600.0  # at keys that ended: one call of a service for each, for ever
NEVER: Final = datetime.min.replace(tzinfo=UTC)
MOST_BROKEN: Final = 100  # named in the status; the count is whole


@dataclass(frozen=True, slots=True)
class TurnRules:
    """When epochs turn, and what their end waits for. ``days`` of zero: only when somebody says so."""

    days: int
    grace: timedelta
    least_copies: int


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
        self._ending = parts.keys.ending
        self._clock = parts.clock
        self._copies = parts.copies
        self._ends = parts.ends
        self._rules = rules
        self._look_again_at_s = float("-inf")
        self.broken: tuple[str, ...] = ()  # objects whose record does not open; they hold the turn up
        self.copies_lacking = 0  # good backups that the end of an epoch waits for, as of the last look

    async def run(self, believed: Believed) -> None:
        """Turn when it is time and carry on what was begun, until cancelled; a fault is tried again.

        While the clock is not believed no key is destroyed: its grace may be a jump of the clock.
        """
        while True:
            try:
                await self.begin_when_due()
                await self.carry(by_time=await believed() is not None)
            except VaultError as error:
                log.warning("keys.turn_waits", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    async def begin_when_due(self) -> None:
        """Begin a holder's next epoch where its current one has had its days, and no other is on its way out.

        One whose last tenant went to another holder has had its days at once.
        """
        standing = await self._epochs.all()
        leaving = {each.holder for each in standing if each.state is EpochState.RETIRING}
        for each in standing:
            if each.state is not EpochState.CURRENT or each.holder in leaving:
                continue
            age = self._clock.now() - each.created_at
            is_due = self._rules.days and age >= timedelta(days=self._rules.days)
            if is_due or not await self._epochs.is_assigned(each.holder):
                try:
                    await self.begin(each.holder)
                except VaultError as error:
                    _waits(each, error)

    async def begin_all(self, *, at_once: bool = False) -> Sequence[VaultError]:
        """Begin the next epoch of every holder that has no turn under way; tells what kept others from it.

        With ``at_once`` an epoch that only waits for its end is under way, too.
        """
        busy = {EpochState.RETIRING, EpochState.RETIRED} if at_once else {EpochState.RETIRING}
        standing, away = await self._epochs.all(), list[VaultError]()
        under_way = {each.holder for each in standing if each.state in busy}
        for each in standing:
            if each.state is EpochState.CURRENT and each.holder not in under_way:
                with _noted(each, away):
                    await self.begin(each.holder)
        return away

    async def begin(self, holder: str = DEFAULT_HOLDER) -> int | None:
        """Begin a holder's next epoch, or none where it is not in use any more.

        Raises ConflictError while an older one is still retiring.
        """
        number = await self._epochs.turn(holder, await self._ends.spent())
        log.info("keys.turn_begun", holder=holder, epoch=number)
        return number

    async def carry(self, *, grace: timedelta | None = None, by_time: bool = True) -> Sequence[Standing]:
        """Do what can be done now for every epoch that is not current; tell how they all stand.

        Without ``by_time`` no grace is over and no end is told, however late the clock says it is.
        Raises at the end what made one of them wait, as KeyProviderError.
        """
        away: list[VaultError] = []
        await self._leave_ended(away)
        await self._move(away)
        if by_time or grace == timedelta(0):
            await self._end_all(self._rules.grace if grace is None else grace, away)
        await self._close(away, by_time=by_time)
        if away:
            raise away[0]
        return await self._epochs.all()

    async def start(self) -> None:
        """Leave an epoch that has ended before and is in use again, before a door opens.

        An older key store came back, and its epoch's key with it. What is erased there would be told to be
        beyond reach by an entry from before. So every record moves to an epoch whose number is new, and that
        one ends once more, like any other that retired. What cannot be done now is done by ``run``.
        """
        away: list[VaultError] = []
        if await self._leave_ended(away):
            await self._move(away)

    async def _leave_ended(self, away: list[VaultError]) -> bool:
        """Turn where a holder's current epoch has ended before; True where one that has is in use."""
        told, is_one = await self._ends.told(), False
        for each in await self._epochs.all():
            if each.epoch not in told or each.state not in {EpochState.CURRENT, EpochState.RETIRING}:
                continue
            is_one = True
            log.error("keys.ended_epoch_in_use", holder=each.holder, epoch=each.epoch)
            if each.state is EpochState.CURRENT:
                with _noted(each, away):
                    # A key that is gone opens nothing and takes no new key: that store is to be replaced.
                    if await self._epochs.key_state(each.epoch) is EpochKeyState.USABLE:
                        await self.begin(each.holder)
        return is_one

    # moving

    async def _move(self, away: list[VaultError]) -> None:
        broken: list[str] = []
        for each in await self._epochs.all():
            if each.state is EpochState.RETIRING:
                with _noted(each, away):
                    await self._move_out(each, broken)
        self.broken = tuple(broken[:MOST_BROKEN])

    async def _move_out(self, each: Standing, found: list[str]) -> None:
        """Move every record out of an epoch, verify where they went, and retire it; adds what is broken."""
        away: list[VaultError] = []
        stays: list[VaultError] = []
        broken: list[str] = []
        await self._keys.forget_rest()
        try:
            await self._keys.recovering.carry()
        except KeyProviderError as error:  # perhaps another holder's
            stays.append(error)
        async for rows in _pages(self._database, each.epoch):
            broken += await self._moved(rows, away)
        if not broken and not away:
            for holder in await self._epochs.concerned(each.epoch):
                async for rows in _pages(self._database, await self._epochs.current(holder)):
                    broken += await self._verified(rows)
        found += broken
        if broken:
            log.error("keys.turn_held_up", epoch=each.epoch, records=len(broken))
        elif away:
            raise away[0]
        elif await self._epochs.retire(each.epoch):
            log.info("keys.epoch_retired", epoch=each.epoch)
        elif stays:
            raise stays[0]
        else:
            log.warning("keys.turn_waits", epoch=each.epoch, reason="keys are still in it, or in recovery")

    async def _moved(self, rows: Sequence[Row[Any]], away: list[VaultError]) -> Sequence[str]:
        """Wrap records under new epochs; names the objects whose record does not open.

        Those of a tenant whose holder is away stay, and hold up no other's.
        """
        old, no_old = await had({(row.tenant_id, row.epoch) for row in rows}, self._old, away)
        current = await self._epochs.current_of_each({tenant_id for tenant_id, _ in old})
        under, no_new = await had(current, partial(self._under, current), away)
        ready = [row for row in rows if (row.tenant_id, row.epoch) in old and row.tenant_id in under]
        opening = lambda row: old[row.tenant_id, row.epoch]  # noqa: E731  # a key, by the row's names
        moves, broken = await asyncio.to_thread(rewrapped, ready, opening, under)
        await write_moves(self._database, moves)
        no_key = [row for row in rows if (row.tenant_id, row.epoch) in no_old or row.tenant_id in no_new]
        return [*broken, *await self._missed(no_key)]

    async def _missed(self, no_key: Sequence[Row[Any]]) -> Sequence[str]:
        """Name objects of tenants without a key; of one that was forgotten meanwhile nothing is missed."""
        if not no_key:
            return ()
        forgotten = await self._keys.forgotten({row.tenant_id for row in no_key})
        return [row.object_id for row in no_key if row.tenant_id not in forgotten]

    async def _old(self, name: tuple[str, int]) -> TenantKey:
        return await self._keys.tenant_key(*name)

    async def _under(self, current: Mapping[str, int], tenant_id: str) -> Under:
        to = current[tenant_id]
        return Under(to, await self._keys.tenant_key(tenant_id, to, create=True))

    async def _verified(self, rows: Sequence[Row[Any]]) -> Sequence[str]:
        away: list[VaultError] = []
        keys, none = await had({(row.tenant_id, row.epoch) for row in rows}, self._old, away)
        if away:
            raise away[0]
        there = [row for row in rows if (row.tenant_id, row.epoch) in keys]
        broken = await asyncio.to_thread(_unopened, there, keys)
        return [*broken, *await self._missed([row for row in rows if (row.tenant_id, row.epoch) in none])]

    # the end

    async def _end_all(self, grace: timedelta, away: list[VaultError]) -> None:
        """End what has retired. One that cannot end keeps no other."""
        told, lacking = await self._ends.told(), 0
        for each in await self._epochs.all():
            if each.state is EpochState.RETIRED:
                with _noted(each, away):
                    lacking = max(lacking, await self._end(each, grace, told.get(each.epoch)))
        self.copies_lacking = lacking

    async def _end(self, each: Standing, grace: timedelta, told_at: datetime | None) -> int:
        """Destroy a retired epoch's key, after its grace and with enough good backups; tell how many lack.

        They are read once more at the last moment: between a turn and its end, a disk has a day to die.
        """
        since = each.retired_at
        if since is None:
            return 0
        lacking = self._lacking(each, await self._copies.see_to(since))
        if lacking or self._clock.now() - since < grace:
            return lacking
        await self._ending.require(each.epoch, told_at=told_at)  # before so much is read
        if lacking := self._lacking(each, await self._copies.read_back(since)):
            return lacking
        await self._ending.destroy(each.epoch, told_at=told_at)
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

    async def _close(self, away: list[VaultError], *, by_time: bool) -> None:
        """Tell the ends that are not told; now and then see that those which are have come to stay.

        The older ones first, and none before those that its own end speaks of.
        """
        standing, told = await self._epochs.all(), await self._ends.told()
        ended = {each.epoch for each in standing if _is_told(each, told)}
        looks_again = self._clock.monotonic() >= self._look_again_at_s
        for each in standing:
            if each.epoch in ended and each.holder not in self._keys.holder_names:
                continue  # it was told, and its holder has left the settings
            if each.state is EpochState.DESTROYED and (looks_again or each.epoch not in ended):
                before = {one.epoch for one in standing if one.holder == each.holder}
                before = {epoch for epoch in before if epoch < each.epoch} | each.told_after
                with _noted(each, away):
                    await self._look_at(each, ended, may_tell=by_time and before <= ended)
        if looks_again:
            self._look_again_at_s = self._clock.monotonic() + LOOK_AGAIN_EVERY_S

    async def _look_at(self, each: Standing, ended: set[int], *, may_tell: bool) -> None:
        """Destroy a key again that came back; else tell the end, once the database's log has no trace.

        Keeps ``ended``, the epochs whose end is told and holds.
        """
        self._keys.drop_epoch(each.epoch)
        state = await self._epochs.key_state(each.epoch)
        if state in {EpochKeyState.USABLE, EpochKeyState.DISABLED}:
            log.error("keys.destruction_taken_back", epoch=each.epoch)
            ended.discard(each.epoch)
            await self._ending.destroy(each.epoch)
            return
        is_due = may_tell and each.epoch not in ended
        is_over = each.destroyed_at is not None and each.destroyed_at <= self._clock.now()
        if is_due and state is EpochKeyState.GONE and is_over and await self._epochs.traces_gone():
            await self._ends.tell(each)
            ended.add(each.epoch)


@contextmanager
def _noted(each: Standing, away: list[VaultError]) -> Iterator[None]:
    """Go on with other epochs where one waits, as for its holder; why is added to ``away``."""
    try:
        yield
    except DependencyError:
        raise  # the database: that holds up all
    except VaultError as error:
        _waits(each, error)
        away.append(error)


def _is_told(each: Standing, told: Mapping[int, datetime]) -> bool:
    if each.state is not EpochState.DESTROYED or each.destroyed_at is None:
        return False
    return each.destroyed_at <= told.get(each.epoch, NEVER)


def _waits(each: Standing, error: VaultError) -> None:
    log.warning("keys.turn_waits", holder=each.holder, epoch=each.epoch, error=type(error).__name__)


def page_of(epoch: int, after: tuple[str, int]) -> Select[Any]:
    """Ask for the records of an epoch behind a name and generation: an index has them in this order."""
    name, gen = data_keys.c.object_id, data_keys.c.gen
    chosen = and_(data_keys.c.epoch == epoch, data_keys.c.in_recovery.is_(False))
    return select(data_keys).where(chosen, tuple_(name, gen) > after).order_by(name, gen).limit(BATCH)


async def _pages(database: Database, epoch: int) -> AsyncIterator[Sequence[Row[Any]]]:
    """Give the records of an epoch, page by page in the order of their names.

    Those in recovery are not among them: an epoch that has one does not retire.
    """
    after = ("", 0)
    while True:
        async with database.read() as connection:
            rows = (await connection.execute(page_of(epoch, after))).all()
        if not rows:
            return
        yield rows
        after = (rows[-1].object_id, rows[-1].gen)


def _unopened(rows: Sequence[Row[Any]], keys: dict[tuple[str, int], TenantKey]) -> list[str]:
    broken = []
    for row in rows:
        try:
            opened(row, keys[row.tenant_id, row.epoch])
        except TamperedError:
            broken.append(row.object_id)
    return broken
