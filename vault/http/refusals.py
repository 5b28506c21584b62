"""Refusals in the ledger: one leaf for each person, route and minute, however often it was tried.

A leaf is for ever, so whoever is refused must not decide how many there are. The first refusal is written at
once; those that follow within the minute are counted, and the count stands in the leaf after it. A visitor's
refusals are not written: its token is free for the asking, and it has no right that a refusal would protect.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import structlog

from vault.clock import Clock
from vault.errors import ForbiddenError, LinkDeadError, NotFoundError, VaultError
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Role
from vault.policy import Principal

RECORDED: Final = (ForbiddenError, LinkDeadError, NotFoundError)
"""Forbidden by the role; a link that is dead or another's; what is another tenant's, or nobody's."""

WINDOW_S: Final = 60.0
WAITING_MAX: Final = 10_000  # people times routes, really; beyond that the counts are written early
_log = structlog.get_logger("vault.http")


@dataclass(slots=True)
class _Window:
    who: Principal
    reason: str  # the code of the latest refusal
    until_s: float
    count: int = 0  # refusals that no leaf tells yet


class Refusals:
    """Writes refusals of people and services into the ledger."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}

    async def record(self, refusal: VaultError, who: Principal, route: str) -> None:
        """Count a refusal; write it where none was written within the minute. Raises what the ledger raises.

        Whether a thing is missing or another tenant's makes no difference here, as it makes none outside.
        """
        if not isinstance(refusal, RECORDED) or who.role is Role.VISITOR:
            return
        key = (who.id, route)
        now_s = self._clock.monotonic()
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= WAITING_MAX:
                await self.flush(everything=True)
            window = self._windows[key] = _Window(who, refusal.code, now_s)
        window.who, window.reason = who, refusal.code
        window.count += 1
        if window.until_s <= now_s:
            await self._write(route, window)

    async def flush(self, *, everything: bool = False) -> None:
        """Write the counts of minutes that are over, and forget those minutes; ``everything`` at the end."""
        now_s = self._clock.monotonic()
        for key, window in list(self._windows.items()):
            if not everything and window.until_s > now_s:
                continue
            if window.count:
                await self._write(key[1], window)
            else:
                self._windows.pop(key, None)

    async def run(self) -> None:
        """Flush every minute until cancelled; what fails is kept for the next time."""
        while True:
            await asyncio.sleep(WINDOW_S)
            try:
                await self.flush()
            except Exception as error:  # noqa: BLE001  # whatever it is, the next minute comes
                _log.warning("refusals wait", error=type(error).__name__)

    async def _write(self, route: str, window: _Window) -> None:
        # Taken before the wait: refusals that come meanwhile belong to the next leaf.
        count, window.count = window.count, 0
        window.until_s = self._clock.monotonic() + WINDOW_S
        try:
            await self._ledger.record(
                Entry(
                    type=EntryType.ACCESS_REFUSED,
                    tenant_id=window.who.tenant_id,
                    actor_id=window.who.id,
                    facts={
                        "route": route,
                        "role": window.who.role.value,
                        "reason": window.reason,
                        "count": count,
                    },
                )
            )
        except BaseException:
            window.count += count
            window.until_s = self._clock.monotonic()
            raise
