"""``callvault serve``: the same program, without conveniences."""

import asyncio
import json
import signal
from pathlib import Path

from sqlalchemy import select

from tests.servers.ports import free_port
from tests.servers.process import server, stop
from tests.vault.cli.command import Cli, argv, ask, environment, process
from tests.vault.cli.recordings import lay_down
from vault.app import open_app, open_rooms
from vault.cli.exits import Exit
from vault.cli.rooms import operator_of, settings_of, tenant_of
from vault.db.tables import leaves
from vault.model import ErasureReason


def test_it_starts_says_so_as_json_and_ends_with_zero(vault: Path, cli: Cli, tmp_path: Path) -> None:
    """Standard output is JSON lines; SIGHUP changes nothing; SIGTERM drains and ends with code 0."""
    port, log = free_port(), tmp_path / "serve.log"
    env = environment({"CALLVAULT_SERVER__PORT": str(port)})
    address = f"http://127.0.0.1:{port}"
    with server(
        argv("serve", "-c", vault),
        log=log,
        is_ready=lambda: ask(address, "/readyz")[0] == 200,
        timeout_s=60,
        env=env,
    ) as running:
        running.send_signal(signal.SIGHUP)
        assert ask(address, "/readyz")[0] == 200
        assert process("health", "--url", address).code == 0
        second = process("serve", "-c", vault, env={"CALLVAULT_SERVER__PORT": str(free_port())})
        assert second.code == Exit.REFUSED
        assert "another callvault runs" in second.err
        assert stop(running) == 0
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert "server.ready" in events
    assert events[-2:] == ["server.draining", "server.ended"]
    assert cli("ledger", "verify", "-c", vault).code == 0


def test_what_was_asked_for_is_erased_before_the_doors_open(vault: Path) -> None:
    """At every start, not only after a restore: whoever died behind the fence left it to be done."""

    async def run() -> list[str]:
        media_id = await lay_down(vault)
        settings = settings_of(vault)
        async with open_rooms(settings) as rooms:
            by = operator_of(await tenant_of(rooms, None))
            await rooms.deletion_requests.of_media(media_id, ErasureReason.LEGAL, by=by)
        async with open_app(settings) as app, app.rooms.database.read() as connection:
            told = await connection.execute(select(leaves.c.type).order_by(leaves.c.leaf_index))
            return [*told.scalars()]

    told = asyncio.run(run())
    assert told.index("object.shredded") < told.index("system.started")


def test_a_first_start_may_make_its_keys(config: Path, tmp_path: Path) -> None:
    """A container has nobody to run `keys init`: --make-keys does it, and only then."""
    port = free_port()
    env = {"CALLVAULT_SERVER__PORT": str(port)}
    refused = process("serve", "-c", config, env=env)
    assert refused.code == Exit.CONFIGURATION
    assert "callvault keys init" in refused.err
    address = f"http://127.0.0.1:{port}"
    with server(
        argv("serve", "--make-keys", "-c", config),
        log=tmp_path / "serve.log",
        is_ready=lambda: ask(address, "/readyz")[0] == 200,
        timeout_s=60,
        env=environment(env),
    ) as running:
        assert stop(running) == 0
    (config.parent / "keys" / "root.key").unlink()
    lost = process("serve", "--make-keys", "-c", config, env=env)
    assert lost.code == Exit.REFUSED
    assert "restore it" in lost.err


def test_without_a_public_address_it_does_not_start(tmp_path: Path) -> None:
    """The empty settings are not enough: each reason has its line, nothing is made."""
    ended = process("serve", cwd=tmp_path)
    assert ended.code == Exit.CONFIGURATION
    assert ended.out == ""
    assert "server.public_url is missing" in ended.err
    assert "storage.country is missing" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_one_line(vault: Path, tmp_path: Path) -> None:
    """Not a traceback: which thing is in the way."""
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        ended = process("serve", "-c", vault, env={"CALLVAULT_SERVER__PORT": str(holder.getsockname()[1])})
    assert ended.code == Exit.FAILED
    assert ended.err.startswith("callvault: cannot listen")
    assert len(ended.err.splitlines()) == 1
