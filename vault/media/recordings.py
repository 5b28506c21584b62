"""The life of a recording's row: begun with its first fragment, gone on with by later legs, finished once.

A recording is of a participant's camera or screen in one call, not of one connection: whose line was lost
comes back on another leg, and the recording goes on with it (docs/adr/0008-a-recording-goes-on-over-legs.md).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import calls, consents, legs, media, recording_legs
from vault.errors import NotFoundError
from vault.keys.store import KeyStore
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.capture import Begun
from vault.model import (
    MEDIA_MOVES,
    ErasureReason,
    Id,
    ItemKind,
    LegKind,
    MediaState,
    StopRule,
    new_id,
    require_move,
)
from webrtc.frames import Codec, MediaKind

INTERRUPTED: Final = "interrupted"  # why legs, calls and recordings ended that a crash left open
FULL: Final = "size_limit"  # why a recording ended before its legs did


@dataclass(frozen=True, slots=True)
class LegToRecord:
    """The leg whose frames are to be kept, and for how long; ``codecs`` are those of its answer."""

    tenant_id: Id
    call_id: Id
    leg_id: Id
    button_id: Id
    retention_days: int
    person_id: Id | None = None  # none: the visitor's
    kind: LegKind = LegKind.CAMERA
    codecs: Collection[Codec] = ()


@dataclass(frozen=True, slots=True)
class OpenRecording:
    """A recording that its participant's next leg may go on with; ``legs`` counts those it came by so far."""

    media_id: Id
    tenant_id: Id
    first_leg_id: Id
    gen: int
    started_at: datetime
    started_us: int
    fragments: int
    legs: int
    codecs: tuple[str, ...]

    def takes(self, codecs: Collection[Codec]) -> bool:
        """Tell whether these fit into its file: a picture is in one codec from its beginning to its end."""
        pictures = {codec.value for codec in Codec if codec.kind is MediaKind.VIDEO}
        return len(pictures & {*self.codecs, *codecs}) <= 1


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """A recording that the process before left open, by so many legs, and why the last of them ended."""

    media_id: Id
    call_id: Id
    legs: int
    reason: str


class Recordings:
    """Begins and ends recordings; ``vault.media.finish`` does what comes between ended and ready."""

    def __init__(self, database: Database, keys: KeyStore, ledger: Ledger, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._ledger = ledger
        self._clock = clock

    async def begin(self, leg: LegToRecord, *, age_s: float) -> Begun:
        """Make key, row and first ledger entry of a recording, in this order; it began ``age_s`` ago.

        A crash in between leaves a key that opens nothing; the row never stands without its key.
        """
        # Both clocks before anything waits: the sides of a call are laid together by them.
        began, started_s = self._clock.now() - timedelta(seconds=age_s), self._clock.monotonic() - age_s
        media_id = new_id("rec")
        key = await self._keys.create_data_key(tenant_id=leg.tenant_id, object_id=media_id)
        now = self._clock.now()
        async with self._database.write() as connection:
            await connection.execute(
                insert(media).values(
                    id=media_id,
                    tenant_id=leg.tenant_id,
                    kind=ItemKind.RECORDING.value,
                    call_id=leg.call_id,
                    leg_id=leg.leg_id,
                    button_id=leg.button_id,
                    gen=1,
                    state=MediaState.CAPTURING.value,
                    created_at=now,
                    started_at=began,
                    started_us=round(started_s * 1e6),
                    codecs=[codec.value for codec in leg.codecs],
                    recovered=False,
                    retain_until=now + timedelta(days=leg.retention_days),
                )
            )
            await _add_leg(connection, leg, media_id, ordinal=0, first_fragment=0)
            await self._ledger.append(
                connection, Entry(EntryType.CAPTURE_BEGUN, tenant_id=leg.tenant_id, object_id=media_id)
            )
        return Begun(leg.tenant_id, media_id, leg.leg_id, key)

    async def open_of(self, leg: LegToRecord) -> OpenRecording | None:
        """Find the recording that a leg goes on with, if its participant has one of that kind in the call."""
        row = await self._last_of(leg)
        if row is None or row.state != MediaState.CAPTURING:
            return None
        return OpenRecording(
            media_id=row.id,
            tenant_id=row.tenant_id,
            first_leg_id=row.leg_id,
            gen=row.gen,
            started_at=row.started_at,
            started_us=row.started_us,
            fragments=row.fragments or 0,
            legs=row.legs,
            codecs=tuple(row.codecs),
        )

    async def is_barred(self, leg: LegToRecord) -> bool:
        """Tell whether nothing more is recorded of a leg's participant, whatever their line does.

        So it is once the recording was erased while it ran, or had reached its greatest size.
        """
        row = await self._last_of(leg)
        if row is None:
            return False
        erased = {MediaState.ERASING, MediaState.ERASED}
        return bool(row.end_reason == FULL or (row.state in erased and row.ended_at is None))

    async def go_on(self, found: OpenRecording, leg: LegToRecord, *, first_fragment: int, cause: str) -> bool:
        """Write that a leg goes on with a recording; False where it ended, or was erased, meanwhile."""
        async with self._database.write() as connection:
            row = await self._locked(connection, found.media_id)
            if row.state != MediaState.CAPTURING:
                return False
            await _add_leg(connection, leg, found.media_id, ordinal=found.legs, first_fragment=first_fragment)
            codecs = dict.fromkeys((*row.codecs, *(codec.value for codec in leg.codecs)))
            await connection.execute(
                update(media).where(media.c.id == found.media_id).values(codecs=list(codecs))
            )
            await self._ledger.append(
                connection,
                Entry(
                    EntryType.CAPTURE_RESUMED,
                    tenant_id=row.tenant_id,
                    object_id=found.media_id,
                    facts={"cause": cause},
                ),
            )
            return True

    async def rest(self, media_id: Id, *, fragments: int) -> bool:
        """Keep a recording open whose leg was lost; False where an erasure or an end was first."""
        async with self._database.write() as connection:
            done = await connection.execute(
                update(media)
                .where(media.c.id == media_id, media.c.state == MediaState.CAPTURING.value)
                .values(fragments=fragments)
            )
        return done.rowcount == 1

    async def end(
        self,
        media_id: Id,
        *,
        reason: str,
        recovered: bool = False,
        fragments: int | None = None,
        legs: int | None = None,
    ) -> bool:
        """Capturing becomes finishing; False where an erasure or an earlier end was first.

        ``fragments`` is how many the capture cut: the manifest declares those that the store never got. Where
        ``legs`` is given, a recording that came by more of them is somebody's again, and goes on: False.
        """
        async with self._database.write() as connection:
            row = await self._locked(connection, media_id)
            if row.state != MediaState.CAPTURING:
                return False
            if legs is not None and await _legs(connection, media_id) != legs:
                return False
            to = require_move(MEDIA_MOVES, MediaState(row.state), MediaState.FINISHING)
            await connection.execute(
                update(media)
                .where(media.c.id == media_id)
                .values(
                    state=to.value,
                    ended_at=self._clock.now(),
                    end_reason=reason,
                    recovered=recovered,
                    fragments=row.fragments if fragments is None else fragments,
                )
            )
            await self._ledger.append(
                connection,
                Entry(
                    EntryType.CAPTURE_ENDED,
                    tenant_id=row.tenant_id,
                    object_id=media_id,
                    facts={"reason": reason, "recovered": recovered},
                ),
            )
            return True

    async def erased_of(self, media_id: Id) -> Id | None:
        """Give the tenant of a recording whose erasure was asked for, or is done; None for any other."""
        gone = (MediaState.ERASING.value, MediaState.ERASED.value)
        query = select(media.c.tenant_id).where(media.c.id == media_id, media.c.state.in_(gone))
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def unfinished(self) -> Sequence[tuple[Id, MediaState]]:
        """Name the recordings that a finisher still owes something, oldest first."""
        waiting = (MediaState.CAPTURING.value, MediaState.FINISHING.value)
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(media.c.id, media.c.state)
                .where(media.c.state.in_(waiting), media.c.kind == ItemKind.RECORDING.value)
                .order_by(media.c.id)
            )
            return [(row.id, MediaState(row.state)) for row in rows]

    async def left_open(self) -> Sequence[LeftOpen]:
        """At start: tell what is being captured by nobody, and how the last leg of it ended."""
        each = recording_legs.alias()
        latest = select(func.max(each.c.ordinal)).where(each.c.media_id == media.c.id)
        query = (
            select(media.c.id, media.c.call_id, recording_legs.c.ordinal, legs.c.end_reason)
            .join(recording_legs, recording_legs.c.media_id == media.c.id)
            .join(legs, legs.c.id == recording_legs.c.leg_id)
            .where(
                media.c.state == MediaState.CAPTURING.value,
                recording_legs.c.ordinal == latest.scalar_subquery(),
            )
        )
        async with self._database.read() as connection:
            return [
                LeftOpen(row.id, row.call_id, row.ordinal + 1, row.end_reason or INTERRUPTED)
                for row in await connection.execute(query.order_by(media.c.id))
            ]

    async def _last_of(self, leg: LegToRecord) -> Row[Any] | None:
        """Find the last recording of a leg's participant and kind in its call."""
        counted = select(func.count()).where(recording_legs.c.media_id == media.c.id).scalar_subquery()
        query = (
            select(media, counted.label("legs"))
            .join(legs, legs.c.id == media.c.leg_id)
            .where(
                media.c.call_id == leg.call_id,
                media.c.kind == ItemKind.RECORDING.value,
                legs.c.person_id == leg.person_id,  # IS NULL for the visitor
                legs.c.kind == leg.kind.value,
            )
            .order_by(media.c.created_at.desc(), media.c.id.desc())
            .limit(1)
        )
        async with self._database.read() as connection:
            return (await connection.execute(query)).first()

    async def stopped(self, *, limit: int) -> Sequence[tuple[Id, Id, ErasureReason]]:
        """Name stopped calls, as (tenant, call, why), of which something is left that should be erased."""
        kept = media.c.state.not_in([MediaState.ERASING.value, MediaState.ERASED.value])
        is_left = calls.c.chat_id.is_not(None) | exists().where(media.c.call_id == calls.c.id, kept)
        erase, named = StopRule.ERASE.value, select(calls.c.tenant_id, calls.c.id).where(is_left)
        withdrawn = named.join(consents, consents.c.call_id == calls.c.id).where(
            consents.c.withdrawn_at.is_not(None), consents.c.withdrawal_rule == erase
        )
        unrecorded = named.where(calls.c.unrecorded_rule == erase)
        found: dict[Id, tuple[Id, Id, ErasureReason]] = {}
        async with self._database.read() as connection:
            for query, reason in (
                (withdrawn, ErasureReason.CONSENT_WITHDRAWN),
                (unrecorded, ErasureReason.NOT_RECORDED),
            ):
                for row in await connection.execute(query.limit(limit)):
                    found.setdefault(row.id, (row.tenant_id, row.id, reason))
        return list(found.values())

    async def _locked(self, connection: AsyncConnection, media_id: Id) -> Row[Any]:
        found = await connection.execute(select(media).where(media.c.id == media_id).with_for_update())
        row = found.first()
        if row is None:
            raise NotFoundError("there is no such recording")
        return row


async def _legs(connection: AsyncConnection, media_id: Id) -> int:
    query = select(func.count()).where(recording_legs.c.media_id == media_id)
    return (await connection.execute(query)).scalar_one()


async def _add_leg(
    connection: AsyncConnection, leg: LegToRecord, media_id: Id, *, ordinal: int, first_fragment: int
) -> None:
    await connection.execute(
        insert(recording_legs).values(
            media_id=media_id,
            leg_id=leg.leg_id,
            tenant_id=leg.tenant_id,
            ordinal=ordinal,
            first_fragment=first_fragment,
        )
    )
