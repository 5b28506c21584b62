"""A restore drill on the ground of the vault that the settings name: what it opens, and only looks at."""

import asyncio
import sys
from pathlib import Path

from vault.backups.dump import Kind
from vault.clock import SystemClock
from vault.db.migrate import require_head
from vault.drill.drill import Drill, Drilled, DrillParts
from vault.drill.folder import kept_folder, private_folder
from vault.ground import open_backups, open_databases, open_key_holders, open_store_to_read
from vault.insight.logs import configure_logging
from vault.keys.ring_file import RingFile
from vault.ledger.signing import LedgerKeys
from vault.settings import Settings


def drilled(settings: Settings, *, keep: Path | None, sample: int) -> Drilled:
    """Drill in a folder that is removed, or kept where it is named; the live ledger says how it went."""
    configure_logging("error", form="lines", stream=sys.stderr)
    name = f"{Path.cwd()}\n{settings.database.url}\n{settings.keys.database_url}"
    with private_folder(name) if keep is None else kept_folder(keep) as folder:
        return asyncio.run(_drilled(settings, folder, sample))


async def _drilled(settings: Settings, folder: Path, sample: int) -> Drilled:
    clock = SystemClock()
    async with (
        open_databases(settings, migrates=False) as (live, _),
        open_databases(_elsewhere(settings, folder)) as (main, keys),
        open_backups(settings, {Kind.MAIN: main, Kind.KEYS: keys}, clock, with_ring=False) as backups,
        open_store_to_read(settings.storage) as store,
        open_key_holders(settings) as holders,
    ):
        await require_head(live, "main")
        ledger_keys = LedgerKeys.open(settings.ledger.key_file)
        parts = DrillParts(main, keys, backups, live, store, holders, ledger_keys, clock, _ring(settings))
        drill = Drill(parts)
        told = await drill.run(sample=sample)
        await drill.record(told)
        return told


def _elsewhere(settings: Settings, folder: Path) -> Settings:
    """The same vault with both databases in a folder, as SQLite whatever they are."""
    main = settings.database.model_copy(update={"url": f"sqlite:///{folder.absolute()}/main.db"})
    keys = settings.keys.model_copy(update={"database_url": f"sqlite:///{folder.absolute()}/keys.db"})
    return settings.model_copy(update={"database": main, "keys": keys})


def _ring(settings: Settings) -> RingFile | None:
    told = settings.keys
    if told.provider != "file":
        return None
    return RingFile(told.key_file, told.passphrase.get_secret_value() if told.passphrase else None)
