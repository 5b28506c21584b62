"""A database as lines of text, in one snapshot, and back (docs/FORMAT.md, backups).

The same lines come out of SQLite and PostgreSQL, so that a backup of one can be restored into the other. The
first line says what it is, the last one how much there was: what was cut off anywhere is no backup.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Row, Table, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from vault import __version__
from vault.clock import from_text, to_text
from vault.db.engine import Database
from vault.db.key_tables import key_metadata
from vault.db.migrate import current_revision
from vault.db.tables import leaves, metadata
from vault.errors import ConfigurationError, ConflictError, TamperedError

DUMP_VERSION: Final = 1
ROWS_AT_ONCE: Final = 500
PIECE_BYTES: Final = 256 * 1024  # of lines before they are handed on
LINE_LIMIT_BYTES: Final = 16 * 1024 * 1024  # a row's sealed values are kilobytes


class Kind(StrEnum):
    """Which database."""

    MAIN = "main"
    KEYS = "keys"


@dataclass(frozen=True, slots=True)
class Head:
    """What the first line says. ``ledger_size`` counts the main database's entries; else it is zero.

    ``ring`` is the file provider's key ring in a backup of the key store, without which that opens nothing.
    """

    kind: Kind
    revision: str
    made_at: datetime
    version: str
    ledger_size: int
    ring: bytes = field(default=b"", repr=False)


def tables_of(kind: Kind) -> Sequence[Table]:
    """Give the tables of a database, those that others refer to first."""
    return (metadata if kind is Kind.MAIN else key_metadata).sorted_tables


async def dump(database: Database, kind: Kind, *, now: datetime, ring: bytes = b"") -> AsyncIterator[bytes]:
    """Give a database's rows as lines, as they were at one moment."""
    revision = await current_revision(database) or ""
    async with database.snapshot() as connection:
        size = await _ledger_size(connection) if kind is Kind.MAIN else 0
        lines = _Lines()
        lines.add(
            {
                "v": DUMP_VERSION,
                "kind": kind.value,
                "revision": revision,
                "made_at": to_text(now),
                "version": __version__,
                "ledger_size": size,
                "ring": base64.b64encode(ring).decode("ascii"),
            }
        )
        counts = {}
        for table in tables_of(kind):
            lines.add({"table": table.name, "columns": [column.name for column in table.columns]})
            counts[table.name] = 0
            rows = await connection.stream(select(table).execution_options(yield_per=ROWS_AT_ONCE))
            async for some in rows.partitions(ROWS_AT_ONCE):
                await asyncio.to_thread(lines.add_rows, some)
                counts[table.name] += len(some)
                if lines.is_full:
                    yield lines.take()
        lines.add({"end": counts})
        yield lines.take()


class Loader:
    """Takes the lines of a dump, in pieces of any size, into an empty database; ``finish`` tells.

    Without a connection it only checks.
    """

    def __init__(self, kind: Kind, connection: AsyncConnection | None, *, revision: str = "") -> None:
        self._kind = kind
        self._connection = connection
        self._revision = revision
        self._tables = {table.name: table for table in tables_of(kind)}
        self._rest = b""
        self._table: Table | None = None
        self._columns: list[str] = []
        self._rows: list[list[Any]] = []
        self._counts: dict[str, int] = {}
        self._ended = False
        self.head: Head | None = None

    async def take(self, piece: bytes) -> None:
        """Take the next bytes; raises TamperedError for what is no dump, ConfigurationError for another's."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > LINE_LIMIT_BYTES:
            raise TamperedError("the backup has a line that is too long to be one of ours")
        for line in await asyncio.to_thread(_read, lines):
            await self._line(line)

    async def finish(self) -> Head:
        """Write what is left and tell what was taken; TamperedError where the end is missing."""
        if self.head is None or not self._ended or self._rest:
            raise TamperedError("the backup ends before its last line")
        return self.head

    async def _line(self, line: Any) -> None:
        if self._ended:
            raise TamperedError("the backup goes on behind its last line")
        if self.head is None:
            self.head = self._read_head(line)
        elif isinstance(line, list):
            await self._row(line)
        elif "table" in line:
            await self._flush()
            self._table, self._columns = self._tables[line["table"]], line["columns"]
            self._counts[line["table"]] = 0
        else:
            await self._flush()
            if line["end"] != self._counts:
                raise TamperedError("the backup has other rows than it says")
            self._ended = True

    def _read_head(self, line: Any) -> Head:
        if (
            not isinstance(line, dict)
            or line.get("v") != DUMP_VERSION
            or line.get("kind") != self._kind.value
        ):
            raise TamperedError("this is no backup of that database")
        if self._connection is not None and line["revision"] != self._revision:
            raise ConfigurationError(
                f"the backup was made by version {line['version']}, whose schema is {line['revision']} where"
                f" ours is {self._revision}: restore it with that version, then start this one"
            )
        made_at = from_text(line["made_at"])
        ring = base64.b64decode(line["ring"])
        return Head(self._kind, line["revision"], made_at, line["version"], line["ledger_size"], ring)

    async def _row(self, values: list[Any]) -> None:
        if self._table is None or len(values) != len(self._columns):
            raise TamperedError("the backup has a row of no table")
        self._counts[self._table.name] += 1
        if self._connection is not None:
            self._rows.append(values)
            if len(self._rows) >= ROWS_AT_ONCE:
                await self._flush()

    async def _flush(self) -> None:
        if self._connection is not None and self._table is not None and self._rows:
            rows = await asyncio.to_thread(_rows_of, self._columns, self._rows)
            await self._connection.execute(insert(self._table), rows)
        self._rows = []


async def require_empty(connection: AsyncConnection, kind: Kind) -> None:
    """Raise ConflictError where a database already holds something: a restore never mixes two histories."""
    for table in tables_of(kind):
        if (await connection.execute(select(func.count()).select_from(table))).scalar_one():
            raise ConflictError(
                f"the {kind.value} database holds rows in {table.name}: restore into an empty one"
            )


async def _ledger_size(connection: AsyncConnection) -> int:
    newest: int | None = (
        await connection.execute(select(func.max(leaves.c.leaf_index)))
    ).scalar_one_or_none()
    return 0 if newest is None else newest + 1


class _Lines:
    """Lines until there are enough to hand on."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._bytes = 0

    def add(self, value: Mapping[str, Any] | Sequence[Any]) -> None:
        """Add a line."""
        line = json.dumps(value, separators=(",", ":"), ensure_ascii=True).encode("ascii") + b"\n"
        self._lines.append(line)
        self._bytes += len(line)

    def add_rows(self, rows: Sequence[Row[Any]]) -> None:
        """Add a line for each row."""
        for row in rows:
            self.add([_coded(value) for value in row])

    @property
    def is_full(self) -> bool:
        """Whether it is time to hand them on."""
        return self._bytes >= PIECE_BYTES

    def take(self) -> bytes:
        """Hand them on."""
        piece = b"".join(self._lines)
        self._lines, self._bytes = [], 0
        return piece


def _read(lines: Sequence[bytes]) -> list[Any]:
    return [json.loads(line) for line in lines]


def _rows_of(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, map(_decoded, values), strict=True)) for values in rows]


def _coded(value: Any) -> Any:
    """Mark what JSON has no word for, and what is structured already: neither is taken for the other."""
    if isinstance(value, bytes):
        return {"b": base64.b64encode(value).decode("ascii")}
    if isinstance(value, datetime):
        return {"t": to_text(value)}
    return {"j": value} if isinstance(value, dict | list) else value


def _decoded(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "b":
        return base64.b64decode(inner)
    return from_text(inner) if kind == "t" else inner
