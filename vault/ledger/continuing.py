"""A ledger that was set back, continued from what lies outside: the same log, not a second one."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from crypto.checkpoints import Checkpoint
from vault.clock import from_text
from vault.db.tables import leaves
from vault.errors import LedgerBrokenError
from vault.ledger import tree
from vault.model import PREFIXES

IDS_AT_ONCE: Final = 500  # names in one statement


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
    if await tree.root(connection, head.size) != head.root:
        raise LedgerBrokenError(
            "this database is no earlier state of the ledger whose checkpoint lies beside the objects"
        )


def plain(uuid: str) -> str:
    """Give a leaf's UUID as it stands behind the prefix of an identifier."""
    return uuid.replace("-", "")


def candidates(uuid: str, prefixes: Iterable[str] = PREFIXES) -> list[str]:
    """Name the identifiers that a leaf's UUID may be of: it does not say of what."""
    return [f"{prefix}_{plain(uuid)}" for prefix in prefixes]


async def _names(connection: AsyncConnection, texts: Sequence[str]) -> Mapping[str, str]:
    """Find the identifiers of objects that earlier leaves speak of; others are named by their leaf alone."""
    uuids = {uuid for text in texts if (uuid := json.loads(text)["object"])}
    wanted = {name: uuid for uuid in uuids for name in candidates(uuid)}
    found: dict[str, str] = {}
    listed = sorted(wanted)
    for start in range(0, len(listed), IDS_AT_ONCE):
        some = listed[start : start + IDS_AT_ONCE]
        query = select(leaves.c.object_id).where(leaves.c.object_id.in_(some)).distinct()
        for (name,) in await connection.execute(query):
            found[wanted[name]] = name
    return found


def _at(fields: Mapping[str, Any]) -> datetime:
    return from_text(fields["time"])
