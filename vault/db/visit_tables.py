"""The visitor's own way back to a call that has ended."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table

from vault.db.columns import ID_LENGTH, metadata, tenant
from vault.db.types import Moment

own_links: Final = Table(
    "own_links",  # one for each call; a newer one takes its place
    metadata,
    Column("call_id", String(ID_LENGTH), ForeignKey("calls.id"), primary_key=True),
    tenant(),
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index(None, "expires_at"),
)
