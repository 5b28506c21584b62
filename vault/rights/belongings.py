"""What goes with each kind of object when it is erased: keys of what hangs from it, and rows."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from vault.calls.visitors import Field
from vault.db.tables import (
    call_indexes,
    calls,
    holds,
    invitations,
    links,
    media,
    messages,
    notes,
    parts,
    restrictions,
)
from vault.model import Id, ItemKind

IDS_AT_ONCE: Final = 500  # names in one statement
MEDIA_KINDS: Final = frozenset(ItemKind)  # of what lies in the store
# Where an erasure deletes or blanks rows.
EMPTIED: Final = (
    "leaf_details",
    "links",
    "parts",
    "calls",
    "call_indexes",
    "messages",
    "notes",
    "invitations",
    "holds",
    "restrictions",
)


async def keys_with(connection: AsyncConnection, row: Row[Any]) -> list[str]:
    """Name what has a data key of its own and goes with an object: a call's chat, the notes on it.

    None is added any more: whoever writes one holds the call's row and looks for its erasure first.
    """
    if row.kind != "call":
        return []
    chat = await connection.execute(select(calls.c.chat_id).where(calls.c.id == row.object_id))
    of_call = await connection.execute(select(notes.c.id).where(notes.c.call_id == row.object_id))
    return [chat_id for (chat_id,) in chat if chat_id is not None] + [note.id for note in of_call]


async def forget_rows(connection: AsyncConnection, row: Row[Any]) -> None:
    """Delete or blank the rows of an object that hold, or lead to, what it was."""
    match row.kind:
        case ItemKind.RECORDING | ItemKind.EXPORT:
            await connection.execute(delete(links).where(links.c.media_id == row.object_id))
            await connection.execute(delete(parts).where(parts.c.media_id == row.object_id))
        case "chat":
            await connection.execute(delete(messages).where(messages.c.chat_id == row.object_id))
            await connection.execute(
                update(calls).where(calls.c.chat_id == row.object_id).values(chat_id=None)
            )
        case "invitation":
            nothing = {"personal": None, "indexes": None}
            await connection.execute(
                update(invitations).where(invitations.c.id == row.object_id).values(nothing)
            )
        case "note":
            await connection.execute(delete(notes).where(notes.c.id == row.object_id))
        case _:
            for table in (call_indexes, messages, notes):
                await connection.execute(delete(table).where(table.c.call_id == row.object_id))
            for table in (holds, restrictions):
                of_call = update(table).where(table.c.call_id == row.object_id)
                await connection.execute(of_call.values(sealed=None))
            await connection.execute(
                update(calls).where(calls.c.id == row.object_id).values(personal=None, chat_id=None)
            )


async def invitations_of_visitor(
    connection: AsyncConnection, tenant_id: str, field: Field, keyed: bytes
) -> list[tuple[str, Id]]:
    """Name the invitations that say this of their visitor; those that are over are erased within minutes."""
    query = select(invitations.c.id, invitations.c.indexes).where(
        invitations.c.tenant_id == tenant_id, invitations.c.erased_at.is_(None)
    )
    rows = await connection.execute(query.order_by(invitations.c.id))
    return [("invitation", row.id) for row in rows if (row.indexes or {}).get(field.value) == keyed.hex()]


async def invitation_of_call(connection: AsyncConnection, call: Row[Any]) -> list[tuple[str, Id]]:
    """Name the invitation that a call was opened with, if it is not erased yet."""
    query = select(invitations.c.id).where(
        invitations.c.id == call.invitation_id, invitations.c.erased_at.is_(None)
    )
    return [("invitation", row.id) for row in await connection.execute(query)]


async def calls_of(connection: AsyncConnection, objects: Sequence[tuple[str, Id]]) -> dict[Id, Id]:
    """Name the call that each object hangs from, where it does; a hold on the call covers it."""
    found = {object_id: object_id for kind, object_id in objects if kind == "call"}
    sources = (
        (MEDIA_KINDS, select(media.c.id, media.c.call_id), media.c.id),
        ({"note"}, select(notes.c.id, notes.c.call_id), notes.c.id),
        ({"chat"}, select(calls.c.chat_id, calls.c.id), calls.c.chat_id),
        ({"invitation"}, select(calls.c.invitation_id, calls.c.id), calls.c.invitation_id),
    )
    for kinds, query, column in sources:
        ids = [object_id for kind, object_id in objects if kind in kinds]
        for start in range(0, len(ids), IDS_AT_ONCE):
            rows = await connection.execute(query.where(column.in_(ids[start : start + IDS_AT_ONCE])))
            found |= {Id(object_id): Id(call_id) for object_id, call_id in rows}
    return found
