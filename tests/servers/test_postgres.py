"""The PostgreSQL fixture keeps its own promises: the other tests rest on it."""

from pathlib import Path
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]  # it brings no types
import pytest

from tests.servers.postgres import Postgres, postgres_server
from tests.servers.process import ServerError, server

pytestmark = pytest.mark.postgres


async def test_a_fresh_database_answers_and_is_gone_afterwards(postgres: Postgres) -> None:
    """Each test has an empty database of its own and leaves nothing behind."""
    with postgres.database() as url:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            assert (
                await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
            )
        finally:
            await connection.close()
    name = urlsplit(url).path.removeprefix("/")
    assert name not in postgres.sql("SELECT datname FROM pg_database").splitlines()


async def test_a_wrong_password_is_refused(postgres: Postgres) -> None:
    """The server asks for its password: a test of a wrong one means something."""
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host="127.0.0.1",
            port=postgres.port,
            user="vault",
            password="wrong",
            database="postgres",
            timeout=10,
        )


def test_a_durable_server_writes_through_and_ends_with_its_block() -> None:
    """Kill tests need fsync; and a server never outlives the test that started it."""
    with postgres_server(durable=True) as running:
        assert running.sql("SHOW fsync") == "on"
        assert Path(f"/proc/{running.pid}").exists()
    assert not Path(f"/proc/{running.pid}").exists()
    assert not running.folder.exists()


def test_a_server_that_does_not_start_says_why(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The error carries the end of the server's own log."""
    log = tmp_path_factory.mktemp("log") / "server.log"
    argv = ["sh", "-c", "echo the port is taken; exit 3"]
    with pytest.raises(ServerError, match="the port is taken"), server(argv, log=log, is_ready=lambda: False):
        pytest.fail("the block must not run")
