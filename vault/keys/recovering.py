"""Out of recovery: what was sealed while the provider did not answer is wrapped as usual, once it does.

A record moves by comparison: where it is still the one that was opened, the same key lies under the tenant's
key of the current epoch from then on. So it may be tried by anybody, at any time, and again after a crash.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import Row, bindparam, func, select, tuple_, update

from crypto.keys import TenantKey
from crypto.wrapping import wrap
from vault.db.engine import Database
from vault.db.key_tables import data_keys
from vault.errors import KeyProviderError, TamperedError, VaultError
from vault.keys.epochs import Epochs, is_open
from vault.keys.records import Recovery, context_of, opened
from vault.keys.recovery_keys import RecoveryKeys
from vault.keys.tenant_keys import TenantKeys

log = structlog.get_logger(__name__)

BATCH: Final = 250  # records in one transaction: some milliseconds of the one writer
LOOK_EVERY_S: Final = 5.0  # how long a recording waits at most once the provider is back

Name = TypeVar("Name", int, str)
Key = TypeVar("Key")


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
                await self._recovery.ensure(await self._epochs.current())
                await self.carry()
            except KeyProviderError:
                pass  # the watch says that it is away
            except VaultError as error:
                log.warning("keys.recovery_waits", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)

    async def carry(self) -> int:
        """Move all that is in recovery; tells how many moved. Raises KeyProviderError while it is away.

        A record that does not open stays, and is told: it may be all that is left of a recording.
        """
        moved, broken = 0, set[str]()
        self.waiting = await self._count()
        after = ("", 0)
        while self.waiting and (rows := await self._page(after)):
            done, spoilt = await self.move(rows)
            moved, after = moved + done, (rows[-1].object_id, rows[-1].gen)
            broken |= set(spoilt)
        if moved:
            log.info("keys.out_of_recovery", keys=moved)
        if broken - self._broken:
            log.error("keys.recovery_broken", records=len(broken))
        self._broken = frozenset(broken)
        self.waiting = await self._count() if self.waiting else 0
        return moved

    async def move(self, rows: Sequence[Row[Any]]) -> tuple[int, Sequence[str]]:
        """Move these records; tells how many moved, and the objects whose record does not open.

        One tenant's key that does not open holds up no other's records. Raises KeyProviderError where
        nothing moved because of such keys.
        """
        to, away = await self._epochs.current(), list[KeyProviderError]()
        private = await _had({row.epoch for row in rows}, self._private, away)
        under = await _had({row.tenant_id for row in rows}, partial(self._under, to), away)
        ready = [row for row in rows if row.epoch in private and row.tenant_id in under]
        moves, broken = await asyncio.to_thread(_rewrapped, ready, private, under, to)
        if away and not moves:
            raise away[0]
        async with self._database.write() as connection:
            if not moves or not await is_open(connection, to):  # it retired meanwhile: there is a newer one
                return 0, broken
            await connection.execute(_MOVE, moves)
        return len(moves), broken

    async def _private(self, epoch: int) -> Recovery:
        return Recovery(await self._recovery.private_key(epoch), self._recovery.anchor)

    async def _under(self, to: int, tenant_id: str) -> TenantKey:
        return await self._tenant_keys.get(tenant_id, to, create=True)

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


# Only where the record is the one that was read: an erasure or another process may have been first.
_MOVE: Final = (
    update(data_keys)
    .where(
        data_keys.c.object_id == bindparam("of"),
        data_keys.c.gen == bindparam("of_gen"),
        data_keys.c.wrapped == bindparam("was"),
    )
    .values(wrapped=bindparam("becomes"), epoch=bindparam("to"), in_recovery=False)
)


async def _had(
    names: set[Name], get: Callable[[Name], Awaitable[Key]], away: list[KeyProviderError]
) -> dict[Name, Key]:
    """Get the keys that are to be had now; what was said of the others is added to ``away``."""
    had = {}
    for name in names:
        try:
            had[name] = await get(name)
        except KeyProviderError as error:
            away.append(error)
    return had


def _rewrapped(
    rows: Sequence[Row[Any]], private: Mapping[int, Recovery], under: Mapping[str, TenantKey], to: int
) -> tuple[list[dict[str, object]], list[str]]:
    moves: list[dict[str, object]] = []
    broken: list[str] = []
    for row in rows:
        try:
            key = opened(row, private[row.epoch])
        except TamperedError:
            broken.append(row.object_id)
            continue
        context = context_of(row, epoch=to, sealed_bytes=row.sealed_bytes, sealed_sha256=row.sealed_sha256)
        becomes = bytes(wrap(key, under[row.tenant_id], context=context))
        moves.append(
            {"of": row.object_id, "of_gen": row.gen, "was": row.wrapped, "becomes": becomes, "to": to}
        )
    return moves, broken
