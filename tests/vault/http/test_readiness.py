"""Readiness, asked by anybody."""

from pathlib import Path

from tests.vault.http.house import open_house
from vault.app import make_services
from vault.insight.metrics import Metrics
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
    """Readiness names it, the metric is 0, and what needs a key answers 503 and never another thing."""
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
        assert (status, body["checks"]["key_provider"]) == (503, "fail")
