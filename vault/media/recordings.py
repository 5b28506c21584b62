"""The life of a recording's row: begun with its first fragment, ended with its leg, finished once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import media
from vault.errors import NotFoundError
from vault.keys.store import KeyStore
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.capture import Begun
from vault.model import MEDIA_MOVES, Id, MediaState, new_id, require_move


@dataclass(frozen=True, slots=True)
class LegToRecord:
    """The leg whose frames are to be kept, and for how long."""

    tenant_id: Id
    call_id: Id
    leg_id: Id
    button_id: Id
    retention_days: int


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
        media_id = new_id("rec")
        key = await self._keys.create_data_key(tenant_id=leg.tenant_id, object_id=media_id)
        now = self._clock.now()
        async with self._database.write() as connection:
            await connection.execute(
                insert(media).values(
                    id=media_id,
                    tenant_id=leg.tenant_id,
                    kind="recording",
                    call_id=leg.call_id,
                    leg_id=leg.leg_id,
                    button_id=leg.button_id,
                    gen=1,
                    state=MediaState.CAPTURING.value,
                    created_at=now,
                    started_at=now - timedelta(seconds=age_s),
                    codecs=[],
                    recovered=False,
                    retain_until=now + timedelta(days=leg.retention_days),
                )
            )
            await self._ledger.append(
                connection, Entry(EntryType.CAPTURE_BEGUN, tenant_id=leg.tenant_id, object_id=media_id)
            )
        return Begun(leg.tenant_id, media_id, leg.leg_id, key)

    async def end(
        self, media_id: Id, *, reason: str, recovered: bool = False, fragments: int | None = None
    ) -> bool:
        """Capturing becomes finishing; False where an erasure or an earlier end was first.

        ``fragments`` is how many the capture cut: the manifest declares those that the store never got.
        """
        async with self._database.write() as connection:
            row = await self._locked(connection, media_id)
            if row.state != MediaState.CAPTURING:
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
                    fragments=fragments,
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

    async def is_erased(self, media_id: Id) -> bool:
        """Tell whether an erasure of the recording was asked for, or is done."""
        async with self._database.read() as connection:
            found = await connection.execute(select(media.c.state).where(media.c.id == media_id))
        return found.scalar_one_or_none() in {MediaState.ERASING, MediaState.ERASED}

    async def unfinished(self) -> Sequence[tuple[Id, MediaState]]:
        """Name the recordings that a finisher still owes something, oldest first."""
        waiting = (MediaState.CAPTURING.value, MediaState.FINISHING.value)
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(media.c.id, media.c.state).where(media.c.state.in_(waiting)).order_by(media.c.id)
            )
            return [(row.id, MediaState(row.state)) for row in rows]

    async def past_retention(self, now: datetime, *, limit: int) -> Sequence[tuple[Id, Id]]:
        """Name recordings whose time is over, as (tenant, media); one that cannot be finished too."""
        done = (MediaState.READY.value, MediaState.LOST.value, MediaState.FINISHING.value)
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(media.c.tenant_id, media.c.id)
                .where(media.c.retain_until < now, media.c.state.in_(done))
                .order_by(media.c.retain_until)
                .limit(limit)
            )
            return [(row.tenant_id, row.id) for row in rows]

    async def _locked(self, connection: AsyncConnection, media_id: Id) -> Row[Any]:
        found = await connection.execute(select(media).where(media.c.id == media_id).with_for_update())
        row = found.first()
        if row is None:
            raise NotFoundError("there is no such recording")
        return row
