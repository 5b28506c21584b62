"""From spooled fragments to sealed parts: what a recording and an export of several have in common."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Row

from crypto.keys import DataKey
from crypto.streaming import Opener, Sealer, seal
from storage.store import ObjectStore, StoredObject
from vault.errors import DerivationError, NothingCapturedError, TamperedError
from vault.media.derive import POSTER_TYPE, Derivation, Derived
from vault.media.places import FINAL_SEGMENT_BYTES, part_associated, part_key
from vault.media.spool import Spool, SpooledLeg
from vault.model import Part
from vault.settings import RecordingSettings
from webrtc.containers import ContainerWriter, open_check, open_writer
from webrtc.media_index import EmptyRecordingError, MediaIndex
from webrtc.media_report import MediaReport, report

log = structlog.get_logger(__name__)

WAVE_VERSION: Final = 1
SEAL_BLOCK_BYTES: Final = 256 * 1024  # container bytes gathered before they are sealed: fewer, longer calls
CHILD_CPU_LEAST_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Kept:
    """One sealed part in the store, as its row will say."""

    part: Part
    plain_bytes: int
    content_type: str
    stored: StoredObject


@dataclass(frozen=True, slots=True)
class Written:
    """The media part, and what was learnt while it was written."""

    kept: Kept
    report: MediaReport


class Assembler:
    """Index, file, read-back and small parts of one media item at a time; memory holds a fragment or two."""

    def __init__(self, store: ObjectStore, settings: RecordingSettings) -> None:
        self.spool = Spool(store)
        self._store = store
        self._settings = settings

    async def index(
        self, leg: SpooledLeg, numbers: Sequence[int], *, crashed: bool
    ) -> tuple[MediaIndex, Sequence[int]]:
        """Pass one: the index, and the numbers of the fragments that opened.

        Each fragment is a short call in a thread, so the media loop keeps its turn.
        """
        index, opened = MediaIndex(), []
        async for fragment in self.spool.fragments(leg, numbers):
            await asyncio.to_thread(index.add, fragment)
            opened.append(fragment.number)
        if not opened:
            # Stored, but unreadable to the last one: that is ours to find out, not the visitor's loss.
            raise TamperedError("no stored fragment of the recording can be read; nothing is deleted")
        try:
            await asyncio.to_thread(index.finish, crashed=crashed)
        except EmptyRecordingError as cause:
            raise NothingCapturedError("no frame of the leg can be played") from cause
        return index, opened

    async def write_media(
        self, row: Row[Any], leg: SpooledLeg, numbers: Sequence[int], index: MediaIndex
    ) -> Written:
        """Pass two."""
        writer = await asyncio.to_thread(open_writer, index)
        key = part_key(tenant_id=row.tenant_id, media_id=row.id, gen=row.gen, part=Part.MEDIA)
        sealer = Sealer(
            leg.key, associated_data=associated(row, Part.MEDIA), segment_bytes=FINAL_SEGMENT_BYTES
        )
        stored = await self._store.put(key, self._sealed_file(leg, numbers, writer, sealer))
        kept = Kept(Part.MEDIA, writer.size_bytes, writer.media_type, stored)
        return Written(kept, await asyncio.to_thread(report, index))

    async def _sealed_file(
        self, leg: SpooledLeg, numbers: Sequence[int], writer: ContainerWriter, sealer: Sealer
    ) -> AsyncIterator[bytes]:
        waiting = bytearray(await asyncio.to_thread(b"".join, writer.header()))
        async for fragment in self.spool.fragments(leg, numbers):
            waiting += await asyncio.to_thread(b"".join, writer.body(fragment))
            if len(waiting) >= SEAL_BLOCK_BYTES:
                yield sealer.update(bytes(waiting))
                waiting.clear()
        writer.finish()
        yield sealer.update(bytes(waiting)) + sealer.finish()

    async def read_back(
        self, row: Row[Any], written: Written, index: MediaIndex, key: DataKey
    ) -> Derived | None:
        """Read what the store really holds: digest, tags, frames. Raises TamperedError where it differs."""
        check, digest = open_check(index), hashlib.sha256()
        opener = Opener(key, associated_data=associated(row, Part.MEDIA), segment_bytes=FINAL_SEGMENT_BYTES)
        hours = written.report.duration_ms / 3_600_000
        cpu_s = max(CHILD_CPU_LEAST_S, self._settings.child_cpu_s * hours)
        child = Derivation(
            written.kept.content_type, memory_bytes=self._settings.child_memory_bytes, cpu_s=cpu_s
        )
        async with child, self._store.open(written.kept.stored.key) as sealed:
            async for block in sealed:
                digest.update(block)
                plain = opener.update(block)
                await asyncio.to_thread(check.feed, plain)
                await child.feed(plain)
            last = opener.finish()
            check.feed(last)
            await child.feed(last)
            check.finish()
            if digest.digest() != sha256_of(written.kept.stored):
                raise TamperedError("the store gives back other bytes than it was given")
            try:
                return await child.result()
            except DerivationError as error:
                log.warning("finish.no_poster", media=row.id, error=type(error).__name__)
                return None

    async def keep_derived(
        self, row: Row[Any], key: DataKey, derived: Derived | None, *, duration_ms: int
    ) -> list[Kept]:
        """Seal and store what the child made, if it made anything."""
        kept = []
        if derived is not None and derived.peaks is not None:
            wave = {
                "v": WAVE_VERSION,
                "peaks_per_s": derived.peaks_per_s,
                "duration_ms": duration_ms,
                "peaks": derived.peaks,
            }
            kept.append(await self.keep(row, key, Part.WAVE, as_json(wave)))
        if derived is not None and derived.poster_webp is not None:
            kept.append(await self.keep(row, key, Part.THUMB, derived.poster_webp, POSTER_TYPE))
        return kept

    async def keep(
        self, row: Row[Any], key: DataKey, part: Part, plain: bytes, content_type: str = "application/json"
    ) -> Kept:
        """Seal and store one small part."""
        sealed = seal(key, plain, associated_data=associated(row, part), segment_bytes=FINAL_SEGMENT_BYTES)
        place = part_key(tenant_id=row.tenant_id, media_id=row.id, gen=row.gen, part=part)
        return Kept(part, len(plain), content_type, await self._store.put(place, sealed))


def part_row(row: Row[Any], one: Kept) -> dict[str, Any]:
    """Write the row of a part, its moment apart."""
    placement = one.stored.placement
    where = {} if placement is None else {"provider": placement.provider, "region": placement.region}
    if placement is not None:
        where |= {"country": placement.country or "", "evidence": placement.evidence}
    return {
        "media_id": row.id,
        "gen": row.gen,
        "part": one.part.value,
        "object_key": str(one.stored.key),
        "segment_bytes": FINAL_SEGMENT_BYTES,
        "plain_bytes": one.plain_bytes,
        "sealed_bytes": one.stored.size_bytes,
        "sealed_sha256": sha256_of(one.stored),
        "content_type": one.content_type,
        "placement": where,
    }


def associated(row: Row[Any], part: Part) -> bytes:
    """Bind a part to the row's item and generation."""
    return part_associated(tenant_id=row.tenant_id, media_id=row.id, gen=row.gen, part=part)


def sha256_of(stored: StoredObject) -> bytes:
    """Give the digest of what the store was given; raises TamperedError where it did not say."""
    if stored.sha256 is None:
        raise TamperedError("the store did not say what it was given")
    return stored.sha256


def as_json(value: Mapping[str, Any]) -> bytes:
    """Write a small part."""
    return json.dumps(value, separators=(",", ":")).encode()
