"""The tables of exports; ``vault.db.tables`` has all tables of the main database."""

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table

from vault.db.columns import ID_LENGTH, metadata, reference, tenant

exports: Final = Table(
    "exports",  # beside the media item of the same name: what was asked for, and what became of it
    metadata,
    Column("media_id", String(ID_LENGTH), ForeignKey("media.id"), primary_key=True),
    tenant(),
    reference("call_id", "calls.id"),
    Column("format", String(10), nullable=False),
    Column("requested_by", String(ID_LENGTH), nullable=False),
    Column("attempts", Integer, nullable=False),  # how often making it was begun
    Column("failure", String(40), nullable=True),
    Index(None, "call_id"),
)

export_sources: Final = Table(
    "export_sources",  # which recordings an export holds: with any of them it is erased
    metadata,
    Column("media_id", String(ID_LENGTH), ForeignKey("media.id"), primary_key=True),
    Column("source_id", String(ID_LENGTH), ForeignKey("media.id"), primary_key=True),
    Index(None, "source_id"),
)
