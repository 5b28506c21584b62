"""Out of recovery: what was sealed while the provider did not answer is wrapped as usual, once it does.

A record moves by comparison: where it is still the one that was opened, the same key lies under the tenant's
key of the current epoch from then on. So it may be tried by anybody, at any time, and again after a crash.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from sqlalchemy import Row, func, select, tuple_

from vault.db.engine import Database
from vault.db.key_tables import data_keys
from vault.errors import KeyProviderError, VaultError
from vault.keys.epochs import Epochs
from vault.keys.moving import Under, had, rewrapped, write_moves
from vault.keys.records import Recovery
from vault.keys.recovery_keys import RecoveryKeys
from vault.keys.tenant_keys import TenantKeys

log = structlog.get_logger(__name__)

BATCH: Final = 250  # records in one transaction: some milliseconds of the one writer
LOOK_EVERY_S: Final = 5.0  # how long a recording waits at most once the provider is back


class Recovering:
    """Wraps records under tenant keys again. Who starts ``run`` waits for it; it ends by cancellation."""

    def __init__(
        self, database: Database, epochs: Epochs, tenant_keys: TenantKeys, recovery: RecoveryKeys
    ) -> None:
        self._database = database
        self._epochs = epochs
        self._tenant_keys = tenant_keys
        self._recovery = recovery
        self._broken: frozenset[str] = frozenset()
        self.waiting = 0  # records in recovery, when somebody looked last

    async def run(self) -> None:
        """Look again and again, and move what can be moved."""
        while True:
            try:
                for holder in await self._epochs.holders():
                    with suppress(KeyProviderError):  # the watch says that it is away
                        await self.ensure(holder)
                with suppress(KeyProviderError):
                    await self.carry()
            except VaultError as error:
                log.warning("keys.recovery_waits", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    async def ensure(self, holder: str) -> None:
        """See to it that a holder's current epoch has a recovery key; KeyProviderError while it is away."""
        for epoch, name in (await self._epochs.in_use()).items():
            if name == holder:
                await self._recovery.ensure(epoch)

    async def carry(self) -> int:
        """Move all that can be moved out of recovery; tells how many moved.

        Raises KeyProviderError where something stays because its holder does not answer. A record that does
        not open stays, and is told: it may be all that is left of a recording.
        """
        moved, broken, away = 0, set[str](), list[VaultError]()
        self.waiting = await self._count()
        after = ("", 0)
        while self.waiting and (rows := await self._page(after)):
            done, spoilt = await self._moved(rows, away)
            moved, after = moved + done, (rows[-1].object_id, rows[-1].gen)
            broken |= set(spoilt)
        if moved:
            log.info("keys.out_of_recovery", keys=moved)
        if broken - self._broken:
            log.error("keys.recovery_broken", records=len(broken))
        self._broken = frozenset(broken)
        self.waiting = await self._count() if self.waiting else 0
        if away:
            raise away[0]
        return moved

    async def move(self, rows: Sequence[Row[Any]]) -> tuple[int, Sequence[str]]:
        """Move these records; tells how many moved, and the objects whose record does not open.

        Raises KeyProviderError where some stay because a key of theirs is not to be had.
        """
        away = list[VaultError]()
        told = await self._moved(rows, away)
        if away:
            raise away[0]
        return told

    async def _moved(self, rows: Sequence[Row[Any]], away: list[VaultError]) -> tuple[int, Sequence[str]]:
        """Move what can be moved. One tenant's key, one holder that is away hold up no other's records.

        Those of a tenant that is forgotten meanwhile are gone with its keys.
        """
        private, lost = await had({row.epoch for row in rows}, self._private, away)
        under, _ = await had({row.tenant_id for row in rows}, self._under, away)
        ready = [row for row in rows if row.epoch in private and row.tenant_id in under]
        moves, broken = await asyncio.to_thread(rewrapped, ready, lambda row: private[row.epoch], under)
        broken += [row.object_id for row in rows if row.epoch in lost]
        return await write_moves(self._database, moves), broken

    async def _private(self, epoch: int) -> Recovery:
        return Recovery(await self._recovery.private_key(epoch), self._recovery.anchor)

    async def _under(self, tenant_id: str) -> Under:
        to = await self._epochs.current_of(tenant_id)
        return Under(to, await self._tenant_keys.get(tenant_id, to, create=True))

    async def _count(self) -> int:
        query = select(func.count()).where(data_keys.c.in_recovery.is_(True))
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one()

    async def _page(self, after: tuple[str, int]) -> Sequence[Row[Any]]:
        name = tuple_(data_keys.c.object_id, data_keys.c.gen)
        query = select(data_keys).where(data_keys.c.in_recovery.is_(True), name > after)
        async with self._database.read() as connection:
            return (
                await connection.execute(query.order_by(data_keys.c.object_id, data_keys.c.gen).limit(BATCH))
            ).all()
