"""Tenants with holders of their own: each holder's epochs are its own matter, and nobody else's."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from crypto.keys import AnchorKey
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.vault.keys.custodies import Custody, FileCustody, KmsCustody, TokenCustody, TransitCustody
from tests.vault.keys.test_turning import Copied, Told
from tests.vault.keys.test_watch import owners
from tests.vault.media.crashes import Crash, Wire, WiredDatabase
from tests.vault.media.workshop import Ground, open_ground
from vault.clock import TurnableClock
from vault.db.engine import Database, open_database
from vault.db.key_tables import data_keys, epochs, tenant_keys
from vault.errors import ConfigurationError, KeyForgottenError, KeyProviderError
from vault.keys.epochs import EpochState
from vault.keys.probes import PROBE
from vault.keys.provider import KeyProvider
from vault.keys.store import KeyStore
from vault.keys.turning import Turn, TurnParts, TurnRules
from vault.keys.watch import ProviderWatch
from vault.keys.watch import Standing as KeysStanding
from vault.model import Id, new_id

DAY = timedelta(days=1)
CURRENT, RETIRING, DESTROYED = EpochState.CURRENT, EpochState.RETIRING, EpochState.DESTROYED


@dataclass
class Deployment:
    """One key store and the holders that it knows; ``made`` is every key by its object."""

    ground: Ground
    providers: Mapping[str, KeyProvider]
    clock: TurnableClock
    anchor: AnchorKey = field(default_factory=AnchorKey.generate)
    told: Told = field(default_factory=Told)
    made: dict[Id, tuple[Id, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = self.process()

    def process(self, database: Database | None = None) -> KeyStore:
        """One more process, which remembers nothing."""
        return KeyStore(database or self.ground.keys, self.providers, self.clock, self.anchor)

    def turn(self, *, database: Database | None = None, grace: timedelta = timedelta(0)) -> Turn:
        """A turn, with backups whenever it asks for them."""
        keys = self.keys if database is None else self.process(database)
        parts = TurnParts(database or self.ground.keys, keys, self.clock, Copied(), self.told)
        return Turn(parts, TurnRules(7, grace, 2))

    async def make(self, tenant_id: Id, count: int = 2) -> list[Id]:
        """Objects of a tenant, with keys."""
        objects = [new_id("rec") for _ in range(count)]
        for object_id in objects:
            key = await self.keys.create_data_key(tenant_id=tenant_id, object_id=object_id)
            self.made[object_id] = (tenant_id, key.reveal())
        return objects

    async def opens(self, tenant_id: Id, *, keys: KeyStore | None = None) -> bool:
        """Whether all of a tenant's keys open, each as the key it is, for a process without a cache."""
        fresh = keys or self.process()
        for object_id, (owner, key) in self.made.items():
            if owner == tenant_id:
                with suppress(KeyProviderError, KeyForgottenError):
                    found = await fresh.data_key(tenant_id=tenant_id, object_id=object_id)
                    assert found.reveal() == key
                    continue
                return False
        return True

    async def states(self) -> dict[str, list[EpochState]]:
        """Where each holder's epochs stand, the oldest first."""
        found: dict[str, list[EpochState]] = {}
        for each in await self.keys.epochs.all():
            found.setdefault(each.holder, []).append(each.state)
        return found

    async def held(self) -> dict[str, str]:
        """With which holder each tenant's records lie; several are joined."""
        holders = {each.epoch: each.holder for each in await self.keys.epochs.all()}
        query = select(data_keys.c.tenant_id, data_keys.c.epoch).distinct()
        found: dict[str, set[str]] = {}
        async with self.ground.keys.read() as connection:
            for row in await connection.execute(query):
                found.setdefault(row.tenant_id, set()).add(holders[row.epoch])
        return {tenant_id: "+".join(sorted(names)) for tenant_id, names in found.items()}


@asynccontextmanager
async def deployment(
    folder: Path, custodies: Mapping[str, Custody], *, url: str | None = None
) -> AsyncIterator[Deployment]:
    """Open every holder, and a key store over them."""
    clock = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC))
    urls = None if url is None else (url, url)
    async with AsyncExitStack() as opened:
        ground = await opened.enter_async_context(open_ground(folder / "ground", clock=clock, urls=urls))
        providers = {name: await opened.enter_async_context(one.opened()) for name, one in custodies.items()}
        made = Deployment(ground, providers, clock)
        await made.keys.start()
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """Each kind of database in turn."""
    return None if request.param == "sqlite" else str(request.getfixturevalue("postgres_database"))


@pytest.fixture
def three(bao: OpenBao, tmp_path: Path) -> dict[str, Custody]:
    """The deployment's own in a file, a tenant's in OpenBao, another's in a security module."""
    return {
        "default": FileCustody(tmp_path / "file"),
        "acme": TransitCustody(bao, tmp_path),
        "globex": TokenCustody(tmp_path),
    }


async def assigned(house: Deployment) -> dict[str, Id]:
    """A tenant for each holder, with keys there."""
    tenants = {name: new_id("ten") for name in house.providers}
    for name, tenant_id in tenants.items():
        assert await house.keys.epochs.assign(tenant_id, name) is (name != "default")
        assert not await house.keys.epochs.assign(tenant_id, name)
        await house.make(tenant_id)
    return tenants


async def test_each_tenants_keys_lie_with_its_holder_and_turn_there(
    three: dict[str, Custody], url: str | None, tmp_path: Path
) -> None:
    """A file, OpenBao and a token in one deployment: found again, turned, ended, told, each worth its own."""
    async with deployment(tmp_path, three, url=url) as house:
        tenants = await assigned(house)
        assert await house.held() == {tenant_id: name for name, tenant_id in tenants.items()}
        await house.process().start()
        assert all([await house.opens(tenant_id) for tenant_id in tenants.values()])
        turn = house.turn()
        assert await turn.begin_all() == []
        await turn.carry()
        assert await house.states() == {name: [DESTROYED, CURRENT] for name in tenants}
        assert sorted(house.told.ends) == [1, 2, 3]
        assert await house.held() == {tenant_id: name for name, tenant_id in tenants.items()}
        assert all([await house.opens(tenant_id) for tenant_id in tenants.values()])
        worth = [await house.keys.assurance(epoch) for epoch in (1, 2, 3)]
        assert worth == ["software", "kms", "hsm"]
        async with house.ground.keys.read() as connection:
            left = (await connection.execute(select(tenant_keys.c.epoch).distinct())).scalars().all()
        assert sorted(left) == [4, 5, 6]


@pytest.mark.parametrize("gone", ["acme", "globex", "default"])
async def test_a_holder_that_is_away_is_its_tenants_matter_alone(
    three: dict[str, Custody], url: str | None, tmp_path: Path, gone: str
) -> None:
    """Others' keys open and move, their epochs end; its own calls are kept for later, its turn waits."""
    async with deployment(tmp_path, three, url=url) as house:
        tenants = await assigned(house)
        others = [name for name in tenants if name != gone]
        watch, turn = ProviderWatch(house.keys), house.turn()
        async with three[gone].away():
            house.keys.drop_all()
            await watch.look()
            assert watch.standing is (KeysStanding.RECOVERY if gone == "default" else KeysStanding.OPEN)
            assert gone == "default" or watch.holders[gone] == "away"
            assert [type(error) for error in await turn.begin_all()] == [KeyProviderError]
            await turn.carry()
            for name, tenant_id in tenants.items():
                await house.make(tenant_id, 1)
                assert await house.opens(tenant_id) is (name != gone)
            states = await house.states()
            assert [states[name] for name in others] == [[DESTROYED, CURRENT]] * 2
            assert states[gone] == [CURRENT]
            with pytest.raises(KeyProviderError):
                await house.keys.recovering.carry()
            assert house.keys.recovering.waiting == 1
        await watch.look()
        assert await house.keys.recovering.carry() == 1
        assert all([await house.opens(tenant_id) for tenant_id in tenants.values()])
        assert await turn.begin_all(at_once=True) == []
        await turn.carry()
        assert (await house.states())[gone] == [DESTROYED, CURRENT]


@pytest.fixture
def two(tmp_path: Path) -> dict[str, Custody]:
    """The deployment's own and a tenant's, each in a file: quick, and taken away at will."""
    return {"default": FileCustody(tmp_path / "one"), "acme": FileCustody(tmp_path / "other")}


async def test_a_change_of_holder_takes_new_keys_there_at_once_and_the_old_ones_with_the_turn(
    two: dict[str, Custody], url: str | None, tmp_path: Path
) -> None:
    """It is complete when the epoch before is destroyed; who comes back leaves an epoch that ends at once."""
    async with deployment(tmp_path, two, url=url) as house:
        tenant_id, neighbour = new_id("ten"), new_id("ten")
        await house.make(tenant_id)
        await house.make(neighbour)
        await house.keys.epochs.assign(tenant_id, "acme")
        await house.make(tenant_id)
        assert (await house.held())[tenant_id] == "acme+default"
        turn = house.turn()
        await turn.begin()
        await turn.carry()
        assert await house.held() == {tenant_id: "acme", neighbour: "default"}
        assert await house.states() == {"default": [DESTROYED, CURRENT], "acme": [CURRENT]}
        assert await house.opens(tenant_id)
        await house.keys.epochs.assign(tenant_id, "default")  # and back: nobody is with the holder any more
        await turn.begin_when_due()
        await turn.carry()
        assert (await house.held())[tenant_id] == "default"
        assert (await house.states())["acme"] == [DESTROYED]
        assert await house.opens(tenant_id)
        assert sorted(house.told.ends) == [1, 2]


async def test_a_turn_with_keys_for_a_holder_that_is_away_waits_for_these_and_moves_the_others(
    two: dict[str, Custody], tmp_path: Path
) -> None:
    """What is on its way to the holder stays where it opens; the neighbours' keys move."""
    async with deployment(tmp_path, two) as house:
        tenant_id, neighbour = new_id("ten"), new_id("ten")
        await house.make(tenant_id)
        await house.make(neighbour)
        await house.keys.epochs.assign(tenant_id, "acme")
        turn = house.turn()
        await turn.begin()
        async with two["acme"].away():
            with pytest.raises(KeyProviderError):
                await turn.carry()
            assert (await house.states())["default"] == [RETIRING, CURRENT]
            assert await house.opens(tenant_id)
            async with house.ground.keys.read() as connection:
                query = select(data_keys.c.epoch).where(data_keys.c.tenant_id == neighbour).distinct()
                assert (await connection.execute(query)).scalars().all() == [3]
        await turn.carry()
        assert (await house.states())["default"] == [DESTROYED, CURRENT]
        assert await house.opens(tenant_id)


async def test_a_holder_that_does_not_answer_is_assigned_to_nobody(
    two: dict[str, Custody], tmp_path: Path
) -> None:
    """Nor is one that the settings do not name; the tenant's keys go where they went."""
    async with deployment(tmp_path, two) as house:
        tenant_id = new_id("ten")
        async with two["acme"].away():
            with pytest.raises(KeyProviderError):
                await house.keys.epochs.assign(tenant_id, "acme")
        with pytest.raises(ConfigurationError, match="hooli"):
            await house.keys.epochs.assign(tenant_id, "hooli")
        assert await house.keys.epochs.holder_of(tenant_id) == "default"
        await house.make(tenant_id)
        assert await house.held() == {tenant_id: "default"}


async def test_a_start_without_a_holder_that_keys_lie_with_is_refused(
    two: dict[str, Custody], tmp_path: Path
) -> None:
    """Taken out of the settings, or another provider under its name: it says which, and what to do."""
    async with deployment(tmp_path, two) as house:
        await house.keys.epochs.assign(new_id("ten"), "acme")
        lacking = {"default": house.providers["default"]}
        with pytest.raises(ConfigurationError, match="names no acme"):
            await KeyStore(house.ground.keys, lacking, house.clock, house.anchor).start()


async def test_a_tenant_that_leaves_takes_its_holders_epochs_along(
    two: dict[str, Custody], url: str | None, tmp_path: Path
) -> None:
    """Its keys go in one step wherever they lie; the receipt's epoch is told last; the holder is let go."""
    async with deployment(tmp_path, two, url=url) as house:
        tenant_id, neighbour = new_id("ten"), new_id("ten")
        await house.make(neighbour)
        await house.make(tenant_id)
        await house.keys.epochs.assign(tenant_id, "acme")
        await house.make(tenant_id)  # in the middle of a change: with both
        assert await house.keys.newest_epoch(tenant_id) == 2
        assert await house.keys.forget_tenant(tenant_id) == 2
        assert not await house.opens(tenant_id)
        while await house.keys.forget_some(tenant_id, limit=1):
            continue
        turn = house.turn()
        await turn.begin_when_due()
        await turn.carry()
        assert await house.states() == {"default": [CURRENT], "acme": [DESTROYED]}
        assert house.told.ends == []  # the epoch of the other holder lives on
        await turn.begin()
        await turn.carry()
        assert house.told.ends == [1, 2]
        assert await house.opens(neighbour)
        alone = KeyStore(
            house.ground.keys, {"default": house.providers["default"]}, house.clock, house.anchor
        )
        await alone.start()
        parts = TurnParts(house.ground.keys, alone, house.clock, Copied(), house.told)
        await Turn(parts, TurnRules(7, timedelta(0), 2)).carry()


async def left(house: Deployment) -> Turn:
    """A holder whose last tenant went, with its only epoch retired."""
    tenant_id = new_id("ten")
    await house.keys.epochs.assign(tenant_id, "acme")
    await house.make(tenant_id)
    await house.keys.forget_tenant(tenant_id)
    while await house.keys.forget_some(tenant_id, limit=100):
        continue
    turn = house.turn()
    await turn.begin_when_due()
    await turn.carry(grace=DAY)
    assert (await house.states())["acme"] == [EpochState.RETIRED]
    return turn


async def test_a_key_that_its_owner_had_deleted_in_the_grace_period_has_ended(
    tmp_path: Path, moto_kms: Moto
) -> None:
    """Whoever leaves tidies up: the deletion that runs is the end, with the service's own date."""
    custody = KmsCustody(moto_kms)
    custodies: dict[str, Custody] = {"default": FileCustody(tmp_path / "file"), "acme": custody}
    async with deployment(tmp_path, custodies) as house:
        turn = await left(house)
        owners(moto_kms, custody.label, epoch=2)("schedule_key_deletion")
        await turn.carry()
        assert (await house.states())["acme"] == [DESTROYED]


async def test_a_key_that_opens_nothing_of_ours_is_not_destroyed_where_its_holder_has_no_other(
    two: dict[str, Custody], tmp_path: Path
) -> None:
    """An epoch from before there were probes, whose only tenant left: nothing shows whose key that is."""
    async with deployment(tmp_path, two) as house:
        turn, this = await left(house), epochs.c.epoch == 2
        async with house.ground.keys.write() as connection:
            before = (await connection.execute(select(epochs.c.evidence).where(this))).scalar_one()
            without = {name: value for name, value in before.items() if name != PROBE}
            await connection.execute(update(epochs).where(this).values(evidence=without))
        with pytest.raises(KeyProviderError, match="shows that it is ours"):
            await turn.carry()
        assert (await house.states())["acme"] == [EpochState.RETIRED]
        async with house.ground.keys.write() as connection:
            await connection.execute(update(epochs).where(this).values(evidence=before))
        await turn.carry()
        assert (await house.states())["acme"] == [DESTROYED]


async def test_what_moved_between_holders_has_ended_with_the_epoch_that_it_left(
    two: dict[str, Custody], tmp_path: Path
) -> None:
    """A receipt that names the newer epoch is not final before the older one has ended."""
    async with deployment(tmp_path, two) as house:
        tenant_id = new_id("ten")
        await house.make(tenant_id)
        await house.keys.epochs.assign(tenant_id, "acme")
        slow = house.turn(grace=30 * DAY)  # the first holder's end takes its time
        await slow.begin()
        await slow.carry()
        assert (await house.held())[tenant_id] == "acme"
        quick = house.turn()
        await quick.begin("acme")
        async with two["default"].away():
            with pytest.raises(KeyProviderError):
                await quick.carry()
        assert (await house.states())["acme"] == [DESTROYED, CURRENT]
        assert house.told.ends == []
        await quick.carry()
        assert house.told.ends == [1, 2]


async def test_a_disabled_own_key_is_obeyed_for_that_tenant_alone(tmp_path: Path, moto_kms: Moto) -> None:
    """At once by the watch, within five minutes by the caches; the neighbour notices nothing."""
    custody = KmsCustody(moto_kms)
    custodies: dict[str, Custody] = {"default": FileCustody(tmp_path / "file"), "acme": custody}
    async with deployment(tmp_path, custodies) as house:
        tenants, watch = await assigned(house), ProviderWatch(house.keys)
        owner = owners(moto_kms, custody.label, epoch=2)
        owner("disable_key")
        assert await house.opens(tenants["acme"], keys=house.keys)  # from memory
        house.clock.turn(timedelta(minutes=5))
        assert not await house.opens(tenants["acme"], keys=house.keys)
        assert await house.opens(tenants["default"], keys=house.keys)
        owner("enable_key")
        assert await house.opens(tenants["acme"], keys=house.keys)
        owner("disable_key")
        await watch.look()
        assert not await house.opens(tenants["acme"], keys=house.keys)
        assert (watch.standing, watch.holders) == (KeysStanding.OPEN, {"acme": "disabled"})
        assert len(house.keys._data_keys) == 2  # the neighbour's stay in memory
        await house.make(tenants["acme"], 1)
        assert not await house.opens(tenants["acme"], keys=house.process())
        owner("enable_key")
        await watch.look()
        assert await house.keys.recovering.carry() == 1
        assert await house.opens(tenants["acme"], keys=house.process())


async def test_a_crash_at_any_step_of_a_change_and_its_turn_loses_nothing(tmp_path: Path) -> None:
    """Kill -9 anywhere between the assignment and the end of the old epoch: the next process finishes."""
    steps = await steps_of_a_change(tmp_path / "whole", None)
    assert steps > 8
    for number in range(1, steps + 1):
        await steps_of_a_change(tmp_path / str(number), number)


async def steps_of_a_change(folder: Path, dies_at: int | None) -> int:
    """Change and turn once, dying at a step and going on in a new process; how many steps there were."""
    custodies: dict[str, Custody] = {
        "default": FileCustody(folder / "one"),
        "acme": FileCustody(folder / "other"),
    }
    async with deployment(folder, custodies) as house:
        tenant_id = new_id("ten")
        await house.make(tenant_id)
        wire = Wire(dies_at)
        try:
            await whole_change(house, WiredDatabase(house.ground.keys, wire, "keys"), tenant_id)
        except Crash:
            await whole_change(house, house.ground.keys, tenant_id)
        assert await house.held() == {tenant_id: "acme"}
        assert (await house.states())["default"] == [DESTROYED, CURRENT]
        assert house.told.ends == [1]
        assert await house.opens(tenant_id)
        return len(wire.steps)


async def whole_change(house: Deployment, database: Database, tenant_id: Id) -> None:
    """As the command and the job do."""
    await house.process(database).epochs.assign(tenant_id, "acme")
    turn = house.turn(database=database)
    if len((await house.states())["default"]) == 1:
        await turn.begin()
    for _ in range(2):
        await turn.carry()


async def test_an_old_copy_opens_nothing_of_a_tenant_whose_own_epoch_has_ended(
    three: dict[str, Custody], tmp_path: Path
) -> None:
    """P8 with a tenant's own key: with every credential that is still held."""
    async with deployment(tmp_path, three) as house:
        tenants = await assigned(house)
        await house.ground.keys.forget_traces("data_keys")
        copy = tmp_path / "copy"
        await asyncio.to_thread(shutil.copytree, house.ground.folder, copy)
        old = open_database(f"sqlite:///{copy / 'keys.db'}")
        try:
            assert await house.opens(tenants["acme"], keys=house.process(old))
            turn = house.turn()
            await turn.begin("acme")
            await turn.carry()
            assert await house.opens(tenants["acme"])
            assert not await house.opens(tenants["acme"], keys=house.process(old))
            assert await house.opens(tenants["globex"], keys=house.process(old))
        finally:
            await old.aclose()
