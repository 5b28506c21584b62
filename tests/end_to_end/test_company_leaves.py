"""A company leaves with all it has: unreadable within seconds, gone by a job that disturbs nobody.

A million objects is `make soak`, three thousand the default. CALLVAULT_TEST_EXIT_OBJECTS sets another number.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.end_to_end.campaign import say, signed_in, started, verify_ledger
from tests.end_to_end.crowd import NO_LIMITS
from tests.end_to_end.planted import Planted, planted
from tests.end_to_end.program import Program
from tests.end_to_end.visitor import Agent
from vault.model import uuid_of
from vault.rights.tenant_rows import EMPTIED_TABLES, rows_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
UNREADABLE_WITHIN_S = 10.0  # "in seconds"
MOST_GROWN_BYTES = 64 * 1024 * 1024
SLOWEST_S = 2.0  # of a hundred answers to others the second slowest
LOOK_EVERY_S = 0.05
MIB = 1024 * 1024


@dataclass
class Seen:
    """What was seen from outside meanwhile; moments are of the wall clock, in seconds."""

    opened_last: float = 0.0
    keys_gone: float = 0.0
    objects_gone: float = 0.0
    all_gone: float = 0.0
    answers_s: list[float] = field(default_factory=list)
    memory_bytes: list[int] = field(default_factory=list)
    progress: list[tuple[int, int]] = field(default_factory=list)


class House:
    """The running program, the company that leaves, and the demo tenant that stays."""

    def __init__(self, program: Program, folder: Path, leaving: Planted, stays: Agent, leaver: Agent) -> None:
        self.program = program
        self.folder = folder
        self.leaving = leaving
        self.stays = stays
        self.leaver = leaver
        self.seen = Seen()

    @property
    def is_over(self) -> bool:
        """Whether the company is gone."""
        return self.seen.all_gone > 0

    def asked(self, database: str, query: str) -> Any:
        """One value of a database, read beside the program."""
        path = f"file:{self.folder / database}?mode=ro"
        with closing(sqlite3.connect(path, uri=True, timeout=30)) as connection:
            row = connection.execute(query, {"tenant": self.leaving.tenant_id}).fetchone()
            return row and row[0]

    def state(self) -> str | None:
        """How far the erasure is, None before it was asked for."""
        found: str | None = self.asked(
            "callvault.db", "SELECT state FROM erasures WHERE object_id = :tenant AND kind = 'tenant'"
        )
        return found

    async def watch(self) -> None:
        """Note when the keys are gone, the objects, all of it; and the program's memory."""
        process = psutil.Process(self.program.process.pid)
        while not self.is_over:
            self.seen.memory_bytes.append(process.memory_info().rss)
            now, state = time.time(), await asyncio.to_thread(self.state)
            count = "SELECT count(*) FROM tenant_keys WHERE tenant_id = :tenant"
            if not self.seen.keys_gone and not await asyncio.to_thread(self.asked, "keys.db", count):
                self.seen.keys_gone = now
            if not self.seen.objects_gone and state in {"objects_deleted", "complete"}:
                self.seen.objects_gone = now
            if state == "complete":
                self.seen.all_gone = now
            await asyncio.sleep(LOOK_EVERY_S)

    async def plays(self) -> None:
        """The company's own administrator opens recordings for as long as it goes."""
        at = 0
        while not self.is_over:
            media_id = self.leaving.sample[at % len(self.leaving.sample)]
            at += 1
            status, made = await self.leaver.ask(
                "POST", f"/v1/media/{media_id}/links", json={"purpose": "a test"}
            )
            if status == 201 and (await self.leaver.ask("GET", made["urls"]["media"]))[0] == 200:
                assert not self.seen.keys_gone, "it opens without a key"
                self.seen.opened_last = time.time()
            await asyncio.sleep(LOOK_EVERY_S)

    async def works(self) -> None:
        """The others go on: lists, and calls that come in."""
        while not self.is_over:
            began_s = time.perf_counter()
            status, _ = await self.stays.ask("GET", "/v1/media?limit=20")
            assert status == 200
            self.seen.answers_s.append(time.perf_counter() - began_s)
            await asyncio.sleep(LOOK_EVERY_S)

    async def follow(self, every_s: float) -> None:
        """Ask now and then how far it is, as an operator does."""
        while not self.is_over:
            told = await asyncio.to_thread(self.exit, "status", "--tenant", self.leaving.tenant_id)
            self.seen.progress.append((told["versions"], told["rows"]))
            await asyncio.sleep(every_s)

    def exit(self, *command: str) -> dict[str, Any]:
        """``callvault exit`` beside the program."""
        config = ("--config", str(self.folder / "callvault.toml"), "--json")
        argv = [sys.executable, "-m", "vault", "exit", *command, *config]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told


@asynccontextmanager
async def house(folder: Path, objects: int) -> AsyncIterator[House]:
    """A vault with a company of so many objects, running."""
    async with started(folder):
        pass  # makes keys, settings and the demo tenant
    began_s = time.monotonic()
    leaving = await planted(folder, objects)
    say(f"{leaving.objects} objects planted in {time.monotonic() - began_s:.0f} s")
    async with (
        started(folder, settings=NO_LIMITS) as program,
        signed_in(program) as stays,
        signed_in(program, code=leaving.code) as leaver,
    ):
        yield House(program, folder, leaving, stays, leaver)


async def test_a_company_of_very_many_objects_is_unreadable_in_seconds_and_then_gone(
    tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """Nothing opens, memory is flat, others are answered, progress is told; at the end nothing is left."""
    objects = int(os.environ.get("CALLVAULT_TEST_EXIT_OBJECTS", rounds(3_000, 1_000_000)))
    async with house(tmp_path / "vault", objects) as here:
        await warm(here)
        grown_from = psutil.Process(here.program.process.pid).memory_info().rss
        await asyncio.to_thread(
            here.exit,
            "begin",
            "--take-nothing",
            "--grace-days",
            "0",
            "--yes",
            "--tenant",
            here.leaving.tenant_id,
        )
        async with asyncio.TaskGroup() as watching:
            for number, each in enumerate(
                (here.watch(), here.plays(), here.works(), here.follow(rounds(1, 10)))
            ):
                watching.create_task(each, name=f"watch-{number}")
        asked_at = here.asked("callvault.db", "SELECT max(requested_at) FROM deletion_requests") / 1_000
        report(here.seen, asked_at, here.leaving.objects, grown_from)
        assert here.seen.opened_last - asked_at < UNREADABLE_WITHIN_S
        assert here.seen.keys_gone - asked_at < UNREADABLE_WITHIN_S
        assert max(here.seen.memory_bytes) - grown_from < MOST_GROWN_BYTES
        assert here.seen.progress == sorted(here.seen.progress)
        assert slow(here.seen.answers_s) < SLOWEST_S
        require_nothing_left(here)
    verify_ledger(tmp_path / "vault")


async def warm(here: House) -> None:
    """What a first question costs is not what the end costs."""
    for media_id in here.leaving.sample[:20]:
        urls = await here.leaver.link(media_id)
        assert (await here.leaver.ask("GET", urls["media"]))[0] == 200
    for _ in range(20):
        await here.stays.ask("GET", "/v1/media?limit=20")


def slow(answers_s: list[float]) -> float:
    """The time that one answer in a hundred took or was over."""
    return sorted(answers_s)[int(0.99 * (len(answers_s) - 1))]


def report(seen: Seen, asked_at: float, objects: int, grown_from: int) -> None:
    """Say it in figures, fit for benchmarks/README.md."""
    grown = (max(seen.memory_bytes) - grown_from) / MIB
    told = f"{len([one for one in seen.progress if one[0]])} reports of progress"
    p50_s, p99_s = sorted(seen.answers_s)[len(seen.answers_s) // 2], slow(seen.answers_s)
    say(
        f"{objects} objects: last opened {seen.opened_last - asked_at:+.1f} s, keys gone"
        f" {seen.keys_gone - asked_at:.1f} s, objects gone {seen.objects_gone - asked_at:.0f} s, all gone"
        f" {seen.all_gone - asked_at:.0f} s after it was asked for; memory {grown:+.0f} MiB; {told};"
        f" others: {len(seen.answers_s)} answers, p50 {1000 * p50_s:.0f} ms, p99 {1000 * p99_s:.0f} ms"
    )


def require_nothing_left(here: House) -> None:
    """No row, no key, no object of the company."""
    tenant = here.leaving.tenant_id
    left = {}
    for table in EMPTIED_TABLES:
        whose = rows_of(table, "tenant").compile(compile_kwargs={"literal_binds": True})
        where = str(whose).replace("'tenant'", ":tenant")
        left[table.name] = here.asked("callvault.db", f"SELECT count(*) FROM {table.name} WHERE {where}")  # noqa: S608  # our own words
    assert {name: count for name, count in left.items() if count} == {}
    for table_name in ("tenant_keys", "data_keys"):
        count = f"SELECT count(*) FROM {table_name} WHERE tenant_id = :tenant"  # noqa: S608  # our own words
        assert here.asked("keys.db", count) == 0
    assert not [*(here.folder / "objects").glob(f"*/{uuid_of(tenant)}")]
