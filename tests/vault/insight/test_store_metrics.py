"""How far the places of the store are behind, as an operator's scraper sees it."""

from prometheus_client import CollectorRegistry, generate_latest

from storage.debts import MemoryDebts
from storage.replicated import ReplicatedStore
from storage.store import ObjectKey
from tests.storage.test_replicated import Place
from vault.insight.store_metrics import count_replicas


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


def test_a_store_without_replicas_has_no_such_metrics() -> None:
    """A dashboard is not to alarm about nothing."""
    count_replicas(ReplicatedStore({"primary": Place()}, MemoryDebts()), registry := CollectorRegistry())
    assert generate_latest(registry) == b""
