"""The key service hangs before a call begins: the call is recorded, and plays when the service is back."""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.end_to_end.campaign import (
    Sent,
    fetch,
    items_of,
    require_nothing_stuck,
    require_whole,
    settled,
    signed_in,
    started,
    talking,
    verify_ledger,
    visitors,
)
from tests.end_to_end.program import Program
from tests.end_to_end.visitor import Agent
from tests.servers.openbao import OpenBao, openbao_server
from vault.clock import SystemClock
from vault.db.engine import open_database
from vault.errors import KeyForgottenError, KeyProviderError
from vault.keys.private_file import write_private
from vault.keys.store import KeyStore
from vault.keyservice.openbao import OpenBaoKeyProvider, TransitSettings
from vault.ledger.signing import LedgerKeys

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LABEL = "callvault"
SETTLES_S = 60.0  # the watch looks every 15 s, and a call that hung has 10 s
CALL_AND_RECORDING = 2  # keys
VISITOR = {"email": "zebulon@example.org", "name": "Zebulon"}


@pytest.fixture
def bao(tmp_path: Path) -> Iterator[OpenBao]:
    """A service of this test's own: it is stopped."""
    with openbao_server(tmp_path / "bao") as running:
        yield running


@pytest.fixture
def service(bao: OpenBao, tmp_path: Path) -> dict[str, str]:
    """What the program is told of it."""
    token = tmp_path / "bao.token"
    write_private(token, bao.token_for(LABEL).encode())
    return {
        "KEYS__PROVIDER": "openbao",
        "KEYS__TIMEOUT_S": "4",
        "OPENBAO__URL": bao.url,
        "OPENBAO__TOKEN_FILE": str(token),
        "OPENBAO__CA_FILE": str(bao.ca_file),
        "OPENBAO__LABEL": LABEL,
    }


async def told(http: aiohttp.ClientSession, program: Program) -> dict[str, Any]:
    """What readiness says, with its status."""
    async with http.get(f"{program.base}/readyz?verbose=true") as response:
        return {"http": response.status, **await response.json()}


async def until_keys(http: aiohttp.ClientSession, program: Program, state: str) -> dict[str, Any]:
    """Wait until readiness says so of the keys, and its check, which is kept for a second, as well."""
    expected = (state, "ok" if state == "open" else "away")
    async with asyncio.timeout(SETTLES_S):
        while True:
            said = await told(http, program)
            if (said["keys"], said["checks"]["key_provider"]) == expected:
                return said
            await asyncio.sleep(0.2)


async def command(program: Program, service: dict[str, str], *arguments: str) -> Any:
    """Run a command beside the program."""
    argv = [sys.executable, "-m", "vault", *arguments]
    argv += ["--config", str(program.folder / "callvault.toml"), "--json"]
    environ = {**os.environ, **{f"CALLVAULT_{name}": value for name, value in service.items()}}
    process = await asyncio.create_subprocess_exec(
        *argv, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def opens(folder: Path, bao: OpenBao, media_id: str) -> bool:
    """Whether a copy of the key store still opens a recording's key, with all that is held today."""
    database = open_database(f"sqlite:///{folder / 'keys.db'}")
    token = folder.parent / "bao.token"
    provider = OpenBaoKeyProvider(TransitSettings(bao.url, token, label=LABEL, ca_file=bao.ca_file))
    anchor = LedgerKeys.open(folder / "keys" / "ledger.key").anchor
    keys = KeyStore(database, provider, SystemClock(), anchor)
    try:
        async with database.read() as connection:
            found = await connection.exec_driver_sql(
                "SELECT tenant_id FROM data_keys WHERE object_id = ?", (media_id,)
            )
            await keys.data_key(tenant_id=found.scalar_one(), object_id=media_id)
    except (KeyForgottenError, KeyProviderError):
        return False
    finally:
        await provider.aclose()
        await database.aclose()
    return True


async def found_by_address(agent: Agent) -> set[str]:
    """The calls that an exact search for the visitor's address finds."""
    async with asyncio.timeout(SETTLES_S):
        while True:
            asked = {"field": "email", "value": VISITOR["email"]}
            status, page = await agent.ask("POST", "/v1/calls/search", json=asked)
            assert status == 200, page
            if len(page["items"]) > 1:
                return {item["id"] for item in page["items"]}
            await asyncio.sleep(0.5)


def copied(folder: Path, name: str) -> Path:
    """A copy of the key store, as a backup or a thief makes it."""
    copy = folder.parent / name
    (copy / "keys").mkdir(parents=True)
    shutil.copy(folder / "keys" / "ledger.key", copy / "keys")
    for path in folder.glob("keys.db*"):
        if not path.name.endswith("-shm"):
            shutil.copy(path, copy)
    return copy


async def spoken(http: aiohttp.ClientSession, program: Program) -> Sent:
    """A visitor calls, talks for a while and hangs up."""
    async with talking(http, program, visitor=VISITOR) as sent:
        await asyncio.sleep(3)
        sent.note()
        sent.hung_up = True
        await sent.publisher.unpublish()
        return sent


async def begun_and_killed(
    http: aiohttp.ClientSession, folder: Path, bao: OpenBao, service: dict[str, str]
) -> Sent:
    """The service hangs, a call begins and ends, and the program is killed before it could finish it."""
    async with started(folder, settings=service):
        pass  # keys are made; who is started after that remembers none of them
    bao.process.send_signal(signal.SIGSTOP)
    async with started(folder, settings=service) as program:
        await until_keys(http, program, "recovery")
        sent = await spoken(http, program)
        async with asyncio.timeout(SETTLES_S):
            while (said := await told(http, program))["keys_in_recovery"] != CALL_AND_RECORDING:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        assert (said["http"], said["checks"]["key_provider"]) == (200, "away")
        os.kill(program.process.pid, signal.SIGKILL)
        await asyncio.to_thread(program.process.wait)
        return sent


async def test_calls_are_recorded_while_the_key_service_hangs_and_the_program_is_killed(
    tmp_path: Path, bao: OpenBao, service: dict[str, str]
) -> None:
    """P14, P8: begun, recorded and ended without the service, over a kill -9; ready and played with it.

    A second call begins in a program that was started meanwhile and remembers no key. After a turn the copy
    of the key store from the outage opens nothing.
    """
    folder = tmp_path / "vault"
    async with visitors() as http:
        first = await begun_and_killed(http, folder, bao, service)
        copy = copied(folder, "copy")
        async with started(folder, settings=service) as program:
            await until_keys(http, program, "recovery")
            second = await spoken(http, program)
            bao.process.send_signal(signal.SIGCONT)
            await until_keys(http, program, "open")
            async with signed_in(program) as agent:
                for sent in (first, second):
                    item = await settled(agent, folder, sent, timeout_s=SETTLES_S)
                    assert item is not None
                    require_whole(sent, await fetch(agent, item))
                assert await found_by_address(agent) == {first.call.id, second.call.id}
                (media_id,) = [item["id"] for item in await items_of(agent, first.call.id)]
                assert await opens(copy, bao, media_id)
                states = await command(program, service, "keys", "turn", "--at-once")
                assert [each["state"] for each in states] == ["destroyed", "current"]
                assert not await opens(copy, bao, media_id)
                await fetch(agent, (await items_of(agent, first.call.id))[0])
            assert (await told(http, program))["keys_in_recovery"] == 0
    require_nothing_stuck(folder)
    verify_ledger(folder)
