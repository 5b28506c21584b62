"""How long things are kept: the rules that a tenant set."""

from typing import Final

from sqlalchemy import Column, Index, Integer, String, Table

from vault.db.columns import ID_LENGTH, metadata, tenant
from vault.db.types import Moment

retention_rules: Final = Table(
    "retention_rules",  # a tenant's days for recordings and notes, and what no rule says, stand elsewhere
    metadata,
    Column("scope", String(ID_LENGTH), primary_key=True),  # a button, or the tenant itself
    Column("kind", String(20), primary_key=True),  # vault.model.RuleKind
    tenant(),
    Column("days", Integer, nullable=False),
    Column("set_at", Moment, nullable=False),
    Index(None, "tenant_id"),
)
