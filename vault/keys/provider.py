"""The port to whoever holds the epoch keys: a file, a security module, a key service."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from crypto.keys import TenantKey
from vault.errors import KeyProviderError


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch as its provider made it; ``evidence`` holds nothing secret."""

    number: int
    evidence: dict[str, str]


class EpochKeyState(StrEnum):
    """What a provider says of an epoch's key."""

    USABLE = "usable"
    DISABLED = "disabled"  # by whoever owns the provider; may come back
    ENDING = "ending"  # destruction is scheduled and cannot be used any more
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Destruction:
    """How a provider destroyed an epoch's key: from when on nobody can use it, and what it answered.

    ``evidence`` holds nothing secret; its digest stands in the ledger.
    """

    effective_at: datetime
    evidence: dict[str, str]


def require_place(made: Mapping[str, str] | None, here: Mapping[str, str], *names: str) -> None:
    """Raise KeyProviderError where a key that is not found was made at another place than the settings name.

    Not to be found there is not to be destroyed.
    """
    for name in names:
        if made is not None and made.get(name, here[name]) != here[name]:
            raise KeyProviderError(
                f"the key lies under the {name} {made[name]}, and the settings say {here[name]}: set it back"
            )


class KeyProvider(Protocol):
    """Makes epoch keys and wraps tenant keys under them; an epoch key never leaves the provider.

    Every method may wait for a device or a network and raises KeyProviderError where it gets no answer.
    """

    @property
    def name(self) -> str:
        """The provider's name in records, like ``file``."""
        ...

    @property
    def assurance(self) -> str:
        """What destroying a key here is worth: ``software``, ``hsm`` or ``kms``; it stands in receipts."""
        ...

    async def create_epoch(self, number: int) -> Epoch:
        """Make the key of an epoch, durably; an epoch that exists already is returned as it is."""
        ...

    async def wrap(self, epoch: int, tenant_key: TenantKey, *, context: bytes) -> bytes:
        """Wrap a tenant key under an epoch key, bound to a context."""
        ...

    async def unwrap(self, epoch: int, wrapped: bytes, *, context: bytes) -> TenantKey:
        """Unwrap a tenant key; KeyProviderError for another context, epoch or changed bytes."""
        ...

    async def state(self, epoch: int, *, made: Mapping[str, str] | None = None) -> EpochKeyState:
        """Tell how an epoch's key is; of the one in ``made``, where the evidence of its making names one."""
        ...

    async def destroy_epoch(
        self, epoch: int, *, now: datetime, made: Mapping[str, str] | None = None
    ) -> Destruction:
        """Destroy the key of an epoch for good; repeating it is harmless and tells no later moment.

        ``made`` is as for ``state``. Who asks need not be alone.
        """
        ...
