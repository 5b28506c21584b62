"""The recovery key pair of each epoch: what is sealed to while no tenant key can be had.

The public half lies here in the open. The private half is wrapped by the epoch's key at the provider: while
that is away nobody opens what was sealed, this program included, and when the epoch ends nobody ever does.
"""

from typing import Any, Final

import structlog
from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from crypto.errors import CryptoError
from crypto.keys import AnchorKey, DataKey, RecoveryKey, TenantKey
from crypto.recovery import public_key_of, seal_to_recovery, vouch, vouches
from crypto.wrapping import WrapContext
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.key_tables import recovery_keys
from vault.errors import KeyForgottenError, KeyProviderError
from vault.keys.holders import Holders

log = structlog.get_logger(__name__)

FORM: Final = "hpke-1"  # in the context of the wrap: a tenant's key never opens as a recovery key


class RecoveryKeys:
    """Makes and finds recovery keys. Without an anchor none is made, and nothing is sealed to one."""

    def __init__(self, database: Database, holders: Holders, clock: Clock, anchor: AnchorKey | None) -> None:
        self._database = database
        self._holders = holders
        self._clock = clock
        self.anchor = anchor

    async def make(self, connection: AsyncConnection, epoch: int) -> None:
        """Make an epoch's pair in the transaction that begins the epoch."""
        if self.anchor is not None:
            await connection.execute(insert(recovery_keys).values(await self._made(epoch, self.anchor)))

    async def ensure(self, epoch: int) -> None:
        """See to it that an epoch has a pair that we vouch for; KeyProviderError where that needs an answer.

        An epoch that an older version began has none. One that another anchor vouches for, or that somebody
        changed, is set right by what the provider opens.
        """
        if self.anchor is None:
            return
        row = await self._row(epoch)
        if row is not None and self._is_ours(row, self.anchor):
            return
        if row is None:
            made = await self._made(epoch, self.anchor)
            try:
                async with self._database.write() as connection:
                    await connection.execute(insert(recovery_keys).values(made))
            except IntegrityError:  # somebody else was first: theirs counts
                return
            log.info("keys.recovery_key_made", epoch=epoch)
            return
        await self._set_right(row, self.anchor)

    async def public_key(self, epoch: int) -> tuple[bytes, AnchorKey]:
        """Give what to seal to in an epoch, and what to vouch with; KeyProviderError where there is none."""
        row = await self._row(epoch)
        if self.anchor is None or row is None or not self._is_ours(row, self.anchor):
            raise KeyProviderError(
                "the key provider does not answer, and this epoch has no recovery key that we vouch for"
            )
        return row.public_key, self.anchor

    async def private_key(self, epoch: int) -> RecoveryKey:
        """Have the provider open an epoch's private half. It is kept by nobody: ask again."""
        row = await self._row(epoch)
        if row is None:
            raise KeyForgottenError("the recovery key of this epoch has been forgotten")
        return await self._opened(row)

    async def _made(self, epoch: int, anchor: AnchorKey) -> dict[str, Any]:
        key = RecoveryKey.generate()
        # The provider's port wraps 32 secret bytes; the context says what they are.
        wrapped = await self._holders.wrap(epoch, TenantKey.from_bytes(key.reveal()), context=_context(epoch))
        public = public_key_of(key)
        return {
            "epoch": epoch,
            "public_key": public,
            "voucher": vouch(public, anchor, epoch=epoch),
            "wrapped": wrapped,
            "created_at": self._clock.now(),
        }

    async def _opened(self, row: Row[Any]) -> RecoveryKey:
        seed = await self._holders.unwrap(row.epoch, row.wrapped, context=_context(row.epoch))
        return RecoveryKey.from_bytes(seed.reveal())

    async def _set_right(self, row: Row[Any], anchor: AnchorKey) -> None:
        public = public_key_of(await self._opened(row))
        if public != row.public_key:
            log.error("keys.recovery_key_changed", epoch=row.epoch)
        right = {"public_key": public, "voucher": vouch(public, anchor, epoch=row.epoch)}
        async with self._database.write() as connection:
            await connection.execute(
                update(recovery_keys).where(recovery_keys.c.epoch == row.epoch).values(right)
            )

    async def _row(self, epoch: int) -> Row[Any] | None:
        query = select(recovery_keys).where(recovery_keys.c.epoch == epoch)
        async with self._database.read() as connection:
            return (await connection.execute(query)).first()

    @staticmethod
    def _is_ours(row: Row[Any], anchor: AnchorKey) -> bool:
        return vouches(row.voucher, row.public_key, anchor, epoch=row.epoch)


def _context(epoch: int) -> bytes:
    return f"vault:recovery={FORM}\nvault:epoch={epoch}\n".encode("ascii")


def sealed_to(key: DataKey, public: bytes, anchor: AnchorKey, context: WrapContext) -> bytes:
    """Seal a data key to a recovery key; KeyProviderError where that one is damaged. Takes a while."""
    try:
        return seal_to_recovery(key, public, anchor, context=context)
    except CryptoError as cause:
        raise KeyProviderError("the epoch's recovery key is damaged; nothing is sealed to it") from cause
