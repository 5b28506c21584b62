"""A workshop whose tenant leaves: the room over it, time that goes by, a real mail server, and its key."""

import asyncio
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from typing import Any

import pyrage
from aiosmtpd.controller import Controller

from tests.servers.ports import free_port
from tests.vault.media.workshop import Workshop
from vault.clock import TurnableClock
from vault.leaving.exits import Exit
from vault.leaving.room import Leaving, Surroundings, make_leaving
from vault.model import ExitState
from vault.settings import MailSettings


@dataclass
class Letters:
    """What a mail server took; ``refuses`` is its answer to whom it knows nobody by, for good."""

    taken: list[Message] = field(default_factory=list)
    is_away: bool = False
    refuses: str = ""

    async def handle_RCPT(  # noqa: N802  # the library's
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Know somebody, or not."""
        if self.refuses:
            return self.refuses
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # the library's
        """Take one letter."""
        if self.is_away:
            return "451 try again"
        self.taken.append(message_from_bytes(envelope.content))
        return "250 taken"

    @property
    def subjects(self) -> list[str]:
        """The first word of each subject line that says how far it is."""
        return ["gone" if "erased" in str(each["Subject"]) else "ready" for each in self.taken]


@contextmanager
def mail_server() -> Iterator[tuple[Letters, MailSettings]]:
    """A real server on loopback."""
    letters = Letters()
    controller = Controller(letters, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield letters, MailSettings(host="127.0.0.1", port=controller.port, tls="none", timeout_s=5)
    finally:
        controller.stop()


def leaving_of(work: Workshop, mail: MailSettings | None = None) -> Leaving:
    """The room over a workshop."""
    return make_leaving(
        Surroundings(
            database=work.database,
            keys=work.keys,
            store=work.store,
            ledger=work.ledger,
            clock=work.clock,
            reader=work.reader,
            checkpoints=work.checkpoints,
            receipts=work.receipts,
            requests=work.requests,
            sentry=work.custody.sentry,
            mail=mail or MailSettings(),
            link_key=b"a secret of the deployment",
            wake=work.keeper.wake,
        )
    )


def turned_to(work: Workshop, moment: datetime) -> None:
    """Let time go by until a moment."""
    assert isinstance(work.clock, TurnableClock)
    if moment > work.clock.now():
        work.clock.turn(moment - work.clock.now())


async def until(leaving: Leaving, work: Workshop, state: ExitState) -> Exit:
    """Let the jobs work, and grace periods go by, until an exit is so far."""
    for _ in range(40):
        found = await leaving.exits.current(by=work.by())
        if found.state is state:
            return found
        if found.state is ExitState.READY and found.ends_at is not None:
            turned_to(work, found.ends_at)
        await leaving.leaver.turn()
        await work.keeper.turn()
    raise AssertionError(found)


async def packed(leaving: Leaving, work: Workshop) -> Exit:
    """Let the job work until nothing is left to pack, without a moment going by."""
    for _ in range(40):
        leaving.leaver._moved = False
        await leaving.leaver.turn()
        found = await leaving.exits.current(by=work.by())
        if found.state is not ExitState.EXPORTING and not leaving.leaver._moved:
            return found
    raise AssertionError(found)


async def taken_by(work: Workshop, leaving: Leaving, key: Any) -> dict[str, bytes]:
    """Every file of every volume, later ones over earlier ones, as the company unpacks them."""
    files: dict[str, bytes] = {}
    for volume in await volumes_of(work, leaving, key):
        files |= volume
    return files


async def volumes_of(work: Workshop, leaving: Leaving, key: Any) -> list[dict[str, bytes]]:
    """Fetch every volume as its company does, and unpack it: names and contents."""
    made = []
    for volume in (await leaving.exits.current(by=work.by())).volumes:
        async with leaving.exits.fetch(volume.number, by=work.by()) as (_, reading):
            sealed = b"".join([bytes(piece) async for piece in reading])
        assert len(sealed) == volume.sealed_bytes
        made.append(await asyncio.to_thread(_unpacked, pyrage.decrypt(sealed, [key])))
    return made


def _unpacked(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        files = {each.name: opened.extractfile(each) for each in opened.getmembers()}
        return {name: file.read() for name, file in files.items() if file is not None}


def lines(files: dict[str, bytes], table: str) -> list[dict[str, Any]]:
    """The rows of a table in a volume."""
    named = sorted(name for name in files if name.startswith(f"tables/{table}-"))
    return [json.loads(line) for name in named for line in files[name].splitlines()]
