"""The canary campaign: what was said stands nowhere in the clear, and what was erased opens nowhere.

Known media, names, numbers, messages and notes go through calls, an export, kills in a call and in an
erasure, the end of an epoch, backups of both databases at four moments, and a restore of each. Every file of
the vault, of its replica, its backups, its logs and its key service is searched meanwhile and at the end.
`make soak` does it with more calls, and again on PostgreSQL, Ceph and Swift, whose disks and logs are
searched as well.
"""

import asyncio
import hashlib
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.end_to_end.campaign import (
    Sent,
    fetch,
    require_receipt,
    require_whole,
    say,
    seeded,
    settled,
    signed_in,
    started,
    talking,
    visitors,
)
from tests.end_to_end.estate import Estate, Lands, OnFiles, Stolen, on_servers, open_estate
from tests.end_to_end.lookout import PAGE_URL, PURPOSE, VISITOR, WORDS, Lookout
from tests.end_to_end.program import Program
from tests.end_to_end.visitor import Agent
from vault.backups.dump import Kind

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]
NEIGHBOUR = {"name": "Gundula Zaunkönig", "email": "gundula@canary.example", "phone": "+49 30 55 44 33 22"}
COLLEAGUE = {"name": "Ottokar Dompfaff", "email": "ottokar.dompfaff@canary.example"}
CHAT = "canary message: my card ends with 4711-KANARI"
NOTE = "canary note: she was right, and the valve was ours"
HELD = "canary reason: the lawsuit about the canary cage"
PLANTED = {
    **WORDS,
    **{f"neighbour's {name}": text for name, text in NEIGHBOUR.items()},
    **{f"colleague's {name}": text for name, text in COLLEAGUE.items()},
    "message": CHAT,
    "note": NOTE,
    "reason of a hold": HELD,
}
TOLD: dict[str, Any] = {"visitor": VISITOR, "page_url": PAGE_URL}
GONE = {404, 410}
SETTLES_S = 60.0
STARTS_S = 120.0
KILLED_WITHIN_S = 0.3
LATE = ("recorded",)  # the moment of whose main database most is to be done again


@dataclass
class Campaign:
    """One vault and what was done to it."""

    estate: Estate
    lookout: Lookout
    random: random.Random
    backups: dict[str, dict[Kind, str]] = field(default_factory=dict)  # of each moment
    calls: list[Sent] = field(default_factory=list)  # of the visitor who will be erased
    stolen: list[Stolen] = field(default_factory=list)  # of hers
    neighbour: dict[str, str] = field(default_factory=dict)  # id and digest of what stays

    @asynccontextmanager
    async def house(
        self, folder: Path | None = None
    ) -> AsyncIterator[tuple[Program, aiohttp.ClientSession, Agent]]:
        """The program on the estate or on a copy, visitors, and an administrator who has signed in."""
        at = folder or self.estate.folder
        settings, environ = self.estate.settings(at), self.estate.environ
        async with (
            started(at, settings=settings, environ=environ, timeout_s=STARTS_S) as program,
            visitors() as http,
            signed_in(program) as agent,
        ):
            yield program, http, agent

    async def begin(self) -> None:
        """Somebody calls whose recording stays; the next caller is cut off by a kill."""
        async with self.house() as (program, http, agent):
            sent = await spoken(http, program, visitor=NEIGHBOUR)
            item = await self.kept(agent, sent)
            digest = hashlib.sha256((await fetch(agent, item, purpose=PURPOSE)).media).hexdigest()
            self.neighbour = {"id": item["id"], "call_id": item["call_id"], "digest": digest}
            hold = {"object_id": item["id"], "ground": "legal_claim", "reason": HELD, "days": 30}
            await done(agent, "POST", "/v1/holds", json=hold)
            await done(agent, "POST", "/v1/people", json={"role": "agent", **COLLEAGUE})
            self.backups["before she called"] = await self.estate.back_up()
            async with talking(http, program, **TOLD) as killed:
                await wrote(http, program, killed, CHAT)
                await asyncio.sleep(1.2)
                os.kill(program.process.pid, signal.SIGKILL)
                killed.note()
                await killed.publisher.vanish()
        self.calls.append(killed)

    async def record(self, calls: int) -> None:
        """She calls again; notes and an export are made; the erasure of all of it is cut off by a kill."""
        async with self.house() as (program, http, agent):
            self.calls += [await spoken(http, program, **TOLD) for _ in range(calls)]
            _, tenant = await agent.ask("GET", "/v1/tenant")
            for sent in self.calls:
                item = await self.kept(agent, sent)
                self.stolen.append(self.estate.stolen(program, tenant["id"], item["id"]))
                notes = f"/v1/calls/{sent.call.id}/notes"
                await done(agent, "PUT", notes, json={"text": NOTE}, headers={"If-Match": '"0"'})
                assert (await done(agent, "GET", notes))["text"] == NOTE
            await exported(agent, self.calls[-1].call.id)
            self.backups["recorded"] = await self.estate.back_up()
            asked = {"visitor_reference": VISITOR["reference"], "reason": "visitor_request"}
            await done(agent, "POST", "/v1/deletion-requests", json=asked)
            await asyncio.sleep(self.random.uniform(0, KILLED_WITHIN_S))
            os.kill(program.process.pid, signal.SIGKILL)

    async def erase(self) -> None:
        """The next start ends the erasure. A backup from before still opens it, until the epoch has ended."""
        async with self.house() as (_, _, agent):
            for each in self.stolen:
                await require_receipt(agent, self.estate.folder, each.media_id, timeout_s=SETTLES_S)
                assert self.estate.lands.remains(self.estate.folder, each.media_id) == []
            self.backups["erased"] = await self.estate.back_up()
            there = await self.estate.restored("in the meantime", self.backups["recorded"])
            tried = await self.estate.tried(there, self.stolen)
            assert tried.opened == {each.media_id for each in self.stolen}, "what is looked for can be found"
            states = await self.estate.command("keys", "turn", "--at-once")
            assert [each["state"] for each in states] == ["destroyed", "current"]
            self.backups["ended"] = await self.estate.back_up()
            await self.plays(agent)

    async def try_keys(self, moment: str) -> str:
        """A moment's key store in a fresh folder, without fence or program: no key of hers, nothing opens."""
        there = await self.estate.restored(f"keys {moment}", self.backups[moment])
        tried = await self.estate.tried(there, self.stolen)
        erased = {each.media_id for each in self.stolen}
        assert bool(tried.records & erased) == (moment == "recorded")
        assert (tried.opened, tried.keys & erased) == (set(), set())
        assert bool(tried.keys) == (moment == "ended"), "keys of the epoch that lives open, and no others"
        return f"{moment}: {len(tried.records)} records, {len(tried.keys)} keys open, 0 recordings of hers"

    async def start(self, moment: str) -> None:
        """A moment's main database, today's keys: the program tells nothing of her, and serves the rest."""
        pair = {**self.backups["ended"], Kind.MAIN: self.backups[moment][Kind.MAIN]}
        behind = await self.estate.restored(f"main {moment}", pair)
        async with self.house(behind) as (_, _, agent):
            for each in self.stolen:
                assert (await agent.ask("GET", f"/v1/media/{each.media_id}"))[0] in GONE
            for sent in self.calls:
                assert (await agent.ask("GET", f"/v1/calls/{sent.call.id}/dossier"))[0] in GONE
            for name in ("email", "phone", "reference"):
                asked = {"field": name, "value": VISITOR[name]}
                status, page = await agent.ask("POST", "/v1/calls/search", json=asked)
                assert (status, page["items"]) == (200, []), page
            await self.plays(agent)

    async def kept(self, agent: Agent, sent: Sent) -> dict[str, Any]:
        """A call's recording, when it is ready and was found whole; what is looked for did pass through."""
        item = await settled(agent, self.estate.folder, sent, timeout_s=SETTLES_S)
        assert item is not None
        recorded = await fetch(agent, item, purpose=PURPOSE)
        require_whole(sent, recorded)
        found = {what for _, what in self.lookout.canaries.find(recorded.media)}
        assert found >= {"EBML header", "sound 5"}
        return item

    async def plays(self, agent: Agent) -> None:
        """What nobody erased plays as it did."""
        again = await fetch(agent, {"id": self.neighbour["id"], "call_id": self.neighbour["call_id"]})
        assert hashlib.sha256(again.media).hexdigest() == self.neighbour["digest"]


async def done(agent: Agent, method: str, path: str, **more: Any) -> Any:
    """Ask for something that must be granted."""
    status, answer = await agent.ask(method, path, **more)
    assert status < 300, (path, status, answer)
    return answer


async def spoken(http: aiohttp.ClientSession, program: Program, **told: Any) -> Sent:
    """A visitor calls, talks for a while, writes something and hangs up."""
    async with talking(http, program, **told) as sent:
        await wrote(http, program, sent, CHAT)
        await asyncio.sleep(1.2)
        sent.note()
        sent.hung_up = True
        await sent.publisher.unpublish()
    return sent


async def wrote(http: aiohttp.ClientSession, program: Program, sent: Sent, text: str) -> None:
    """The visitor writes to whoever is in the call, once the vault knows as well that they are connected."""
    headers = {"Origin": program.base, "Authorization": f"Bearer {sent.call.token}"}
    url, status, answer = f"{program.base}/v1/calls/{sent.call.id}/messages", 409, {}
    async with asyncio.timeout(SETTLES_S):
        while status == 409:
            async with http.post(url, json={"text": text, "key": "1"}, headers=headers) as response:
                status, answer = response.status, await response.json()
            await asyncio.sleep(0.05)
    assert (status, answer.get("text"), answer.get("kept")) == (201, text, True), answer


async def exported(agent: Agent, call_id: str) -> None:
    """The whole call becomes one file."""
    made = await done(agent, "POST", f"/v1/calls/{call_id}/exports", json={"format": "wav"})
    async with asyncio.timeout(SETTLES_S):
        while (made := await done(agent, "GET", f"/v1/exports/{made['id']}"))["state"] != "ready":
            assert made["state"] in {"queued", "running"}, made
            await asyncio.sleep(0.1)


async def campaign(root: Path, lands: Lands, *, calls: int, is_long: bool) -> None:
    """All of it on one estate, searched after each step."""
    with open_estate(root, lands) as estate:
        lookout = Lookout(estate.folder, PLANTED, (root, *lands.roots))
        on = Campaign(estate, lookout, seeded())
        for step in (on.begin, lambda: on.record(calls), on.erase):
            await step()
            await asyncio.to_thread(lookout.look)
        for moment in on.backups:
            say(await on.try_keys(moment))
        for moment in on.backups if is_long else LATE:
            await on.start(moment)
        await asyncio.to_thread(lookout.look)
        assert lookout.hits == []
        assert [path for path in lookout.temporary.rglob("*") if path.is_file()] == []
        say(f"{lookout.canaries.scanned_bytes} bytes in {lookout.canaries.files} files, 0 hits")


async def test_no_canary_is_anywhere_and_nothing_erased_opens_from_any_backup(
    tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """P2, P8: with every credential that is still held, behind the fence and without it."""
    is_long = rounds(0, 1) == 1
    await campaign(tmp_path / "files", OnFiles(), calls=rounds(1, 6), is_long=is_long)
    if is_long:
        with on_servers() as servers:
            await campaign(tmp_path / "servers", servers, calls=3, is_long=True)
