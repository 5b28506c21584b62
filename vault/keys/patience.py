"""Who kept somebody waiting is not asked again for a while: a provider that hangs must not hang the calls."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar

from crypto.keys import TenantKey
from vault.clock import Clock
from vault.errors import KeyProviderError
from vault.keys.provider import Destruction, Epoch, EpochKeyState, KeyProvider

REST_S: Final = (
    30.0  # longer than the watch takes to look again, timed out: while it looks, nobody else waits
)
SLOW_S: Final = 1.0  # a refusal that comes sooner costs nobody anything: who gives it is asked again
HURRY_S: Final = 3.0  # what a visitor who calls, or a pause that is pressed, may wait for a key

Result = TypeVar("Result")


class Patience:
    """What is known of one provider's answering; shared by all who ask it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rests_until_s = float("-inf")

    def distrust(self) -> None:
        """Ask nothing for a while."""
        self._rests_until_s = self._clock.monotonic() + REST_S

    def trust(self) -> None:
        """Ask again: it answered."""
        self._rests_until_s = float("-inf")

    async def asked(self, ask: Callable[[], Awaitable[Result]], *, hurried: bool) -> Result:
        """Ask; raises KeyProviderError at once while it rests, and ``hurried`` where an answer takes long."""
        if self._clock.monotonic() < self._rests_until_s:
            raise KeyProviderError("the key provider did not answer a moment ago; it is asked again soon")
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            async with asyncio.timeout(HURRY_S if hurried else None):
                return await ask()
        except TimeoutError as cause:
            self.distrust()
            raise KeyProviderError(f"the key provider did not answer in {HURRY_S:g} s") from cause
        except KeyProviderError:
            if loop.time() - began_s > SLOW_S:
                self.distrust()
            raise


class PatientProvider:
    """Another provider, whose keys are asked for with patience; ``hurried`` with little of it."""

    def __init__(self, inner: KeyProvider, patience: Patience, *, hurried: bool = False) -> None:
        self._inner = inner
        self._patience = patience
        self._hurried = hurried

    @property
    def name(self) -> str:
        """The inner provider's name."""
        return self._inner.name

    @property
    def assurance(self) -> str:
        """What the inner provider's destruction is worth."""
        return self._inner.assurance

    @property
    def hurried(self) -> "PatientProvider":
        """The same, for who cannot wait."""
        return PatientProvider(self._inner, self._patience, hurried=True)

    async def create_epoch(self, number: int) -> Epoch:
        """Make the key of an epoch; see `KeyProvider.create_epoch`."""
        return await self._inner.create_epoch(number)

    async def wrap(self, epoch: int, tenant_key: TenantKey, *, context: bytes) -> bytes:
        """Wrap a tenant key; see `KeyProvider.wrap`."""
        return await self._patience.asked(
            lambda: self._inner.wrap(epoch, tenant_key, context=context), hurried=self._hurried
        )

    async def unwrap(self, epoch: int, wrapped: bytes, *, context: bytes) -> TenantKey:
        """Unwrap a tenant key; see `KeyProvider.unwrap`."""
        return await self._patience.asked(
            lambda: self._inner.unwrap(epoch, wrapped, context=context), hurried=self._hurried
        )

    async def state(self, epoch: int, *, made: Mapping[str, str] | None = None) -> EpochKeyState:
        """Tell how an epoch's key is, and remember whether there was an answer."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            state = await self._inner.state(epoch, made=made)
        except KeyProviderError:
            if loop.time() - began_s > SLOW_S:
                self._patience.distrust()
            raise
        self._patience.trust()
        return state

    async def destroy_epoch(
        self, epoch: int, *, now: datetime, made: Mapping[str, str] | None = None
    ) -> Destruction:
        """Destroy the key of an epoch; see `KeyProvider.destroy_epoch`."""
        return await self._inner.destroy_epoch(epoch, now=now, made=made)
