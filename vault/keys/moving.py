"""How a record comes under another key: opened, wrapped anew, written where the old one still stands."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Row, bindparam, update

from crypto.keys import TenantKey
from crypto.wrapping import wrap
from vault.db.engine import Database
from vault.db.key_tables import data_keys
from vault.errors import KeyForgottenError, KeyProviderError, TamperedError, VaultError
from vault.keys.epochs import is_open, told_after
from vault.keys.forgotten import forgotten_among
from vault.keys.records import Opening, context_of, opened

Name = TypeVar("Name")
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Under:
    """What a tenant's records are wrapped under from now on."""

    epoch: int
    key: TenantKey


@dataclass(frozen=True, slots=True)
class Move:
    """One record on its way from an epoch to another; ``values`` are the statement's."""

    tenant_id: str
    source: int
    to: int
    values: dict[str, object]


async def had(
    names: Iterable[Name], get: Callable[[Name], Awaitable[Key]], away: list[VaultError]
) -> tuple[dict[Name, Key], set[Name]]:
    """Get the keys that are to be had now, and the names of those that there are none of.

    What was said of the others is added to ``away``.
    """
    found, lost = dict[Name, Key](), set[Name]()
    for name in names:
        try:
            found[name] = await get(name)
        except KeyForgottenError:
            lost.add(name)
        except KeyProviderError as error:
            away.append(error)
    return found, lost


def rewrapped(
    rows: Sequence[Row[Any]], opening_of: Callable[[Row[Any]], Opening], under: Mapping[str, Under]
) -> tuple[list[Move], list[str]]:
    """Wrap records anew; also names the objects whose record does not open."""
    moves: list[Move] = []
    broken: list[str] = []
    for row in rows:
        try:
            key = opened(row, opening_of(row))
        except TamperedError:
            broken.append(row.object_id)
            continue
        to = under[row.tenant_id]
        context = context_of(
            row, epoch=to.epoch, sealed_bytes=row.sealed_bytes, sealed_sha256=row.sealed_sha256
        )
        becomes = bytes(wrap(key, to.key, context=context))
        was = {"of": row.object_id, "of_gen": row.gen, "was": row.wrapped}
        moves.append(Move(row.tenant_id, row.epoch, to.epoch, {**was, "becomes": becomes, "to": to.epoch}))
    return moves, broken


async def write_moves(database: Database, moves: Sequence[Move]) -> int:
    """Write them in one transaction; tells how many.

    Those to an epoch that retired meanwhile stay, and those of a tenant that was forgotten for good.
    """
    written = 0
    if not moves:
        return written
    async with database.write() as connection:
        for to in sorted({move.to for move in moves}):
            if not await is_open(connection, to, alone=True):
                continue
            gone = await forgotten_among(connection, {move.tenant_id for move in moves}, epoch=to)
            mine = [move for move in moves if move.to == to and move.tenant_id not in gone]
            if mine:
                await told_after(connection, to, sorted({move.source for move in mine} - {to}))
                await connection.execute(_MOVE, [move.values for move in mine])
                written += len(mine)
    return written


# Only where the record is the one that was read: an erasure or another process may have been first.
_MOVE: Final = (
    update(data_keys)
    .where(
        data_keys.c.object_id == bindparam("of"),
        data_keys.c.gen == bindparam("of_gen"),
        data_keys.c.wrapped == bindparam("was"),
    )
    .values(wrapped=bindparam("becomes"), epoch=bindparam("to"), in_recovery=False)
)
