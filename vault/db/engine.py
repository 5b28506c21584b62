"""Connections: one writer and a few readers on SQLite, a pool on PostgreSQL.

SQLite has one writer at a time whatever we do; saying so with a pool of one turns busy errors into waiting.
``BEGIN IMMEDIATE`` takes the write lock at once, so a transaction never finds out late that it lost.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from vault.errors import ConfigurationError, DependencyError

BUSY_TIMEOUT_MS: Final = 5_000  # another process (a migration, the command line) may hold the file briefly
TRUNCATE_WAIT_MS: Final = 250  # while a truncation waits for readers, nobody writes; it is asked for again
READERS: Final = 4  # more only queue behind the same file
POSTGRES_POOL: Final = 8
COMMAND_TIMEOUT_S: Final = 30.0  # one statement; ours take milliseconds, a migration seconds
CONNECT_TIMEOUT_S: Final = 10.0
PING_TIMEOUT_S: Final = 5.0
VACUUM_TRIES: Final = 20
VACUUM_WAIT_S: Final = 0.1
_AFTER: Final = "vault.after_commit"  # a connection's transaction, and what follows it
_NEXT_TRANSACTION: Final = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_OLDER_READERS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL AND age(backend_xmin)"
    " > pg_snapshot_xmax(pg_current_snapshot())::text::bigint - CAST(:now AS bigint)"
)


class Database:
    """One database. ``read()`` and ``write()`` hand out connections, each for one block."""

    def __init__(self, reader: AsyncEngine, writer: AsyncEngine, *, dialect: str) -> None:
        self._reader = reader
        self._writer = writer
        self.dialect = dialect

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection for reading; raises DependencyError where the database does not answer."""
        with _translated():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that sees the database as it was at one moment, however long the block takes.

        SQLite's read transactions are that already. What is erased meanwhile stays in the log until the end.
        """
        with _translated():
            async with self._reader.connect() as connection:
                if self.dialect == "postgresql":
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection inside a transaction: committed at the block's end, undone by an exception.

        What ``after_commit`` was given is done when the transaction is durable.
        """
        acts: list[Callable[[], None]] = []
        with _translated():
            async with self._writer.begin() as connection:
                connection.info[_AFTER] = acts
                yield connection
        for act in acts:
            act()

    async def forget_traces(self, *tables: str) -> bool:
        """Remove deleted content from what the database keeps beside its live rows.

        SQLite: the write-ahead log is truncated. PostgreSQL: the dead rows of these tables are vacuumed; its
        own write-ahead log and archives keep them for as long as the operator keeps those
        (docs/OPERATIONS.md, backups). Returns False where a reader still holds what was deleted: the caller
        stays pending and asks again.
        """
        if self.dialect != "sqlite":
            return await self._vacuum(tables)
        with _translated():
            return await self._truncate()

    async def _truncate(self) -> bool:
        async with self._writer.connect() as connection:
            # Beside SQLAlchemy, which would begin a transaction that the checkpoint must not be inside of.
            raw: Any = (await connection.get_raw_connection()).driver_connection
            await raw.execute(f"PRAGMA busy_timeout={TRUNCATE_WAIT_MS}")
            try:
                async with raw.execute("PRAGMA wal_checkpoint(TRUNCATE)") as cursor:
                    return int((await cursor.fetchone())[0]) == 0
            finally:
                await raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")

    async def _vacuum(self, tables: Sequence[str]) -> bool:
        """Vacuum tables; False while an older transaction might still see a row that is dead by now.

        A dead row goes only when every running transaction began after it died (PostgreSQL, routine
        vacuuming), so those that began before are waited for, a little.
        """
        with _translated():
            async with self._writer.connect() as connection:
                plain = await connection.execution_options(isolation_level="AUTOCOMMIT")
                now = (await plain.execute(text(_NEXT_TRANSACTION))).scalar_one()
                for _ in range(VACUUM_TRIES):
                    if (await plain.execute(text(_OLDER_READERS), {"now": now})).scalar_one() == 0:
                        break
                    await asyncio.sleep(VACUUM_WAIT_S)
                else:
                    return False
                for table in tables:
                    await plain.exec_driver_sql(f'VACUUM "{table}"')
        return True

    async def aclose(self) -> None:
        """Close every connection; aiosqlite threads end here."""
        await self._reader.dispose()
        await self._writer.dispose()

    async def ping(self) -> None:
        """Ask the database for a sign of life; raises DependencyError."""
        with _translated():  # the time limit's own error too
            async with asyncio.timeout(PING_TIMEOUT_S), self.read() as connection:
                await connection.execute(text("SELECT 1"))


def after_commit(connection: AsyncConnection, act: Callable[[], None]) -> None:
    """Have something done when the transaction of ``Database.write`` is durable; never if it is undone."""
    connection.info[_AFTER].append(act)


class _translated:  # noqa: N801  # a context manager read like a verb
    """Turn a driver's loss of connection into the decision a caller can take."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        # A pool that gives no connection in time is a database that does not answer, whatever it waits for.
        away = OperationalError | InterfaceError | PoolTimeoutError | ConnectionError | TimeoutError
        raw = sqlite3.OperationalError  # of what runs beside SQLAlchemy
        if lost or isinstance(error, away | raw):
            raise DependencyError("the database does not answer; nothing was changed, try again") from error


def open_database(url: str, *, password: str | None = None, durable: bool = False) -> Database:
    """Make a Database from ``sqlite:///path`` or ``postgresql://…``; connects on first use.

    ``durable`` asks SQLite for FULL synchronous mode, as the key store needs: a key that was acknowledged
    survives a power cut. Raises ConfigurationError for any other scheme.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        return _sqlite(make_url(url), durable=durable)
    if scheme == "postgresql":
        parsed = make_url(url).set(drivername="postgresql+asyncpg")
        if password is not None:
            parsed = parsed.set(password=password)
        engine = create_async_engine(
            parsed,
            pool_size=POSTGRES_POOL,
            pool_pre_ping=True,
            hide_parameters=True,
            # A server that went away without a word (a fail-over) must not hold a connection for ever.
            connect_args={"command_timeout": COMMAND_TIMEOUT_S, "timeout": CONNECT_TIMEOUT_S},
        )
        return Database(engine, engine, dialect="postgresql")
    raise ConfigurationError("write a database url as sqlite:///path or postgresql://user@host/name")


def _sqlite(url: URL, *, durable: bool) -> Database:
    if not url.database:
        raise ConfigurationError("a sqlite url needs a path: sqlite:///./callvault.db")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = url.set(drivername="sqlite+aiosqlite")

    def engine(pool_size: int, begin: str) -> AsyncEngine:
        made = create_async_engine(target, pool_size=pool_size, max_overflow=0, hide_parameters=True)
        event.listen(made.sync_engine, "connect", _pragmas(durable=durable))
        event.listen(made.sync_engine, "begin", lambda connection: connection.exec_driver_sql(begin))
        return made

    return Database(engine(READERS, "BEGIN"), engine(1, "BEGIN IMMEDIATE"), dialect="sqlite")


def _pragmas(*, durable: bool) -> Any:
    def on_connect(connection: Any, _record: object) -> None:
        # The driver must not begin on its own: our "begin" event says which kind.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            f"synchronous={'FULL' if durable else 'NORMAL'}",
            "foreign_keys=ON",
            "secure_delete=ON",
            "trusted_schema=OFF",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return on_connect
