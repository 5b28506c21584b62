"""Tenants on their way out: what is exported, until when it can be fetched, when it is over."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, text

from vault.db.columns import ID_LENGTH, identifier, metadata, tenant
from vault.db.types import Moment

tenant_exits: Final = Table(
    "tenant_exits",
    metadata,
    identifier(),
    tenant(),
    Column("state", String(20), nullable=False),  # vault.model.ExitState
    Column("recipient", String(200), nullable=True),  # an age public key; none: nothing is taken along
    Column("notify", LargeBinary, nullable=True),  # sealed under the exit's own key: whom to tell
    Column("told", String(20), nullable=False, server_default=""),  # the last state that was told
    Column("notice", String(20), nullable=True),  # what became of the last notice: vault.leaving.telling
    Column("grace_days", Integer, nullable=False),
    Column("asked_by", String(ID_LENGTH), nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("volumes_made", Integer, nullable=False, server_default="0"),  # a number is given once
    Column("rows_at", Moment, nullable=True),  # as of when the rows were taken along last
    Column("ends_at", Moment, nullable=True),  # of the grace period, once everything can be fetched
    Column("waits_for", String(20), nullable=True),  # what keeps the next step: a hold, a restriction, a call
    Column("request_id", String(ID_LENGTH), nullable=True),  # the erasure; its receipt is the certificate
    Column("ended_at", Moment, nullable=True),
    Index(None, "tenant_id"),
    Index(None, "state"),
)

exit_volumes: Final = Table(
    "exit_volumes",  # each is in here before it is in the store: nothing lies there that no row leads to
    metadata,
    Column("exit_id", String(ID_LENGTH), ForeignKey("tenant_exits.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    tenant(),
    Column("kind", String(10), nullable=False),  # vault.rights.taken_along.VolumeKind
    Column("made_at", Moment, nullable=True),  # as of when it is what it says; none while it is being made
    Column("sealed_bytes", BigInteger, nullable=True),
    Column("sha256", String(64), nullable=True),  # of the sealed bytes, in hexadecimal
    Column("items", Integer, nullable=False, server_default="0"),
    Column("withdrawn_at", Moment, nullable=True),  # from here on nobody is given it, and it is deleted
    Index(None, "tenant_id"),
)

exit_items: Final = Table(
    "exit_items",  # what a volume holds: the name alone, so that no lock of a recording waits for this
    metadata,
    Column("exit_id", String(ID_LENGTH), ForeignKey("tenant_exits.id"), primary_key=True),
    Column("media_id", String(ID_LENGTH), primary_key=True),
    tenant(),
    Column("number", Integer, nullable=True),  # of the volume; none once that was taken back
    Column("withheld", String(20), nullable=True),  # why the volume has a note in its place
    Column("taken_at", Moment, nullable=True),  # since when it can, or could, be fetched
    Index(None, "exit_id", "number"),
    Index(None, "tenant_id", "media_id"),
    Index(
        "ix_exit_items_withheld",
        "exit_id",
        sqlite_where=text("withheld IS NOT NULL"),
        postgresql_where=text("withheld IS NOT NULL"),
    ),
)
