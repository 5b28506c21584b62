"""The key sets of other issuers, kept fresh without letting a caller decide how often we ask.

- A set is good for ten minutes; then the next token asks again.
- An unknown ``kid`` asks again too, but never within a minute of the last question.
- Where the issuer does not answer, the old set serves for a day: its outage is not ours.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final

import structlog

from vault.clock import Clock
from vault.errors import DependencyError, InvalidError
from vault.identity.issuers import Issuer
from vault.identity.jwk import read_key_set
from vault.identity.outgoing import Outgoing

FRESH_S: Final = 600.0
COOL_DOWN_S: Final = 60.0
STALE_S: Final = 24 * 3_600.0
_log = structlog.get_logger("vault.identity")


@dataclass(slots=True)
class _Cached:
    url: str
    keys: dict[str, Any]
    fetched_s: float  # when the keys arrived
    asked_s: float  # when we last asked, answered or not


class KeySets:
    """Finds the keys of an issuer: from its row, or from its address through a cache."""

    def __init__(self, outgoing: Outgoing, clock: Clock) -> None:
        self._outgoing = outgoing
        self._clock = clock
        self._cache: dict[str, _Cached] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def keys_of(self, issuer: Issuer, *, kid: str | None) -> dict[str, Any]:
        """Return the issuer's keys, asking again where ``kid`` is not among them.

        Raises DependencyError where nothing is known and the issuer does not answer.
        """
        if issuer.jwks is not None:
            return read_key_set(issuer.jwks, algorithm=issuer.algorithm)
        known = self._cache.get(issuer.id)
        if known is not None and self._is_fresh(known, issuer, kid):
            return known.keys  # nobody waits here while a stranger's unknown kid is asked about
        lock = self._locks.setdefault(issuer.id, asyncio.Lock())
        async with lock:  # one question at a time; those who wait find its answer
            cached = self._cache.get(issuer.id)
            if cached is None or cached.url != issuer.jwks_url:
                cached = _Cached(str(issuer.jwks_url), {}, float("-inf"), float("-inf"))
                self._cache[issuer.id] = cached
            asked_ago_s = self._clock.monotonic() - cached.asked_s
            if asked_ago_s > COOL_DOWN_S and not self._is_fresh(cached, issuer, kid):
                await self._refresh(issuer, cached)
            if self._clock.monotonic() - cached.fetched_s > STALE_S:
                raise DependencyError("the issuer's keys are not known and it does not answer")
            return cached.keys

    def _is_fresh(self, cached: _Cached, issuer: Issuer, kid: str | None) -> bool:
        age_s = self._clock.monotonic() - cached.fetched_s
        return cached.url == issuer.jwks_url and kid in cached.keys and age_s <= FRESH_S

    async def _refresh(self, issuer: Issuer, cached: _Cached) -> None:
        cached.asked_s = self._clock.monotonic()
        try:
            raw = await self._outgoing.fetch(cached.url)
            keys = read_key_set(json.loads(raw), algorithm=issuer.algorithm)
        except (DependencyError, InvalidError, ValueError, RecursionError) as error:
            _log.warning("key set not refreshed", issuer_id=issuer.id, error=type(error).__name__)
            return
        cached.keys = keys
        cached.fetched_s = self._clock.monotonic()
