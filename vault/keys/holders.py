"""Several holders of epoch keys: the deployment's own, and those that tenants brought along.

An epoch's number is its alone in the deployment, whoever holds its key. So the number says all: which holder,
which key there, and under what a tenant's key of that epoch lies.
"""

from collections.abc import Mapping

from sqlalchemy import select

from crypto.keys import TenantKey
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.key_tables import epochs
from vault.errors import KeyProviderError
from vault.keys.patience import Patience, PatientProvider
from vault.keys.provider import EpochKeyState, KeyProvider


class Holders:
    """Finds the holder of an epoch and asks it. What is asked of one waits for no other."""

    def __init__(self, database: Database, providers: Mapping[str, KeyProvider], clock: Clock) -> None:
        self._database = database
        self._providers = {name: PatientProvider(one, Patience(clock)) for name, one in providers.items()}
        self._of: dict[int, str] = {}  # an epoch never changes hands

    @property
    def names(self) -> tuple[str, ...]:
        """Every holder that the settings name, the deployment's own first."""
        return tuple(self._providers)

    def named(self, holder: str) -> PatientProvider:
        """Give a holder; KeyProviderError for one that the settings do not name."""
        try:
            return self._providers[holder]
        except KeyError as cause:
            raise KeyProviderError(
                f"keys.holders names no {holder}, and keys lie with it: name it again, as it was"
            ) from cause

    def begins(self, epoch: int, holder: str) -> None:
        """Know whose an epoch is while its row is being written."""
        self._of[epoch] = holder

    def begins_not(self, epoch: int) -> None:
        """Ask the row again: one that was not written after all may become another holder's."""
        self._of.pop(epoch, None)

    async def of(self, epoch: int) -> str:
        """Name the holder of an epoch; KeyProviderError where there is no such epoch."""
        if epoch not in self._of:
            query = select(epochs.c.holder).where(epochs.c.epoch == epoch)
            async with self._database.read() as connection:
                holder = (await connection.execute(query)).scalar_one_or_none()
            if holder is None:
                raise KeyProviderError(f"the key store has no epoch {epoch}; is it the right one?")
            self._of[epoch] = holder
        return self._of[epoch]

    async def keeper(self, epoch: int) -> PatientProvider:
        """Give the holder of an epoch."""
        return self.named(await self.of(epoch))

    async def wrap(self, epoch: int, key: TenantKey, *, context: bytes, hurried: bool = False) -> bytes:
        """Have a key wrapped under an epoch's; see `KeyProvider.wrap`."""
        keeper = await self.keeper(epoch)
        return await (keeper.hurried if hurried else keeper).wrap(epoch, key, context=context)

    async def unwrap(self, epoch: int, wrapped: bytes, *, context: bytes, hurried: bool = False) -> TenantKey:
        """Have a key unwrapped under an epoch's; see `KeyProvider.unwrap`."""
        keeper = await self.keeper(epoch)
        return await (keeper.hurried if hurried else keeper).unwrap(epoch, wrapped, context=context)

    async def state(self, epoch: int, *, made: Mapping[str, str] | None = None) -> EpochKeyState:
        """Ask how an epoch's key is; see `KeyProvider.state`."""
        return await (await self.keeper(epoch)).state(epoch, made=made)
