"""What the places of the object store are owed, in the main database (``storage.debts`` says what it means).

The list outlives every process, so no crash between a put or an erasure and its replicas is forgotten.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, and_, case, delete, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ColumnElement

from storage.debts import CLAIM_S, Act, Debt, Debts, Lag, new_ticket
from storage.errors import UnavailableError
from storage.store import ObjectKey
from vault.clock import Clock
from vault.db.engine import Database
from vault.db.tables import replica_debts
from vault.db.types import Moment
from vault.errors import DependencyError

_CLAIM: Final = timedelta(seconds=CLAIM_S)
_T: Final = replica_debts.c


class ReplicaDebts(Debts):
    """The list in the main database; each method is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        # Both say "on conflict" alike, in classes of their own.
        self._insert: Any = postgresql.insert if database.dialect == "postgresql" else sqlite.insert

    async def owe(
        self, act: Act, key: ObjectKey, places: Collection[str], *, wait_s: float = 0, gently: bool = False
    ) -> str:
        """Write a debt for each place; see ``Debts.owe``. A claim stays with the row."""
        ticket, now = new_ticket(), self._clock.now()
        sentence = {
            "act": act.value,
            "ticket": ticket,
            "since": now,
            "due_at": now + timedelta(seconds=wait_s),
            "attempts": 0,
        }
        with _translated():
            async with self._database.write() as connection:
                for place in sorted(places):  # in one order, or two writers wait for each other
                    row = self._insert(replica_debts).values(place=place, object_key=key, **sentence)
                    named = [_T.place, _T.object_key]
                    await connection.execute(
                        row.on_conflict_do_nothing(index_elements=named)
                        if gently
                        else row.on_conflict_do_update(index_elements=named, set_=sentence)
                    )
        return ticket

    async def hasten(self, key: ObjectKey, ticket: str) -> int:
        """Make the debts of a ticket due; see ``Debts.hasten``."""
        due = update(replica_debts).where(_T.object_key == key, _T.ticket == ticket)
        return await self._changed(due.values(due_at=self._clock.now()))

    async def of(self, key: ObjectKey) -> Sequence[Debt]:
        """Return a key's debts; see ``Debts.of``."""
        return await self._debts(select(replica_debts).where(_T.object_key == key).order_by(_T.place))

    async def due(self, place: str, limit: int) -> Sequence[Debt]:
        """Return what is due; see ``Debts.due``."""
        due = select(replica_debts).where(_T.place == place, _T.due_at <= self._clock.now(), self._free())
        return await self._debts(due.order_by(_T.due_at).limit(limit))

    async def claim(self, debt: Debt) -> Debt | None:
        """Claim; see ``Debts.claim``."""
        same = and_(_row_of(debt), _T.ticket == debt.ticket)
        with _translated():
            async with self._database.write() as connection:
                found = await connection.execute(select(replica_debts).where(same).with_for_update())
                row = found.first()
                if row is None or (row.claim is not None and row.claimed_until > self._clock.now()):
                    return None
                claim = new_ticket()
                mark = {"claim": claim, "claimed_until": self._clock.now() + _CLAIM}
                await connection.execute(update(replica_debts).where(same).values(mark))
                return replace(_debt(row), claim=claim, inherited=row.claim is not None)

    async def renew(self, debt: Debt) -> bool:
        """Hold on; see ``Debts.renew``."""
        mine = update(replica_debts).where(_claimed(debt), _T.ticket == debt.ticket)
        return await self._changed(mine.values(claimed_until=self._clock.now() + _CLAIM)) == 1

    async def settle(self, debt: Debt) -> bool:
        """Strike off; see ``Debts.settle``."""
        mine = delete(replica_debts).where(_claimed(debt), _T.ticket == debt.ticket)
        return await self._changed(mine) == 1

    async def release(self, debt: Debt, *, wait_s: float = 0, failed: bool = False) -> None:
        """Give back; see ``Debts.release``."""
        same = _T.ticket == debt.ticket
        due = literal(self._clock.now() + timedelta(seconds=wait_s), Moment)
        await self._changed(
            update(replica_debts)
            .where(_claimed(debt))
            .values(
                claim=None,
                claimed_until=None,
                due_at=case((same, due), else_=_T.due_at),
                attempts=case((same, _T.attempts + int(failed)), else_=_T.attempts),
            )
        )

    async def lag(self) -> Mapping[str, Lag]:
        """Tell how far each place is behind; see ``Debts.lag``."""
        failing = func.sum(case((_T.attempts > 0, 1), else_=0))
        query = select(
            _T.place, func.count().label("owed"), func.min(_T.since).label("since"), failing.label("failing")
        ).group_by(_T.place)
        now = self._clock.now()
        with _translated():
            async with self._database.read() as connection:
                rows = (await connection.execute(query)).all()
        return {
            row.place: Lag(row.owed, max(0.0, (now - row.since).total_seconds()), int(row.failing))
            for row in rows
        }

    def _free(self) -> ColumnElement[bool]:
        return or_(_T.claim.is_(None), _T.claimed_until <= self._clock.now())

    async def _debts(self, query: Any) -> Sequence[Debt]:
        with _translated():
            async with self._database.read() as connection:
                return [_debt(row) for row in await connection.execute(query)]

    async def _changed(self, statement: Any) -> int:
        with _translated():
            async with self._database.write() as connection:
                return int((await connection.execute(statement)).rowcount)


def _debt(row: Row[Any]) -> Debt:
    key = ObjectKey(row.object_key)
    return Debt(row.place, key, Act(row.act), row.ticket, attempts=row.attempts, claim=row.claim)


def _row_of(debt: Debt) -> ColumnElement[bool]:
    return and_(_T.place == debt.place, _T.object_key == debt.key)


def _claimed(debt: Debt) -> ColumnElement[bool]:
    return and_(_row_of(debt), _T.claim == debt.claim)


@contextmanager
def _translated() -> Iterator[None]:
    """Say a database that does not answer in the words of a store."""
    try:
        yield
    except DependencyError as cause:
        raise UnavailableError("the list of what replicas are owed does not answer") from cause
