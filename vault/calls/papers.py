"""What is written in calls and about them, put together: chat, notes, and the history that reads both."""

from dataclasses import dataclass

from vault.calls.calls import Calls
from vault.calls.chat import Chat
from vault.calls.history import History
from vault.calls.notes import Notes
from vault.calls.tellings import Tellings
from vault.clock import Clock
from vault.db.engine import Database
from vault.keys.blobs import Blobs
from vault.keys.store import KeyStore
from vault.ledger.log import Ledger


@dataclass(frozen=True, slots=True)
class Papers:
    """The parts."""

    chat: Chat
    notes: Notes
    history: History


def make_papers(
    *,
    database: Database,
    keys: KeyStore,
    blobs: Blobs,
    ledger: Ledger,
    clock: Clock,
    calls: Calls,
    tellings: Tellings,
) -> Papers:
    """Build the parts."""
    notes = Notes(database, keys, blobs, clock)
    chat = Chat(database, keys, blobs, calls, tellings, clock)
    return Papers(chat, notes, History(database, blobs, ledger, chat, notes, clock))
