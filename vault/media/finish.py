"""Finishing: fragments become one seekable file, sealed, read back, described; then the spool is shredded.

The steps; a crash before step 6 begins again from the spool, a crash after it only has to shred:

1. A recording that a crash left *capturing* becomes *finishing*, and is marked as recovered.
2. Pass one over the fragments: the index. Nothing playable: the recording is *lost*, its key is forgotten.
3. Pass two: container bytes, sealed while they are made, into the store; memory holds a fragment or two.
4. The stored object is read back whole: its digest, every tag, every frame against the index. The same
   reading feeds the sandboxed child that makes poster and peaks.
5. Poster, peaks and manifest are sealed and stored; length and digest are bound into the key's wrap.
6. One transaction: the parts, the row *ready*, the ledger's ``recording.ready``.
7. The spool is shredded. A start finds what a crash left of it by looking into the spool itself.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row, delete, insert, select, update

from crypto.keys import DataKey
from crypto.streaming import Opener, Sealer, seal
from storage.store import ObjectStore, StoredObject
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import media, parts
from vault.errors import DerivationError, NotFoundError, NothingCapturedError, TamperedError
from vault.keys.store import KeyStore
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.derive import POSTER_TYPE, Derivation, Derived
from vault.media.manifest import Circumstances, carried_by, consent_of, legs_of, make_manifest
from vault.media.places import FINAL_SEGMENT_BYTES, part_associated, part_key
from vault.media.spool import Spool, SpooledLeg
from vault.model import MEDIA_MOVES, Id, MediaState, Part, require_move
from vault.settings import RecordingSettings
from webrtc.containers import ContainerWriter, open_check, open_writer
from webrtc.media_index import EmptyRecordingError, MediaIndex
from webrtc.media_report import MediaReport, report

log = structlog.get_logger(__name__)

WAVE_VERSION: Final = 1
SEAL_BLOCK_BYTES: Final = 256 * 1024  # container bytes gathered before they are sealed: fewer, longer calls
CHILD_CPU_LEAST_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class _Kept:
    """One sealed part in the store, as its row will say."""

    part: Part
    plain_bytes: int
    content_type: str
    stored: StoredObject


@dataclass(frozen=True, slots=True)
class _Written:
    """The media part, and what was learnt while it was written."""

    kept: _Kept
    report: MediaReport


@dataclass(frozen=True, slots=True)
class _Fragments:
    """How many of the spool's fragments are in the file, and how many that were cut are not."""

    opened: int
    missing: int


class Finish:
    """Finishes one recording; ``vault.media.finisher`` decides when and how many at once."""

    def __init__(
        self,
        database: Database,
        keys: KeyStore,
        store: ObjectStore,
        ledger: Ledger,
        clock: Clock,
        settings: RecordingSettings,
    ) -> None:
        self._database = database
        self._keys = keys
        self._store = store
        self._spool = Spool(store)
        self._ledger = ledger
        self._clock = clock
        self._settings = settings

    async def finish(self, media_id: Id) -> MediaState:
        """Do all that is left to do and return the state reached; repeating it is harmless.

        Raises DependencyError, StorageError, KeyForgottenError (an erasure won) with the row still
        *finishing*.
        """
        row = await self._row(media_id)
        if row.state == MediaState.FINISHING:
            try:
                await self._make(row)
            except NothingCapturedError:
                await self._lose(row)
        row = await self._row(media_id)
        if row.state == MediaState.LOST:
            # After the row: a crash in between finds it lost, not a recording whose key is missing.
            await self._keys.forget(object_id=row.id)
        if row.state in {MediaState.READY, MediaState.LOST, MediaState.ERASED}:
            await self._spool.shred(tenant_id=row.tenant_id, media_id=row.id)
        return MediaState(row.state)

    async def in_spool(self) -> Sequence[Id]:
        """Name the recordings with anything in the spool: each is owed a ``finish``."""
        return await self._spool.recordings()

    async def _make(self, row: Row[Any]) -> None:
        numbers = await self._spool.numbers(tenant_id=row.tenant_id, media_id=row.id)
        if not numbers:
            raise NothingCapturedError("no fragment of the leg was stored")
        key = await self._keys.data_key(tenant_id=row.tenant_id, object_id=row.id, gen=row.gen)
        leg = SpooledLeg(row.tenant_id, row.id, row.leg_id, key)
        cut = max(row.fragments or 0, numbers[-1] + 1)
        torn = row.recovered or cut > numbers[-1] + 1  # the end was never stored: the manifest says so
        index, opened = await self._index(leg, numbers, crashed=torn)
        written = await self._write_media(row, leg, opened, index)
        derived = await self._read_back(row, written, index, key)
        counts = _Fragments(len(opened), cut - len(opened))
        kept = [written.kept, *await self._write_rest(row, key, written.report, derived, counts)]
        await self._keys.bind_object(
            tenant_id=row.tenant_id,
            object_id=row.id,
            gen=row.gen,
            sealed_bytes=written.kept.stored.size_bytes,
            sealed_sha256=_digest(written.kept.stored),
        )
        await self._publish(row, kept, written.report)

    async def _index(
        self, leg: SpooledLeg, numbers: Sequence[int], *, crashed: bool
    ) -> tuple[MediaIndex, Sequence[int]]:
        """Pass one: the index, and the numbers of the fragments that opened.

        Each fragment is a short call in a thread, so the media loop keeps its turn.
        """
        index, opened = MediaIndex(), []
        async for fragment in self._spool.fragments(leg, numbers):
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

    async def _write_media(
        self, row: Row[Any], leg: SpooledLeg, numbers: Sequence[int], index: MediaIndex
    ) -> _Written:
        """Pass two."""
        writer = await asyncio.to_thread(open_writer, index)
        key = part_key(tenant_id=row.tenant_id, media_id=row.id, gen=row.gen, part=Part.MEDIA)
        sealer = Sealer(
            leg.key, associated_data=_associated(row, Part.MEDIA), segment_bytes=FINAL_SEGMENT_BYTES
        )
        stored = await self._store.put(key, self._sealed_file(leg, numbers, writer, sealer))
        kept = _Kept(Part.MEDIA, writer.size_bytes, writer.media_type, stored)
        return _Written(kept, await asyncio.to_thread(report, index))

    async def _sealed_file(
        self, leg: SpooledLeg, numbers: Sequence[int], writer: ContainerWriter, sealer: Sealer
    ) -> AsyncIterator[bytes]:
        waiting = bytearray(await asyncio.to_thread(b"".join, writer.header()))
        async for fragment in self._spool.fragments(leg, numbers):
            waiting += await asyncio.to_thread(b"".join, writer.body(fragment))
            if len(waiting) >= SEAL_BLOCK_BYTES:
                yield sealer.update(bytes(waiting))
                waiting.clear()
        writer.finish()
        yield sealer.update(bytes(waiting)) + sealer.finish()

    async def _read_back(
        self, row: Row[Any], written: _Written, index: MediaIndex, key: DataKey
    ) -> Derived | None:
        """Read what the store really holds: digest, tags, frames. Raises TamperedError where it differs."""
        check, digest = open_check(index), hashlib.sha256()
        opener = Opener(key, associated_data=_associated(row, Part.MEDIA), segment_bytes=FINAL_SEGMENT_BYTES)
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
            if digest.digest() != _digest(written.kept.stored):
                raise TamperedError("the store gives back other bytes than it was given")
            try:
                return await child.result()
            except DerivationError as error:
                log.warning("finish.no_poster", media=row.id, error=type(error).__name__)
                return None

    async def _write_rest(
        self,
        row: Row[Any],
        key: DataKey,
        told: MediaReport,
        derived: Derived | None,
        counts: _Fragments,
    ) -> list[_Kept]:
        kept = [await self._keep(row, key, Part.MANIFEST, await self._manifest(row, told, counts))]
        if derived is not None and derived.peaks is not None:
            wave = {
                "v": WAVE_VERSION,
                "peaks_per_s": derived.peaks_per_s,
                "duration_ms": told.duration_ms,
                "peaks": derived.peaks,
            }
            kept.append(await self._keep(row, key, Part.WAVE, _json(wave)))
        if derived is not None and derived.poster_webp is not None:
            kept.append(await self._keep(row, key, Part.THUMB, derived.poster_webp, POSTER_TYPE))
        return kept

    async def _keep(
        self, row: Row[Any], key: DataKey, part: Part, plain: bytes, content_type: str = "application/json"
    ) -> _Kept:
        sealed = seal(key, plain, associated_data=_associated(row, part), segment_bytes=FINAL_SEGMENT_BYTES)
        place = part_key(tenant_id=row.tenant_id, media_id=row.id, gen=row.gen, part=part)
        return _Kept(part, len(plain), content_type, await self._store.put(place, sealed))

    async def _manifest(self, row: Row[Any], told: MediaReport, counts: _Fragments) -> bytes:
        async with self._database.read() as connection:
            came_by = await carried_by(connection, row.id)
            legs = await legs_of(connection, row.call_id)
            consent = await consent_of(connection, row.call_id)
        circumstances = Circumstances(
            recording=row.id,
            call=row.call_id,
            leg=row.leg_id,
            carried_by=came_by,
            legs=legs,
            consent=consent,
            started_at=row.started_at,
            ended_at=row.started_at + timedelta(milliseconds=told.duration_ms),
            end_reason=row.end_reason or "",
            recovered=row.recovered,
            fragments=counts.opened,
            fragments_missing=counts.missing,
        )
        return _json(make_manifest(circumstances, told))

    async def _publish(self, row: Row[Any], kept: Sequence[_Kept], told: MediaReport) -> None:
        async with self._database.write() as connection:
            now = self._clock.now()
            # Locked: an erasure that is asked for meanwhile either waits for this, or has won already.
            locked = select(media.c.state).where(media.c.id == row.id).with_for_update()
            state = (await connection.execute(locked)).scalar_one()
            to = require_move(MEDIA_MOVES, MediaState(state), MediaState.READY)
            await connection.execute(delete(parts).where(parts.c.media_id == row.id))
            await connection.execute(
                insert(parts), [_part_row(row, one) | {"created_at": now} for one in kept]
            )
            await connection.execute(
                update(media)
                .where(media.c.id == row.id)
                .values(
                    state=to.value,
                    duration_ms=told.duration_ms,
                    size_bytes=kept[0].plain_bytes,
                    content_type=kept[0].content_type,
                    codecs=[track.codec for track in told.tracks],
                )
            )
            await self._ledger.append(connection, _ready_entry(row, kept[0], told))

    async def _lose(self, row: Row[Any]) -> None:
        """Nothing can be played: say so. What was stored goes next, and the key before it."""
        async with self._database.write() as connection:
            changed = await connection.execute(
                update(media)
                .where(media.c.id == row.id, media.c.state == MediaState.FINISHING.value)
                .values(state=MediaState.LOST.value)
            )
            if changed.rowcount != 1:  # an erasure was faster
                return
            await self._ledger.append(
                connection, Entry(EntryType.RECORDING_LOST, tenant_id=row.tenant_id, object_id=row.id)
            )

    async def _row(self, media_id: Id) -> Row[Any]:
        async with self._database.read() as connection:
            row = (await connection.execute(select(media).where(media.c.id == media_id))).first()
        if row is None:
            raise NotFoundError("there is no such recording")
        return row


def _part_row(row: Row[Any], one: _Kept) -> dict[str, Any]:
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
        "sealed_sha256": _digest(one.stored),
        "content_type": one.content_type,
        "placement": where,
    }


def _ready_entry(row: Row[Any], kept: _Kept, told: MediaReport) -> Entry:
    """What the client may keep as the receipt of the recording: a deletion receipt will name the same."""
    country = kept.stored.placement.country if kept.stored.placement is not None else None
    return Entry(
        EntryType.RECORDING_READY,
        tenant_id=row.tenant_id,
        object_id=row.id,
        facts={
            "gen": row.gen,
            "duration_ms": told.duration_ms,
            "ct_len": kept.stored.size_bytes,
            "ct_sha256": _digest(kept.stored).hex(),
            "country": country or "",
        },
    )


def _associated(row: Row[Any], part: Part) -> bytes:
    return part_associated(tenant_id=row.tenant_id, media_id=row.id, gen=row.gen, part=part)


def _digest(stored: StoredObject) -> bytes:
    if stored.sha256 is None:
        raise TamperedError("the store did not say what it was given")
    return stored.sha256


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
