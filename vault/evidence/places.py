"""Where everything lies: the places as the residency rule sees them now, and as objects were stamped."""

import asyncio
import json
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.errors import StorageError
from storage.residency import DECLARED
from storage.store import ObjectStore, Placement
from vault.backups.backups import Backups
from vault.backups.dump import Kind
from vault.db.tables import media, parts, replica_debts
from vault.errors import DependencyError
from vault.media.places import tenant_prefixes
from vault.settings import Settings

ANSWER_S: Final = 10.0  # a place that is away is told to be; the pack waits no longer for it
FOLDER: Final = "folder"
ON_EVERY_PLACE: Final = ("recordings", "exports", "exit_volumes", "ledger_entries", "ledger_checkpoint")
ON_THE_PRIMARY: Final = ("unfinished_recordings",)


@dataclass(frozen=True, slots=True)
class Where:
    """One place. ``evidence`` says how the country is known; all is None where it does not answer now."""

    endpoint: str | None  # folder or s3
    provider: str | None
    region: str | None
    country: str | None
    evidence: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the object store. ``owed`` counts the company's objects that it still lacks, or keeps."""

    name: str
    answers: bool
    where: Where
    owed: int
    owed_since: datetime | None


@dataclass(frozen=True, slots=True)
class Stamped:
    """Finished objects of the company that were written at one place, as each was stamped then."""

    provider: str
    region: str
    country: str
    evidence: str
    objects: int
    sealed_bytes: int


@dataclass(frozen=True, slots=True)
class Backup:
    """The backups of one database at one place; with every company's rows. No ``place``: there are none."""

    database: str
    place: str | None
    kept: bool
    answers: bool
    where: Where
    every_h: int
    keep_days: int
    newest_name: str | None
    newest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Storage:
    """All of it. Which class of objects lies at which places, and when a put is acknowledged."""

    acknowledge: str
    classes: dict[str, list[str]]
    places: list[Place]
    stamped: list[Stamped]


NOWHERE: Final = Where(None, None, None, None, None)


async def located(places: Mapping[str, ObjectStore]) -> Mapping[str, Where]:
    """Ask every place where it lies, all at once."""
    found = await asyncio.gather(*(_asked(store.placement()) for store in places.values()))
    return dict(zip(places, found, strict=True))


async def storage(
    connection: AsyncConnection, where: Mapping[str, Where], settings: Settings, tenant_id: str
) -> Storage:
    """Tell where the company's objects lie."""
    owed = await _owed(connection, tenant_id)
    primary = next(iter(where))
    return Storage(
        acknowledge=settings.storage.acknowledge,
        classes={
            **{each: list(where) for each in ON_EVERY_PLACE},
            **{each: [primary] for each in ON_THE_PRIMARY},
        },
        places=[
            Place(name, one is not NOWHERE, one, *owed.get(name, (0, None))) for name, one in where.items()
        ],
        stamped=await _stamped(connection, tenant_id),
    )


async def backups(made: Backups, settings: Settings) -> Sequence[Backup]:
    """Tell of the backups of both databases, at each of their places."""
    keep = {Kind.MAIN: settings.backup.keep_days, Kind.KEYS: settings.keys.backup_days}
    found = []
    for kind in Kind:
        for shelf in made.shelves(kind) or (None,):
            where = NOWHERE if shelf is None else await _asked(shelf.placement())
            there = await _in_time(shelf.all()) if shelf is not None and where is not NOWHERE else None
            newest = there[-1] if there else None
            found.append(
                Backup(
                    database=kind.value,
                    place=None if shelf is None else shelf.place,
                    kept=shelf is not None,
                    answers=where is not NOWHERE,
                    where=where,
                    every_h=settings.backup.every_h,
                    keep_days=keep[kind],
                    newest_name=newest.name if newest else None,
                    newest_at=newest.made_at if newest else None,
                )
            )
    return found


async def _asked(placement: Awaitable[Placement]) -> Where:
    found = await _in_time(placement)
    if found is None:
        return NOWHERE
    endpoint = FOLDER if found.provider in DECLARED else "s3"
    return Where(endpoint, found.provider, found.region, found.country, found.evidence)


async def _in_time(asked: Awaitable[Any]) -> Any:
    """Wait for an answer; None where there is none in time."""
    try:
        async with asyncio.timeout(ANSWER_S):
            return await asked
    except (StorageError, DependencyError, TimeoutError):
        return None


async def _owed(connection: AsyncConnection, tenant_id: str) -> dict[str, tuple[int, datetime | None]]:
    own = or_(*(replica_debts.c.object_key.startswith(folder) for folder in tenant_prefixes(tenant_id)))
    query = (
        select(replica_debts.c.place, func.count(), func.min(replica_debts.c.since))
        .where(own)
        .group_by(replica_debts.c.place)
    )
    return {row[0]: (row[1], row[2]) for row in await connection.execute(query)}


async def _stamped(connection: AsyncConnection, tenant_id: str) -> list[Stamped]:
    stamp = cast(parts.c.placement, Text).label("stamp")
    each = (
        select(stamp, parts.c.sealed_bytes)
        .join(media, media.c.id == parts.c.media_id)
        .where(media.c.tenant_id == tenant_id)
        .subquery()
    )
    query = select(each.c.stamp, func.count(), func.sum(each.c.sealed_bytes)).group_by(each.c.stamp)
    found = []
    for row in await connection.execute(query.order_by(each.c.stamp)):
        told = json.loads(row[0])
        said = {name: str(told.get(name, "")) for name in ("provider", "region", "country", "evidence")}
        found.append(Stamped(**said, objects=row[1], sealed_bytes=int(row[2])))
    return found
