"""How far the places of the object store are behind; the labels are the operator's own names for them."""

from functools import partial
from math import nan
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Gauge

from storage.debts import Lag
from storage.replicated import ReplicatedStore
from vault.media.inventory import ORPHANS, Inventory, What

if TYPE_CHECKING:
    from collections.abc import Callable

_NOTHING: Final = Lag()


def count_replicas(store: ReplicatedStore, registry: CollectorRegistry) -> None:
    """Register a gauge of each kind for each place; nothing where there is no replica."""
    if len(store.places) == 1:
        return
    catch_up = store.catch_up

    def lag(place: str) -> Lag:
        return catch_up.lag.get(place, _NOTHING)

    labels = ("place",)
    owed = Gauge("callvault_replica_owed", "What a place lacks or must lose.", labels, registry=registry)
    oldest = Gauge(
        "callvault_replica_oldest_seconds", "Age of the oldest of that.", labels, registry=registry
    )
    failing = Gauge("callvault_replica_failing", "Of that, failed before.", labels, registry=registry)
    failures = Gauge("callvault_replica_failures", "Failures since the start.", labels, registry=registry)
    for place in store.places:
        owed.labels(place).set_function(partial(_read, lambda of: lag(of).owed, place))
        oldest.labels(place).set_function(partial(_read, lambda of: lag(of).oldest_s, place))
        failing.labels(place).set_function(partial(_read, lambda of: lag(of).failing, place))
        failures.labels(place).set_function(partial(_read, lambda of: catch_up.failures[of], place))


def count_stock(inventory: Inventory, registry: CollectorRegistry) -> None:
    """Register what the last inventory found; not a number before the first."""

    def found(*whats: What) -> float:
        return nan if inventory.last is None else inventory.last.count(*whats)

    orphans = Gauge("callvault_store_orphans", "Objects that no living item owns.", registry=registry)
    orphans.set_function(lambda: found(*ORPHANS))
    lacking = Gauge("callvault_store_missing", "Parts that a place does not have whole.", registry=registry)
    lacking.set_function(lambda: found(What.MISSING, What.WRONG_SIZE, What.DAMAGED))


def _read(of: "Callable[[str], float]", place: str) -> float:
    return of(place)
