"""The key inventory: who holds the keys, and every epoch from its making to its destruction."""

from dataclasses import dataclass
from datetime import datetime

from vault.keys.epochs import EpochState
from vault.keys.store import KeyStore
from vault.ledger.epoch_ends import EpochEnds
from vault.settings import DEFAULT_HOLDER, Settings


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch. The keys that are counted are the company's own; ``ended_at_index`` proves its end.

    Data keys ``in_recovery`` are sealed to the epoch's recovery key until the provider answers.
    """

    epoch: int
    state: str
    provider: str
    created_at: datetime
    retired_at: datetime | None
    destroyed_at: datetime | None
    ended_at_index: int | None
    tenant_keys: int
    data_keys: int
    in_recovery: int


@dataclass(frozen=True, slots=True)
class Keys:
    """Who holds the keys, what destroying one is worth there, and the rules of their turning.

    An epoch ends only with ``least_copies`` good backups of the key store, no two of them lost together. In
    that sense their places are ``backup_domains``.
    """

    provider: str
    assurance: str
    own: bool  # the company brought the holder along
    region: str | None
    epoch_days: int
    grace_h: int
    backup_days: int
    least_copies: int
    backup_domains: int
    irrecoverable_days: int
    epochs: list[Epoch]
    epochs_not_listed: int


async def keys(
    store: KeyStore, ends: EpochEnds, settings: Settings, *, domains: int, tenant_id: str, listed: int
) -> Keys:
    """Tell of them, the newest epochs last: those of the deployment's holder, and of the company's own."""
    holder = await store.epochs.holder_of(tenant_id)
    standing = [
        each
        for each in await store.epochs.all(tenant_id=tenant_id)
        if each.holder in {DEFAULT_HOLDER, holder} or each.tenant_keys
    ]
    shown = standing[-listed:]
    ended = await ends.of(each.epoch for each in shown)
    names = ("epoch", "state", "provider", "created_at", "retired_at", "destroyed_at")
    counted = ("tenant_keys", "data_keys", "in_recovery")
    return Keys(
        provider=store.provider(holder).name,
        assurance=store.provider(holder).assurance,
        own=holder != DEFAULT_HOLDER,
        region=_region(settings, holder),
        epoch_days=settings.keys.epoch_days,
        grace_h=settings.keys.grace_h,
        backup_days=settings.keys.backup_days,
        least_copies=settings.keys.least_copies,
        backup_domains=domains,
        irrecoverable_days=settings.irrecoverable_days,
        epochs=[
            Epoch(
                **{name: getattr(each, name) for name in (*names, *counted)},
                ended_at_index=ended.get(each.epoch) if each.state is EpochState.DESTROYED else None,
            )
            for each in shown
        ],
        epochs_not_listed=len(standing) - len(shown),
    )


def _region(settings: Settings, holder: str) -> str | None:
    """Name the region of a key service that has one."""
    own = next((one for one in settings.keys.holders if one.name == holder), None)
    kind, place = (settings.keys.provider, settings.awskms) if own is None else (own.provider, own.awskms)
    return place.region if kind == "awskms" else None
