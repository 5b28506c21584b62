"""How long things are kept, and what keeps them: put together."""

from dataclasses import dataclass
from datetime import timedelta

from vault.clock import Clock
from vault.db.engine import Database
from vault.keys.blobs import Blobs
from vault.ledger.log import Ledger
from vault.rights.changes import Changes
from vault.rights.due import Dues
from vault.rights.holds import Holds
from vault.rights.restrictions import Restrictions
from vault.rights.rules import Rules
from vault.rights.sentry import Sentry, this_boot
from vault.rights.standing import Standings
from vault.settings import Settings


@dataclass(frozen=True, slots=True)
class Custody:
    """The rules, what is due by them, and what is told of one thing."""

    rules: Rules
    dues: Dues
    standings: Standings
    holds: Holds
    restrictions: Restrictions
    sentry: Sentry
    changes: Changes


def make_custody(
    database: Database, blobs: Blobs, ledger: Ledger, clock: Clock, settings: Settings
) -> Custody:
    """Put it together."""
    return Custody(
        rules=(rules := Rules(database, ledger, clock, settings)),
        dues=Dues(database),
        standings=Standings(database, rules, clock),
        holds=Holds(database, blobs, ledger, clock),
        restrictions=Restrictions(database, blobs, ledger, clock),
        changes=Changes(database, ledger, clock, cooling=timedelta(days=settings.retention.cooling_days)),
        sentry=Sentry(database, ledger, clock, boot=this_boot()),
    )
