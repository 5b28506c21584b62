"""A real PostgreSQL server for tests: its own data folder, a loopback port, a password, gone afterwards."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.parts import need
from tests.servers.ports import free_port
from tests.servers.process import ServerError, server

INIT_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 30.0
SUPERUSER = "vault"


@dataclass(frozen=True)
class Postgres:
    """Where the running server answers. ``pid`` is the postmaster's, for tests that kill it."""

    port: int
    password: str = field(repr=False)
    folder: Path
    pid: int
    psql: str

    def url(self, database: str = "postgres") -> str:
        """Return the URL of one database, password in it."""
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run one statement with psql and return its rows, columns parted by ``|``."""
        done = subprocess.run(
            [
                self.psql,
                "-XAtq",
                "-v",
                "ON_ERROR_STOP=1",
                "-d",
                self.url(database),
                "-c",
                statement,
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout.strip()

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the block an empty database and its URL; it is dropped afterwards, used or not."""
        name = f"t_{secrets.token_hex(6)}"
        self.sql(f'CREATE DATABASE "{name}"')
        try:
            yield self.url(name)
        finally:
            self.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def as_server_user() -> list[str]:
    """Return the start of an argv that drops root, which PostgreSQL refuses; empty when we are not root."""
    if os.geteuid() != 0:
        return []
    return [need("setpriv")["setpriv"], "--reuid=postgres", "--regid=postgres", "--init-groups"]


def settings_of(port: int, folder: Path, *, durable: bool) -> list[str]:
    """Return the ``-c name=value`` arguments of the server."""
    values = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": str(folder)}
    if not durable:
        values |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return [argument for name, value in values.items() for argument in ("-c", f"{name}={value}")]


def initialise(initdb: str, folder: Path, password: str, prefix: list[str], env: dict[str, str]) -> None:
    """Make the data folder with password login only; raises ServerError with initdb's own words."""
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(password)
    if prefix:
        owner = pwd.getpwnam("postgres")
        for path in (folder, password_file):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    argv = [*prefix, initdb, "-D", str(folder / "data"), "-U", SUPERUSER, f"--pwfile={password_file}"]
    argv += ["-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=INIT_TIMEOUT_S, env=env, check=False)
    password_file.unlink()
    if done.returncode:
        raise ServerError(f"initdb ended with {done.returncode}:\n{done.stdout}{done.stderr}")


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[Postgres]:
    """Run PostgreSQL for the length of the block, as a user that is not root.

    ``durable`` keeps fsync on (slower: for tests that kill the server). Skips the test without PostgreSQL.
    """
    programs = need("initdb", "postgres", "psql", "pg_isready")
    prefix = as_server_user()
    env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}
    # Not pytest's own folder: that one is closed to the server's user when we are root.
    folder = Path(tempfile.mkdtemp(prefix="callvault-pg-"))
    try:
        password = secrets.token_urlsafe(18)
        initialise(programs["initdb"], folder, password, prefix, env)
        port = free_port()
        argv = [
            *prefix,
            programs["postgres"],
            "-D",
            str(folder / "data"),
            *settings_of(port, folder, durable=durable),
        ]
        ready = [programs["pg_isready"], "-q", "-h", "127.0.0.1", "-p", str(port)]
        with server(
            argv,
            log=folder / "server.log",
            is_ready=lambda: subprocess.run(ready, env=env, timeout=10, check=False).returncode == 0,
            timeout_s=READY_TIMEOUT_S,
            env=env,
            # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for clients.
            stop_signal=2,
        ) as process:
            yield Postgres(port, password, folder, process.pid, programs["psql"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
