"""Packs of a workshop, with backups and places as a vault has them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from crypto.keys import DataKey
from storage.store import ObjectStore
from tests.vault.backups.shelves import placed
from tests.vault.media.workshop import Workshop
from vault.backups.backups import BackupParts, BackupRules, Backups
from vault.backups.dump import Kind
from vault.evidence.making import Evidence, Made, Sources
from vault.model import Id, Role
from vault.settings import Settings

RULES = BackupRules(timedelta(days=1), {Kind.MAIN: timedelta(days=35), Kind.KEYS: timedelta(days=7)})


def backups_of(work: Workshop, *stores: ObjectStore) -> Backups:
    """Backups of a workshop's databases; in no place unless one is given."""
    databases = {Kind.MAIN: work.database, Kind.KEYS: work.key_database}
    places = dict.fromkeys(Kind, placed(*stores)) if stores else {}
    return Backups(BackupParts(databases, places, DataKey.generate(), work.clock), RULES)


def evidence_of(
    work: Workshop,
    *,
    places: Mapping[str, ObjectStore] | None = None,
    backups: Backups | None = None,
    settings: Settings | None = None,
) -> Evidence:
    """Whoever makes packs in a workshop."""
    return Evidence(
        Sources(
            database=work.database,
            key_database=work.key_database,
            keys=work.keys,
            places=places or {"primary": work.ground.store},
            backups=backups or backups_of(work),
            rules=work.custody.rules,
            ends=work.ends,
            ledger=work.ledger,
            checkpoints=work.checkpoints,
            clock=work.clock,
            settings=settings or Settings(),
        )
    )


async def pack_of(work: Workshop, *, months: int = 12, **how: Any) -> dict[str, Any]:
    """A pack of the workshop's company."""
    return (await made_by(work, months=months, **how)).pack


async def made_by(
    work: Workshop, *, role: Role = Role.AUDITOR, tenant_id: Id | None = None, months: int = 12, **how: Any
) -> Made:
    """A pack as somebody has it made."""
    by = work.by(role, tenant_id=tenant_id)
    return await evidence_of(work, **how).make(by=by, months=months)


async def neighbour(work: Workshop) -> Workshop:
    """Another company in the same vault."""
    other = await work.reborn()
    other.tenant_id = await other.tenants.add(name="Neighbour Ltd", retention_days=77)
    return other
