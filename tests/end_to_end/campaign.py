"""A house under fire: calls come in, the program is killed, the next start owes what the last one stored.

What was sent of each call is counted, so that the next start can be held to what the killed one owed: all
finished within 10 s, at most 2 s lost per track, the gap declared, the spool empty, erasures proven.
"""

import asyncio
import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from crypto.receipts import verify_receipt
from tests.end_to_end.campaign_media import FRAME_S, PLAN, CampaignPlan, Kept, kept_frames
from tests.end_to_end.folders import files_below
from tests.end_to_end.program import Program, running_program, start_command
from tests.end_to_end.visitor import Agent, OpenedCall, open_call
from tests.servers.warm import nursery
from tests.webrtc.publisher import WhipPublisher
from vault.ledger.signing import LedgerKeys
from vault.model import uuid_of

LOSS_LIMIT_S = 2.0
RECOVERY_LIMIT_S = 10.0
SETTINGS = {
    "MEDIA__REJOIN_S": "1",  # nobody comes back unless a test says so: what a kill left is finished at once
    "LIMITS__CALLS_PER_MINUTE": "6000",
    "LIMITS__REQUESTS_PER_MINUTE": "60000",
    "LIMITS__SIGN_IN_PER_MINUTE": "600",
}

OVER = "call_id IN (SELECT id FROM calls WHERE state = 'ended')"
UNDER_WAY = (  # each table of what goes on for a while, and what its rows are as long as it does
    ("calls", "state = 'live'"),
    ("calls", "ringing_since IS NOT NULL AND ringing_ended_at IS NULL"),
    ("calls", "index_owed_at IS NOT NULL"),
    ("legs", "state <> 'ended'"),
    ("participants", f"left_at IS NULL AND {OVER}"),
    ("rings", "state = 'ringing'"),
    ("asks", "state IN ('ringing', 'taken')"),
    ("pauses", "ended_at IS NULL"),
    ("invitations", "ended_at IS NULL"),
    ("media", "state NOT IN ('ready', 'lost', 'erased')"),
    ("erasures", "state <> 'complete'"),
    ("deletion_requests", "completed_at IS NULL"),
)


def say(text: str) -> None:
    """Print a line of a campaign's report: pytest shows it with ``-s``, and after a failure."""
    sys.stdout.write(f"\n{text}\n")
    sys.stdout.flush()


def seeded() -> random.Random:
    """A generator with a fresh seed, which is printed, or with the one of CALLVAULT_TEST_SEED."""
    seed = int(os.environ.get("CALLVAULT_TEST_SEED", "0")) or random.randrange(1, 1 << 32)
    say(f"CALLVAULT_TEST_SEED={seed}")
    return random.Random(seed)  # instants, not secrets


async def quietly(asked: Awaitable[object]) -> None:
    """Await what a killed program may never answer."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError, ConnectionError):
        await asked


@asynccontextmanager
async def started(
    folder: Path,
    *,
    port: int = 0,
    settings: dict[str, str] | None = None,
    environ: dict[str, str] | None = None,
    timeout_s: float = 30.0,
) -> AsyncIterator[Program]:
    """`running_program` for a loop that has publishers to serve meanwhile, started quickly."""
    whole = {**SETTINGS, **(settings or {})}
    start = nursery().start
    manager = running_program(
        folder, port=port, settings=whole, environ=environ, start=start, timeout_s=timeout_s
    )
    program = await asyncio.to_thread(manager.__enter__)
    try:
        yield program
    finally:
        await asyncio.to_thread(manager.__exit__, None, None, None)


async def killed_while_starting(folder: Path, *, after_s: float, environ: dict[str, str]) -> bool:
    """Start the program and kill it on its way; False where it was ready before that."""
    argv, env = start_command(folder, settings=SETTINGS, environ=environ)
    log = folder.parent / f"{folder.name}.log"
    begun = log.stat().st_size
    process = await asyncio.to_thread(nursery().start, argv, log=log, env=env)
    await asyncio.sleep(after_s)
    process.kill()
    await asyncio.to_thread(process.wait)
    return b"#code=" not in log.read_bytes()[begun:]


@dataclass
class Sent:
    """A call, and how many frames of each track had been sent when it was over."""

    call: OpenedCall
    publisher: WhipPublisher
    frames: dict[str, int] = field(default_factory=dict)
    hung_up: bool = False

    def note(self) -> None:
        """Count what is sent by now; the first count stands."""
        if not self.frames:
            tracks = (self.publisher.audio, self.publisher.video)
            self.frames = {track.kind: track.sent for track in tracks if track is not None}

    def lost_s(self, kept: dict[str, Kept]) -> float:
        """Seconds between the last frame sent and the last frame kept, of the track that lost most."""
        last = {kind: kept[kind].last + 1 if kind in kept else 0 for kind in self.frames}
        return max((count - last[kind]) * FRAME_S[kind] for kind, count in self.frames.items())


@asynccontextmanager
async def talking(
    http: aiohttp.ClientSession, program: Program, *, plan: CampaignPlan = PLAN, **more: Any
) -> AsyncIterator[Sent]:
    """A call that sends media for the length of the block; its end is the caller's business."""
    call = await open_call(http, program, **more)
    async with WhipPublisher(plan, http, call.legs, call.token) as publisher:
        await publisher.publish()
        yield Sent(call, publisher)


@asynccontextmanager
async def visitors() -> AsyncIterator[aiohttp.ClientSession]:
    """A session without cookies: each visitor brings a token."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        yield http


@asynccontextmanager
async def signed_in(program: Program, *, code: str | None = None) -> AsyncIterator[Agent]:
    """An agent who signs in with a code, the program's own unless another is given."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        agent = Agent(http, program, code=code)
        await agent.sign_in()
        yield agent


@dataclass
class Recorded:
    """A recording that was finished and checked."""

    id: str
    call_id: str
    media: bytes
    manifest: dict[str, Any]


async def fetch(agent: Agent, item: dict[str, Any], *, purpose: str = "a test") -> Recorded:
    """Read a recording and its manifest as a player does."""
    status, made = await agent.ask("POST", f"/v1/media/{item['id']}/links", json={"purpose": purpose})
    assert status == 201, made
    status, media = await agent.ask("GET", made["urls"]["media"])
    assert status == 200, media
    _, manifest = await agent.ask("GET", made["urls"]["manifest"])
    return Recorded(item["id"], item["call_id"], media, manifest)


async def fetch_if_kept(agent: Agent, item: dict[str, Any] | None) -> Recorded | None:
    """Read what `settled` found; None where the kill left nothing playable, which `require_whole` weighs."""
    return await fetch(agent, item) if item is not None and item["state"] == "ready" else None


async def items_of(agent: Agent, call_id: str) -> list[dict[str, Any]]:
    """The media of one call."""
    status, page = await agent.ask("GET", f"/v1/media?call_id={call_id}")
    assert status == 200, page
    items: list[dict[str, Any]] = page["items"]
    return items


def objects_of(folder: Path, media_id: str, space: str = "*") -> list[Path]:
    """The files that the store holds of a recording: below spool/, media/ or both."""
    root = folder / "objects"
    named = uuid_of(media_id)
    spaces = [root / space] if space != "*" else [root / "spool", root / "media"]
    return [
        path for each in spaces for path in files_below(each) if named in path.relative_to(each).parts[1:-1]
    ]


@contextlib.contextmanager
def copied_databases(folder: Path) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    """Both databases as a killed program left them, from a copy: the next start finds them untouched."""
    with tempfile.TemporaryDirectory() as copies:
        for name in ("callvault.db", "keys.db"):
            for path in folder.glob(f"{name}*"):
                if not path.name.endswith("-shm"):
                    shutil.copy(path, copies)
        main = sqlite3.connect(f"{copies}/callvault.db")
        keys = sqlite3.connect(f"{copies}/keys.db")
        with contextlib.closing(main), contextlib.closing(keys):
            yield main, keys


def require_no_early_word(folder: Path) -> int:
    """The ledger says *shredded* only of what is gone: no key, no object. Returns how many it names."""
    with copied_databases(folder) as (main, keys):
        shredded = [
            row[0] for row in main.execute("SELECT object_id FROM leaves WHERE type='object.shredded'")
        ]
        for object_id in shredded:
            held = keys.execute("SELECT count(*) FROM data_keys WHERE object_id=?", (object_id,)).fetchone()
            assert held == (0,), f"{object_id} is said to be shredded and has a key"
            assert not objects_of(folder, object_id), f"{object_id} is said to be shredded and is stored"
    return len(shredded)


def under_way(main: sqlite3.Connection) -> dict[str, int]:
    """How many rows of what have not come to their end, where there are any."""
    counts = {
        f"{table}: {where}": main.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]  # noqa: S608  # our own words
        for table, where in UNDER_WAY
    }
    return {what: count for what, count in counts.items() if count}


def require_nothing_stuck(folder: Path) -> None:
    """Whatever was begun has come to its end."""
    with copied_databases(folder) as (main, keys):
        assert under_way(main) == {}
        held = {row[0] for row in keys.execute("SELECT object_id FROM data_keys")}
        keyless = [
            row[0] for row in main.execute("SELECT id FROM media WHERE state='ready'") if row[0] not in held
        ]
        assert keyless == [], "a recording that is ready has no key"
    assert files_below(folder / "objects" / "spool") == []
    assert list((folder / "objects" / ".unfinished").iterdir()) == []


async def require_receipt(
    agent: Agent, folder: Path, media_id: str, *, timeout_s: float = RECOVERY_LIMIT_S
) -> None:
    """The erasure completes in time, its receipt proves it, nothing of the recording is left."""
    until_s = time.monotonic() + timeout_s
    while True:
        _, page = await agent.ask("GET", "/v1/deletion-requests?limit=20")
        request = next(
            one for one in page["items"] if media_id in {item["object_id"] for item in one["items"]}
        )
        if request["state"] == "complete":
            break
        assert time.monotonic() < until_s, f"the erasure of {media_id} does not end: {request}"
        await asyncio.sleep(0.05)
    status, receipt = await agent.ask("GET", request["receipt_url"])
    assert status == 200, receipt
    proven = verify_receipt(
        json.dumps(receipt).encode(), LedgerKeys.open(folder / "keys" / "ledger.key").verifiers
    )
    assert proven.status == "complete"
    asked = {uuid_of(item["object_id"]) for item in request["items"]}
    assert {entry.fields["object"] for entry in proven.entries} == asked
    assert objects_of(folder, media_id) == []
    assert (await agent.ask("GET", f"/v1/media/{media_id}"))[0] == 410


def verify_ledger(folder: Path) -> None:
    """`callvault ledger verify`, as an operator runs it, finds nothing wrong."""
    argv = [sys.executable, "-m", "vault", "ledger", "verify", "--config", str(folder / "callvault.toml")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def require_no_orphans(folder: Path) -> None:
    """`callvault check`, as an operator runs it: every object has an owner, every byte is what it was."""
    argv = [sys.executable, "-m", "vault", "check", "--read-data", "--json"]
    argv += ["--config", str(folder / "callvault.toml")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["ok"], told["orphans"], told["left"]) == (True, 0, [])


async def settled(
    agent: Agent, folder: Path, sent: Sent, *, timeout_s: float = RECOVERY_LIMIT_S
) -> dict[str, Any] | None:
    """Wait until a call's recording is ready or lost and its spool empty; None where the call left none."""
    until_s = time.monotonic() + timeout_s
    while True:
        items = await items_of(agent, sent.call.id)
        final = all(item["state"] in {"ready", "lost"} for item in items)
        if final and not any(objects_of(folder, item["id"], "spool") for item in items):
            return items[0] if items else None
        assert time.monotonic() < until_s, f"stuck: {items}"
        await asyncio.sleep(0.05)


def require_whole(sent: Sent, recorded: Recorded | None) -> float:
    """A recording plays, lost little and declares it. Returns the seconds lost."""
    kept: dict[str, Kept] = {}
    if recorded is not None:
        kept = kept_frames(recorded.media)
        holes = {kind: track.missing for kind, track in kept.items() if track.missing}
        assert not holes, f"frames missing inside: {holes}"
        causes = [gap["cause"] for gap in recorded.manifest["gaps"]]
        recovered = recorded.manifest["recovered"]
        assert recovered or sent.hung_up, "a killed call's recording does not say so"
        assert ("crash" in causes) == recovered, recorded.manifest
    lost_s = sent.lost_s(kept)
    assert lost_s <= LOSS_LIMIT_S, f"{lost_s:.2f} s lost of {sent.call.id}: sent {sent.frames}, kept {kept}"
    return lost_s
