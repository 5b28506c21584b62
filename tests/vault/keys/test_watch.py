"""What readiness and metrics say of whoever holds the epoch keys, and how its owner's no is obeyed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from crypto.keys import AnchorKey
from tests.servers.moto import Moto
from tests.vault.keys.custodies import KmsCustody
from tests.vault.media.workshop import open_ground
from vault.clock import TurnableClock
from vault.errors import KeyProviderError
from vault.keys.store import KeyStore
from vault.keys.watch import EVERY_S, ProviderWatch
from vault.model import Id, new_id

FIVE_MINUTES = timedelta(minutes=5)


class Owned:
    """A key store whose epoch keys lie with a service that somebody else owns."""

    def __init__(self, keys: KeyStore, clock: TurnableClock, custody: KmsCustody, moto: Moto) -> None:
        self.keys = keys
        self.clock = clock
        self.custody = custody
        self.tenant_id = new_id("ten")
        self._moto = moto

    def owner(self, what: str) -> None:
        """Have the owner disable or enable the first epoch's key."""
        owners(self._moto, self.custody.label, epoch=1)(what)

    async def made(self) -> Id:
        """An object with a data key."""
        object_id = new_id("rec")
        await self.keys.create_data_key(tenant_id=self.tenant_id, object_id=object_id)
        return object_id

    async def opens(self, object_id: Id) -> bool:
        """Whether its data key is to be had."""
        with suppress(KeyProviderError):
            await self.keys.data_key(tenant_id=self.tenant_id, object_id=object_id)
            return True
        return False


def owners(moto: Moto, label: str, *, epoch: int) -> Callable[[str], None]:
    """What the owner of an epoch's key may do with it: disable it, enable it."""

    def act(what: str) -> None:
        client = boto3.client(
            "kms",
            endpoint_url=moto.endpoint,
            region_name=moto.region,
            aws_access_key_id="owner",
            aws_secret_access_key="owner",
        )
        found = client.describe_key(KeyId=f"alias/{label}-epoch-{epoch}")["KeyMetadata"]["KeyId"]
        getattr(client, what)(KeyId=found)
        client.close()

    return act


def usable(watch: ProviderWatch) -> bool:
    """What the metric reads."""
    return watch.is_usable


@asynccontextmanager
async def owned(folder: Path, moto: Moto, anchor: AnchorKey | None = None) -> AsyncIterator[Owned]:
    """Open it."""
    clock, custody = TurnableClock(datetime(2026, 11, 29, tzinfo=UTC)), KmsCustody(moto)
    async with open_ground(folder, clock=clock) as ground, custody.opened() as provider:
        keys = KeyStore(ground.keys, provider, clock, anchor)
        await keys.start()
        yield Owned(keys, clock, custody, moto)


async def test_a_disabled_key_is_obeyed_within_five_minutes_by_the_caches_alone(
    tmp_path: Path, moto_kms: Moto
) -> None:
    """However the caches were filled meanwhile, nothing in them outlives the five minutes."""
    async with owned(tmp_path, moto_kms) as house:
        objects = [await house.made() for _ in range(31)]
        house.keys.drop_all()
        assert await house.opens(objects[0])  # the tenant's key is in the cache from here on
        house.owner("disable_key")
        for object_id in objects:
            await house.opens(object_id)
            house.clock.turn(FIVE_MINUTES / 30)
        assert not any([await house.opens(object_id) for object_id in objects])
        house.owner("enable_key")
        assert all([await house.opens(object_id) for object_id in objects])


async def test_the_watch_obeys_at_once(tmp_path: Path, moto_kms: Moto) -> None:
    """What the caches hold is dropped when the owner's no is seen; readiness says that keys are closed."""
    async with owned(tmp_path, moto_kms) as house:
        watch, object_id = ProviderWatch(house.keys), await house.made()
        await watch.check()
        assert usable(watch)
        house.owner("disable_key")
        assert await house.opens(object_id)
        await watch.look()
        assert not usable(watch)
        assert not await house.opens(object_id)
        with pytest.raises(KeyProviderError, match="nobody may use"):
            await watch.check()
        house.owner("enable_key")
        await watch.look()
        await watch.check()
        assert await house.opens(object_id)


async def test_a_provider_that_is_away_is_told_and_closes_nothing_before_its_time(
    tmp_path: Path, moto_kms: Moto
) -> None:
    """Readiness fails at once; what is in memory serves until the caches end; then nothing, then all."""
    async with owned(tmp_path, moto_kms) as house:
        watch, object_id = ProviderWatch(house.keys), await house.made()
        async with house.custody.away():
            with pytest.raises(KeyProviderError, match="does not answer"):
                await watch.check()
            assert not usable(watch)
            assert await house.opens(object_id)
            house.clock.turn(FIVE_MINUTES)
            assert not await house.opens(object_id)
        await watch.look()
        assert usable(watch)
        assert await house.opens(object_id)


async def test_the_watch_looks_by_itself(
    tmp_path: Path, moto_kms: Moto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that goes on after a failure; readiness itself asks nobody."""
    assert EVERY_S <= 60
    monkeypatch.setattr("vault.keys.watch.EVERY_S", 0.01)
    async with owned(tmp_path, moto_kms) as house:
        watch = ProviderWatch(house.keys)
        task = asyncio.create_task(watch.run(), name="watch")
        async with asyncio.timeout(30):
            while not usable(watch):  # noqa: ASYNC110  # a service has no event
                await asyncio.sleep(0.01)
            house.owner("disable_key")
            while usable(watch):  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
