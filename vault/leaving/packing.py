"""Keeps what a company takes along as it should be: what is new, came back, or changed is packed (again).

One thing at a time, each durable, each repeated without harm:

1. What was withdrawn, or cut off by a crash, is deleted.
2. While a call goes on, or what was recorded of one is not finished, nothing is packed.
3. The rows, where no volume has them; once more when the grace period nears its end; and once more at its end
   where somebody wrote something since.
4. Recordings and exports that lie in no volume.

A volume is written down with what it will hold before anything of it is stored, so that an erasure knows of
it from its first byte on. What comes in the last days puts the end off, so that it can be fetched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.errors import AbsentError, StorageError
from storage.store import ObjectStore
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import (
    calls,
    exit_items,
    exit_volumes,
    media,
    messages,
    notes,
    restrictions,
    tenant_exits,
    tenants,
)
from vault.errors import ConflictError, DependencyError, VaultError
from vault.leaving.archive import Archive, WithdrawnError, Withheld
from vault.media.places import volume_key
from vault.model import EXIT_MOVES, CallState, ExitState, Id, MediaState, before
from vault.rights.belongings import IDS_AT_ONCE
from vault.rights.emptying import UNFINISHED
from vault.rights.exits_again import UNKNOWN_RECIPIENT
from vault.rights.taken_along import STANDING, TakenAlong, VolumeKind, hold_exits

VOLUME_BYTES: Final = 1 << 30  # of plain media in one volume, and one item more
VOLUME_ITEMS: Final = 1_000
LAST_DAYS: Final = timedelta(days=7)  # to fetch what came last
PACKED: Final = before(EXIT_MOVES, ExitState.CANCELLED)  # the states in which volumes are made


class WaitsError(ConflictError):
    """The next step cannot be taken yet; ``on`` is what it waits for."""

    def __init__(self, on: str) -> None:
        super().__init__("the exit waits")
        self.on = on


class UnpackedError(VaultError):
    """Something came at the last moment: it is packed first."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A volume as it is written down before it is made. ``is_news``: something in it was in none before."""

    number: int
    kind: VolumeKind
    items: Sequence[Id]
    begun_at: datetime
    is_news: bool


class Packer:
    """Makes and unmakes volumes. Only one of it may be at work on a deployment."""

    def __init__(
        self, database: Database, store: ObjectStore, clock: Clock, archive: Archive, taken: TakenAlong
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._archive = archive
        self._taken = taken

    async def step(self, row: Row[Any]) -> bool:
        """Do one thing for an exit; False where nothing is left to do now.

        Raises WaitsError, DependencyError, WithdrawnError (what was being made is not wanted any more).
        """
        if row.recipient is None:
            return False
        if row.recipient == UNKNOWN_RECIPIENT:
            raise WaitsError("restored")
        if await self._taken.tidied(row.id):
            return True
        async with self._database.read() as connection:
            await _require_quiet(connection, row.tenant_id)
            if not await _is_due(connection, row, self._clock.now()):
                return False
        planned = await self._planned(row)
        if planned is None:
            return False
        try:
            await self._make(row, planned)
        except WithdrawnError:
            await self._taken.tidied(row.id)
            raise
        return True

    async def require_packed(self, connection: AsyncConnection, row: Row[Any], now: datetime) -> None:
        """Raise WaitsError, or UnpackedError where something is in no volume; in the caller's transaction."""
        await _require_quiet(connection, row.tenant_id)
        if row.recipient is None:
            return
        void = select(exit_volumes.c.number).where(exit_volumes.c.exit_id == row.id, ~STANDING).limit(1)
        if (await connection.execute(void)).first() or await _is_due(connection, row, now):
            raise UnpackedError

    async def lies_ready(self, row: Row[Any]) -> bool:
        """Look whether each volume is in the store; one that is not is made anew.

        Raises DependencyError where the store does not answer.
        """
        standing = select(exit_volumes).where(exit_volumes.c.exit_id == row.id, STANDING)
        async with self._database.read() as connection:
            volumes = (await connection.execute(standing.order_by(exit_volumes.c.number))).all()
        lost = [volume.number for volume in volumes if not await self._is_there(volume)]
        if lost:
            these = (exit_volumes.c.exit_id == row.id) & exit_volumes.c.number.in_(lost)
            async with self._database.write() as connection:
                withdrawn = update(exit_volumes).where(these).values(withdrawn_at=self._clock.now())
                await connection.execute(withdrawn)
        return not lost

    async def _is_there(self, volume: Row[Any]) -> bool:
        key = volume_key(tenant_id=volume.tenant_id, exit_id=volume.exit_id, number=volume.number)
        try:
            await self._store.head(key)
        except AbsentError:
            return False
        except StorageError as cause:
            raise DependencyError("the store does not answer; the exit goes on when it does") from cause
        return True

    # making one

    async def _planned(self, row: Row[Any]) -> Planned | None:
        """Write down the next volume, with what it will hold, the exit's row held; None where none is due."""
        now = self._clock.now()
        async with self._database.write() as connection:
            # Rows before exits, as everybody does; what is asked for or restricted meanwhile comes behind.
            held = select(tenants.c.id).where(tenants.c.id == row.tenant_id).with_for_update(read=True)
            await connection.execute(held)
            await hold_exits(connection, row.tenant_id)
            row = (await connection.execute(select(tenant_exits).where(tenant_exits.c.id == row.id))).one()
            if row.state not in PACKED:
                return None
            number = row.volumes_made + 1
            if await _rows_are_due(connection, row, now):
                is_news = _is_round(row, now) or await _has_news(connection, row)
                planned = Planned(number, VolumeKind.ROWS, (), now, is_news)
            else:
                found = _fitting(await _items_due(connection, row, now, VOLUME_ITEMS))
                if not found:
                    return None
                is_news = any(item.taken_at is None for item in found)
                items = [Id(item.id) for item in found]
                planned = Planned(number, VolumeKind.MEDIA, items, now, is_news)
            await _write_down(connection, row, planned)
        return planned

    async def _make(self, row: Row[Any], planned: Planned) -> None:
        async def require_wanted() -> None:
            async with self._database.read() as connection:
                await _require_wanted(connection, row.id, planned.number)

        stored = await self._archive.volume(row, planned.number, planned.items, require_wanted)
        async with self._database.write() as connection:
            await hold_exits(connection, row.tenant_id)
            await _require_wanted(connection, row.id, planned.number)
            this = (exit_volumes.c.exit_id == row.id) & (exit_volumes.c.number == planned.number)
            made = {
                "made_at": planned.begun_at,
                "sealed_bytes": stored.sealed_bytes,
                "sha256": stored.sha256,
                "items": len(planned.items),
            }
            await connection.execute(update(exit_volumes).where(this).values(made))
            await _tell_items(connection, row, planned, stored.withheld)
            await self._tell_exit(connection, row, planned)

    async def _tell_exit(self, connection: AsyncConnection, row: Row[Any], planned: Planned) -> None:
        """Put off the end where what is new would have too few days; say as of when the rows are."""
        row = (await connection.execute(select(tenant_exits).where(tenant_exits.c.id == row.id))).one()
        values: dict[str, Any] = {}
        if planned.kind is VolumeKind.ROWS:
            values["rows_at"] = planned.begun_at
            others = (exit_volumes.c.exit_id == row.id) & (exit_volumes.c.number < planned.number)
            older = others & (exit_volumes.c.kind == VolumeKind.ROWS.value) & STANDING
            replaced = update(exit_volumes).where(older).values(withdrawn_at=self._clock.now())
            await connection.execute(replaced)
        if row.state == ExitState.READY and planned.is_news:
            since = planned.begun_at if planned.kind is VolumeKind.ROWS else self._clock.now()
            values["ends_at"] = max(row.ends_at, since + last_days(row))
            if planned.kind is VolumeKind.ROWS or values["ends_at"] > row.ends_at:
                values["told"] = ""  # there is more to fetch: it is said again
        if values:
            await connection.execute(update(tenant_exits).where(tenant_exits.c.id == row.id).values(values))


def last_days(row: Row[Any]) -> timedelta:
    """Tell how long what comes last can be fetched."""
    return min(LAST_DAYS, timedelta(days=row.grace_days) / 2)


# what is due


def _is_round(row: Row[Any], now: datetime) -> bool:
    """Tell whether the rows are to be packed once more, because the end is near."""
    if row.state != ExitState.READY or row.rows_at is None:
        return False
    near = row.ends_at - last_days(row)
    return bool(row.rows_at < near <= now)


async def _has_news(connection: AsyncConnection, row: Row[Any]) -> bool:
    """Tell whether somebody wrote something since the rows were packed, or a restriction was lifted."""
    if row.rows_at is None:
        return True
    since: tuple[ColumnElement[bool], ...] = (
        exists().where(notes.c.tenant_id == row.tenant_id, notes.c.updated_at > row.rows_at),
        exists().where(messages.c.tenant_id == row.tenant_id, messages.c.at > row.rows_at),
        exists().where(restrictions.c.tenant_id == row.tenant_id, restrictions.c.lifted_at > row.rows_at),
    )
    return bool((await connection.execute(select(or_(*since)))).scalar_one())


async def _is_due(connection: AsyncConnection, row: Row[Any], now: datetime) -> bool:
    """Tell whether there is something to pack."""
    return await _rows_are_due(connection, row, now) or bool(await _items_due(connection, row, now, 1))


async def _rows_are_due(connection: AsyncConnection, row: Row[Any], now: datetime) -> bool:
    standing = select(exit_volumes.c.number).where(
        exit_volumes.c.exit_id == row.id, exit_volumes.c.kind == VolumeKind.ROWS.value, STANDING
    )
    if (await connection.execute(standing.limit(1))).first() is None or _is_round(row, now):
        return True
    is_over = row.state == ExitState.READY and row.ends_at <= now
    return is_over and await _has_news(connection, row)


def _due(row: Row[Any], now: datetime) -> Sequence[Select[Any]]:
    """Select the media items that are in no volume: taken back, restricted no more, never packed.

    Each by an index: of a million items that are packed none is looked at again and again. What was never
    packed came after the exit began, once that was ready; at the end all of it is looked through once more.
    """
    of_exit = (exit_items.c.exit_id == row.id) & (exit_items.c.media_id == media.c.id)
    lifted = (exit_items.c.withheld == Withheld.RESTRICTED.value) & media.c.restricted_at.is_(None)
    own = (media.c.tenant_id == row.tenant_id) & (media.c.state == MediaState.READY.value)
    never = exit_items.c.media_id.is_(None)
    if row.state == ExitState.READY and now < row.ends_at:
        never &= media.c.created_at >= row.asked_at
    columns = select(media.c.id, media.c.size_bytes, exit_items.c.taken_at).where(own).order_by(media.c.id)
    return (
        columns.join(exit_items, of_exit).where(exit_items.c.number.is_(None)),
        columns.join(exit_items, of_exit).where(lifted),
        columns.outerjoin(exit_items, of_exit).where(never),
    )


async def _items_due(
    connection: AsyncConnection, row: Row[Any], now: datetime, limit: int
) -> Sequence[Row[Any]]:
    found: Sequence[Row[Any]] = ()
    for query in _due(row, now):
        found = found or (await connection.execute(query.limit(limit))).all()
    return found


def _fitting(found: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    """Take as many items as a volume has room for, and the one with which it is full."""
    size_bytes = 0
    for count, item in enumerate(found, start=1):
        size_bytes += item.size_bytes or 0
        if size_bytes >= VOLUME_BYTES:
            return found[:count]
    return found


async def _require_quiet(connection: AsyncConnection, tenant_id: str) -> None:
    """Raise WaitsError while a call goes on, or something of one is still being made."""
    going_on = (
        select(calls.c.id).where(calls.c.tenant_id == tenant_id, calls.c.state != CallState.ENDED.value),
        select(media.c.id).where(media.c.tenant_id == tenant_id, media.c.state.in_(UNFINISHED)),
    )
    for query in going_on:
        if (await connection.execute(query.limit(1))).first() is not None:
            raise WaitsError("call")


# what is written down


async def _write_down(connection: AsyncConnection, row: Row[Any], planned: Planned) -> None:
    of = {"exit_id": row.id, "tenant_id": row.tenant_id, "number": planned.number}
    counted = update(tenant_exits).where(tenant_exits.c.id == row.id).values(volumes_made=planned.number)
    await connection.execute(counted)
    await connection.execute(insert(exit_volumes).values(**of, kind=planned.kind.value))
    for start in range(0, len(planned.items), IDS_AT_ONCE):
        some = planned.items[start : start + IDS_AT_ONCE]
        these = (exit_items.c.exit_id == row.id) & exit_items.c.media_id.in_(some)
        known = {one.media_id: one for one in await connection.execute(select(exit_items).where(these))}
        await connection.execute(update(exit_items).where(these).values(number=planned.number, withheld=None))
        fresh = [{**of, "media_id": one} for one in some if one not in known]
        if fresh:
            await connection.execute(insert(exit_items), fresh)


async def _tell_items(
    connection: AsyncConnection, row: Row[Any], planned: Planned, withheld: dict[Id, Withheld]
) -> None:
    """Say since when a volume's items can be fetched, and which have a note in their place."""
    held = (exit_items.c.exit_id == row.id) & (exit_items.c.number == planned.number)
    first = held & exit_items.c.taken_at.is_(None)
    await connection.execute(update(exit_items).where(first).values(taken_at=planned.begun_at))
    for media_id, why in withheld.items():
        values: dict[str, Any] = {"withheld": why.value}
        if why is Withheld.RESTRICTED:
            values["taken_at"] = None
        await connection.execute(
            update(exit_items).where(held, exit_items.c.media_id == media_id).values(values)
        )


async def _require_wanted(connection: AsyncConnection, exit_id: str, number: int) -> None:
    """Raise WithdrawnError where a volume that is being made holds what must not be in it any more."""
    query = (
        select(tenant_exits.c.state, exit_volumes.c.withdrawn_at)
        .join(exit_volumes, exit_volumes.c.exit_id == tenant_exits.c.id)
        .where(tenant_exits.c.id == exit_id, exit_volumes.c.number == number)
    )
    row = (await connection.execute(query)).first()
    if row is None or row.state not in PACKED or row.withdrawn_at is not None:
        raise WithdrawnError
