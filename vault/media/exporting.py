"""Making one export: recordings in, one sealed file out, everything decoded in a sandboxed child.

The steps; a crash before step 5 begins again from the recordings, a crash after it only has to shred:

1. What an earlier try left is deleted: fragments, objects.
2. The recordings are laid on the call's clock (``vault.media.call_clock``). One that is gone: *failed*.
3. The child asks for blocks of them and gives the product back. A film comes as fragments, which are sealed,
   spooled and made into a file exactly as a captured leg's are; sound in two channels is sealed while it
   comes.
4. The stored object is read back whole; length and digest are bound into the key's wrap.
5. One transaction, with all rows locked: each recording is still *ready*, so is the export from here on.
6. The spool is shredded.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import Row, insert, select, update

from crypto.keys import DataKey
from crypto.streaming import Opener, Sealer, seal
from storage.store import ObjectStore
from vault.clock import Clock, to_text
from vault.db.engine import Database
from vault.db.tables import export_sources, exports, media, parts
from vault.errors import (
    DerivationError,
    ErasedError,
    ExportFailedError,
    KeyForgottenError,
    NothingCapturedError,
    RestrictedError,
    TamperedError,
)
from vault.keys.store import KeyStore
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media import channels
from vault.media.assembling import Assembler, Kept, as_json, associated, part_row, sha256_of
from vault.media.call_clock import CallClock, Placed, lay, manifests_of, recordings_of
from vault.media.composing.job import Input, Job, Product
from vault.media.composing.running import Composition, Reads
from vault.media.composing.talk import BLOCK_BYTES
from vault.media.places import (
    FINAL_SEGMENT_BYTES,
    SPOOL_SEGMENT_BYTES,
    media_prefix,
    part_key,
    spool_associated,
    spool_key,
)
from vault.media.reading import Reader
from vault.media.spool import SpooledLeg
from vault.model import (
    MEDIA_MOVES,
    ExportFailure,
    ExportFormat,
    Id,
    ItemKind,
    MediaState,
    Part,
    require_move,
    uuid_of,
)
from vault.settings import ExportSettings, RecordingSettings

log = structlog.get_logger(__name__)

EXPORT_MANIFEST_VERSION: Final = 1
CHILD_CPU_LEAST_S: Final = 60.0
FILM_BYTES_PER_S: Final = 2_000_000  # ten times what the encoders are asked for
FILM_BYTES_LEAST: Final = 32 * 1024 * 1024
PRODUCTS: Final = {
    ExportFormat.WEBM: Product.VP8,
    ExportFormat.MP4: Product.H264,
    ExportFormat.WAV: Product.PCM,
    ExportFormat.MP3: Product.MP3,
}
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Grounds:
    """What the making stands on."""

    database: Database
    keys: KeyStore
    store: ObjectStore
    ledger: Ledger
    clock: Clock
    reader: Reader


@dataclass(frozen=True, slots=True)
class _Made:
    """The parts of an export, before they are published."""

    kept: tuple[Kept, ...]
    codecs: tuple[str, ...]


class Exporting:
    """Makes one export; ``vault.media.exporter`` decides when."""

    def __init__(self, grounds: Grounds, settings: ExportSettings, recording: RecordingSettings) -> None:
        self._database = grounds.database
        self._keys = grounds.keys
        self._store = grounds.store
        self._ledger = grounds.ledger
        self._clock = grounds.clock
        self._reader = grounds.reader
        self._settings = settings
        self._assembler = Assembler(grounds.store, recording)
        self._spool = self._assembler.spool

    async def make(self, row: Row[Any], told: Told) -> None:
        """Make an export whose row is *finishing*; ``told`` hears how many per cent are done.

        Raises ExportFailedError where trying again is no use, KeyForgottenError where an erasure of the
        export won, and DependencyError, StorageError and their like where it may be tried again.
        """
        await self.sweep(row)
        clock = await self._clock_of(row)
        job, reads = await self._job(row, clock)
        key = await self._keys.data_key(tenant_id=row.tenant_id, object_id=row.id, gen=row.gen)
        child = Composition(
            job,
            reads,
            memory_bytes=self._settings.child_memory_bytes,
            cpu_s=max(CHILD_CPU_LEAST_S, self._settings.child_cpu_s * job.duration_ms / 3_600_000),
            nice=self._settings.nice,
            told=told,
        )
        try:
            async with child, aclosing(child.pieces()) as pieces:
                made = await self._product(row, key, job, pieces)
        except (DerivationError, NothingCapturedError) as cause:
            raise ExportFailedError(ExportFailure.NOT_MADE) from cause
        manifest = as_json(self._manifest(row, clock, job))
        kept = (*made.kept, await self._assembler.keep(row, key, Part.MANIFEST, manifest))
        await self._keys.bind_object(
            tenant_id=row.tenant_id,
            object_id=row.id,
            gen=row.gen,
            sealed_bytes=kept[0].stored.size_bytes,
            sealed_sha256=sha256_of(kept[0].stored),
        )
        await self._publish(row, kept, made.codecs, clock)

    async def sweep(self, row: Row[Any], *, everything: bool = True) -> None:
        """Delete the fragments of an export, and the objects of one that is not to be."""
        await self._spool.shred(tenant_id=row.tenant_id, media_id=row.id)
        if everything:
            prefix = media_prefix(tenant_id=row.tenant_id, media_id=row.id)
            for key in [stored.key async for stored in self._store.list(prefix)]:
                await self._store.erase(key)

    async def _clock_of(self, row: Row[Any]) -> CallClock:
        """Lay the recordings that were there when it was asked for; each must still be."""
        query = select(export_sources.c.source_id).where(export_sources.c.media_id == row.id)
        async with self._database.read() as connection:
            wanted = {one.source_id for one in await connection.execute(query)}
            rows = [one for one in await recordings_of(connection, row.call_id) if one.id in wanted]
        manifests = await manifests_of(rows, self._reader)
        if wanted != set(manifests):
            raise ExportFailedError(ExportFailure.SOURCE_GONE)
        return lay(rows, manifests, otherwise=row.created_at)

    async def _job(self, row: Row[Any], clock: CallClock) -> tuple[Job, Sequence[Reads]]:
        product = PRODUCTS[ExportFormat(row.format)]
        job = Job(product, clock.duration_ms, tuple(_input(one) for one in clock.placed))
        too_big = product is Product.PCM and channels.wav_bytes(job.samples) > channels.WAV_LIMIT_BYTES
        if too_big or clock.duration_ms > self._settings.max_s * 1_000:
            raise ExportFailedError(ExportFailure.TOO_LONG)
        return job, [self._reads(one) for one in clock.placed]

    def _reads(self, one: Placed) -> Reads:
        """Read a recording's file block by block; each block asks for the right to it anew."""
        position = 0

        async def read() -> bytes:
            nonlocal position
            try:
                stored = await self._reader.part(one.row.id, Part.MEDIA)
                stop = min(position + BLOCK_BYTES, stored.size_bytes)
                if position == stop:
                    return b""
                async with aclosing(self._reader.stream(stored, position, stop)) as blocks:
                    content = b"".join([bytes(block) async for block in blocks])
            except (ErasedError, KeyForgottenError, RestrictedError) as cause:
                raise ExportFailedError(ExportFailure.SOURCE_GONE) from cause
            position = stop
            return content

        return read

    async def _product(self, row: Row[Any], key: DataKey, job: Job, pieces: AsyncGenerator[bytes]) -> _Made:
        if job.product in {Product.VP8, Product.H264}:
            return await self._film(row, key, job, pieces)
        return await self._sound(row, key, job, pieces)

    async def _film(self, row: Row[Any], key: DataKey, job: Job, pieces: AsyncGenerator[bytes]) -> _Made:
        """Spool the child's fragments, then do with them what is done with a leg's."""
        leg = SpooledLeg(row.tenant_id, row.id, row.id, key)
        left = max(FILM_BYTES_LEAST, FILM_BYTES_PER_S * job.duration_ms // 1_000)
        number = 0
        async for plain in pieces:
            left -= len(plain)
            if left < 0:
                raise DerivationError("the child made more than any encoder of ours would")
            await self._spool_fragment(leg, number, plain)
            number += 1
        index, opened = await self._assembler.index(leg, range(number), crashed=False)
        if len(opened) != number:
            raise DerivationError("a fragment of the child's is none")
        written = await self._assembler.write_media(row, leg, opened, index)
        derived = await self._assembler.read_back(row, written, index, key)
        small = await self._assembler.keep_derived(row, key, derived, duration_ms=written.report.duration_ms)
        return _Made((written.kept, *small), tuple(track.codec for track in written.report.tracks))

    async def _spool_fragment(self, leg: SpooledLeg, number: int, plain: bytes) -> None:
        named: dict[str, Any] = {"tenant_id": leg.tenant_id, "media_id": leg.media_id, "number": number}
        bound = spool_associated(leg_id=leg.leg_id, **named)
        sealed = seal(leg.key, plain, associated_data=bound, segment_bytes=SPOOL_SEGMENT_BYTES)
        await self._store.put(spool_key(**named), sealed)

    async def _sound(self, row: Row[Any], key: DataKey, job: Job, pieces: AsyncGenerator[bytes]) -> _Made:
        is_wav = job.product is Product.PCM
        head = channels.wav_head(job.samples) if is_wav else channels.mp3_head(job.samples)
        length = channels.wav_bytes(job.samples) if is_wav else channels.mp3_bytes(job.samples)
        content_type = channels.WAV_TYPE if is_wav else channels.MP3_TYPE
        sealer = Sealer(key, associated_data=associated(row, Part.MEDIA), segment_bytes=FINAL_SEGMENT_BYTES)
        place = part_key(tenant_id=row.tenant_id, media_id=row.id, gen=row.gen, part=Part.MEDIA)
        stored = await self._store.put(place, _sealed(sealer, head, length, pieces))
        kept = Kept(Part.MEDIA, len(head) + length, content_type, stored)
        await self._read_back(row, key, kept)
        return _Made((kept,), ("pcm" if is_wav else "mp3",))

    async def _read_back(self, row: Row[Any], key: DataKey, kept: Kept) -> None:
        """Read what the store really holds: digest, tags, length."""
        digest, found_bytes = hashlib.sha256(), 0
        opener = Opener(key, associated_data=associated(row, Part.MEDIA), segment_bytes=FINAL_SEGMENT_BYTES)
        async with self._store.open(kept.stored.key) as sealed:
            async for block in sealed:
                digest.update(block)
                found_bytes += len(opener.update(block))
        found_bytes += len(opener.finish())
        if digest.digest() != sha256_of(kept.stored) or found_bytes != kept.plain_bytes:
            raise TamperedError("the store gives back other bytes than it was given")

    def _manifest(self, row: Row[Any], clock: CallClock, job: Job) -> dict[str, Any]:
        return {
            "v": EXPORT_MANIFEST_VERSION,
            "export": row.id,
            "call": row.call_id,
            "format": row.format,
            "started_at": to_text(clock.zero),
            "duration_ms": job.duration_ms,
            "accuracy_ms": clock.accuracy_ms,
            "sources": [
                {
                    "recording": one.row.id,
                    "role": one.row.leg_role,
                    "kind": one.row.leg_kind,
                    "offset_ms": one.offset_ms,
                    "duration_ms": one.duration_ms,
                }
                for one in clock.placed
            ],
        }

    async def _publish(
        self, row: Row[Any], kept: Sequence[Kept], codecs: Sequence[str], clock: CallClock
    ) -> None:
        async with self._database.write() as connection:
            now = self._clock.now()
            # Locked in the order in which an erasure locks: it waits for this, or has won already.
            ids = sorted([row.id, *(one.row.id for one in clock.placed)])
            locked = (
                select(media.c.id, media.c.state, media.c.restricted_at)
                .where(media.c.id.in_(ids))
                .order_by(media.c.id)
            )
            found = (await connection.execute(locked.with_for_update())).all()
            states = {one.id: MediaState(one.state) for one in found}
            own = states.pop(row.id)
            is_restricted = any(one.restricted_at is not None for one in found)
            if is_restricted or any(state is not MediaState.READY for state in states.values()):
                raise ExportFailedError(ExportFailure.SOURCE_GONE)
            if own is not MediaState.FINISHING:
                raise KeyForgottenError("the export is being erased")
            to = require_move(MEDIA_MOVES, own, MediaState.READY)
            await connection.execute(
                insert(parts), [part_row(row, one) | {"created_at": now} for one in kept]
            )
            await connection.execute(
                update(media)
                .where(media.c.id == row.id)
                .values(
                    state=to.value,
                    started_at=clock.zero,
                    duration_ms=clock.duration_ms,
                    size_bytes=kept[0].plain_bytes,
                    content_type=kept[0].content_type,
                    codecs=list(codecs),
                )
            )
            await self._ledger.append(connection, _ready_entry(row, kept[0], clock))

    async def fail(self, row: Row[Any], failure: ExportFailure) -> None:
        """Say that it came to nothing, and why; harmless where an erasure was faster."""
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(media)
                .where(media.c.id == row.id, media.c.state == MediaState.FINISHING.value)
                .values(state=MediaState.LOST.value)
            )
            if changed.rowcount != 1:
                return
            await connection.execute(
                update(exports).where(exports.c.media_id == row.id).values(failure=failure.value)
            )
            failed = Entry(
                EntryType.EXPORT_FAILED,
                tenant_id=row.tenant_id,
                object_id=row.id,
                facts={"reason": failure.value},
            )
            await self._ledger.append(connection, failed)

    async def row(self, export_id: Id, *, attempt: bool = False) -> Row[Any] | None:
        """Read an export with its media item; ``attempt`` counts that making it begins."""
        if attempt:
            async with self._database.write() as connection:
                await connection.execute(
                    update(exports)
                    .where(exports.c.media_id == export_id)
                    .values(attempts=exports.c.attempts + 1)
                )
        query = (
            select(media, exports.c.format, exports.c.requested_by, exports.c.attempts, exports.c.failure)
            .join(exports, exports.c.media_id == media.c.id)
            .where(media.c.id == export_id)
        )
        async with self._database.read() as connection:
            return (await connection.execute(query)).first()

    async def tidy(self) -> None:
        """At start: shred what a crash left of exports that are ready or have failed."""
        spooled = {uuid_of(folder) for folder in await self._spool.recordings()}
        query = select(media).where(
            media.c.kind == ItemKind.EXPORT.value,
            media.c.state.in_([MediaState.READY.value, MediaState.LOST.value]),
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        for row in rows:
            if row.state == MediaState.LOST and await self._keys.records(object_id=row.id):
                await self.forget(row)
            elif uuid_of(row.id) in spooled:
                await self.sweep(row, everything=False)

    async def forget(self, row: Row[Any]) -> None:
        """After a failure: nothing of it can be opened any more, nothing of it is left."""
        await self._keys.forget(object_id=row.id)
        await self.sweep(row)


def _input(one: Placed) -> Input:
    return Input(
        media_type=one.row.content_type,
        offset_ms=one.offset_ms,
        duration_ms=one.duration_ms or 0,
        is_visitor=one.seat == 0,
        seat=None if one.is_screen else one.seat,
        gaps=tuple(span for span, _, _ in one.gaps("video")),
    )


async def _sealed(
    sealer: Sealer, head: bytes, length: int, pieces: AsyncGenerator[bytes]
) -> AsyncIterator[bytes]:
    """Seal what comes; it is exactly as long as the head says, or it is nothing."""
    yield sealer.update(head)
    async for piece in pieces:
        length -= len(piece)
        if length < 0:
            break
        yield sealer.update(piece)
    if length != 0:
        raise DerivationError("the child made more or less than it was asked for")
    yield sealer.finish()


def _ready_entry(row: Row[Any], kept: Kept, clock: CallClock) -> Entry:
    """As for a recording: a deletion receipt will name the same digest."""
    placement = kept.stored.placement
    return Entry(
        EntryType.EXPORT_READY,
        tenant_id=row.tenant_id,
        object_id=row.id,
        facts={
            "gen": row.gen,
            "format": row.format,
            "duration_ms": clock.duration_ms,
            "ct_len": kept.stored.size_bytes,
            "ct_sha256": sha256_of(kept.stored).hex(),
            "country": (placement.country if placement is not None else None) or "",
        },
    )
