"""What runs here: versions, schemas, and what the deployment's own entries of the ledger tell last."""

import json
import platform
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import cryptography
from cryptography.hazmat.backends.openssl.backend import backend
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault import __version__
from vault.db.engine import Database
from vault.db.migrate import current_revision
from vault.db.tables import leaves
from vault.ledger.leaf import EntryType

# Of an entry's facts these are told. Others count rows of the whole deployment: other companies' among them.
TOLD: Final = ("ok", "rto_ms", "rpo_s", "main_made_at", "keys_made_at")


@dataclass(frozen=True, slots=True)
class Schema:
    """One database: its kind, and how far its schema is."""

    engine: str
    revision: str


@dataclass(frozen=True, slots=True)
class Program:
    """The versions of everything that touches keys and rows."""

    callvault: str
    python: str
    cryptography: str
    openssl: str
    main: Schema
    keys: Schema


@dataclass(frozen=True, slots=True)
class Happened:
    """The last entry of a kind, to be proven by its index; ``outcome`` has those of ``TOLD`` that it has."""

    at: datetime
    ledger_index: int
    outcome: dict[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Restores:
    """When a restore was last tried out, and when one was last needed; None where the ledger has none."""

    last_drill: Happened | None
    last_restore: Happened | None
    last_start: Happened | None


async def program(main: Database, keys: Database) -> Program:
    """Tell what runs."""
    return Program(
        callvault=__version__,
        python=platform.python_version(),
        cryptography=cryptography.__version__,
        openssl=backend.openssl_version_text(),
        main=await _schema(main),
        keys=await _schema(keys),
    )


async def _schema(database: Database) -> Schema:
    name = f"SQLite {sqlite3.sqlite_version}" if database.dialect == "sqlite" else "PostgreSQL"
    return Schema(name, await current_revision(database) or "")


async def restores(connection: AsyncConnection) -> Restores:
    """Tell of drills, restores and starts; these entries are the deployment's, and there are few."""
    return Restores(
        last_drill=await _last(connection, EntryType.BACKUP_DRILLED.value),
        last_restore=await _last(connection, EntryType.SYSTEM_RESTORED.value),
        last_start=await _last(connection, EntryType.SYSTEM_STARTED.value),
    )


async def _last(connection: AsyncConnection, type_: str) -> Happened | None:
    query: Any = (
        select(leaves.c.at, leaves.c.leaf_index, leaves.c.leaf)
        .where(leaves.c.tenant_id.is_(None), leaves.c.type == type_)
        .order_by(leaves.c.leaf_index.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    facts = json.loads(row.leaf)
    return Happened(row.at, row.leaf_index, {name: facts[name] for name in TOLD if name in facts})
