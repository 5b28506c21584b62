"""The end of an epoch's key: only of one that is shown to be ours, and told apart from one that never was.

A ring of another deployment, a wrong name, mount or region has another's key under our number, or none. So:

1. The key of its holder's current epoch must open what was wrapped under it: this is where our keys lie. A
   holder that no tenant has any more has no such epoch: there the key that is to end shows it alone.
2. The key that is to end must open what was wrapped under it, where it can be used at all.
3. The intent is written down, then the provider is told. A key that is gone after that was destroyed by us,
   whatever crash came between. One that is gone without it, and whose end nobody told, proves nothing: its
   epoch stays retired, and receipts wait, until an operator gives their word for it.

No transaction is open while the provider is asked: one that does not answer keeps nobody from making keys.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock, to_text
from vault.db.engine import Database
from vault.db.key_tables import epochs, recovery_keys, tenant_keys
from vault.errors import ConflictError, KeyProviderError, NotFoundError
from vault.keys.epochs import CLOSED, EpochState
from vault.keys.holders import Holders
from vault.keys.probes import opens_probe
from vault.keys.provider import Destruction, EpochKeyState
from vault.keys.tenant_keys import TenantKeys

OUT_OF_USE: Final = frozenset({EpochKeyState.ENDING, EpochKeyState.GONE})
DECLARED: Final = "declared"  # what a destruction is worth that nobody here saw
INTENT: Final = "destruction_asked"  # of the evidence: when we first, or anew, told the provider to


class Ending:
    """Ends epochs' keys at the provider, and forgets what lay under them."""

    def __init__(self, database: Database, holders: Holders, tenants: TenantKeys, clock: Clock) -> None:
        self._database = database
        self._holders = holders
        self._tenants = tenants
        self._clock = clock

    async def destroy(self, epoch: int, *, told_at: datetime | None = None) -> None:
        """Destroy the key of an epoch that is closed to keys; ``told_at`` where its end was told before.

        Repeating it is harmless, after a crash anywhere, and where somebody took it back. Raises
        KeyProviderError where nothing shows that the key is ours, or that it was there.
        """
        row = await self._row(epoch)
        if row.state not in CLOSED:
            return
        state = await self._checked(row, told_at)
        if state is not EpochKeyState.GONE:
            await self._destroy(row, state)
        elif row.state == EpochState.DESTROYED.value:
            return
        elif INTENT in row.evidence:
            await self._destroy(row, state)
        elif told_at is not None:  # a key store from before its end
            await self._forget(row, Destruction(told_at, {}))

    async def declare(self, epoch: int) -> None:
        """Take an operator's word that somebody else destroyed the key of an epoch that waits for its end.

        It is worth no more than that word, and says so. Raises NotFoundError for an epoch that never was,
        ConflictError where it does not wait, or its holder has the key yet, KeyProviderError where nothing
        shows that this holder is ours.
        """
        row = await self._row(epoch)
        if row.state != EpochState.RETIRED.value:
            raise ConflictError(f"epoch {epoch} is {row.state}: only one that has retired waits for its end")
        state = await self._holders.state(row.epoch, made=row.evidence)
        if state is not EpochKeyState.GONE:
            raise ConflictError(
                f"the holder has the key of epoch {epoch} ({state.value}); it is ended in time"
            )
        await self._require_ours(row, state)
        evidence = {"provider": self._holders.named(row.holder).name, "assurance": DECLARED}
        await self._forget(row, Destruction(self._clock.now(), evidence))

    async def require(self, epoch: int, *, told_at: datetime | None = None) -> None:
        """Raise KeyProviderError where ``destroy`` would refuse; asks the holder, and changes nothing."""
        row = await self._row(epoch)
        if row.state in CLOSED:
            await self._checked(row, told_at)

    async def _checked(self, row: Row[Any], told_at: datetime | None) -> EpochKeyState:
        """Tell how a key is that may end; KeyProviderError where nothing shows that it is, or was, ours."""
        state = await self._holders.state(row.epoch, made=row.evidence)
        await self._require_ours(row, state)
        is_ended = row.state == EpochState.DESTROYED.value or INTENT in row.evidence or told_at is not None
        if state is EpochKeyState.GONE and not is_ended:
            raise KeyProviderError(
                f"the provider has no key of epoch {row.epoch}, and nobody here had it destroyed: is this "
                "the right ring, token, mount, label or region? The epoch stays as it is"
            )
        return state

    async def _destroy(self, row: Row[Any], state: EpochKeyState) -> None:
        now = self._clock.now()
        if state is not EpochKeyState.GONE:
            await self._note(row, {INTENT: to_text(now)})
        keeper = self._holders.named(row.holder)
        await self._forget(row, await keeper.destroy_epoch(row.epoch, now=now, made=row.evidence))

    async def _require_ours(self, row: Row[Any], state: EpochKeyState) -> None:
        """Raise KeyProviderError unless the holder has the key that its new keys go under.

        One that no tenant has any more has none: the key that is to end has to open something then, unless it
        is on its way out already.
        """
        query = select(epochs).where(
            epochs.c.holder == row.holder, epochs.c.state == EpochState.CURRENT.value
        )
        async with self._database.read() as connection:
            current = (await connection.execute(query)).one_or_none()
        is_shown = state is EpochKeyState.USABLE and await self._opens(row)
        if current is not None:
            if not await self._opens(current):
                raise KeyProviderError(
                    f"nothing is wrapped under epoch {current.epoch} yet, so nothing shows that the keys "
                    "there are ours; no key is destroyed before the next turn"
                )
        elif not is_shown and state not in OUT_OF_USE:
            raise KeyProviderError(
                f"nothing that the key of epoch {row.epoch} opens shows that it is ours, and its holder has "
                "no other; enable it, or set its place right"
            )

    async def _opens(self, row: Row[Any]) -> bool:
        """Open something of an epoch at its holder; False where there is nothing, else KeyProviderError."""
        if await opens_probe(self._holders.named(row.holder), row.epoch, row.evidence):
            return True
        return await self._tenants.open_any(row.epoch)  # of an epoch from before there were probes

    async def _note(self, row: Row[Any], more: dict[str, str]) -> None:
        this = epochs.c.epoch == row.epoch
        async with self._database.write() as connection:
            now = await _evidence(connection, row.epoch)
            await connection.execute(update(epochs).where(this).values(evidence={**now, **more}))

    async def _forget(self, row: Row[Any], gone: Destruction) -> None:
        """Forget what lies under an epoch whose key is gone, or is about to be, and say so in its row."""
        this = epochs.c.epoch == row.epoch
        async with self._database.write() as connection:
            now = await _evidence(connection, row.epoch)
            for table in (tenant_keys, recovery_keys):
                await connection.execute(table.delete().where(table.c.epoch == row.epoch))
            ended = {
                "state": EpochState.DESTROYED.value,
                "destroyed_at": gone.effective_at,
                "evidence": {**now, **gone.evidence},
            }
            await connection.execute(update(epochs).where(this).values(ended))

    async def _row(self, epoch: int) -> Row[Any]:
        async with self._database.read() as connection:
            row = (await connection.execute(select(epochs).where(epochs.c.epoch == epoch))).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no epoch {epoch}")
        return row


async def _evidence(connection: AsyncConnection, epoch: int) -> dict[str, str]:
    query = select(epochs.c.evidence).where(epochs.c.epoch == epoch).with_for_update()
    return dict((await connection.execute(query)).scalar_one())
