"""At no instant is media or a personal datum in plaintext on disk (P2): canaries, and every byte looked at.

The visitor's data, the encoded frames, the purpose and the manifest's words are known. While calls are live,
finished, played, erased, killed and recovered, everything the program may write to is searched again and
again: its folder with both databases and their logs, its log, its temporary files. What comes
after an erasure, and what lies elsewhere, is the matter of test_canary_campaign.py.
"""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.end_to_end.campaign import (
    fetch,
    require_receipt,
    require_whole,
    say,
    settled,
    signed_in,
    started,
    talking,
    visitors,
)
from tests.end_to_end.lookout import PAGE_URL, PURPOSE, VISITOR, Lookout
from tests.end_to_end.program import Program
from tests.end_to_end.syscalls import files_written
from tests.end_to_end.visitor import Agent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]
LEAST_SCANS = 20


@asynccontextmanager
async def house(lookout: Lookout) -> AsyncIterator[tuple[Program, aiohttp.ClientSession, Agent]]:
    """The program on the folder under watch, visitors, and an agent who has signed in."""
    environ = {"TMPDIR": str(lookout.temporary), "PYTHONDONTWRITEBYTECODE": "1"}
    async with (
        started(lookout.folder, environ=environ) as program,
        visitors() as http,
        signed_in(program) as agent,
    ):
        yield program, http, agent


async def test_no_canary_reaches_the_disk_at_any_instant(
    tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """P2: live, killed, recovered, finished, played and erased, no place the program writes to holds one."""
    lookout = Lookout(tmp_path / "vault")
    tokens: list[str] = []
    async with lookout.looking():
        for _ in range(rounds(1, 20)):
            tokens += await killed_and_erased(lookout)
    lookout.look()
    assert lookout.hits == []
    assert lookout.scans >= LEAST_SCANS
    written = lookout.log.read_text(errors="replace")
    assert [token for token in tokens if token in written] == []
    assert [path for path in lookout.temporary.rglob("*") if path.is_file()] == []
    say(f"{lookout.scans} instants, {lookout.canaries.scanned_bytes} bytes in {lookout.canaries.files} files")


async def killed_and_erased(lookout: Lookout) -> list[str]:
    """A call that a kill ends and one that is hung up; both are played and erased. Gives the tokens used."""
    told: dict[str, Any] = {"visitor": VISITOR, "page_url": PAGE_URL}
    tokens: list[str] = []
    async with house(lookout) as (program, http, _), talking(http, program, **told) as killed:
        await asyncio.sleep(1.5)
        os.kill(program.process.pid, signal.SIGKILL)
        killed.note()
        await killed.publisher.vanish()
    async with house(lookout) as (program, http, agent):
        async with talking(http, program, **told) as sent:
            await asyncio.sleep(1.5)
            sent.note()
            sent.hung_up = True
            await sent.publisher.unpublish()
        for call in (killed, sent):
            item = await settled(agent, lookout.folder, call)
            assert item is not None
            recorded = await fetch(agent, item, purpose=PURPOSE)
            require_whole(call, recorded)
            # What is looked for did pass through: it is in what an entitled agent gets.
            found = {what for _, what in lookout.canaries.find(recorded.media)}
            assert found >= {"EBML header", "sound 5"}
            _, history = await agent.ask("GET", f"/v1/media/{item['id']}/access")
            assert PURPOSE in {entry["purpose"] for entry in history["items"]}
            tokens += [call.call.token, (await agent.link(item["id"]))["media"].split("/")[2]]
        asked = {"visitor_reference": VISITOR["reference"], "reason": "visitor_request"}
        status, answer = await agent.ask("POST", "/v1/deletion-requests", json=asked)
        assert status == 202, answer
        for one in answer["items"]:
            if one["kind"] == "recording":
                await require_receipt(agent, lookout.folder, one["object_id"])
    return tokens


@pytest.mark.timeout(180)
async def test_nothing_is_written_outside_the_folder_and_no_core_file_can_be(tmp_path: Path) -> None:
    """Every file that the program or a child of it opens to write, during a call, a finish and an erasure."""
    lookout = Lookout(tmp_path / "vault")
    async with house(lookout) as (program, http, agent):
        assert resource.prlimit(program.process.pid, resource.RLIMIT_CORE) == (0, 0)
        async with AsyncExitStack() as stack:
            paths = stack.enter_context(files_written(program.process.pid))
            async with talking(http, program) as sent:
                await asyncio.sleep(1.2)
                await sent.publisher.unpublish()
            item = await settled(agent, lookout.folder, sent)
            assert item is not None
            await fetch(agent, item)
            await agent.ask("DELETE", f"/v1/media/{item['id']}?reason=other")
            await require_receipt(agent, lookout.folder, item["id"])
    inside = {path for path in paths if path.startswith(f"{lookout.folder}/")}
    assert any("/objects/" in path for path in inside)
    assert paths - inside <= {"/dev/null"}
