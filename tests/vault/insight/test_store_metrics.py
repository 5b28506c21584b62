"""How far the places of the store are behind, as an operator's scraper sees it."""

from math import isnan
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from storage.debts import MemoryDebts
from storage.replicated import ReplicatedStore
from storage.store import ObjectKey
from tests.storage.test_replicated import Place
from vault.db.engine import open_database
from vault.db.migrate import migrate
from vault.insight.store_metrics import count_replicas, count_stock
from vault.media.inventory import Inventory


async def test_a_place_that_is_away_shows_and_shows_no_more_when_it_caught_up() -> None:
    """By the operator's own name for it, nothing else."""
    places = {"primary": Place(), "lyon": Place()}
    debts = MemoryDebts()
    store = ReplicatedStore(places, debts)
    count_replicas(store, registry := CollectorRegistry())
    places["lyon"].is_away = True
    await store.put(ObjectKey("media/a"), b"sealed")
    await store.catch_up.turn("lyon")
    store.catch_up.lag = await debts.lag()
    assert registry.get_sample_value("callvault_replica_owed", {"place": "lyon"}) == 1
    assert registry.get_sample_value("callvault_replica_failing", {"place": "lyon"}) == 1
    assert registry.get_sample_value("callvault_replica_failures", {"place": "lyon"}) == 1
    assert registry.get_sample_value("callvault_replica_owed", {"place": "primary"}) == 0
    assert b"media/a" not in generate_latest(registry)


async def test_what_the_inventory_found_is_no_number_before_the_first(tmp_path: Path) -> None:
    """An alarm on zero must not be quiet because nobody has looked."""
    store = ReplicatedStore({"primary": Place()}, MemoryDebts())
    database = open_database(f"sqlite:///{tmp_path}/main.db")
    count_stock(inventory := Inventory(database, store), registry := CollectorRegistry())
    assert isnan(registry.get_sample_value("callvault_store_orphans") or 0)
    await migrate(database, "main")
    await store.put(ObjectKey("stray"), b"x")
    inventory.last = await inventory.take()
    assert registry.get_sample_value("callvault_store_orphans") == 1
    assert registry.get_sample_value("callvault_store_missing") == 0
    await database.aclose()


def test_a_store_without_replicas_has_no_such_metrics() -> None:
    """A dashboard is not to alarm about nothing."""
    count_replicas(ReplicatedStore({"primary": Place()}, MemoryDebts()), registry := CollectorRegistry())
    assert generate_latest(registry) == b""
