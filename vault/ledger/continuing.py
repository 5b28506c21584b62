"""A ledger that was set back, continued from what lies outside: the same log, not a second one."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crypto.checkpoints import Checkpoint
from vault.clock import from_text
from vault.db.ledger_tables import epoch_ends, leaves
from vault.errors import LedgerBrokenError
from vault.ledger import tree
from vault.ledger.leaf import EntryType
from vault.model import PREFIXES

IDS_AT_ONCE: Final = 500  # names in one statement
BY_TYPE: Final = {  # the prefix of an entry's object, by the first word of its type
    "person": "per",
    "sign_in_code": "per",
    "team": "team",
    "issuer": "iss",
    "invitation": "inv",
    "own_link": "call",
    "call": "call",
    "consent": "call",
    "pause": "call",
    "capture": "rec",
    "recording": "rec",
    "export": "exp",
}
BY_KIND: Final = {  # by the kind that the end of an erasure tells
    "recording": "rec",
    "export": "exp",
    "call": "call",
    "chat": "chat",
    "note": "note",
    "invitation": "inv",
}
UNTOLD: Final = "rec"


async def append_again(
    connection: AsyncConnection, start: int, texts: Sequence[str], head: Checkpoint
) -> None:
    """Append leaves that are in the log already, exactly as they were.

    Raises LedgerBrokenError unless the tree then has the root that was signed: a forged leaf, or a database
    that had gone another way before, shows here.
    """
    names = await _names(connection, texts)
    for index, text in enumerate(texts, start=start):
        fields: dict[str, Any] = json.loads(text)
        await connection.execute(
            insert(leaves).values(
                leaf_index=index,
                leaf=text,
                type=fields["type"],
                tenant_id=f"ten_{plain(fields['tenant'])}" if fields["tenant"] else None,
                object_id=names.get(fields["object"]),
                at=_at(fields),
            )
        )
        await tree.grow(connection, index, text.encode("ascii"))
        if fields["type"] == EntryType.EPOCH_DESTROYED:
            await note_end(connection, fields["epoch"], index)
    if await tree.root(connection, head.size) != head.root:
        raise LedgerBrokenError(
            "this database is no earlier state of the ledger whose checkpoint lies beside the objects"
        )


async def note_end(connection: AsyncConnection, epoch: int, index: int) -> None:
    """Note which entry tells an epoch's end; the newest counts."""
    await connection.execute(delete(epoch_ends).where(epoch_ends.c.epoch == epoch))
    await connection.execute(insert(epoch_ends).values(epoch=epoch, leaf_index=index))


def plain(uuid: str) -> str:
    """Give a leaf's UUID as it stands behind the prefix of an identifier."""
    return uuid.replace("-", "")


def candidates(uuid: str, prefixes: Iterable[str] = PREFIXES) -> list[str]:
    """Name the identifiers that a leaf's UUID may be of: it does not say of what."""
    return [f"{prefix}_{plain(uuid)}" for prefix in prefixes]


async def _names(connection: AsyncConnection, texts: Sequence[str]) -> Mapping[str, str]:
    """Find the identifiers of the objects of leaves, under which they are filed.

    A leaf has the UUID alone. Earlier leaves know the identifier; else what happened to the object tells what
    it is, or nobody can: then nothing else in this database leads to it either, and any prefix will do.
    """
    fields = [json.loads(text) for text in texts]
    uuids = {uuid for each in fields if (uuid := each["object"])}
    wanted = {name: uuid for uuid in uuids for name in candidates(uuid)}
    found: dict[str, str] = {}
    listed = sorted(wanted)
    for start in range(0, len(listed), IDS_AT_ONCE):
        some = listed[start : start + IDS_AT_ONCE]
        query = select(leaves.c.object_id).where(leaves.c.object_id.in_(some)).distinct()
        for (name,) in await connection.execute(query):
            found[wanted[name]] = name
    for each in fields:
        if each["object"] not in found and (prefix := _prefix(each)):
            found[each["object"]] = f"{prefix}_{plain(each['object'])}"
    return {uuid: found.get(uuid, f"{UNTOLD}_{plain(uuid)}") for uuid in uuids}


def _prefix(fields: Mapping[str, Any]) -> str | None:
    """Tell what the object of an entry is; None where the entry could be about several kinds."""
    if fields["object"] == fields["tenant"]:
        return "ten"
    return BY_KIND.get(fields.get("kind", "")) or BY_TYPE.get(fields["type"].partition(".")[0])


def _at(fields: Mapping[str, Any]) -> datetime:
    return from_text(fields["time"])
