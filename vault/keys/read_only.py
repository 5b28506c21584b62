"""A key provider to look at: it unwraps and tells, and makes or destroys nothing."""
# ruff: noqa: ARG002

from collections.abc import Mapping
from datetime import datetime

from crypto.keys import TenantKey
from vault.errors import KeyProviderError
from vault.keys.provider import Destruction, Epoch, EpochKeyState, KeyProvider


class ReadOnlyProvider:
    """Another provider without what changes it, for a key store that is a copy of the real one."""

    def __init__(self, inner: KeyProvider) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """The inner provider's name."""
        return self._inner.name

    @property
    def assurance(self) -> str:
        """What the inner provider's destruction is worth."""
        return self._inner.assurance

    async def create_epoch(self, number: int) -> Epoch:
        """Refuse."""
        raise _refused()

    async def wrap(self, epoch: int, tenant_key: TenantKey, *, context: bytes) -> bytes:
        """Refuse: what is wrapped for a copy is lost with it."""
        raise _refused()

    async def unwrap(self, epoch: int, wrapped: bytes, *, context: bytes) -> TenantKey:
        """Unwrap a tenant key; see `KeyProvider.unwrap`."""
        return await self._inner.unwrap(epoch, wrapped, context=context)

    async def state(self, epoch: int, *, made: Mapping[str, str] | None = None) -> EpochKeyState:
        """Tell how an epoch's key is; see `KeyProvider.state`."""
        return await self._inner.state(epoch, made=made)

    async def destroy_epoch(
        self, epoch: int, *, now: datetime, made: Mapping[str, str] | None = None
    ) -> Destruction:
        """Refuse."""
        raise _refused()


def _refused() -> KeyProviderError:
    return KeyProviderError(
        "the epoch keys are only used to look here; none is made, wrapped under or destroyed"
    )
