"""Readiness, asked by anybody."""

from pathlib import Path

from tests.vault.http.house import open_house
from vault.app import make_services
from vault.insight.metrics import Metrics
from vault.keys.file_provider import FileKeyProvider
from vault.model import Role


async def test_readiness_is_asked_of_the_parts_once_in_a_second(tmp_path: Path) -> None:
    """Anybody may ask /readyz: many who ask at once cost one look."""
    looked = 0

    async def look() -> None:
        nonlocal looked
        looked += 1

    async with open_house(tmp_path, checks={"store": look}) as house:
        for _ in range(5):
            assert (await house.ask("GET", "/readyz"))[0] == 200
    assert looked == 1


async def test_a_key_provider_that_is_away_is_told_and_closes_the_reads(tmp_path: Path) -> None:
    """What needs a key answers 503 and never another thing; readiness says so, and lets calls through."""
    async with open_house(tmp_path) as house:
        house.services.health = make_services(
            house.rooms, Metrics(version="0", clock=house.rooms.clock)
        ).health
        assert (await house.ask("GET", "/readyz?verbose"))[1]["checks"]["key_provider"] == "ok"
        (tmp_path / "keys" / "root.key").unlink()
        house.rooms.keys.drop_all()  # as after five minutes
        await house.rooms.key_watch.look()
        assert not house.rooms.key_watch.is_usable
        status, body, _ = await house.ask("GET", "/v1/people", role=Role.ADMIN)
        assert (status, body["code"]) == (503, "key_provider")
        house.services.health = make_services(
            house.rooms, Metrics(version="0", clock=house.rooms.clock)
        ).health
        status, body, _ = await house.ask("GET", "/readyz?verbose")
        assert (status, body["checks"]["key_provider"], body["keys"]) == (200, "away", "recovery")
        assert body["keys_in_recovery"] == 0


async def test_a_tenants_holder_that_is_away_is_told_and_the_vault_stays_ready(tmp_path: Path) -> None:
    """It is that tenant's matter: everybody else is served, and the tenant's own calls are kept for later."""
    ring = tmp_path / "keys" / "acme.key"
    FileKeyProvider.create(ring)
    holder = {"name": "acme", "provider": "file", "key_file": str(ring)}
    async with open_house(tmp_path, keys={"holders": [holder]}) as house:
        await house.rooms.identity.tenants.set_key_holder(house.tenants["a"], "acme")
        house.services.health = make_services(
            house.rooms, Metrics(version="0", clock=house.rooms.clock)
        ).health
        await house.rooms.key_watch.look()
        assert (await house.ask("GET", "/readyz?verbose"))[1]["key_holders"] == {"acme": "usable"}
        ring.unlink()
        await house.rooms.key_watch.look()
        status, body, _ = await house.ask("GET", "/readyz?verbose")
        assert (status, body["keys"], body["key_holders"]) == (200, "open", {"acme": "away"})


async def test_a_vault_that_can_keep_no_new_key_is_not_ready(tmp_path: Path) -> None:
    """A key that is gone at its provider opens nothing again: whoever calls is sent elsewhere."""
    async with open_house(tmp_path) as house:
        await FileKeyProvider.open(tmp_path / "keys" / "root.key").destroy_epoch(
            1, now=house.rooms.clock.now()
        )
        house.rooms.keys.drop_all()
        await house.rooms.key_watch.look()
        house.services.health = make_services(
            house.rooms, Metrics(version="0", clock=house.rooms.clock)
        ).health
        status, body, _ = await house.ask("GET", "/readyz?verbose")
        assert (status, body["checks"]["key_provider"], body["keys"]) == (503, "fail", "closed")
