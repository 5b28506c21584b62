"""Whether the clock on the wall can be believed: what erases by time asks here first.

Wall time is compared with the monotonic clock since a mark in the database, so that small jumps add up and a
restart forgets nothing. After a boot of the machine there is no common monotonic clock: then the time since
the mark was last seen counts, and a machine that was off for over an hour waits for a word, too. What is
erased late can be erased yet; what is erased early is gone.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import clock_marks
from vault.ledger.leaf import Entry, EntryType
from vault.ledger.log import Ledger

log = structlog.get_logger(__name__)

LIMIT: Final = timedelta(hours=1)
SEEN_EVERY: Final = timedelta(minutes=1)  # the mark is not written more often
BOOT_FILE: Final = Path("/proc/sys/kernel/random/boot_id")
ONLY: Final = 1  # the row


class Sentry:
    """Believes the clock, or halts what depends on it until somebody says otherwise."""

    def __init__(self, database: Database, ledger: Ledger, clock: Clock, *, boot: str) -> None:
        self._database = database
        self._ledger = ledger
        self._clock = clock
        self._boot = boot
        self.is_halted = False  # as it was when it was last looked at

    async def now(self) -> datetime | None:
        """Give the time if it can be believed; None while it cannot, or could not and nobody resumed."""
        async with self._database.write() as connection:
            now = self._clock.now()
            row = await self._mark(connection, now)
            jump = self._jump(row, now)
            if row.halted_at is None and abs(jump) > LIMIT:
                await self._halt(connection, jump, now)
                row = await self._mark(connection, now)
            elif row.halted_at is None and (row.boot != self._boot or now - row.seen_at >= SEEN_EVERY):
                await self._seen(connection, row, now)
        self.is_halted = row.halted_at is not None
        if self.is_halted:
            log.error("retention.halted", jump_s=row.jump_s, remedy="callvault retention resume")
            return None
        return now

    async def resume(self) -> bool:
        """Believe the clock from now on; True where that had been halted."""
        async with self._database.write() as connection:
            now = self._clock.now()
            row = await self._mark(connection, now)
            await connection.execute(update(clock_marks).values(self._fresh(now)))
            if row.halted_at is None:
                return False
            await self._ledger.append(connection, Entry(EntryType.RETENTION_RESUMED))
        self.is_halted = False
        return True

    def _jump(self, row: Row[Any], now: datetime) -> timedelta:
        """Tell how much more, or less, time went by on the wall than went by."""
        off: timedelta = now - row.seen_at
        passed: timedelta = now - row.wall_at
        really = timedelta(milliseconds=self._monotonic_ms() - row.monotonic_ms)
        return passed - really if row.boot == self._boot else off

    async def _mark(self, connection: AsyncConnection, now: datetime) -> Row[Any]:
        query = select(clock_marks).where(clock_marks.c.id == ONLY).with_for_update()
        row = (await connection.execute(query)).first()
        if row is None:
            await connection.execute(insert(clock_marks).values({"id": ONLY, **self._fresh(now)}))
            row = (await connection.execute(query)).one()
        return row

    async def _halt(self, connection: AsyncConnection, jump: timedelta, now: datetime) -> None:
        jump_s = round(jump.total_seconds())
        await connection.execute(update(clock_marks).values(halted_at=now, jump_s=jump_s))
        forward, size_s = jump_s > 0, abs(jump_s)
        facts = {"forward": forward, "seconds": size_s}
        await self._ledger.append(connection, Entry(EntryType.RETENTION_HALTED, facts=facts))

    async def _seen(self, connection: AsyncConnection, row: Row[Any], now: datetime) -> None:
        values = {"seen_at": now} if row.boot == self._boot else self._fresh(now)
        await connection.execute(update(clock_marks).values(values))

    def _fresh(self, now: datetime) -> dict[str, Any]:
        return {
            "wall_at": now,
            "monotonic_ms": self._monotonic_ms(),
            "boot": self._boot,
            "seen_at": now,
            "halted_at": None,
            "jump_s": None,
        }

    def _monotonic_ms(self) -> int:
        return round(self._clock.monotonic() * 1_000)


def this_boot() -> str:
    """Name the machine's present boot; the monotonic clock of another cannot be compared with ours."""
    try:
        return BOOT_FILE.read_text().strip()
    except OSError:
        return ""
