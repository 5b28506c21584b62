"""What the places of the object store are owed (vault.media.replica_debts)."""

from typing import Final

from sqlalchemy import Column, Index, Integer, String, Table

from vault.db.columns import metadata
from vault.db.types import Moment

replica_debts: Final = Table(
    "replica_debts",  # random identifiers only; a row goes when its place has, or has lost, the object
    metadata,
    Column("place", String(40), primary_key=True),
    Column("object_key", String(200), primary_key=True),
    Column("act", String(10), nullable=False),  # storage.debts.Act
    Column("ticket", String(16), nullable=False),
    Column("since", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claim", String(16), nullable=True),  # of who is at work on it
    Column("claimed_until", Moment, nullable=True),
    Index(None, "place", "due_at"),
    Index(None, "object_key"),
)
