"""A restore drill: what a start after a loss would do, done with the newest backups in another place.

Both backups are restored into empty databases. The restore fence does there what it does at a start, with the
real ledger outside and the real epoch keys, both only to look at. Then the result is checked as nobody checks
a start: the whole ledger, the keys of everything erased, the keys of everything that can be played, and some
recordings to their last segment.

What the first turn of the keeper deletes after a restore is not done: it would reach the real objects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from crypto.errors import CryptoError
from crypto.notes import open_checkpoint
from storage.errors import AbsentError
from storage.store import ObjectStore
from vault.backups.backups import Backups
from vault.backups.dump import Head, Kind
from vault.backups.shelf import Backup
from vault.clock import Clock, to_text
from vault.db.engine import Database
from vault.db.tables import leaves
from vault.drill.checks import KeysOfErased, KeysOfReady, unplayable
from vault.errors import (
    ConfigurationError,
    ConflictError,
    DependencyError,
    KeyProviderError,
    LedgerBrokenError,
    NotFoundError,
    VaultError,
)
from vault.keys.blobs import Blobs
from vault.keys.provider import EpochKeyState, KeyProvider
from vault.keys.read_only import ReadOnlyProvider
from vault.keys.ring_file import RingFile
from vault.keys.store import KeyStore
from vault.ledger import tree
from vault.ledger.checkpoints import PUBLISHED, PUBLISHED_LIMIT_BYTES, Checkpoints
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.ledger.signing import LedgerKeys
from vault.ledger.verify import verify_ledger
from vault.media.reading import Reader
from vault.rights.fence import Fence
from vault.rights.replaying import Replay
from vault.rights.requests import DeletionRequests
from vault.settings import DEFAULT_HOLDER

NAMED_MAX: Final = 5  # objects of one finding; the count is whole
NEW_BACKUPS: Final = "make new ones: callvault backup create"


@dataclass(frozen=True, slots=True)
class DrillParts:
    """The empty databases and what fills them; the vault that lives, and what is only looked at of it.

    ``backups`` restores into ``main`` and ``keys``. ``ring`` is the vault's own, where a file holds the keys.
    """

    main: Database
    keys: Database
    backups: Backups
    live: Database
    store: ObjectStore
    holders: Mapping[str, KeyProvider]
    ledger_keys: LedgerKeys
    clock: Clock
    ring: RingFile | None = None


@dataclass(slots=True)
class Drilled:
    """How a drill went. ``findings`` say what is wrong and what to do; none of them is what one wants.

    ``rto_s`` is from the beginning until a server could open its doors. ``rpo_s`` is how much younger the
    newest entry outside is than the older backup: what was done in between is replayed or lost.
    """

    made_at: dict[Kind, datetime]
    ledger_size: int = 0  # in the backup
    rto_s: float | None = None
    rpo_s: float | None = None
    entries: int = 0  # that the backup lacked
    erased: int = 0
    recordings: int = 0
    sampled: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether a restore would do."""
        return not self.findings

    def row(self) -> dict[str, Any]:
        """What a command prints."""
        return {
            "ok": self.ok,
            "main_made_at": self.made_at[Kind.MAIN],
            "keys_made_at": self.made_at[Kind.KEYS],
            "rto_s": None if self.rto_s is None else round(self.rto_s, 3),
            "rpo_s": None if self.rpo_s is None else round(self.rpo_s),
            "seconds": round(self.seconds, 3),
            **self._counts(),
            "findings": self.findings,
        }

    def entry(self) -> Entry:
        """What the ledger says of it; a drill that did not come that far has no ``rto_ms`` and ``rpo_s``."""
        facts: dict[str, str | int] = {
            "ok": self.ok,
            "main_made_at": to_text(self.made_at[Kind.MAIN]),
            "keys_made_at": to_text(self.made_at[Kind.KEYS]),
            "took_ms": round(self.seconds * 1_000),
            **self._counts(),
            "findings": len(self.findings),
        }
        if self.rto_s is not None:
            facts["rto_ms"] = round(self.rto_s * 1_000)
        if self.rpo_s is not None:
            facts["rpo_s"] = round(self.rpo_s)
        return Entry(EntryType.BACKUP_DRILLED, facts=facts)

    def _counts(self) -> dict[str, int]:
        names = ("entries", "erased", "recordings", "sampled")
        return {name: getattr(self, name) for name in names}


class Drill:
    """One drill; the databases are used up by it."""

    def __init__(self, parts: DrillParts) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._keys = KeyStore(
            parts.keys,
            {name: ReadOnlyProvider(one) for name, one in parts.holders.items()},
            parts.clock,
            parts.ledger_keys.anchor,
        )

    async def run(self, *, sample: int) -> Drilled:
        """Restore the newest backups and check what comes of them.

        Raises NotFoundError where a backup is missing, LedgerBrokenError where the live database is not the
        newest, DependencyError and StorageError where something does not answer.
        """
        began_s, began = self._clock.monotonic(), self._clock.now()
        await self._require_newest(self._parts.live)
        newest = {kind: await self._newest(kind) for kind in (Kind.KEYS, Kind.MAIN)}
        drilled = Drilled({kind: backup.made_at for kind, backup in newest.items()})
        note = await self._published()
        try:
            heads = {kind: await self._restored(drilled, newest, kind) for kind in newest}
            drilled.ledger_size = heads[Kind.MAIN].ledger_size
            await self._keys.start()
            drilled.entries = await self._fence().let_through()
            drilled.rto_s = self._clock.monotonic() - began_s
            drilled.rpo_s = await self._rpo_s(newest, note, otherwise=began)
            await verify_ledger(self._parts.main, self._parts.ledger_keys.verifiers, kept=note)
            await self._check(drilled, heads, sample)
        except DependencyError:
            raise  # it says nothing of the backups
        except VaultError as error:
            drilled.findings.append(f"{error}; {_advice(error)}")
        drilled.seconds = self._clock.monotonic() - began_s
        return drilled

    async def record(self, drilled: Drilled) -> None:
        """Say in the live ledger how it went; LedgerBrokenError where that is no newer than the backup."""
        live = self._parts.live
        async with live.read() as connection:
            if await tree.size(connection) < max(drilled.ledger_size, 1):
                raise LedgerBrokenError("the live database is older than its backup: restore it first")
        await Ledger(live, Blobs(self._keys), self._clock).record(drilled.entry())

    async def _check(self, drilled: Drilled, heads: dict[Kind, Head], sample: int) -> None:
        parts = self._parts
        if missing := await self._missing_epochs(heads[Kind.KEYS]):
            drilled.findings.append(missing)
            return
        erased = KeysOfErased(parts.main, self._keys)
        _tell(drilled, await erased.found(), "erased, and have a key again", "do not restore; report this")
        ready = KeysOfReady(parts.main, self._keys, sample=sample)
        _tell(drilled, await ready.lost(), "recorded, and their key is missing or does not open", NEW_BACKUPS)
        reader = Reader(parts.main, self._keys, parts.store)
        dumb = await unplayable(reader, ready.sample, live=parts.live)
        _tell(drilled, dumb, "recorded, and do not play", "see: callvault check --read-data --repair")
        drilled.erased, drilled.recordings, drilled.sampled = erased.checked, ready.checked, len(ready.sample)

    async def _missing_epochs(self, head: Head) -> str:
        """Say where the keys of the restored epochs are not to be had: now, or from the backup alone."""
        wanted = await self._keys.epochs.in_use()
        for epoch in sorted(wanted):
            state = await self._keys.epochs.key_state(epoch)
            if state is not EpochKeyState.USABLE:
                return f"the key of epoch {epoch}, which the backup needs, is {state.value}; {NEW_BACKUPS}"
        ring = self._parts.ring
        own = {epoch for epoch, holder in wanted.items() if holder == DEFAULT_HOLDER}
        if ring is not None and not own <= ring.epochs_in(head.ring):
            return f"the key ring in the backup lacks a key that the backup needs; {NEW_BACKUPS}"
        return ""

    def _fence(self) -> Fence:
        main, clock, blobs = self._parts.main, self._clock, Blobs(self._keys)
        ledger = Ledger(main, blobs, clock)
        requests = DeletionRequests(main, self._keys, blobs, ledger, clock)
        return Fence(main, self._keys, ledger, self._checkpoints(main), Replay(requests, clock))

    def _checkpoints(self, database: Database) -> Checkpoints:
        return Checkpoints(database, self._parts.store, self._parts.ledger_keys, self._clock)

    async def _require_newest(self, live: Database) -> None:
        """A vault that is itself to be restored is not drilled: its ledger would go another way."""
        await self._checkpoints(live).require_continued()

    async def _newest(self, kind: Kind) -> Backup:
        found = await self._parts.backups.look(kind)
        if not found.backups:
            raise NotFoundError(f"there is no backup of the {kind.value} database; {NEW_BACKUPS}")
        return found.backups[-1]

    async def _restored(self, drilled: Drilled, newest: dict[Kind, Backup], kind: Kind) -> Head:
        """Restore the newest that opens; each that was passed over for it is a finding."""
        restored = await self._parts.backups.restore_newest(kind)
        newest[kind], drilled.made_at[kind] = restored.backup, restored.backup.made_at
        drilled.findings += [f"{words}; {NEW_BACKUPS}" for words in restored.passed_over]
        return restored.head

    async def _published(self) -> Sequence[str]:
        """Read the head outside before the fence does: what is published meanwhile must not seem missing."""
        try:
            return [(await self._parts.store.read(PUBLISHED, limit_bytes=PUBLISHED_LIMIT_BYTES)).decode()]
        except AbsentError:
            return ()

    async def _rpo_s(self, newest: dict[Kind, Backup], note: Sequence[str], *, otherwise: datetime) -> float:
        """Seconds between the older backup and the newest entry outside, or now where none lies there."""
        at = otherwise
        for each in note:
            size = _size_of(each, self._parts.ledger_keys)
            async with self._parts.main.read() as connection:
                found = await connection.execute(select(leaves.c.at).where(leaves.c.leaf_index == size - 1))
                at = found.scalar() or at
        oldest = min(backup.made_at for backup in newest.values())
        return max(0.0, (at - oldest).total_seconds())


def _size_of(note: str, keys: LedgerKeys) -> int:
    try:
        return open_checkpoint(note, keys.verifiers).size
    except CryptoError as cause:
        raise LedgerBrokenError("the published checkpoint is not signed by this ledger's keys") from cause


def _tell(drilled: Drilled, objects: Sequence[str], what: str, advice: str) -> None:
    if objects:
        named = ", ".join(objects[:NAMED_MAX])
        drilled.findings.append(f"{len(objects)} objects are {what}: {named}; {advice}")


def _advice(error: Exception) -> str:
    match error:
        case LedgerBrokenError():
            return "an older backup may do; callvault ledger verify says more of the live one"
        case ConfigurationError():
            return "a restore needs the version and the settings that the backup was made with"
        case ConflictError():
            return "a start after this restore would be refused, too; report this"
        case KeyProviderError():
            return f"is the key provider up? Else the backup is from before an epoch's end; {NEW_BACKUPS}"
        case _:
            return NEW_BACKUPS
