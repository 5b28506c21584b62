"""Is whoever holds the epoch keys there, and are the keys fit for use: looked at now and then."""

import asyncio
from enum import StrEnum
from typing import Final

import structlog

from vault.errors import KeyProviderError, VaultError
from vault.keys.provider import EpochKeyState
from vault.keys.store import KeyStore

EVERY_S: Final = (
    15.0  # a service that counts calls is asked four times a minute, whoever asks about readiness
)
log = structlog.get_logger(__name__)


class Standing(StrEnum):
    """What can be done with keys."""

    OPEN = "open"
    RECOVERY = "recovery"  # new ones are kept for later; what is sealed stays closed
    CLOSED = "closed"


class ProviderWatch:
    """What the provider said last. Who starts ``run`` waits for it; it ends by cancellation."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._looked = False
        self._state: EpochKeyState | None = None  # None: no answer
        self._takes_new = False

    @property
    def is_usable(self) -> bool:
        """Tell whether it answered, and every key in use is usable."""
        return self._state is EpochKeyState.USABLE

    @property
    def standing(self) -> Standing:
        """Tell what can be done with keys, as of the last look."""
        if self.is_usable:
            return Standing.OPEN
        return Standing.RECOVERY if self._takes_new else Standing.CLOSED

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
        try:
            self._takes_new = await self._keys.takes_new()
        except VaultError:  # the database: readiness asks it as well
            self._takes_new = False
        self._looked = True

    async def check(self) -> Standing:
        """Tell what can be done with keys; KeyProviderError where that is nothing. What readiness asks."""
        if not self._looked:
            await self.look()
        if self.standing is not Standing.CLOSED:
            return self.standing
        if self._state is None:
            raise KeyProviderError("the key provider does not answer; reads stay closed until it does")
        raise KeyProviderError("the key provider holds a key in use that nobody may use; restore it there")
