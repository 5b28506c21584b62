"""The list in memory keeps the contract."""

import pytest

from storage.debts import Debts, MemoryDebts
from tests.storage.debts_contract import DebtsContract, Turn


class TestMemoryDebts(DebtsContract):
    """The contract, in memory."""

    @pytest.fixture
    def now_s(self) -> list[float]:
        """The time, to be turned."""
        return [0.0]

    @pytest.fixture
    def turn(self, now_s: list[float]) -> Turn:
        """Let time pass."""

        def forward(seconds: float) -> None:
            now_s[0] += seconds

        return forward

    @pytest.fixture
    def debts(self, now_s: list[float]) -> Debts:
        """An empty list."""
        return MemoryDebts(monotonic=lambda: now_s[0])
