"""Column types: the same values come back from both databases, and sort alike."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, literal, select, text
from sqlalchemy.exc import StatementError

from vault.clock import to_text
from vault.db.engine import Database
from vault.db.types import Json, Moment

NOON = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)
KEPT = Table(
    "kept", MetaData(), Column("n", Integer, primary_key=True), Column("at", Moment), Column("said", Json)
)


@pytest.fixture
async def database(any_database: Database) -> Database:
    """Each kind of database, with the table."""
    async with any_database.write() as connection:
        await connection.run_sync(KEPT.create)
    return any_database


async def test_a_moment_comes_back_aware_in_utc_to_the_millisecond(database: Database) -> None:
    """It is kept as whole milliseconds since 1970, whatever zone it was given in."""
    paris = NOON.astimezone(timezone(timedelta(hours=1)))
    async with database.write() as connection:
        await connection.execute(insert(KEPT).values(n=1, at=paris))
        await connection.execute(insert(KEPT).values(n=2, at=None))
        await connection.execute(insert(KEPT).values(n=3, at=datetime(1969, 12, 31, tzinfo=UTC)))
    async with database.read() as connection:
        found = (await connection.execute(select(KEPT.c.at).order_by(KEPT.c.n))).scalars().all()
        raw = (await connection.execute(text("SELECT at FROM kept WHERE n = 1"))).scalar_one()
    assert found == [NOON, None, datetime(1969, 12, 31, tzinfo=UTC)]
    assert found[0].tzinfo is UTC
    assert raw == round(NOON.timestamp() * 1_000)


@pytest.mark.parametrize("micros", [0, 1, 499, 500, 999, 999_499, 999_500, 999_999])
async def test_a_stored_moment_is_told_as_it_was_before(any_database: Database, micros: int) -> None:
    """What is finer than a millisecond is cut, never rounded up: else an answer and the next would differ."""
    moment = NOON.replace(microsecond=micros)
    async with any_database.read() as connection:
        found = (await connection.execute(select(literal(moment, Moment)))).scalar_one()
    assert to_text(found) == to_text(moment)
    assert found <= moment


async def test_a_moment_without_its_zone_is_not_stored(database: Database) -> None:
    """A naive time would mean another moment on another machine."""
    async with database.write() as connection:
        with pytest.raises(StatementError, match="time zone"):
            await connection.execute(insert(KEPT).values(n=1, at=NOON.replace(tzinfo=None)))


async def test_moments_sort_and_compare_by_time(database: Database) -> None:
    """Ranges and orders are decided in the database, alike on both."""
    hours = [3, 1, 2]
    async with database.write() as connection:
        for hour in hours:
            await connection.execute(insert(KEPT).values(n=hour, at=NOON + timedelta(hours=hour)))
    query = select(KEPT.c.n).where(KEPT.c.at > NOON + timedelta(hours=1)).order_by(KEPT.c.at.desc())
    async with database.read() as connection:
        assert (await connection.execute(query)).scalars().all() == [3, 2]


async def test_a_small_structure_comes_back_equal(database: Database) -> None:
    """Lists, numbers and texts of any script survive."""
    said = {"origins": ["https://a.example", "https://ü.example"], "n": 3, "yes": True, "none": None}
    async with database.write() as connection:
        await connection.execute(insert(KEPT).values(n=1, said=said))
    async with database.read() as connection:
        assert (await connection.execute(select(KEPT.c.said))).scalar_one() == said
