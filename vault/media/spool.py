"""The spool: sealed fragments of recordings that are not finished yet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from crypto.errors import CryptoError
from crypto.keys import DataKey
from crypto.streaming import open_sealed
from storage.store import ObjectStore
from vault.media.places import SPOOL_SEGMENT_BYTES, spool_associated, spool_key, spool_prefix
from vault.model import Id
from webrtc.fragment_format import Fragment, FragmentError, read_fragment

log = structlog.get_logger(__name__)

FRAGMENT_LIMIT_BYTES: Final = 16 * 1024 * 1024  # twice what a fragment may hold


@dataclass(frozen=True, slots=True)
class SpooledLeg:
    """Whose fragments these are, and the key that opens them."""

    tenant_id: Id
    media_id: Id
    leg_id: Id
    key: DataKey


class Spool:
    """Lists, opens and shreds the fragments of one recording at a time; memory holds one fragment."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def numbers(self, *, tenant_id: Id, media_id: Id) -> Sequence[int]:
        """Return the numbers of the stored fragments, in order."""
        prefix = spool_prefix(tenant_id=tenant_id, media_id=media_id)
        return sorted([int(stored.key.removeprefix(prefix)) async for stored in self._store.list(prefix)])

    async def fragments(self, leg: SpooledLeg, numbers: Sequence[int]) -> AsyncIterator[Fragment]:
        """Open the fragments in order. One that does not open is left out: its number declares the gap."""
        for number in numbers:
            key = spool_key(tenant_id=leg.tenant_id, media_id=leg.media_id, number=number)
            sealed = await self._store.read(key, limit_bytes=FRAGMENT_LIMIT_BYTES)
            try:
                fragment = await asyncio.to_thread(_opened, leg, number, sealed)
            except (CryptoError, FragmentError) as error:
                log.error(
                    "spool.fragment_refused", media=leg.media_id, number=number, error=type(error).__name__
                )
                continue
            yield fragment

    async def shred(self, *, tenant_id: Id, media_id: Id) -> int:
        """Delete every fragment of a recording; returns how many there were."""
        numbers = await self.numbers(tenant_id=tenant_id, media_id=media_id)
        for number in numbers:
            await self._store.erase(spool_key(tenant_id=tenant_id, media_id=media_id, number=number))
        return len(numbers)


def _opened(leg: SpooledLeg, number: int, sealed: bytes) -> Fragment:
    plain = open_sealed(
        leg.key,
        sealed,
        associated_data=spool_associated(
            tenant_id=leg.tenant_id, media_id=leg.media_id, leg_id=leg.leg_id, number=number
        ),
        segment_bytes=SPOOL_SEGMENT_BYTES,
    )
    fragment = read_fragment(plain)
    if fragment.number != number:
        raise FragmentError("a fragment stands at another's place")
    return fragment
