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

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Row, delete, insert, select, update

from crypto.keys import DataKey
from storage.store import ObjectStore
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import media, parts
from vault.errors import NotFoundError, NothingCapturedError
from vault.keys.store import KeyStore
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.assembling import Assembler, Kept, as_json, part_row, sha256_of
from vault.media.derive import Derived
from vault.media.manifest import (
    Circumstances,
    carried_by,
    consent_of,
    legs_of,
    make_manifest,
    messages_of,
)
from vault.media.spool import SpooledLeg
from vault.model import MEDIA_MOVES, Id, ItemKind, MediaState, Part, require_move, uuid_of
from vault.settings import RecordingSettings
from webrtc.media_report import MediaReport

log = structlog.get_logger(__name__)


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
        self._assembler = Assembler(store, settings)
        self._spool = self._assembler.spool
        self._ledger = ledger
        self._clock = clock

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
        """Name the recordings with anything in the spool: each is owed a ``finish``.

        An export's fragments lie there too; ``vault.media.exporter`` looks after them.
        """
        found = await self._spool.recordings()
        async with self._database.read() as connection:
            rows = await connection.execute(select(media.c.id).where(media.c.kind == ItemKind.EXPORT.value))
            exports = {uuid_of(row.id) for row in rows}
        return [media_id for media_id in found if uuid_of(media_id) not in exports]

    async def _make(self, row: Row[Any]) -> None:
        numbers = await self._spool.numbers(tenant_id=row.tenant_id, media_id=row.id)
        if not numbers:
            raise NothingCapturedError("no fragment of the leg was stored")
        key = await self._keys.data_key(tenant_id=row.tenant_id, object_id=row.id, gen=row.gen)
        leg = SpooledLeg(row.tenant_id, row.id, row.leg_id, key)
        cut = max(row.fragments or 0, numbers[-1] + 1)
        torn = row.recovered or cut > numbers[-1] + 1  # the end was never stored: the manifest says so
        index, opened = await self._assembler.index(leg, numbers, crashed=torn)
        written = await self._assembler.write_media(row, leg, opened, index)
        derived = await self._assembler.read_back(row, written, index, key)
        counts = _Fragments(len(opened), cut - len(opened))
        kept = [written.kept, *await self._write_rest(row, key, written.report, derived, counts)]
        await self._keys.bind_object(
            tenant_id=row.tenant_id,
            object_id=row.id,
            gen=row.gen,
            sealed_bytes=written.kept.stored.size_bytes,
            sealed_sha256=sha256_of(written.kept.stored),
        )
        await self._publish(row, kept, written.report)

    async def _write_rest(
        self,
        row: Row[Any],
        key: DataKey,
        told: MediaReport,
        derived: Derived | None,
        counts: _Fragments,
    ) -> list[Kept]:
        manifest = await self._manifest(row, told, counts)
        return [
            await self._assembler.keep(row, key, Part.MANIFEST, manifest),
            *await self._assembler.keep_derived(row, key, derived, duration_ms=told.duration_ms),
        ]

    async def _manifest(self, row: Row[Any], told: MediaReport, counts: _Fragments) -> bytes:
        async with self._database.read() as connection:
            came_by = await carried_by(connection, row.id)
            legs = await legs_of(connection, row.call_id)
            consent = await consent_of(connection, row.call_id)
            messages = await messages_of(connection, row.call_id)
        circumstances = Circumstances(
            recording=row.id,
            call=row.call_id,
            leg=row.leg_id,
            carried_by=came_by,
            legs=legs,
            consent=consent,
            messages=messages,
            started_at=row.started_at,
            ended_at=row.started_at + timedelta(milliseconds=told.duration_ms),
            end_reason=row.end_reason or "",
            recovered=row.recovered,
            fragments=counts.opened,
            fragments_missing=counts.missing,
        )
        return as_json(make_manifest(circumstances, told))

    async def _publish(self, row: Row[Any], kept: Sequence[Kept], told: MediaReport) -> None:
        async with self._database.write() as connection:
            now = self._clock.now()
            # Locked: an erasure that is asked for meanwhile either waits for this, or has won already.
            locked = select(media.c.state).where(media.c.id == row.id).with_for_update()
            state = (await connection.execute(locked)).scalar_one()
            to = require_move(MEDIA_MOVES, MediaState(state), MediaState.READY)
            await connection.execute(delete(parts).where(parts.c.media_id == row.id))
            await connection.execute(
                insert(parts), [part_row(row, one) | {"created_at": now} for one in kept]
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


def _ready_entry(row: Row[Any], kept: Kept, told: MediaReport) -> Entry:
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
            "ct_sha256": sha256_of(kept.stored).hex(),
            "country": country or "",
        },
    )
