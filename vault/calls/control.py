"""Who may stop a call's recording, and how: for a while, or for good."""

import asyncio
from dataclasses import dataclass

from vault.calls.calls import Calls
from vault.calls.pauses import Pauses
from vault.calls.stage import Stage
from vault.calls.withdrawals import Withdrawals
from vault.clock import Clock
from vault.db.engine import Database
from vault.ledger.log import Ledger


@dataclass(frozen=True, slots=True)
class Control:
    """Secure pauses, and recordings that are stopped for good."""

    pauses: Pauses
    withdrawals: Withdrawals

    async def run(self) -> None:
        """Do what time brings; until cancelled."""
        async with asyncio.TaskGroup() as group:  # if one fell over, the other would not be left running
            group.create_task(self.pauses.run(), name="pauses")
            group.create_task(self.withdrawals.run(), name="withdrawals")


def make_control(
    database: Database,
    ledger: Ledger,
    calls: Calls,
    stage: Stage,
    clock: Clock,
    *,
    remind_s: float,
) -> Control:
    """Put it together."""
    rooms = (database, ledger, calls, stage.floor, stage.tellings, clock)
    return Control(Pauses(*rooms, remind_s=remind_s), Withdrawals(*rooms))
