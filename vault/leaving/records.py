"""A tenant's rows as lines of JSON, with what is sealed in them opened: for the tenant to take along.

A column is either told, opened, or left out because it is the hash of a secret and worth nothing elsewhere.
What was written in a call that is restricted, or is being erased, is not opened; nor what does not open.
"""

import json
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Table, select, tuple_

from vault.calls.chat import part_of_message
from vault.calls.invitations import PERSONAL_PART as INVITATION_PART
from vault.calls.notes import NOTE_PART
from vault.calls.visitors import PERSONAL_PART as CALL_PART
from vault.clock import Clock, to_text
from vault.db.engine import Database
from vault.db.tables import calls, erasures, metadata
from vault.errors import KeyForgottenError, TamperedError
from vault.identity.people import PROFILE_PART
from vault.keys.blobs import Blobs
from vault.leaving.tar import Member, member
from vault.ledger.log import DETAIL_PART
from vault.media.restricting import call_is_restricted
from vault.model import ErasureState, uuid_of
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
    "exit_volumes": "which volumes there are",
    "exit_items": "what each of them holds",
}
BESIDE: Final = ("tenants", "deletion_requests", "erasures", "tenant_exits")  # of what stays behind, your own
WITHHELD: Final = frozenset(
    {"subject_index", "token_hash", "code_hash", "path_hash", "secret_hash", "key_hash", "indexes", "notify"}
)
OF_CALLS: Final = frozenset(
    {"calls", "messages", "notes", "invitations"}
)  # what was told or written in calls
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


@dataclass(frozen=True, slots=True)
class _Closed:
    """What is not opened: calls that are restricted, and whatever is being erased."""

    restricted: Collection[str]
    going: Collection[str]

    def why(self, table: str, row: Row[Any]) -> str | None:
        """Say why what is sealed in a row is not opened; None where it is."""
        if table not in OF_CALLS:
            return None
        named = {getattr(row, name, None) for name in ("id", "call_id", "chat_id", "invitation_id")}
        if named & set(self.going):
            return "erased"
        return "restricted" if named & set(self.restricted) else None


class Records:
    """Writes them, table by table."""

    def __init__(self, database: Database, blobs: Blobs, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock

    async def files(self, tenant_id: str) -> AsyncGenerator[Member]:
        """Give ``tables/<name>-<number>.jsonl``, the tenant's own row first."""
        closed = await self._closed(tenant_id)
        for table in (*(metadata.tables[name] for name in BESIDE), *reversed(EMPTIED_TABLES)):
            if table.name not in LEFT_OUT:
                async for each in self._table(table, tenant_id, closed):
                    yield each

    async def _closed(self, tenant_id: str) -> _Closed:
        """Find it before anything is read: what is asked for or restricted later takes this volume back."""
        of_calls = select(calls.c.id, calls.c.invitation_id).where(
            calls.c.tenant_id == tenant_id, call_is_restricted(calls.c.id)
        )
        asked = select(erasures.c.object_id).where(
            erasures.c.tenant_id == tenant_id, erasures.c.state != ErasureState.COMPLETE.value
        )
        async with self._database.read() as connection:
            restricted = [name for row in await connection.execute(of_calls) for name in row if name]
            going = (await connection.execute(asked)).scalars().all()
        return _Closed(frozenset(restricted), frozenset(going))

    async def _table(self, table: Table, tenant_id: str, closed: _Closed) -> AsyncGenerator[Member]:
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
            lines = [await self._line(table, row, tenant_id, closed) for row in rows]
            yield member(f"tables/{table.name}-{number:06d}.jsonl", b"".join(lines), self._clock.now())
            after = tuple(getattr(rows[-1], column.name) for column in key)

    async def _line(self, table: Table, row: Row[Any], tenant_id: str, closed: _Closed) -> bytes:
        told: dict[str, Any] = {}
        for column in table.columns:
            if column.name in WITHHELD:
                continue
            value = getattr(row, column.name)
            where = SEALED.get((table.name, column.name))
            if where is not None and value is not None:
                why = closed.why(table.name, row)
                told[column.name] = (
                    {"withheld": why} if why else await self._opened(value, tenant_id, where(row))
                )
            else:
                told[column.name] = _plain(value)
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    async def _opened(self, sealed: bytes, tenant_id: str, where: Where) -> Any:
        """Open a sealed value. What never opens is said so; a key service that is away is waited for."""
        object_id, part = where
        try:
            return await self._blobs.open(sealed, tenant_id=tenant_id, object_id=object_id, part=part)
        except KeyForgottenError:
            return None  # erased meanwhile
        except TamperedError:
            return {"withheld": "damaged"}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_text(value)
    return value.hex() if isinstance(value, bytes) else value
