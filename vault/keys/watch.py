"""Is whoever holds the epoch keys there, and are the keys fit for use: looked at now and then."""

import asyncio
from typing import Final

import structlog

from vault.errors import KeyProviderError, VaultError
from vault.keys.provider import EpochKeyState
from vault.keys.store import KeyStore

EVERY_S: Final = (
    15.0  # a service that counts calls is asked four times a minute, whoever asks about readiness
)
log = structlog.get_logger(__name__)


class ProviderWatch:
    """What the provider said last. Who starts ``run`` waits for it; it ends by cancellation."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._looked = False
        self._state: EpochKeyState | None = None  # None: no answer

    @property
    def is_usable(self) -> bool:
        """Tell whether it answered, and every key in use is usable."""
        return self._state is EpochKeyState.USABLE

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Ask once. Keys that their owner took away are kept in memory no longer.

        Where nobody answers, those in memory serve on, for as long as they would have anyway: a network that
        is away for a moment is no decision of anybody's.
        """
        before, looked = self._state, self._looked
        try:
            self._state = await self._keys.provider_state()
        except VaultError as error:
            self._state = None
            if before is not None or not looked:
                log.warning("keys.provider_away", error=type(error).__name__)
        else:
            if self._state is not EpochKeyState.USABLE:
                self._keys.drop_all()
            if self._state is not before:
                log.info("keys.provider_state", state=self._state.value)
        self._looked = True

    async def check(self) -> None:
        """Raise KeyProviderError unless keys can be used; what readiness asks."""
        if not self._looked:
            await self.look()
        if self._state is None:
            raise KeyProviderError("the key provider does not answer; reads stay closed until it does")
        if not self.is_usable:
            raise KeyProviderError(
                "the key provider holds a key in use that nobody may use; restore it there"
            )
