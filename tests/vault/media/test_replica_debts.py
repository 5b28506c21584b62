"""The list of debts in the main database: the contract on both databases, and the words of a store."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.debts import Act, Debts
from storage.errors import UnavailableError
from storage.memory import MemoryStore
from storage.replicated import ReplicatedStore
from tests.storage.debts_contract import KEY, DebtsContract, Turn
from vault.clock import SystemClock, TurnableClock
from vault.db.engine import Database, open_database
from vault.db.migrate import migrate
from vault.media.replica_debts import ReplicaDebts


class TestReplicaDebts(DebtsContract):
    """The contract, on SQLite and PostgreSQL."""

    @pytest.fixture
    def clock(self) -> TurnableClock:
        """The time, to be turned."""
        return TurnableClock(datetime(2026, 3, 1, tzinfo=UTC))

    @pytest.fixture
    def turn(self, clock: TurnableClock) -> Turn:
        """Let time pass."""
        return lambda seconds: clock.turn(timedelta(seconds=seconds))

    @pytest.fixture
    async def debts(self, any_database: Database, clock: TurnableClock) -> Debts:
        """An empty list."""
        await migrate(any_database, "main")
        return ReplicaDebts(any_database, clock)


async def test_what_is_owed_outlives_the_process(tmp_path: Path) -> None:
    """A put was acknowledged, the process is no more, the next one brings the replica what it lacks."""
    places = {"primary": MemoryStore(), "lyon": MemoryStore()}
    url = f"sqlite:///{tmp_path}/main.db"
    first = open_database(url)
    await migrate(first, "main")
    await ReplicatedStore(places, ReplicaDebts(first, SystemClock())).put(KEY, b"sealed")
    await first.aclose()
    second = open_database(url)
    store = ReplicatedStore(places, ReplicaDebts(second, SystemClock()))
    assert await store.catch_up.turn("lyon") == 1
    assert await places["lyon"].read(KEY, limit_bytes=9) == b"sealed"
    await second.aclose()


async def test_a_database_that_does_not_answer_is_said_in_the_words_of_a_store(tmp_path: Path) -> None:
    """A put that could not be written down is none; reading goes on without the list."""
    places = {"primary": MemoryStore(), "lyon": MemoryStore()}
    database = open_database(f"sqlite:///{tmp_path}/main.db")  # without tables
    debts = ReplicaDebts(database, SystemClock())
    store = ReplicatedStore(places, debts)
    with pytest.raises(UnavailableError):
        await debts.owe(Act.COPY, KEY, ["lyon"])
    with pytest.raises(UnavailableError):
        await store.put(KEY, b"sealed")
    assert await store.remains("") == ()
    await places["primary"].put(KEY, b"sealed")
    assert await store.read(KEY, limit_bytes=9) == b"sealed"
    await database.aclose()
