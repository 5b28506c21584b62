"""Connections: transactions are whole or nothing, and deleted bytes leave the file."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from vault.db.engine import BUSY_TIMEOUT_MS, Database, open_database
from vault.errors import ConfigurationError, DependencyError


async def test_a_failed_block_leaves_nothing_behind(any_database: Database) -> None:
    """write() commits at the end of its block or not at all."""
    async with any_database.write() as connection:
        await connection.execute(text("CREATE TABLE t (n INTEGER)"))

    async def fail_halfway() -> None:
        async with any_database.write() as connection:
            await connection.execute(text("INSERT INTO t VALUES (1)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_halfway()
    async with any_database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM t"))).scalar() == 0


async def test_many_writers_take_turns_and_none_is_lost(any_database: Database) -> None:
    """Fifty concurrent transactions all arrive, with no busy error."""
    async with any_database.write() as connection:
        await connection.execute(text("CREATE TABLE t (n INTEGER)"))

    async def add(n: int) -> None:
        async with any_database.write() as connection:
            await connection.execute(text("INSERT INTO t VALUES (:n)"), {"n": n})

    async with asyncio.TaskGroup() as tasks:
        for n in range(50):
            tasks.create_task(add(n), name=f"add-{n}")
    async with any_database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM t"))).scalar() == 50


def holding(folder: Path, canary: str) -> list[str]:
    """Name the files that hold the canary's bytes."""
    return [path.name for path in folder.iterdir() if canary.encode() in path.read_bytes()]


async def test_deleted_bytes_leave_the_sqlite_files(tmp_path: Path) -> None:
    """After a delete and forget_traces no file holds the canary."""
    database = open_database(f"sqlite:///{tmp_path}/a.db", durable=True)
    canary = "canary-7f3a" * 20
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE t (v TEXT)"))
        await connection.execute(text("INSERT INTO t VALUES (:v)"), {"v": canary})
    async with database.write() as connection:
        await connection.execute(text("DELETE FROM t"))
    assert await database.forget_traces()
    assert holding(tmp_path, canary) == []
    await database.aclose()


async def test_an_open_reader_keeps_the_erasure_pending(tmp_path: Path) -> None:
    """A reader that holds the log makes forget_traces say so."""
    database = open_database(f"sqlite:///{tmp_path}/a.db")
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE t (v TEXT)"))
    async with database.read() as reader:
        await reader.execute(text("SELECT * FROM t"))
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO t VALUES ('x')"))
        assert not await database.forget_traces()
    assert await database.forget_traces()
    await database.aclose()


async def test_a_truncation_that_waits_for_a_reader_holds_up_no_writer_for_long(tmp_path: Path) -> None:
    """P14: an erasure behind a slow reader asks again and again; calls are written down meanwhile."""
    database = open_database(f"sqlite:///{tmp_path}/a.db")
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE t (v TEXT)"))
    async with database.read() as reader:
        await reader.execute(text("SELECT * FROM t"))
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO t VALUES ('x')"))
        waiting = asyncio.create_task(database.forget_traces(), name="truncation")
        await asyncio.sleep(0.05)
        async with asyncio.timeout(BUSY_TIMEOUT_MS / 1_000 / 2), database.write() as connection:
            await connection.execute(text("INSERT INTO t VALUES ('y')"))
        assert not await waiting
    async with database.write() as connection:  # the writer's own patience is as before
        waits_ms = (await connection.execute(text("PRAGMA busy_timeout"))).scalar_one()
    assert waits_ms == BUSY_TIMEOUT_MS
    await database.aclose()


async def test_an_unreachable_database_is_a_dependency_error() -> None:
    """The caller may try again; the address is not repeated."""
    database = open_database("postgresql://nobody@127.0.0.1:1/none", password="x")
    with pytest.raises(DependencyError):
        await database.ping()
    await database.aclose()


async def test_a_database_that_says_nothing_is_a_dependency_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the connection and is silent has not answered."""
    monkeypatch.setattr("vault.db.engine.PING_TIMEOUT_S", 0.2)
    leave = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await leave.wait()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        database = open_database(f"postgresql://nobody@127.0.0.1:{port}/none", password="x")
        with pytest.raises(DependencyError):
            await database.ping()
        leave.set()
        await database.aclose()


def test_any_other_scheme_is_refused() -> None:
    """Only sqlite and postgresql URLs are taken."""
    with pytest.raises(ConfigurationError):
        open_database("mysql://x")
