"""Tenants on their way out: what is exported, until when it can be fetched, when it is over."""

from typing import Final

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table

from vault.db.columns import ID_LENGTH, identifier, metadata, tenant
from vault.db.types import Json, Moment

tenant_exits: Final = Table(
    "tenant_exits",
    metadata,
    identifier(),
    tenant(),
    Column("state", String(20), nullable=False),  # vault.leaving.exits.ExitState
    Column("recipient", String(200), nullable=True),  # an age public key; none: nothing is taken along
    Column("notify", LargeBinary, nullable=True),  # sealed under the exit's own key: whom to tell
    Column("told", String(20), nullable=False, server_default=""),  # the last state that was told
    Column("grace_days", Integer, nullable=False),
    Column("asked_by", String(ID_LENGTH), nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("volumes", Json, nullable=False),  # [{"number", "sealed_bytes", "sha256", "items"}]
    Column("after", String(ID_LENGTH), nullable=False, server_default=""),  # the last media item in a volume
    Column("ends_at", Moment, nullable=True),  # of the grace period, once everything can be fetched
    Column("waits_for", String(20), nullable=True),  # what keeps the end: a hold, a restriction, a call
    Column("request_id", String(ID_LENGTH), nullable=True),  # the erasure; its receipt is the certificate
    Column("ended_at", Moment, nullable=True),
    Index(None, "tenant_id"),
    Index(None, "state"),
)
