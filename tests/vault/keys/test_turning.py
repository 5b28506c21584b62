"""The turn of an epoch: what survives moves on, what was forgotten is beyond reach in every old copy."""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from tests.vault.media.crashes import Crash, Wire
from tests.vault.media.workshop import Ground, Workshop, open_ground, open_workshop
from vault.clock import TurnableClock
from vault.db.engine import open_database
from vault.db.key_tables import data_keys, epochs, tenant_keys
from vault.errors import ConflictError, KeyForgottenError, KeyProviderError
from vault.keys.epochs import EpochState, Spent, Standing
from vault.keys.file_provider import FileKeyProvider
from vault.keys.provider import Destruction, EpochKeyState
from vault.keys.ring_file import RingFile
from vault.keys.store import KeyStore
from vault.keys.turning import Copies, Ends, Turn, TurnParts, TurnRules, page_of
from vault.model import Id, new_id

DAY = timedelta(days=1)


class Told:
    """A ledger's place for ends of epochs."""

    def __init__(self) -> None:
        self.ends: list[int] = []
        self.at: dict[int, datetime] = {}

    async def told(self) -> Mapping[int, datetime]:
        """What was told, and when it was."""
        return self.at

    async def spent(self) -> Spent:
        """Numbers that were used."""
        return Spent(self.ends)

    async def tell(self, ended: Standing) -> None:
        """Tell one."""
        assert ended.destroyed_at is not None
        self.ends.append(ended.epoch)
        self.at[ended.epoch] = ended.destroyed_at


@dataclass
class Copied:
    """So many good backups of the key store; after ``die``, fewer read back than were seen to."""

    count: int = 2
    die: int = 0

    async def see_to(self, _: datetime, /) -> int:
        """Tell how many there are."""
        return self.count

    async def read_back(self, _: datetime, /) -> int:
        """Tell how many are left."""
        return self.count - self.die


def turn_of(
    work: Workshop,
    told: Ends,
    *,
    keys: KeyStore | None = None,
    copies: Copies | None = None,
    days: int = 7,
    least: int = 2,
) -> Turn:
    """A turn over a workshop's key store."""
    parts = TurnParts(work.key_database, keys or work.keys, work.clock, copies or Copied(), told)
    return Turn(parts, TurnRules(days, DAY, least))


async def some_keys(work: Workshop, count: int = 3) -> dict[Id, bytes]:
    """Objects of two tenants with their keys; the tenant is told by the name's place."""
    made = {}
    for _ in range(count):
        object_id = new_id("rec")
        key = await work.keys.create_data_key(tenant_id=work.tenant_id, object_id=object_id)
        made[object_id] = key.reveal()
    return made


async def opened(work: Workshop, object_id: str) -> bytes:
    """A key as a process without a cache finds it."""
    keys = (await work.reborn()).keys
    return (await keys.data_key(tenant_id=work.tenant_id, object_id=object_id)).reveal()


async def states(work: Workshop) -> list[EpochState]:
    """The epochs' states, oldest first."""
    return [each.state for each in await work.keys.epochs.all()]


async def test_what_survives_opens_after_a_turn_and_the_old_epoch_is_gone(any_work: Workshop) -> None:
    """Every key is the same key, in the new epoch; the old one's keys are forgotten everywhere."""
    made, told = await some_keys(any_work), Told()
    bound = next(iter(made))
    await any_work.keys.bind_object(
        tenant_id=any_work.tenant_id, object_id=bound, gen=1, sealed_bytes=9, sealed_sha256=bytes(32)
    )
    turn = turn_of(any_work, told)
    assert await turn.begin() == 2
    standing = await turn.carry(grace=timedelta(0))
    assert [each.state for each in standing] == [EpochState.DESTROYED, EpochState.CURRENT]
    assert told.ends == [1]
    for object_id, key in made.items():
        assert await opened(any_work, object_id) == key
    async with any_work.key_database.read() as connection:
        left = (await connection.execute(select(tenant_keys.c.epoch).distinct())).scalars().all()
        in_epochs = (await connection.execute(select(data_keys.c.epoch).distinct())).scalars().all()
    assert left == in_epochs == [2]
    assert (await any_work.keys.records(object_id=bound))[0].sealed_bytes == 9
    with pytest.raises(KeyProviderError):
        await FileKeyProvider.open(any_work.ground.root_key).unwrap(1, bytes(60), context=b"")


async def test_a_copy_from_before_the_turn_opens_nothing_with_every_credential_still_held(
    tmp_path: Path,
) -> None:
    """P8: the forgotten key comes back from a copied key store until the turn, and never after it."""
    async with open_workshop(tmp_path / "live") as work:
        made, told = await some_keys(work, 2), Told()
        erased, kept = made
        copy = await copied(work, tmp_path / "copy")
        await work.keys.forget(object_id=erased)
        with pytest.raises(KeyForgottenError):
            await opened(work, erased)
        assert await opened_in(copy, work, erased) == made[erased]
        turn = turn_of(work, told)
        await turn.begin()
        await turn.carry(grace=timedelta(0))
        assert await opened(work, kept) == made[kept]
        for object_id in made:
            with pytest.raises(KeyProviderError):
                await opened_in(copy, work, object_id)


async def copied(work: Workshop, folder: Path) -> Path:
    """A copy of the key store's file, as a backup or a thief makes it."""
    await work.key_database.forget_traces("data_keys")
    await asyncio.to_thread(shutil.copytree, work.ground.folder, folder)
    return folder


async def opened_in(copy: Path, work: Workshop, object_id: str) -> bytes:
    """A key out of a copied key store, with the ring as it is now."""
    database = open_database(f"sqlite:///{copy / 'keys.db'}")
    try:
        provider = FileKeyProvider.open(work.ground.root_key)
        keys = KeyStore(database, provider, work.clock, work.ledger_keys.anchor)
        return (await keys.data_key(tenant_id=work.tenant_id, object_id=object_id)).reveal()
    finally:
        await database.aclose()


async def test_an_old_epoch_is_destroyed_only_after_its_grace_and_with_two_good_copies(
    tmp_path: Path,
) -> None:
    """Backups of the key store; the live one is none. One is not enough, nor are two of which one died."""
    clock, told = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC)), Told()
    async with open_workshop(tmp_path, clock=clock) as work:
        await some_keys(work)
        await turn_of(work, told).begin()
        for copies, lacking in ((Copied(0), 2), (Copied(1), 1), (Copied(2, die=1), 0), (Copied(2), 0)):
            turn = turn_of(work, told, copies=copies)
            await turn.carry()
            assert turn.copies_lacking == lacking
        clock.turn(5 * DAY)
        for copies, lacking in ((Copied(0), 2), (Copied(1), 1), (Copied(2, die=1), 1), (Copied(3, die=2), 1)):
            turn = turn_of(work, told, copies=copies)
            await turn.carry()
            assert turn.copies_lacking == lacking
            assert await states(work) == [EpochState.RETIRED, EpochState.CURRENT]
        turn = turn_of(work, told, copies=Copied(3, die=1))
        await turn.carry()
        assert (told.ends, turn.copies_lacking) == ([1], 0)
        await turn.begin()
        await turn.carry()
        assert (await states(work))[1] is EpochState.RETIRED
        clock.turn(DAY)
        await turn.carry()
        assert told.ends == [1, 2]


@pytest.mark.parametrize("least", [0, 1])
async def test_fewer_copies_do_only_where_the_operator_says_so(tmp_path: Path, least: int) -> None:
    """One place, or a trial on a laptop: the setting is there, and evidence tells it."""
    async with open_workshop(tmp_path) as work:
        told = Told()
        await some_keys(work)
        turn = turn_of(work, told, copies=Copied(least), least=least)
        await turn.begin()
        await turn.carry(grace=timedelta(0))
        assert told.ends == [1]


class Scheduling(FileKeyProvider):
    """Destroys a week after it was told to, as a key service does, unless somebody takes that back."""

    def __init__(self, file: RingFile, clock: TurnableClock) -> None:
        super().__init__(file)
        self.ends_at: dict[int, datetime] = {}
        self._clock = clock

    async def state(
        self,
        epoch: int,
        *,
        made: Mapping[str, str] | None = None,  # noqa: ARG002  # the port's
    ) -> EpochKeyState:
        """Ending, until the week is over."""
        at = self.ends_at.get(epoch)
        if at is not None and at > self._clock.now():
            return EpochKeyState.ENDING
        return await super().state(epoch)

    async def destroy_epoch(
        self,
        epoch: int,
        *,
        now: datetime,
        made: Mapping[str, str] | None = None,  # noqa: ARG002  # the port's
    ) -> Destruction:
        """Put it on the list."""
        at = self.ends_at.setdefault(epoch, now + 7 * DAY)
        return Destruction(at, {"deletion_date": at.isoformat()})

    async def pass_away(self) -> None:
        """What the service does when the date has come."""
        for epoch, at in self.ends_at.items():
            if at <= self._clock.now():
                await super().destroy_epoch(epoch, now=at)


async def test_a_scheduled_destruction_is_told_when_it_is_over_and_asked_for_again_when_taken_back(
    tmp_path: Path,
) -> None:
    """A receipt is final when no such key exists; until then somebody may cancel, and would be believed."""
    clock = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        provider, told = Scheduling(RingFile(work.ground.root_key), clock), Told()
        keys = KeyStore(work.key_database, provider, clock)
        turn = turn_of(work, told, keys=keys)
        await turn.begin()
        await turn.carry(grace=timedelta(0))
        assert await states(work) == [EpochState.DESTROYED, EpochState.CURRENT]
        assert told.ends == []
        provider.ends_at.clear()  # cancelled
        clock.turn(3 * DAY)
        await turn.carry()
        assert provider.ends_at == {1: clock.now() + 7 * DAY}
        clock.turn(7 * DAY - timedelta(seconds=1))
        await turn.carry()
        assert told.ends == []
        clock.turn(timedelta(seconds=1))
        await provider.pass_away()
        (ended, _) = await turn.carry()
        assert (told.ends, ended.destroyed_at) == ([1], clock.now())


async def test_a_key_that_came_back_after_its_end_was_told_ends_again_and_that_is_told(
    tmp_path: Path,
) -> None:
    """Somebody laid an older ring down: found within the hour, destroyed again, and a later end told."""
    clock = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        await some_keys(work)
        told, ring = Told(), RingFile(work.ground.root_key)
        before = ring.read()
        turn = turn_of(work, told)
        await turn.begin()
        await turn.carry(grace=timedelta(0))
        ring.write({**before, **ring.read()})
        clock.turn(timedelta(minutes=59))
        await turn.carry()
        assert await work.keys.epochs.key_state(1) is EpochKeyState.USABLE
        clock.turn(timedelta(minutes=1))
        await turn.carry()
        assert await work.keys.epochs.key_state(1) is EpochKeyState.GONE
        await turn.carry()
        await turn.carry()
        assert (told.ends, told.at) == ([1, 1], {1: clock.now()})
        ring.write({**before, **ring.read()})
        await turn_of(work, told).carry()  # another process looks at once
        assert await work.keys.epochs.key_state(1) is EpochKeyState.GONE


async def test_epochs_turn_by_themselves_when_their_days_are_over(tmp_path: Path) -> None:
    """Seven days; not while a turn is under way, and never with zero days."""
    clock = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC))
    async with open_workshop(tmp_path, clock=clock) as work:
        turn, never = turn_of(work, Told()), turn_of(work, Told(), days=0)
        clock.turn(7 * DAY)
        await never.begin_when_due()
        assert len(await states(work)) == 1
        await turn.begin_when_due()
        await turn.begin_when_due()
        assert await states(work) == [EpochState.RETIRING, EpochState.CURRENT]
        with pytest.raises(ConflictError):
            await turn.begin()


async def test_no_key_ends_by_a_clock_that_is_not_believed(tmp_path: Path) -> None:
    """The grace after which a restore is not wanted any more is over only where time really went by."""
    clock, told = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC)), Told()
    async with open_workshop(tmp_path, clock=clock) as work:
        assert await work.custody.sentry.now()
        await some_keys(work)
        turn = turn_of(work, told)
        await turn.begin()
        await turn.carry()
        clock.jump(4000 * DAY)
        assert await work.custody.sentry.now() is None
        await turn.carry(by_time=False)
        assert (await states(work), told.ends) == ([EpochState.RETIRED, EpochState.CURRENT], [])
        await turn.carry(by_time=True)
        assert told.ends == [1]


async def test_a_page_of_records_is_found_by_an_index_and_never_sorted(work: Workshop) -> None:
    """Of a million keys a thousand pages: one that reads them all for each page takes hours."""
    async with work.key_database.read() as connection:
        compiled = page_of(1, ("rec_", 1)).compile(
            dialect=connection.dialect, compile_kwargs={"literal_binds": True}
        )
        plan = (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")).all()
    (step,) = [str([*row][3]) for row in plan]
    assert step.startswith("SEARCH data_keys USING INDEX ix_data_keys_epoch_object_id_gen (epoch=? AND (")


async def test_a_record_that_nobody_can_open_holds_the_turn_up_and_is_named(work: Workshop) -> None:
    """It may be all that is left of a recording: the old epoch's key stays until somebody decides."""
    made, told = await some_keys(work), Told()
    spoiled = next(iter(made))
    async with work.key_database.write() as connection:
        await connection.execute(
            update(data_keys).where(data_keys.c.object_id == spoiled).values(sealed_bytes=1)
        )
    turn = turn_of(work, told)
    await turn.begin()
    await turn.carry(grace=timedelta(0))
    assert turn.broken == (spoiled,)
    assert await states(work) == [EpochState.RETIRING, EpochState.CURRENT]
    await work.keys.forget(object_id=spoiled)  # erased: it holds nothing up any more
    await turn.carry(grace=timedelta(0))
    assert told.ends == [1]


async def test_keys_are_made_bound_and_forgotten_while_a_turn_is_under_way(any_work: Workshop) -> None:
    """New keys go to the new epoch, a recording is bound wherever its record is, erased is erased."""
    made, told = await some_keys(any_work), Told()
    bound, erased, _ = made
    turn = turn_of(any_work, told)
    await turn.begin()
    fresh = await some_keys(any_work, 1)
    await any_work.keys.bind_object(
        tenant_id=any_work.tenant_id, object_id=bound, gen=1, sealed_bytes=9, sealed_sha256=bytes(32)
    )
    await any_work.keys.forget(object_id=erased)
    await turn.carry(grace=timedelta(0))
    assert told.ends == [1]
    for object_id, key in (made | fresh).items():
        if object_id != erased:
            assert await opened(any_work, object_id) == key
    with pytest.raises(KeyForgottenError):
        await opened(any_work, erased)


async def test_no_key_is_stored_in_an_epoch_that_has_retired(any_work: Workshop) -> None:
    """Whoever read the current epoch before the turn finds the new one instead of storing into the old."""
    told = Told()
    turn = turn_of(any_work, told)
    real = any_work.keys.epochs.current_of

    async def overtaken(tenant_id: str) -> int:
        number = await real(tenant_id)
        any_work.keys.epochs.current_of = real  # type: ignore[method-assign]
        await turn.begin()
        await turn.carry()
        return number

    any_work.keys.epochs.current_of = overtaken  # type: ignore[method-assign]
    made = await some_keys(any_work, 1)
    await turn.carry(grace=timedelta(0))
    assert told.ends == [1]
    for object_id, key in made.items():
        assert await opened(any_work, object_id) == key


async def test_a_turn_that_dies_at_any_step_is_finished_by_the_next(tmp_path: Path) -> None:
    """Every durable step, one after the other: no key is lost, and the old epoch ends told once."""
    steps = await steps_of_a_turn(tmp_path / "whole", None)
    assert steps > 10
    for number in range(1, steps + 1):
        await steps_of_a_turn(tmp_path / str(number), number)


async def steps_of_a_turn(folder: Path, dies_at: int | None) -> int:
    """Turn once, dying at a step and going on in a new process; how many steps there were."""
    told = Told()
    async with open_ground(folder) as ground:
        work = await opened_workshop(ground)
        made = await some_keys(work, 2)
        wire = Wire(dies_at)
        dying = Workshop(ground, wire, work.tenant_id)
        try:
            await whole_turn(dying, told)
        except Crash:
            after = Workshop(ground, Wire(), work.tenant_id)
            await whole_turn(after, told)
        assert await states(work) == [EpochState.DESTROYED, EpochState.CURRENT]
        assert told.ends == [1]
        for object_id, key in made.items():
            assert await opened(work, object_id) == key
        return len(wire.steps)


async def opened_workshop(ground: Ground) -> Workshop:
    """A first process with its tenant's name."""
    work = Workshop(ground, Wire(), new_id("ten"))
    await work.keys.start()
    return work


async def whole_turn(work: Workshop, told: Told) -> None:
    """As the job does: begin where nothing was begun, carry, and look again."""
    turn = turn_of(work, told)
    async with work.key_database.read() as connection:
        begun = (await connection.execute(select(epochs.c.epoch).where(epochs.c.epoch == 2))).first()
    if begun is None:
        await turn.begin()
    await turn.carry(grace=timedelta(0))
    await turn.carry(grace=timedelta(0))
