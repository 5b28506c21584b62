"""At no instant is media or a personal datum in plaintext on disk (P2): canaries, and every byte looked at.

The visitor's data, the encoded frames, the purpose and the manifest's words are known. While calls are live,
finished, played, erased, killed and recovered, everything the program may write to is searched again and
again: its folder with both databases and their logs, its log, its temporary files.
"""

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
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
from tests.end_to_end.campaign_media import PLAN, noise_clip
from tests.end_to_end.canaries import Canaries, Hit
from tests.end_to_end.program import Program
from tests.end_to_end.syscalls import files_written
from tests.end_to_end.visitor import Agent

pytestmark = pytest.mark.timeout(180)
VISITOR = {
    "name": "Zoé Kanari-Vögelchen",
    "email": "zoe.kanari@canary.example",
    "phone": "+33 6 99 88 77 66",
    "reference": "KD-CANARY-4711",
}
PAGE_URL = "https://shop.example/canary-page?order=77KANARI77"
PURPOSE = "canary purpose: the angry customer of Tuesday"
LEAST_SCANS = 20


@dataclass
class Lookout:
    """Searches the places of one program, in its own time."""

    folder: Path
    canaries: Canaries = field(default_factory=Canaries)
    scans: int = 0
    hits: list[Hit] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name, text in {**VISITOR, "page": PAGE_URL, "purpose": PURPOSE}.items():
            self.canaries.add_word(name, text)
        self.canaries.add_media("sound", noise_clip().frames)
        self.canaries.add_media("picture", PLAN.video_media().frames)
        self.temporary.mkdir(parents=True)

    @property
    def temporary(self) -> Path:
        """TMPDIR of the program."""
        return self.folder.parent / "tmp"

    @property
    def log(self) -> Path:
        """What the program writes to its terminal."""
        return self.folder.parent / f"{self.folder.name}.log"

    def look(self) -> None:
        """Search everything that changed since the last time."""
        self.hits += self.canaries.scan(self.folder, self.temporary, self.log)
        self.scans += 1

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Search without pause during the block."""
        over = asyncio.Event()

        async def run() -> None:
            while not over.is_set():
                await asyncio.to_thread(self.look)
                await asyncio.sleep(0.1)

        task = asyncio.create_task(run(), name="lookout")
        try:
            yield
        finally:
            over.set()
            await task


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


async def test_no_canary_reaches_the_disk_at_any_instant(tmp_path: Path) -> None:
    """P2: live, killed, recovered, finished, played and erased, no place the program writes to holds one."""
    lookout = Lookout(tmp_path / "vault")
    told: dict[str, Any] = {"visitor": VISITOR, "page_url": PAGE_URL}
    tokens: list[str] = []
    async with lookout.looking():
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
    lookout.look()
    assert lookout.hits == []
    assert lookout.scans >= LEAST_SCANS
    written = lookout.log.read_text(errors="replace")
    assert [token for token in tokens if token in written] == []
    assert [path for path in lookout.temporary.rglob("*") if path.is_file()] == []
    say(f"{lookout.scans} instants, {lookout.canaries.scanned_bytes} bytes in {lookout.canaries.files} files")


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
