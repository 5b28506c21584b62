"""Is whoever holds the epoch keys there, and are the keys fit for use: looked at now and then."""

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import structlog

from vault.errors import KeyProviderError, VaultError
from vault.keys.provider import EpochKeyState
from vault.keys.store import KeyStore
from vault.settings import DEFAULT_HOLDER

EVERY_S: Final = (
    15.0  # a service that counts calls is asked four times a minute, whoever asks about readiness
)
AWAY: Final = "away"
log = structlog.get_logger(__name__)


class Standing(StrEnum):
    """What can be done with keys."""

    OPEN = "open"
    RECOVERY = "recovery"  # new ones are kept for later; what is sealed stays closed
    CLOSED = "closed"


class ProviderWatch:
    """What each holder of epoch keys said last. Who starts ``run`` waits for it; it ends by cancellation.

    The deployment's own decides how the vault stands; one that is a tenant's is that tenant's matter alone.
    """

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._states: Mapping[str, EpochKeyState | None] | None = None  # no answer; not looked yet
        self._takes_new = False

    @property
    def is_usable(self) -> bool:
        """Tell whether the deployment's own answered, and every key in use is usable."""
        return self._state(DEFAULT_HOLDER) is EpochKeyState.USABLE

    @property
    def holders(self) -> Mapping[str, str]:
        """Tell how each tenants' holder is: a state of its keys, or ``away``."""
        states = self._states or {}
        return {name: _word(state) for name, state in states.items() if name != DEFAULT_HOLDER}

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
        """Ask each once. What their owner took away stays in memory no longer, nor what was erased elsewhere.

        Where nobody answers, those in memory serve on, for as long as they would have anyway: a network that
        is away for a moment is no decision of anybody's.
        """
        before = self._states
        try:
            now = await self._keys.holder_states()
            self._takes_new = await self._keys.takes_new()
            await self._keys.drop_forgotten()
        except VaultError as error:  # the database: readiness asks it as well
            log.warning("keys.not_looked_at", error=type(error).__name__)
            self._states, self._takes_new = {}, False
            return
        self._states = now
        for holder, state in now.items():
            was = _word(before.get(holder)) if before and holder in before else None
            if state not in {None, EpochKeyState.USABLE}:
                await self._keys.drop_holder(holder)
            if state is None and was != AWAY:
                log.warning("keys.provider_away", holder=holder)
            elif _word(state) != was:
                log.info("keys.provider_state", holder=holder, state=_word(state))

    async def check(self) -> Standing:
        """Tell what can be done with keys; KeyProviderError where that is nothing. What readiness asks."""
        if self._states is None:
            await self.look()
        if self.standing is not Standing.CLOSED:
            return self.standing
        if self._state(DEFAULT_HOLDER) is None:
            raise KeyProviderError("the key provider does not answer; reads stay closed until it does")
        raise KeyProviderError("the key provider holds a key in use that nobody may use; restore it there")

    def _state(self, holder: str) -> EpochKeyState | None:
        return (self._states or {}).get(holder)


def _word(state: EpochKeyState | None) -> str:
    return AWAY if state is None else state.value
