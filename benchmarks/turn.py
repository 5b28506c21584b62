"""The turn of an epoch over a million data keys on SQLite, with the service asking for keys meanwhile.

Records are made beforehand, as recordings leave them. Measured is the whole turn: open each record, hold it
against its commitment, wrap it anew, write it, open it once more as it lies there, retire the old epoch.
``CALLVAULT_BENCH_KEYS`` sets another number of keys; the goal is for a million and goes with it.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import insert

from benchmarks.machine import load
from crypto.keys import DataKey
from crypto.wrapping import WrapContext, commitment, wrap
from vault.backups.backups import BackupParts, BackupRules, Backups
from vault.clock import SystemClock
from vault.db.engine import Database, open_database
from vault.db.key_tables import data_keys
from vault.db.migrate import migrate
from vault.keys.epochs import Spent, Standing
from vault.keys.file_provider import FileKeyProvider
from vault.keys.records import committed_stream
from vault.keys.store import KeyStore
from vault.keys.turning import Turn, TurnParts, TurnRules
from vault.model import new_id, uuid_of

MILLION: Final = 1_000_000
KEYS: Final = int(os.environ.get("CALLVAULT_BENCH_KEYS", str(MILLION)))
GOAL_S: Final = 60.0
GOAL_ASK_MS: Final = 100.0
TENANTS: Final = 10
ROWS_AT_ONCE: Final = 10_000
ASK_EVERY_S: Final = 0.05


class _Nobody:
    """No ledger: the end of an epoch is not what is measured."""

    async def told(self) -> Mapping[int, datetime]:
        return {}

    async def spent(self) -> Spent:
        return Spent()

    async def tell(self, _: Standing) -> None:
        return None


async def _filled(keys: KeyStore, database: Database) -> list[tuple[str, str]]:
    """Lay the records down; returns some names to ask for."""
    tenants = [new_id("ten") for _ in range(TENANTS)]
    wrapping = {tenant: await keys.tenant_key(tenant, 1, create=True) for tenant in tenants}
    asked, now = [], SystemClock().now()
    for start in range(0, KEYS, ROWS_AT_ONCE):
        rows = []
        for number in range(start, min(KEYS, start + ROWS_AT_ONCE)):
            tenant, object_id, key = tenants[number % TENANTS], new_id("rec"), DataKey.generate()
            committed = commitment(key, committed_stream(tenant_id=tenant, object_id=object_id, gen=1))
            context = WrapContext(uuid_of(tenant), uuid_of(object_id), 1, 1, committed, 1_000, bytes(32))
            rows.append(
                {
                    "object_id": object_id,
                    "gen": 1,
                    "tenant_id": tenant,
                    "epoch": 1,
                    "wrapped": bytes(wrap(key, wrapping[tenant], context=context)),
                    "commitment": committed,
                    "sealed_bytes": 1_000,
                    "sealed_sha256": bytes(32),
                    "created_at": now,
                }
            )
        async with database.write() as connection:
            await connection.execute(insert(data_keys), rows)
        asked.append((rows[0]["tenant_id"], rows[0]["object_id"]))
    return [(str(tenant), str(object_id)) for tenant, object_id in asked]


async def _ask(keys: KeyStore, names: list[tuple[str, str]], waited_ms: list[float]) -> None:
    """Ask for a key now and then, as whoever plays a recording does, past the cache."""
    while True:
        for tenant, object_id in names:
            keys._data_keys.clear()
            began_s = time.perf_counter()
            await keys.data_key(tenant_id=tenant, object_id=object_id)
            waited_ms.append(1000 * (time.perf_counter() - began_s))
            await asyncio.sleep(ASK_EVERY_S)


async def _turned(folder: Path) -> tuple[float, list[float]]:
    """The seconds of the turn, and how long each question took meanwhile."""
    database, clock = open_database(f"sqlite:///{folder}/keys.db", durable=True), SystemClock()
    await migrate(database, "keys")
    keys = KeyStore(database, FileKeyProvider.create(folder / "root.key"), clock)
    await keys.start()
    names = await _filled(keys, database)

    backups = Backups(
        BackupParts({}, {}, DataKey.generate(), clock), BackupRules(timedelta(0), {})
    )  # nowhere
    turn = Turn(TurnParts(database, keys, clock, backups, _Nobody()), TurnRules(0, timedelta(0), 2))
    waited_ms: list[float] = []
    asking = asyncio.create_task(_ask(keys, names, waited_ms))
    began_s = time.perf_counter()
    await turn.begin()
    standing = await turn.carry()
    took_s = time.perf_counter() - began_s
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await database.aclose()
    if [each.state for each in standing] != ["retired", "current"]:
        raise LookupError("the turn did not come to its end")
    return took_s, waited_ms


def run() -> Iterator[dict[str, object]]:
    """One turn."""
    with tempfile.TemporaryDirectory(prefix="callvault-bench-") as name:
        took_s, waited_ms = asyncio.run(_turned(Path(name)))
    waited_ms.sort()
    goal_s = GOAL_S * KEYS / MILLION
    yield {
        "name": f"turn of an epoch, {KEYS} data keys, SQLite",
        "value": round(took_s, 1),
        "unit": "s",
        "against": f"{KEYS / took_s:.0f} keys a second moved and verified",
        "goal": goal_s,
        "met": took_s < goal_s,
        "machine": load(),
    }
    p99_ms = waited_ms[int(0.99 * len(waited_ms))] if waited_ms else float("nan")
    yield {
        "name": "a key asked for during the turn, p99",
        "value": round(p99_ms, 1),
        "unit": "ms",
        "against": f"median {waited_ms[len(waited_ms) // 2]:.1f} ms, {len(waited_ms)} questions",
        "goal": GOAL_ASK_MS,
        "met": p99_ms < GOAL_ASK_MS,
        "machine": load(),
    }
