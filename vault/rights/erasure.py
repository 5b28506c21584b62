"""Erasure: forget the key, delete the objects, verify, and only then say so (docs/THREATS.md, erasure).

Each step is durable before the next and may be repeated, so a crash anywhere is finished by the next start:

0. Nothing begins while a legal hold covers the object; once it has begun, no hold can be placed.
1. The request and one row per object, with what the receipt will say of the keys; media become *erasing*,
   so nothing new is served. The ledger has ``erasure.requested``.
2. A running capture of the object, or the making of it, is stopped; its data keys are forgotten in the key
   store, whose write-ahead log is truncated. From here on nobody can open what is left, here or in any copy
   of the main database.
3. Every version of every object, spool and derived parts included, is deleted; so is each volume with it that
   a company that leaves was to take along.
4. Absence is verified at every place, by listing and by asking for each object by its name. What personal
   rows hold is deleted; the main database's log is truncated.
5. One transaction: the ledger's ``object.shredded``, the row *erased*, the erasure *complete*. Whoever has
   that entry and its proof has all that a complete receipt says, so it comes last.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Row, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.errors import StorageError
from storage.store import ObjectKey, ObjectStore
from vault.clock import Clock, to_text
from vault.db.engine import Database
from vault.db.tables import calls, deletion_requests, erasures, invitations, media, parts
from vault.errors import DependencyError, NotFoundError
from vault.keys.records import KeyRecord
from vault.keys.store import KeyStore
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.media.holding import held
from vault.media.places import media_prefix, spool_prefix
from vault.model import (
    ERASURE_MOVES,
    MEDIA_MOVES,
    ErasureState,
    Id,
    MediaState,
    before,
    require_move,
    uuid_of,
)
from vault.rights.belongings import EMPTIED, MEDIA_KINDS, forget_rows, keys_with
from vault.rights.emptying import Emptying
from vault.rights.taken_along import TakenAlong
from vault.rights.tenant_rows import TENANT

log = structlog.get_logger(__name__)

WITH_IT: Final = "with_it"  # whose keys went along; in the entry their UUIDs alone, with commas
_MOMENTS: Final = {  # of a stage in the receipt
    ErasureState.KEY_FORGOTTEN: "key_forgotten_at",
    ErasureState.OBJECTS_DELETED: "objects_deleted_at",
}
METHOD: Final = "NIST SP 800-88r2 cryptographic erase and object deletion"


@dataclass(frozen=True, slots=True)
class Collaborators:
    """The parts an erasure reaches into. ``stop_capture`` ends what still makes a media item."""

    database: Database
    keys: KeyStore
    store: ObjectStore
    ledger: Ledger
    clock: Clock
    stop_capture: Callable[[str], Awaitable[None]]
    publish_request: Callable[[str], Awaitable[None]]  # of an object, to where no restore reaches
    begin: Callable[[Row[Any]], Awaitable[bool]]  # False while a legal hold keeps the object
    irrecoverable_days: int  # until no copy of the key store opens what was erased
    places: tuple[str, ...] = ()  # of the store, where there are several


class Eraser:
    """Carries an erasure from wherever it stands to its end."""

    def __init__(self, parts_: Collaborators) -> None:
        self._database = parts_.database
        self._keys = parts_.keys
        self._store = parts_.store
        self._ledger = parts_.ledger
        self._clock = parts_.clock
        self._stop_capture = parts_.stop_capture
        self._publish_request = parts_.publish_request
        self._begin = parts_.begin
        self._irrecoverable_days = parts_.irrecoverable_days
        self._emptying = Emptying(parts_.database, parts_.keys, parts_.store, parts_.clock)
        self._taken_along = TakenAlong(parts_.database, parts_.store, parts_.clock)
        self._places = {"places": ", ".join(parts_.places)} if len(parts_.places) > 1 else {}

    async def carry(self, object_id: str) -> bool:
        """Do what is left to do; True when complete, False where something must be asked again later.

        Raises DependencyError where the store does not answer; the row says how far it came.
        """
        row = await self._row(object_id)
        state = ErasureState(row.state)
        if state is ErasureState.REQUESTED:
            if not await self._begin(row) or not await self._forget_key(row):
                return False
            state = await self._moved(row, state, ErasureState.KEY_FORGOTTEN)
        if state is ErasureState.KEY_FORGOTTEN:
            if row.kind != TENANT:
                await self._delete_objects(row)
            elif not await self._emptying.delete_objects(row):
                return False
            state = await self._moved(row, state, ErasureState.OBJECTS_DELETED)
        if state is ErasureState.OBJECTS_DELETED:
            return await self._complete(await self._row(object_id))
        return True

    async def pending(self) -> Sequence[Id]:
        """Name the erasures that are not complete, oldest first, but those that a hold is known to keep."""
        waits = and_(
            erasures.c.begun_at.is_(None),
            erasures.c.held_leaf.is_not(None),
            held(erasures.c.call_id, erasures.c.object_id),
        )
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(erasures.c.object_id)
                .where(erasures.c.state != ErasureState.COMPLETE.value, ~waits)
                .order_by(erasures.c.request_id)
            )
            return [row.object_id for row in rows]

    async def _forget_key(self, row: Row[Any]) -> bool:
        if row.kind == TENANT:
            for media_id in await self._emptying.unfinished(row.tenant_id):
                await self._stop_capture(media_id)
            return await self._emptying.forget_keys(row)
        if row.kind in MEDIA_KINDS:
            await self._stop_capture(row.object_id)
        records = await self._keys.records(object_id=row.object_id)
        async with self._database.read() as connection:
            with_it = await keys_with(connection, row)
        if (
            records or with_it
        ):  # now that nothing is finished any more: what was bound since the request counts
            await self._note_keys(row, records, with_it)
        for object_id in (row.object_id, *with_it):
            await self._keys.forget(object_id=object_id)
        return await self._keys.traces_gone()

    async def _note_keys(self, row: Row[Any], records: Sequence[KeyRecord], with_it: Sequence[str]) -> None:
        """Write down what is forgotten: the rows that lead to what goes along will be gone themselves."""
        async with self._database.write() as connection:
            now = await _evidence(connection, row.object_id)
            if records:
                now |= key_evidence(records)
            if with_it:
                now[WITH_IT] = sorted({*now.get(WITH_IT, ()), *with_it})
            noted = {"evidence": now, "epoch": now.get("epoch")}
            await connection.execute(
                update(erasures).where(erasures.c.object_id == row.object_id).values(noted)
            )

    async def _delete_objects(self, row: Row[Any]) -> None:
        """Delete what lies under the object's folders until a listing finds nothing, at any place.

        A place that does not answer keeps the erasure pending, and keeps no other from being emptied.
        """
        deleted = dict.fromkeys(("versions", "markers", "uploads"), 0)
        failed: list[StorageError] = []
        for prefix in _folders(row):
            found = await self._found(prefix, failed)
            for key in sorted(found):
                try:
                    gone = await self._store.erase(key)
                except StorageError as error:
                    failed.append(error)
                    continue
                deleted["versions"] += gone.versions_deleted
                deleted["markers"] += gone.markers_deleted
                deleted["uploads"] += gone.uploads_aborted
            left = await self._found(prefix, failed) or await self._served(row, prefix, found, failed)
            if left and not failed:
                raise DependencyError("the store still has what was deleted; it is asked again")
        if failed:
            places = sorted({place for error in failed for place in error.places})
            log.warning("erasure.store_waits", object=row.object_id, places=places)
            raise DependencyError("the store does not answer; the erasure goes on when it does") from failed[
                0
            ]
        await self._add_evidence(row, deleted)

    async def _found(self, prefix: str, failed: list[StorageError]) -> set[ObjectKey]:
        """Name what a store still has, by listing and by what remains beside it."""
        found: set[ObjectKey] = set()
        try:
            found |= {ObjectKey(stored.key) async for stored in self._store.list(prefix)}
            found |= {_key_of(line) for line in await self._store.remains(prefix)}
        except StorageError as error:
            failed.append(error)
        return found

    async def _served(
        self, row: Row[Any], prefix: str, found: set[ObjectKey], failed: list[StorageError]
    ) -> set[ObjectKey]:
        """Ask for each object by its name, of those that were found and those that rows know of."""
        query = select(parts.c.object_key).where(parts.c.media_id == row.object_id)
        async with self._database.read() as connection:
            named = {ObjectKey(key) for key in (await connection.execute(query)).scalars()}
        left: set[ObjectKey] = set()
        for key in sorted(found | {key for key in named if key.startswith(prefix)}):
            try:
                left |= {_key_of(line) for line in await self._store.remains(key)}
            except StorageError as error:
                failed.append(error)
        return left

    async def _add_evidence(self, row: Row[Any], deleted: dict[str, int]) -> None:
        async with self._database.write() as connection:
            now = await _evidence(connection, row.object_id)
            summed = {name: int(now.get(name, 0)) + count for name, count in deleted.items()}
            await connection.execute(
                update(erasures)
                .where(erasures.c.object_id == row.object_id)
                .values(evidence={**now, **summed})
            )

    async def _complete(self, row: Row[Any]) -> bool:
        """Blank the rows, then the log they stood in, and only then say so."""
        if row.kind == TENANT:
            if not await self._emptying.delete_rows(row) or not await self._emptying.traces_gone():
                return False
        else:
            if not await self._taken_along.taken_back(row):
                return False
            await self._forget_rows(row)
            if not await self._database.forget_traces(*EMPTIED):
                return False
        await self._publish_request(
            row.object_id
        )  # a database that is set back to before it was asked for is told of it then
        await self._prove(row)
        return True

    async def _forget_rows(self, row: Row[Any]) -> None:
        """Delete what rows hold beside the object: sealed details, links, parts, personal fields."""
        async with self._database.write() as connection:
            await self._ledger.forget_details(connection, key_object=row.object_id)
            await forget_rows(connection, row)

    async def _prove(self, row: Row[Any]) -> None:
        """Say that it is done, in one transaction: a crash leaves all of it or nothing."""
        now = self._clock.now()
        async with self._database.write() as connection:
            # Locked: another program may have carried the same erasure meanwhile, and of two erasures that
            # end one request each must see the other's end.
            row = await self._locked(connection, row.object_id)
            if row.state == ErasureState.COMPLETE:
                return
            to = require_move(ERASURE_MOVES, ErasureState(row.state), ErasureState.COMPLETE)
            of_request = deletion_requests.c.id == row.request_id
            request = await connection.execute(select(deletion_requests).where(of_request).with_for_update())
            await _mark_erased(connection, row, now)
            asked, objects = request.one(), await _asked_for(connection, row)
            worth = await self._keys.assurance(row.evidence.get("epoch"))
            shredded = self._shredded(row, asked, objects, worth, now)
            index = await self._ledger.append(connection, shredded)
            await connection.execute(
                update(erasures)
                .where(erasures.c.object_id == row.object_id)
                .values(state=to.value, leaf_index=index, live_erased_at=now, completed_at=now)
            )
            left = await connection.execute(
                select(erasures.c.object_id)
                .where(erasures.c.request_id == row.request_id, erasures.c.state != to.value)
                .limit(1)
            )
            if left.first() is None:
                await connection.execute(update(deletion_requests).where(of_request).values(completed_at=now))

    def _shredded(self, row: Row[Any], asked: Row[Any], objects: int, worth: str, now: datetime) -> Entry:
        return Entry(
            EntryType.OBJECT_SHREDDED,
            tenant_id=row.tenant_id,
            object_id=row.object_id,
            facts={
                **row.evidence,
                **_with_it(row.evidence),
                **(self._places if row.kind in {*MEDIA_KINDS, TENANT} else {}),
                "kind": row.kind,
                "request": row.request_id,
                "objects": objects,  # so that a receipt from which an entry was taken out is no complete one
                "reason": asked.reason,
                "requested_at": to_text(asked.requested_at),
                "method": METHOD,
                "assurance": worth,
                "live_erased_at": to_text(now),
                "irrecoverable_by": to_text(now + timedelta(days=self._irrecoverable_days)),
            },
        )

    async def _moved(self, row: Row[Any], now: ErasureState, to: ErasureState) -> ErasureState:
        """Note a stage and the moment it was reached, which goes into the receipt."""
        require_move(ERASURE_MOVES, now, to)
        here = and_(erasures.c.object_id == row.object_id, erasures.c.state == now.value)
        async with self._database.write() as connection:
            told = {**await _evidence(connection, row.object_id), _MOMENTS[to]: to_text(self._clock.now())}
            await connection.execute(update(erasures).where(here).values(state=to.value, evidence=told))
        return to

    async def _locked(self, connection: AsyncConnection, object_id: str) -> Row[Any]:
        query = select(erasures).where(erasures.c.object_id == object_id).with_for_update()
        return (await connection.execute(query)).one()

    async def _row(self, object_id: str) -> Row[Any]:
        async with self._database.read() as connection:
            found = await connection.execute(select(erasures).where(erasures.c.object_id == object_id))
            row = found.first()
        if row is None:
            raise NotFoundError("there is no such erasure")
        return row


def key_evidence(records: Sequence[KeyRecord]) -> dict[str, str | int]:
    """Say of an object's keys what its receipt will say; asked before they are forgotten."""
    if not records:
        return {"gen": 0}
    newest = records[-1]
    told: dict[str, str | int] = {
        "gen": newest.gen,
        "epoch": newest.epoch,
        "key_commitment": newest.commitment.hex(),
    }
    if newest.sealed_sha256 is not None and newest.sealed_bytes is not None:
        told |= {"ct_sha256": newest.sealed_sha256.hex(), "ct_len": newest.sealed_bytes}
    return told


def went_along(leaf: Mapping[str, Any]) -> list[str]:
    """Name what an entry says went along with its object: UUIDs, as for the object itself."""
    return [uuid for uuid in str(leaf.get(WITH_IT, "")).split(",") if uuid]


def _with_it(evidence: Mapping[str, Any]) -> dict[str, str]:
    if WITH_IT not in evidence:
        return {}
    return {WITH_IT: ",".join(sorted({uuid_of(name) for name in evidence[WITH_IT]}))}


def _folders(row: Row[Any]) -> tuple[str, ...]:
    if row.kind not in MEDIA_KINDS:
        return ()
    named = {"tenant_id": row.tenant_id, "media_id": row.object_id}
    return media_prefix(**named), spool_prefix(**named)


def _key_of(line: str) -> ObjectKey:
    """Take the key out of a line of ``remains``: kind, space, key."""
    return ObjectKey(line.split(" ", 1)[1].split(" ", 1)[0])


async def _mark_erased(connection: AsyncConnection, row: Row[Any], now: datetime) -> None:
    if row.kind in MEDIA_KINDS:
        await connection.execute(
            update(media)
            .where(media.c.id == row.object_id, media.c.state.in_(before(MEDIA_MOVES, MediaState.ERASED)))
            .values(state=MediaState.ERASED.value, erased_at=now)
        )
    elif row.kind == "invitation":
        gone = update(invitations).where(invitations.c.id == row.object_id)
        await connection.execute(gone.values(erased_at=now))
    elif row.kind == "call":
        await connection.execute(update(calls).where(calls.c.id == row.object_id).values(erased_at=now))


async def _asked_for(connection: AsyncConnection, row: Row[Any]) -> int:
    """Count the objects of an erasure's request; it gets no more once it is written."""
    query = select(func.count()).where(erasures.c.request_id == row.request_id)
    return int((await connection.execute(query)).scalar_one())


async def _evidence(connection: AsyncConnection, object_id: str) -> dict[str, Any]:
    found = await connection.execute(select(erasures.c.evidence).where(erasures.c.object_id == object_id))
    return dict(found.scalar_one())
