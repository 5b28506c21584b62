"""What an erasure must leave nowhere: bytes to look for in every file, keys and objects to look for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from crypto.receipts import Receipt, verify_receipt
from tests.vault.media.workshop import CANARY, Workshop
from vault.db.key_tables import data_keys
from vault.db.tables import calls, erasures, leaf_details
from vault.model import uuid_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vault.media.capture import Begun

PLAIN = (CANARY.encode(), b"zebulon@example.org", b"+33612345678", b"customer-1")


@dataclass(frozen=True)
class Traces:
    """The bytes that stood for some objects before they were erased."""

    objects: tuple[str, ...]
    wrapped: tuple[bytes, ...]  # in the key store
    sealed: tuple[bytes, ...]  # in the main database: personal fields and details of the ledger

    def in_files(self, folder: Path) -> list[str]:
        """The files that still hold any of it, as name and what was found."""
        found = []
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                for kind, needles in (("plain", PLAIN), ("wrapped", self.wrapped), ("sealed", self.sealed)):
                    found += [f"{path.name}: {kind}" for needle in needles if needle in content]
        return found


async def traces_of(work: Workshop, *object_ids: str) -> Traces:
    """Note what there is of some objects, so that its absence can be shown later."""
    async with work.key_database.read() as connection:
        keys = await connection.execute(
            select(data_keys.c.wrapped).where(data_keys.c.object_id.in_(object_ids))
        )
        wrapped = tuple(bytes(row.wrapped) for row in keys)
    async with work.database.read() as connection:
        details = await connection.execute(
            select(leaf_details.c.sealed).where(leaf_details.c.key_object.in_(object_ids))
        )
        personal = await connection.execute(select(calls.c.personal).where(calls.c.id.in_(object_ids)))
        sealed = [row.sealed for row in details] + [row.personal for row in personal if row.personal]
    return Traces(object_ids, wrapped, tuple(bytes(blob) for blob in sealed))


async def left_of(work: Workshop, traces: Traces) -> list[str]:
    """What is left of erased objects in store, key store and files; empty is what a receipt promises."""
    left = [key for key in await work.objects() for object_id in traces.objects if uuid_of(object_id) in key]
    for object_id in traces.objects:
        left += [f"key of {object_id}" for _ in await work.keys.records(object_id=object_id)]
    return left + traces.in_files(work.ground.folder)


async def shredded(work: Workshop, object_id: str) -> bool:
    """Whether the ledger says that an object is gone."""
    history = await work.ledger.history(object_id)
    return any(told.type == "object.shredded" for told in history)


async def states(work: Workshop) -> dict[str, str]:
    """How far each erasure is."""
    async with work.database.read() as connection:
        rows = await connection.execute(select(erasures.c.object_id, erasures.c.state))
        return {row.object_id: row.state for row in rows}


async def receipt_of(work: Workshop, request_id: str) -> Receipt:
    """The receipt, verified offline with the public keys."""
    return verify_receipt(await work.receipts.of(request_id, by=work.by()), work.ledger_keys.verifiers)


async def watched(work: Workshop, begun: Begun) -> None:
    """An agent looked at the recording and said why: details that must die with it."""
    link = await work.links.make(begun.media_id, f"asked by {CANARY}", by=work.by())
    await work.links.use(link.path, by=work.by())


def in_words(left: Sequence[str]) -> str:
    """For a failing assertion."""
    return "\n".join(left)
