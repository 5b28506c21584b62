"""Backups: made, read back whole, listed, thrown away in time, and restored (docs/OPERATIONS.md, backups).

A backup is one sealed object under ``backups/main/`` or ``backups/keys/``, each kind in stores of its own
where the operator says so: who has both, and the epoch's key, has what the vault had. A backup of the key
store is worth nothing once the epoch it was made in is destroyed; that is what makes erasure reach backups,
and why the end of an epoch waits for new ones in more than one place.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from crypto.keys import DataKey
from vault.backups.dump import Head, Kind
from vault.backups.shelf import Backup, Place, Shelf, Subject
from vault.clock import Believed, Clock
from vault.db.engine import Database
from vault.errors import DependencyError, NotFoundError, TamperedError, VaultError

log = structlog.get_logger(__name__)

LOOK_EVERY_S: Final = 600.0
AGAIN_S: Final = 60.0  # where something failed
STAMP_S: Final = 0.002  # names tell milliseconds: one made in the same as ``since`` could be from before it
PASSED_OVER: Final = (DependencyError, NotFoundError, TamperedError)  # another copy may do


@dataclass(frozen=True, slots=True)
class BackupRules:
    """How often, and how long each kind is kept. ``every`` of zero: only when somebody says so."""

    every: timedelta
    keep: Mapping[Kind, timedelta]


@dataclass(frozen=True, slots=True)
class BackupParts:
    """The databases, the places of each kind, and the key. No place for a kind: no backups of it."""

    databases: Mapping[Kind, Database]
    places: Mapping[Kind, Sequence[Place]]
    key: DataKey
    clock: Clock
    ring: Path | None = None  # as in Subject


@dataclass(frozen=True, slots=True)
class Found:
    """What every place of a kind lists, oldest first, and the names of the places that do not answer."""

    backups: Sequence[Backup]
    away: Sequence[str]


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and in words what was passed over on the way to it, newest first."""

    backup: Backup
    head: Head
    passed_over: Sequence[str]


class Backups:
    """Makes and keeps backups; the key store's are what the end of an epoch waits for."""

    def __init__(self, parts: BackupParts, rules: BackupRules) -> None:
        self._clock = parts.clock
        self._rules = rules
        self._shelves: dict[Kind, tuple[Shelf, ...]] = {}
        for kind, places in parts.places.items():
            subject = Subject(kind, parts.databases[kind], parts.key, parts.clock, parts.ring)
            self._shelves[kind] = tuple(Shelf(subject, place) for place in places)

    def shelves(self, kind: Kind) -> Sequence[Shelf]:
        """Give a kind's places, in the order of the settings; none where it has none."""
        return self._shelves.get(kind, ())

    async def run(self, believed: Believed) -> None:
        """Keep up at every place, until cancelled; a fault is tried again."""
        while True:
            is_done = await self.keep_up(by_time=await _is_believed(believed))
            await asyncio.sleep(LOOK_EVERY_S if is_done else AGAIN_S)

    async def keep_up(self, *, by_time: bool) -> bool:
        """Make what is due and throw away what is old; False where a place has to be asked again.

        Without ``by_time`` nothing is thrown away: it may be old by a jump of the clock alone.
        """
        shelves = [(kind, shelf) for kind in Kind for shelf in self.shelves(kind)]
        return all([await self._kept_up(kind, shelf, by_time=by_time) for kind, shelf in shelves])

    async def create(self, kind: Kind) -> Sequence[Backup]:
        """Make a backup at each place of a kind and read it back; what does not open is removed again.

        One place's fault keeps no other from having one. Raises NotFoundError where there is no place, and
        at the end what a place had raised: DependencyError, TamperedError.
        """
        made, faults = [], []
        for shelf in self._some(kind):
            try:
                made.append(await shelf.create())
            except VaultError as error:
                faults.append(error)
        if faults:
            raise faults[0]
        return made

    async def look(self, kind: Kind) -> Found:
        """List what every place has."""
        backups: list[Backup] = []
        away = []
        for shelf in self.shelves(kind):
            try:
                backups += await shelf.all()
            except DependencyError:
                away.append(shelf.place)
        return Found(sorted(backups, key=lambda each: (each.made_at, each.name)), away)

    async def restore(self, kind: Kind, name: str) -> Restored:
        """Fill an empty, migrated database from the backup of a name, wherever it lies; see Shelf.restore."""
        found = await self.look(kind)
        named = [each for each in found.backups if each.name == name]
        return await self._restored(kind, named, found.away)

    async def restore_newest(self, kind: Kind) -> Restored:
        """Fill an empty, migrated database from the newest backup of any place that opens.

        Raises what the newest one raised where none opens, NotFoundError where there is none; else as
        Shelf.restore.
        """
        found = await self.look(kind)
        return await self._restored(kind, found.backups, found.away)

    async def _restored(self, kind: Kind, candidates: Sequence[Backup], away: Sequence[str]) -> Restored:
        self._some(kind)
        faults: list[VaultError] = []
        passed_over = [f"the place {place} does not answer" for place in away]
        for backup in reversed(candidates):
            try:
                head = await self._shelf(backup).restore(backup.name)
            except PASSED_OVER as error:
                faults.append(error)
                passed_over.append(f"{backup.name} at {backup.place}: {error}")
            else:
                return Restored(backup, head, passed_over)
        if faults:
            raise faults[0]
        if away:
            raise DependencyError(f"no backup of the {kind.value} database is at a place that answers")
        raise NotFoundError(f"there is no such backup of the {kind.value} database")

    async def see_to(self, since: datetime) -> int:
        """See to a backup of the key store from after a moment at each place; tell as ``read_back`` does."""
        return await self._good(since, make=True, afresh=False)

    async def read_back(self, since: datetime) -> int:
        """Read the key store's backups from after a moment; tell in how many failure domains a good one is.

        A place that does not answer or whose backup does not open has none; the log says which.
        """
        return await self._good(since, make=False, afresh=True)

    async def _good(self, since: datetime, *, make: bool, afresh: bool) -> int:
        domains = set()
        for shelf in self.shelves(Kind.KEYS):
            try:
                there = await shelf.has_good(since, afresh=afresh)
                if make and not there:
                    await asyncio.sleep(STAMP_S)
                    there = (await shelf.create()).made_at > since
            except VaultError as error:
                _warn(Kind.KEYS, shelf, error)
                continue
            if there:
                domains.add(shelf.domain)
        return len(domains)

    async def _kept_up(self, kind: Kind, shelf: Shelf, *, by_time: bool) -> bool:
        try:
            made = await shelf.all()
            now = self._clock.now()
            if self._rules.every and (not made or now - made[-1].made_at >= self._rules.every):
                made = [*made, await shelf.create()]
            if by_time:
                await shelf.prune(made, self._rules.keep[kind])
        except VaultError as error:
            _warn(kind, shelf, error)
            return False
        return True

    def _some(self, kind: Kind) -> Sequence[Shelf]:
        if not self.shelves(kind):
            raise NotFoundError(f"there is no place for backups of the {kind.value} database: set one")
        return self.shelves(kind)

    def _shelf(self, backup: Backup) -> Shelf:
        return next(each for each in self.shelves(backup.kind) if each.place == backup.place)


async def _is_believed(believed: Believed) -> bool:
    """Ask; where the database does not answer, nobody knows."""
    try:
        return await believed() is not None
    except VaultError:
        return False


def _warn(kind: Kind, shelf: Shelf, error: VaultError) -> None:
    log.warning("backup.failed", kind=kind.value, place=shelf.place, error=type(error).__name__)
