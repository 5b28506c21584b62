"""How the holders of tenants' own keys are; the labels are the operator's own names for them."""

from collections.abc import Sequence
from functools import partial
from math import nan

from prometheus_client import CollectorRegistry, Gauge

from vault.keys.provider import EpochKeyState
from vault.keys.watch import ProviderWatch


def count_holders(watch: ProviderWatch, names: Sequence[str], registry: CollectorRegistry) -> None:
    """Register a gauge for each holder beside the deployment's own; nothing where there is none.

    Not a number while no key lies with it.
    """
    if len(names) == 1:
        return
    usable = Gauge(
        "callvault_key_holder_usable", "1 while a holder's keys can be used.", ("holder",), registry=registry
    )
    for name in names[1:]:
        usable.labels(name).set_function(partial(_usable, watch, name))


def _usable(watch: ProviderWatch, name: str) -> float:
    state = watch.holders.get(name)
    return nan if state is None else float(state == EpochKeyState.USABLE.value)
