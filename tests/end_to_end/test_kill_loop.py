"""SIGKILL at random instants (promises: at most 2 s lost, nothing stuck, no plaintext, no early receipt).

Each round kills one program: while calls are live, one has just hung up and an erasure was just asked for, or
while it starts. The next program recovers while new calls come in. All rounds share a folder; the seed is
printed.
"""

import asyncio
import hashlib
import os
import random
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.end_to_end.campaign import (
    Recorded,
    Sent,
    fetch,
    fetch_if_kept,
    killed_while_starting,
    quietly,
    require_no_early_word,
    require_no_orphans,
    require_nothing_stuck,
    require_receipt,
    require_whole,
    say,
    seeded,
    settled,
    signed_in,
    started,
    talking,
    verify_ledger,
    visitors,
)
from tests.end_to_end.campaign_media import H264_PLAN, PLAN, noise_clip
from tests.end_to_end.canaries import Canaries
from tests.end_to_end.program import Program
from tests.end_to_end.visitor import Agent

pytestmark = [pytest.mark.slow, pytest.mark.timeout(6600)]
STARTING = 0.2  # how many of the kills hit a program that is starting
NAME = "Wilhelmine Kanarienvogel"


@dataclass
class Campaign:
    """What one campaign knows and has measured."""

    folder: Path
    random: random.Random
    canaries: Canaries = field(default_factory=Canaries)
    owed: list[Sent] = field(default_factory=list)  # by the program that was killed last
    erasing: list[str] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)  # digest of each recording that should still play
    unchecked: list[tuple[Sent, Recorded | None]] = field(default_factory=list)
    losses_s: list[float] = field(default_factory=list)
    recoveries_s: list[float] = field(default_factory=list)
    calls: dict[str, str] = field(default_factory=dict)  # of each recording
    erased: int = 0
    starting: int = 0
    start_s: float = 3.0

    async def round(self) -> None:
        """Kill on the way up, or start, recover, talk and kill; then look at what is left."""
        if self.owed and self.random.random() < STARTING:
            after_s = self.random.uniform(0.4, 1.1) * self.start_s
            self.starting += await killed_while_starting(self.folder, after_s=after_s, environ=self.environ)
            await asyncio.to_thread(self.checked)
        else:
            await self.full_round()

    async def full_round(self) -> None:
        """Start, recover, talk, kill."""
        begun_s = time.monotonic()
        async with AsyncExitStack() as stack:
            program = await stack.enter_async_context(started(self.folder, environ=self.environ))
            ready_s = time.monotonic()
            self.start_s = ready_s - begun_s
            http = await stack.enter_async_context(visitors())
            agent = await stack.enter_async_context(signed_in(program))
            owed, self.owed = self.owed, []
            recovering = asyncio.create_task(self.recovered(agent, owed, ready_s), name="recovering")
            calls = [
                await stack.enter_async_context(
                    talking(http, program, visitor={"name": NAME, "reference": f"{NAME} {n}"}, plan=plan)
                )
                for n, plan in enumerate(self.random.sample([PLAN, PLAN, H264_PLAN], 3))
            ]
            await recovering
            await self.killed(program, agent, calls)
        self.owed = calls
        await asyncio.to_thread(self.checked)

    async def last(self) -> None:
        """One more start, that is not killed: everything is paid, and what should play still plays."""
        async with AsyncExitStack() as stack:
            program = await stack.enter_async_context(started(self.folder, environ=self.environ))
            agent = await stack.enter_async_context(signed_in(program))
            await self.recovered(agent, self.owed, time.monotonic())
            self.checked()
            for media_id, digest in self.kept.items():
                recorded = await fetch(agent, {"id": media_id, "call_id": ""})
                assert hashlib.sha256(recorded.media).digest() == digest, f"{media_id} is not what it was"
            program.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(program.process.wait, 20) == 0
        require_nothing_stuck(self.folder)
        verify_ledger(self.folder)
        require_no_orphans(self.folder)
        self.look_for_plaintext()

    @property
    def environ(self) -> dict[str, str]:
        """Temporary files in a folder of their own, so that they can be looked through."""
        temporary = self.folder.parent / "tmp"
        temporary.mkdir(exist_ok=True)
        return {"TMPDIR": str(temporary)}

    async def recovered(self, agent: Agent, owed: list[Sent], ready_s: float) -> None:
        """What the killed program owed is there in time: each recording, each erasure."""
        found = [await settled(agent, self.folder, sent) for sent in owed]
        if owed:
            self.recoveries_s.append(time.monotonic() - ready_s)
        for sent, item in zip(owed, found, strict=True):
            recorded = await fetch_if_kept(agent, item)
            self.unchecked.append((sent, recorded))
        for media_id in self.erasing:
            status, item = await agent.ask("GET", f"/v1/media/{media_id}")
            if status == 200 and item["state"] == "ready":  # the kill was faster than the request
                continue
            await require_receipt(agent, self.folder, media_id)
            del self.kept[media_id]
            self.erased += 1
        self.erasing = []

    async def killed(self, program: Program, agent: Agent, calls: list[Sent]) -> None:
        """Wait a random while; a call hangs up, an erasure is asked for, the program dies."""
        kill_s = self.random.uniform(0.05, 1.5)
        hang_up_s = max(0.0, kill_s - self.random.uniform(0.0, 1.5))
        erase_s = max(hang_up_s, kill_s - self.random.uniform(0.0, 0.3))
        leaving, tasks = calls[-1], []
        await asyncio.sleep(hang_up_s)
        leaving.note()
        leaving.hung_up = True
        tasks.append(asyncio.create_task(quietly(leaving.publisher.unpublish()), name="hanging-up"))
        await asyncio.sleep(erase_s - hang_up_s)
        if self.kept and self.random.random() < 0.7:
            media_id = self.random.choice(sorted(self.kept))
            self.erasing.append(media_id)
            tasks.append(asyncio.create_task(quietly(self.erase(agent, media_id)), name="erasing"))
        await asyncio.sleep(kill_s - erase_s)
        os.kill(program.process.pid, signal.SIGKILL)
        for call in calls:
            call.note()
            await call.publisher.vanish()
        await asyncio.to_thread(program.process.wait)
        await asyncio.gather(*tasks)

    async def erase(self, agent: Agent, media_id: str) -> None:
        """Ask for the recording alone, or for its whole call."""
        if self.random.random() < 0.5:
            await agent.ask("DELETE", f"/v1/media/{media_id}?reason=visitor_request")
        else:
            asked = {"call_id": self.calls[media_id], "reason": "visitor_request"}
            await agent.ask("POST", "/v1/deletion-requests", json=asked)

    def checked(self) -> None:
        """Look at what the last recovery gave back, and at every byte that the killed program left."""
        for sent, recorded in self.unchecked:
            self.losses_s.append(require_whole(sent, recorded))
            if recorded is not None:
                self.calls[recorded.id] = recorded.call_id
                self.kept[recorded.id] = hashlib.sha256(recorded.media).digest()
        self.unchecked = []
        require_no_early_word(self.folder)
        self.look_for_plaintext()

    def look_for_plaintext(self) -> None:
        """No canary in the folder, the log and the temporary files."""
        hits = self.canaries.scan(self.folder, self.folder.parent / "tmp", self.folder.with_suffix(".log"))
        assert hits == []


async def test_random_kills_lose_two_seconds_at_most_and_leave_nothing_stuck(
    tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """P1, P2, P8, P9: random instants of live calls, of a finish and of an erasure, on one folder."""
    campaign = Campaign(tmp_path / "vault", seeded())
    campaign.canaries.add_word("visitor", NAME)
    campaign.canaries.add_media("sound", noise_clip().frames)
    campaign.canaries.add_media("picture", PLAN.video_media().frames)
    campaign.canaries.add_media("h264 picture", H264_PLAN.video_media().frames)
    for _ in range(rounds(50, 500)):
        await campaign.round()
    await campaign.last()
    losses = sorted(campaign.losses_s)
    say(
        f"recordings {len(losses)}, worst loss {losses[-1]:.2f} s, median {losses[len(losses) // 2]:.2f} s; "
        f"slowest recovery {max(campaign.recoveries_s):.2f} s; erased {campaign.erased}; "
        f"killed while starting {campaign.starting}; "
        f"scanned {campaign.canaries.scanned_bytes} bytes in {campaign.canaries.files} files"
    )
