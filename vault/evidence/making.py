"""Making a pack: everything is read, hashed, recorded in the ledger, and proven by that entry.

What rows tell is read off one snapshot, so that no number contradicts another. A crash after the entry leaves
an entry of a pack that nobody got, which says no more than that; before it, nothing.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from sqlalchemy import select

from crypto.evidence import canonical_pack, evidence_file
from storage.store import ObjectStore
from vault.backups.backups import Backups
from vault.backups.dump import Kind
from vault.clock import Clock, to_text
from vault.db.engine import Database
from vault.db.tables import tenants
from vault.errors import LedgerBrokenError
from vault.evidence.access import access, count_looks
from vault.evidence.erasures import all_erasures
from vault.evidence.keeping import Asked, keeping
from vault.evidence.keys import keys
from vault.evidence.period import MONTHS, Month, months_until
from vault.evidence.places import Where, backups, located, storage
from vault.evidence.program import program, restores
from vault.keys.store import KeyStore
from vault.ledger.checkpoints import Checkpoints
from vault.ledger.epoch_ends import EpochEnds
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger
from vault.model import Id
from vault.policy import Permission, Principal, require
from vault.rights.rules import Rules
from vault.settings import Settings

LISTED: Final = 200  # of whatever a pack names one by one; beyond that it counts


@dataclass(frozen=True, slots=True)
class Sources:
    """Everything that is asked."""

    database: Database
    key_database: Database
    keys: KeyStore
    places: Mapping[str, ObjectStore]
    backups: Backups
    rules: Rules
    ends: EpochEnds
    ledger: Ledger
    checkpoints: Checkpoints
    clock: Clock
    settings: Settings


@dataclass(frozen=True, slots=True)
class Made:
    """A pack: as it reads, and as the file that verifies offline."""

    pack: dict[str, Any]
    sha256: str
    ledger_index: int
    file: bytes


class Evidence:
    """Makes packs, one after the other: each counts through the company's entries."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._turn = asyncio.Lock()

    async def make(self, *, by: Principal, months: int = MONTHS) -> Made:
        """Make the pack of the principal's company, counting over so many months; it is recorded.

        Raises ForbiddenError, and DependencyError where a database does not answer.
        """
        require(by, Permission.EVIDENCE_READ)
        async with self._turn:
            pack = await self._gathered(by.tenant_id, months)
            return await self._recorded(pack, by)

    async def _gathered(self, tenant_id: Id, months: int) -> dict[str, Any]:
        """Read everything."""
        from_ = self._sources
        await count_looks(from_.database, tenant_id)
        now = from_.clock.now()
        counted = months_until(now, months)
        where = await located(from_.places)
        domains = len({shelf.domain for shelf in from_.backups.shelves(Kind.KEYS)})
        told = {
            "program": await program(from_.database, from_.key_database),
            "keys": await keys(
                from_.keys,
                from_.ends,
                from_.settings,
                domains=domains,
                tenant_id=tenant_id,
                listed=LISTED,
            ),
            "backups": await backups(from_.backups, from_.settings),
            "ledger": await self._ledger(),
            "declared": from_.settings.evidence.model_dump(mode="json"),
            **await self._of_rows(tenant_id, counted, where, now),
        }
        head = {
            "v": 1,
            "made_at": now,
            "period": {"from": counted[0].since, "until": counted[-1].until},
        }
        pack: dict[str, Any] = plain({**head, **told})
        return pack

    async def _of_rows(
        self, tenant_id: Id, counted: Sequence[Month], where: Mapping[str, Where], now: datetime
    ) -> dict[str, Any]:
        """Read what rows of the main database tell, as they were at one moment."""
        from_ = self._sources
        asked = Asked(tenant_id, now, LISTED)
        living = await from_.keys.epochs.living()
        async with from_.database.snapshot() as connection:
            rules = await from_.rules.told(connection, tenant_id)
            named = await connection.execute(select(tenants.c.name).where(tenants.c.id == tenant_id))
            return {
                "tenant": {"id": tenant_id, "name": named.scalar_one()},
                "restores": await restores(connection),
                "storage": await storage(connection, where, from_.settings, tenant_id),
                "access": await access(connection, counted, tenant_id=tenant_id, listed=LISTED),
                "retention": await keeping(
                    connection, rules, asked, cooling_days=from_.settings.retention.cooling_days
                ),
                "erasures": await all_erasures(connection, tenant_id=tenant_id, living=living),
            }

    async def _ledger(self) -> dict[str, Any]:
        """Quote the newest checkpoint: with it a reader holds the ledger to its word later."""
        note = await self._sources.checkpoints.latest()
        published = self._sources.checkpoints.keys
        return {
            "origin": published.origin,
            "size": int(note.split("\n", 2)[1]),
            "verifier_keys": [verifier.vkey for verifier in published.verifiers],
            "checkpoint": note,
        }

    async def _recorded(self, pack: dict[str, Any], by: Principal) -> Made:
        """Record the pack's digest, and prove the entry."""
        sha256 = await asyncio.to_thread(_sha256, pack)
        made = Entry(
            EntryType.EVIDENCE_MADE,
            tenant_id=by.tenant_id,
            object_id=by.tenant_id,
            actor_id=by.id,
            facts={"sha256": sha256, "until": pack["period"]["until"]},
        )
        index = await self._sources.ledger.record(made)
        leaf = await self._sources.ledger.leaf(index, tenant_id=by.tenant_id)
        if leaf is None:
            raise LedgerBrokenError("the entry of a pack is not in the ledger")
        proof = await self._sources.checkpoints.proof(index)
        file = await asyncio.to_thread(evidence_file, pack, leaf=leaf, proof=proof)
        return Made(pack, sha256, index, file)


def _sha256(pack: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_pack(pack)).hexdigest()


def plain(value: Any) -> Any:
    """Write what was read as JSON has it: records by their fields, moments as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    if isinstance(value, datetime):
        return to_text(value)
    return value.value if isinstance(value, Enum) else value
