"""The key inventory: who holds the keys, and every epoch from its making to its destruction."""

from dataclasses import dataclass
from datetime import datetime

from vault.keys.store import KeyStore
from vault.ledger.epoch_ends import EpochEnds
from vault.settings import Settings


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch. The keys that are counted are the company's own; ``ended_at_index`` proves its end."""

    epoch: int
    state: str
    provider: str
    created_at: datetime
    retired_at: datetime | None
    destroyed_at: datetime | None
    ended_at_index: int | None
    tenant_keys: int
    data_keys: int


@dataclass(frozen=True, slots=True)
class Keys:
    """Who holds the keys, what destroying one is worth there, and the rules of their turning.

    An epoch ends only with ``least_copies`` good backups of the key store, no two of them lost together. In
    that sense their places are ``backup_domains``.
    """

    provider: str
    assurance: str
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
    """Tell of them, the newest epochs last."""
    standing = await store.epochs.all(tenant_id=tenant_id)
    shown = standing[-listed:]
    ended = await ends.of(each.epoch for each in shown)
    names = ("epoch", "state", "provider", "created_at", "retired_at", "destroyed_at")
    counted = ("tenant_keys", "data_keys")
    return Keys(
        provider=settings.keys.provider,
        assurance=store.assurance,
        region=settings.awskms.region if settings.keys.provider == "awskms" else None,
        epoch_days=settings.keys.epoch_days,
        grace_h=settings.keys.grace_h,
        backup_days=settings.keys.backup_days,
        least_copies=settings.keys.least_copies,
        backup_domains=domains,
        irrecoverable_days=settings.irrecoverable_days,
        epochs=[
            Epoch(
                **{name: getattr(each, name) for name in (*names, *counted)},
                ended_at_index=ended.get(each.epoch),
            )
            for each in shown
        ],
        epochs_not_listed=len(standing) - len(shown),
    )
