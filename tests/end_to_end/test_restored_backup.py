"""A backup from before an erasure does not undo it (P8): the key is in none of its files."""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.end_to_end.campaign import (
    fetch,
    require_receipt,
    settled,
    signed_in,
    started,
    talking,
    visitors,
)

pytestmark = pytest.mark.timeout(120)
# What an operator backs up for ever; keys.db has backups of its own, for days (docs/OPERATIONS.md).
BACKED_UP = ("callvault.db", "objects")


def copy_backed_up(source: Path, target: Path) -> None:
    """Replace what is backed up in one folder by what is in another."""
    for name in BACKED_UP:
        for old in target.glob(f"{name}*"):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        target.mkdir(exist_ok=True)
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        else:
            shutil.copy(source / name, target / name)


async def test_a_restored_backup_does_not_bring_an_erased_recording_back(tmp_path: Path) -> None:
    """Database and objects of before, with every key that is still held: nothing opens, neighbours do."""
    folder, backup = tmp_path / "vault", tmp_path / "backup"
    made: list[str] = []
    async with started(folder) as program, visitors() as http, signed_in(program) as agent:
        for _ in range(2):
            async with talking(http, program) as sent:
                await asyncio.sleep(1)
                await sent.publisher.unpublish()
            item = await settled(agent, folder, sent)
            assert item is not None
            made.append(item["id"])
    erased, neighbour = made
    copy_backed_up(folder, backup)
    async with started(folder) as program, signed_in(program) as agent:
        assert (await agent.ask("DELETE", f"/v1/media/{erased}?reason=visitor_request"))[0] == 202
        await require_receipt(agent, folder, erased)
    copy_backed_up(backup, folder)
    async with started(folder) as program, signed_in(program) as agent:
        assert (await fetch(agent, {"id": neighbour, "call_id": ""})).media
        status, made_link = await agent.ask("POST", f"/v1/media/{erased}/links", json={"purpose": "again"})
        if status == 201:
            for url in filter(None, made_link["urls"].values()):
                status, answer = await agent.ask("GET", url)
                assert status in {404, 410}, (url, status, answer)
        else:
            assert status in {404, 410}


async def test_the_program_does_what_was_erased_since_again_before_it_answers(tmp_path: Path) -> None:
    """An older database beside today's objects: the start takes the ledger's entries from there."""
    folder, backup = tmp_path / "vault", tmp_path / "backup"
    async with started(folder) as program, visitors() as http, signed_in(program) as agent:
        async with talking(http, program) as sent:
            await asyncio.sleep(1)
            await sent.publisher.unpublish()
        item = await settled(agent, folder, sent)
        assert item is not None
    await asyncio.to_thread(shutil.copytree, folder, backup)
    async with started(folder) as program, signed_in(program) as agent:
        assert (await agent.ask("DELETE", f"/v1/media/{item['id']}?reason=visitor_request"))[0] == 202
        await require_receipt(agent, folder, item["id"])
    for name in ("callvault.db", "keys.db"):
        for old in folder.glob(f"{name}*"):
            old.unlink()
        shutil.copy(backup / name, folder / name)
    async with started(folder) as program, signed_in(program) as agent:
        status, _ = await agent.ask("GET", f"/v1/media/{item['id']}")
        assert status == 410
        await require_receipt(agent, folder, item["id"])
        assert "system.restored" in program.log.read_text()
