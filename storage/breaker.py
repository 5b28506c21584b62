"""A circuit breaker: a store that is down is left alone for a while instead of asked by everybody."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from storage.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable


class Breaker:
    """Counts failures in a row. After `failures_to_open`, calls fail at once for `rest_s`; then one tries."""

    def __init__(
        self, *, failures_to_open: int, rest_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures_to_open = failures_to_open
        self._rest_s = rest_s
        self._monotonic = monotonic
        self._failures = 0
        self._closed_until_s = 0.0

    def check(self) -> None:
        """Let a call pass, or raise `UnavailableError`. After a rest, one call passes and tells how it is."""
        if self._failures < self._failures_to_open:
            return
        now_s = self._monotonic()
        if now_s < self._closed_until_s:
            raise UnavailableError("the store failed several times in a row and is left alone for a moment")
        # The others go on waiting until this one has told, or has taken as long as a rest.
        self._closed_until_s = now_s + self._rest_s

    def succeeded(self) -> None:
        """Note that the store answered; a refusal is an answer too."""
        self._failures = 0

    def failed(self) -> None:
        """Note that the store was unavailable."""
        self._failures += 1
        if self._failures >= self._failures_to_open:
            self._closed_until_s = self._monotonic() + self._rest_s
