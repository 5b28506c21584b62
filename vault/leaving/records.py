"""A tenant's rows as lines of JSON, with what is sealed in them opened: for the tenant to take along.

A column is either told, opened, or withheld because it is the hash of a secret and worth nothing elsewhere.
"""

import json
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Table, select, tuple_

from vault.calls.chat import part_of_message
from vault.calls.invitations import PERSONAL_PART as INVITATION_PART
from vault.calls.notes import NOTE_PART
from vault.calls.visitors import PERSONAL_PART as CALL_PART
from vault.clock import Clock, to_text
from vault.db.engine import Database
from vault.db.tables import metadata
from vault.errors import KeyForgottenError
from vault.identity.people import PROFILE_PART
from vault.keys.blobs import Blobs
from vault.leaving.tar import Member, member
from vault.ledger.log import DETAIL_PART
from vault.model import uuid_of
from vault.rights.tenant_rows import EMPTIED_TABLES, rows_of

ROWS_AT_ONCE: Final = 500  # in one file of the archive
LEFT_OUT: Final = {
    "sessions": "secrets' hashes, worth nothing elsewhere",
    "login_codes": "as sessions",
    "revoked_tokens": "as sessions",
    "idempotency": "answers kept for a repeated request",
    "presence": "who sat before a screen a moment ago",
    "looks": "counts of what ledger/leaves-*.jsonl says",
    "looks_counted": "as looks",
    "call_indexes": "keyed hashes of what calls.jsonl says in the clear",
}
WITHHELD: Final = frozenset(
    {"subject_index", "token_hash", "code_hash", "path_hash", "secret_hash", "key_hash", "indexes"}
)
Where = tuple[str, str]  # the object whose key seals a value, and the value's part
SEALED: Final[Mapping[tuple[str, str], Callable[[Row[Any]], Where]]] = {
    ("people", "profile"): lambda row: (row.id, PROFILE_PART),
    ("calls", "personal"): lambda row: (row.id, CALL_PART),
    ("messages", "sealed"): lambda row: (row.chat_id, part_of_message(row.id)),
    ("notes", "sealed"): lambda row: (row.id, NOTE_PART),
    ("invitations", "personal"): lambda row: (row.id, INVITATION_PART),
    ("holds", "sealed"): lambda row: (row.call_id, f"hold-{uuid_of(row.id)}"),
    ("restrictions", "sealed"): lambda row: (row.call_id, f"restriction-{uuid_of(row.id)}"),
    ("leaf_details", "sealed"): lambda row: (row.key_object, DETAIL_PART),
}


class Records:
    """Writes them, table by table."""

    def __init__(self, database: Database, blobs: Blobs, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    async def files(self, tenant_id: str) -> AsyncGenerator[Member]:
        """Give ``tables/<name>-<number>.jsonl``, the tenant's own row first."""
        own = metadata.tables["tenants"]
        for table in (own, *reversed(EMPTIED_TABLES)):
            if table.name not in LEFT_OUT:
                async for each in self._table(table, tenant_id):
                    yield each

    async def _table(self, table: Table, tenant_id: str) -> AsyncGenerator[Member]:
        key = list(table.primary_key.columns)
        whose = table.c.id == tenant_id if table.name == "tenants" else rows_of(table, tenant_id)
        query = select(table).where(whose).order_by(*key).limit(ROWS_AT_ONCE)
        after: tuple[Any, ...] | None = None
        number = 0
        while True:
            page = query if after is None else query.where(tuple_(*key) > after)
            async with self._database.read() as connection:
                rows = (await connection.execute(page)).all()
            if not rows:
                return
            number += 1
            lines = [await self._line(table, row, tenant_id) for row in rows]
            yield member(f"tables/{table.name}-{number:06d}.jsonl", b"".join(lines), self._clock.now())
            after = tuple(getattr(rows[-1], column.name) for column in key)

    async def _line(self, table: Table, row: Row[Any], tenant_id: str) -> bytes:
        told = {
            column.name: await self._value(table.name, column.name, row, tenant_id)
            for column in table.columns
            if column.name not in WITHHELD
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    async def _value(self, table: str, column: str, row: Row[Any], tenant_id: str) -> Any:
        value = getattr(row, column)
        if value is None:
            return None
        if where := SEALED.get((table, column)):
            object_id, part = where(row)
            try:
                return await self._blobs.open(value, tenant_id=tenant_id, object_id=object_id, part=part)
            except KeyForgottenError:
                return None  # erased meanwhile
        if isinstance(value, datetime):
            return to_text(value)
        return value.hex() if isinstance(value, bytes) else value
