"""The spool: sealed fragments of recordings that are not finished yet."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from crypto.errors import CryptoError
from crypto.keys import DataKey
from crypto.streaming import open_sealed
from storage.errors import TooLargeError
from storage.store import ObjectStore
from vault.media.places import SPOOL, SPOOL_SEGMENT_BYTES, spool_associated, spool_key, spool_prefix
from vault.model import Id
from webrtc.fragment_format import Fragment, FragmentError, read_fragment

log = structlog.get_logger(__name__)

ERASED_AT_ONCE: Final = 8  # an hour of fragments is 3,600 requests; more at once crowd out running calls
READ_BACK: Final = 3  # fragments looked at for the time of the last frame; the last may hold none
_NUMBER: Final = re.compile(r"^\d{8}$", re.ASCII)
_FOLDER: Final = re.compile(rf"^{SPOOL}/[0-9a-f-]{{36}}/([0-9a-f-]{{36}})/", re.ASCII)
FRAGMENT_LIMIT_BYTES: Final = 16 * 1024 * 1024  # twice what a fragment may hold


@dataclass(frozen=True, slots=True)
class SpooledLeg:
    """Whose fragments these are, and the key that opens them."""

    tenant_id: Id
    media_id: Id
    leg_id: Id
    key: DataKey


@dataclass(frozen=True, slots=True)
class SpoolEnd:
    """What the store has of a recording: the number to go on with, the time of the last frame, bytes."""

    next_number: int = 0
    last_us: int = 0
    stored_bytes: int = 0


class Spool:
    """Lists, opens and shreds the fragments of one recording at a time; memory holds one fragment."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def numbers(self, *, tenant_id: Id, media_id: Id) -> Sequence[int]:
        """Return the numbers of the stored fragments, in order."""
        return sorted(await self._sizes(tenant_id=tenant_id, media_id=media_id))

    async def end_of(self, leg: SpooledLeg) -> SpoolEnd:
        """Tell where the fragments end that a process left which is no more."""
        sizes = await self._sizes(tenant_id=leg.tenant_id, media_id=leg.media_id)
        if not sizes:
            return SpoolEnd()
        numbers, last_us = sorted(sizes), 0
        for number in reversed(numbers[-READ_BACK:]):
            async for fragment in self.fragments(leg, [number]):
                last_us = max((frame.arrival_us for frame in fragment.frames), default=0)
            if last_us:
                break
        return SpoolEnd(numbers[-1] + 1, last_us, sum(sizes.values()))

    async def _sizes(self, *, tenant_id: Id, media_id: Id) -> dict[int, int]:
        """Give the stored fragments' sizes by number."""
        prefix = spool_prefix(tenant_id=tenant_id, media_id=media_id)
        sizes = {
            stored.key.removeprefix(prefix): stored.size_bytes async for stored in self._store.list(prefix)
        }
        strangers = [name for name in sizes if not _NUMBER.match(name)]
        if strangers:
            log.error("spool.strangers", media=media_id, objects=len(strangers))
        return {int(name): size_bytes for name, size_bytes in sizes.items() if _NUMBER.match(name)}

    async def recordings(self) -> Sequence[Id]:
        """Name the recordings that have anything in the spool."""
        found: dict[Id, None] = {}
        async for stored in self._store.list(f"{SPOOL}/"):
            folder = _FOLDER.match(stored.key)
            if folder is not None:
                found[Id(f"rec_{folder.group(1).replace('-', '')}")] = None
        return list(found)

    async def fragments(self, leg: SpooledLeg, numbers: Sequence[int]) -> AsyncIterator[Fragment]:
        """Open the fragments in order. One that does not open is left out: its number declares the gap."""
        for number in numbers:
            key = spool_key(tenant_id=leg.tenant_id, media_id=leg.media_id, number=number)
            try:
                sealed = await self._store.read(key, limit_bytes=FRAGMENT_LIMIT_BYTES)
                fragment = await asyncio.to_thread(_opened, leg, number, sealed)
            except (CryptoError, FragmentError, TooLargeError) as error:
                log.error(
                    "spool.fragment_refused", media=leg.media_id, number=number, error=type(error).__name__
                )
                continue
            yield fragment

    async def shred(self, *, tenant_id: Id, media_id: Id) -> int:
        """Delete every object of a recording's folder; returns how many there were."""
        prefix = spool_prefix(tenant_id=tenant_id, media_id=media_id)
        keys = [stored.key async for stored in self._store.list(prefix)]
        for start in range(0, len(keys), ERASED_AT_ONCE):
            await asyncio.gather(*(self._store.erase(key) for key in keys[start : start + ERASED_AT_ONCE]))
        return len(keys)


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
