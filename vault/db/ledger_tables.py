"""The ledger's tables in the main database: leaves and their details, the tree, its checkpoints."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    literal_column,
    text,
)

from vault.db.columns import ID_LENGTH, metadata
from vault.db.types import Moment

_SHREDDED: Final = text("type = 'object.shredded'")
leaves: Final = Table(
    "leaves",
    metadata,
    Column("leaf_index", BigInteger, primary_key=True, autoincrement=False),
    Column("leaf", Text, nullable=False),  # canonical JSON, the exact bytes that were hashed
    Column("type", String(40), nullable=False),
    Column("tenant_id", String(ID_LENGTH), nullable=True),
    Column("object_id", String(ID_LENGTH), nullable=True),
    Column("at", Moment, nullable=False),
    Index(None, "object_id", "leaf_index"),
    Index(None, "tenant_id", "leaf_index"),
    Index("ix_leaves_shredded", "leaf_index", sqlite_where=_SHREDDED, postgresql_where=_SHREDDED),
)
# An index of some rows serves a query only that says the same with the same words, not with a parameter.
is_shredded: Final = leaves.c.type == literal_column("'object.shredded'")

leaf_details: Final = Table(
    "leaf_details",
    metadata,
    Column("leaf_index", BigInteger, ForeignKey("leaves.leaf_index"), primary_key=True, autoincrement=False),
    Column("key_object", String(ID_LENGTH), nullable=False),  # whose data key seals the detail
    Column("sealed", LargeBinary, nullable=False),
    Index(None, "key_object"),
)

ledger_nodes: Final = Table(
    "ledger_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("node_index", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)

checkpoints: Final = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

# An epoch ends once: its entry is found by its number, for the receipts of what was erased in it.
epoch_ends: Final = Table(
    "epoch_ends",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("leaf_index", BigInteger, ForeignKey("leaves.leaf_index"), nullable=False),
)

# How many entries of a type there are of a company, a month and a button; of none: an empty name.
looks: Final = Table(
    "looks",
    metadata,
    Column("tenant_id", String(ID_LENGTH), ForeignKey("tenants.id"), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("button_id", String(ID_LENGTH), primary_key=True),
    Column("type", String(40), primary_key=True),
    Column("entries", BigInteger, nullable=False),
)

# Up to where a company's entries are counted.
looks_counted: Final = Table(
    "looks_counted",
    metadata,
    Column("tenant_id", String(ID_LENGTH), ForeignKey("tenants.id"), primary_key=True),
    Column("next_index", BigInteger, nullable=False),
)
