"""The jobs of the rights room: erasures are carried to their end, retention ends on time."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from vault.calls.calls import Calls
from vault.calls.own_links import VisitorLinks
from vault.clock import Clock
from vault.errors import ConflictError, VaultError
from vault.media.recordings import Recordings
from vault.model import ErasureReason, Id
from vault.rights.custody import Custody
from vault.rights.erasure import Eraser
from vault.rights.requests import DeletionRequests

log = structlog.get_logger(__name__)

AGAIN_S: Final = 5.0  # an erasure that waits for a store or a reader is asked again this often
RETENTION_EVERY_S: Final = 600.0
RETENTION_BATCH: Final = 100  # a day's recordings end over minutes, not in one burst


class Keeper:
    """Runs until cancelled; ``wake`` shortens the wait after a new request."""

    def __init__(
        self,
        eraser: Eraser,
        requests: DeletionRequests,
        recordings: Recordings,
        calls: Calls,
        custody: Custody,
        links: VisitorLinks,
        clock: Clock,
        *,
        unjoined_s: float,
    ) -> None:
        self._eraser = eraser
        self._requests = requests
        self._recordings = recordings
        self._calls = calls
        self._custody = custody
        self._links = links
        self._unjoined = timedelta(seconds=unjoined_s)
        self._clock = clock
        self._wake = asyncio.Event()
        self._retention_due_s = 0.0

    def wake(self) -> None:
        """There is something new to erase."""
        self._wake.set()

    async def stopped(self, tenant_id: Id, call_id: Id, reason: ErasureReason) -> None:
        """Erase what was captured of a call whose recording was stopped for good, and should not be kept."""
        await self._requests.of_stopped(tenant_id, call_id, reason)
        self.wake()

    async def run(self) -> None:
        """Carry what is pending, again and again."""
        while True:
            self._wake.clear()
            left = await self._guarded()
            try:
                async with asyncio.timeout(AGAIN_S if left else RETENTION_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def turn(self) -> int:
        """End what retention ended, carry every pending erasure one round; returns how many are left."""
        left = 0
        for step in (self._ask_for_stopped, self._end_retention):
            try:
                await step()
            except VaultError as error:  # what people asked for does not wait for what time brings
                left += 1
                log.warning("retention.waits", error=type(error).__name__)
        return left + await self.carry_pending()

    async def carry_pending(self) -> int:
        """Carry every erasure that was asked for one round; returns how many are left."""
        return await self.carry(await self._eraser.pending())

    async def carry(self, object_ids: Sequence[Id]) -> int:
        """Carry these erasures one round; returns how many are left."""
        left = 0
        for object_id in object_ids:
            try:
                if not await self._eraser.carry(object_id):
                    left += 1
            except VaultError as error:
                left += 1
                log.warning("erasure.waits", object=object_id, error=type(error).__name__)
            except Exception as error:  # noqa: BLE001  # whatever is wrong with one, the others go on
                left += 1
                log.error("erasure.failed", object=object_id, error=type(error).__name__)
        return left

    async def _guarded(self) -> int:
        try:
            return await self.turn()
        except VaultError as error:
            log.warning("erasure.turn_failed", error=type(error).__name__)
            return 1

    async def _ask_for_stopped(self) -> None:
        """Ask for what a crash, or a store that was away, kept from being asked for."""
        for tenant_id, call_id, reason in await self._recordings.stopped(limit=RETENTION_BATCH):
            await self._requests.of_stopped(tenant_id, call_id, reason)

    async def _end_retention(self) -> None:
        now_s = self._clock.monotonic()
        if now_s < self._retention_due_s:
            return
        now = await self._custody.sentry.now()
        if now is None:
            return  # what time brings waits; what people ask for does not
        await self._calls.end_unjoined(opened_before=now - self._unjoined)
        await self._custody.holds.end_expired(now)
        await self._custody.changes.apply_due(now)
        over = await self._custody.dues.now(now, limit=RETENTION_BATCH)
        for tenant_id, kind, object_id in over:
            await self._ask(tenant_id, kind, object_id)
        await self._links.end_over()
        links = await self._links.invitations.past_retention(limit=RETENTION_BATCH)
        for tenant_id, invitation_id in links:
            await self._ask(tenant_id, "invitation", invitation_id)
        if max(len(over), len(links)) < RETENTION_BATCH:
            self._retention_due_s = now_s + RETENTION_EVERY_S

    async def _ask(self, tenant_id: Id, kind: str, object_id: Id) -> None:
        """Ask for one; a call that is still running after all is asked for again, and keeps no other."""
        try:
            await self._requests.of_retention(tenant_id, kind, object_id)
        except ConflictError:
            log.warning("retention.waits", object=object_id, error="ConflictError")
