"""The key store: a second database that never shares a backup with the first (docs/FORMAT.md, keys).

``secure_delete`` is on and every erasure ends with a truncating checkpoint, so that a forgotten key leaves
no page behind in the file.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    false,
    text,
)

from vault.db.columns import ID_LENGTH
from vault.db.types import Json, Moment
from vault.settings import DEFAULT_HOLDER

key_metadata: Final = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
)

epochs: Final = Table(
    "epochs",
    key_metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("state", String(20), nullable=False),  # vault.keys.epochs.EpochState
    Column("holder", String(ID_LENGTH), nullable=False, server_default=DEFAULT_HOLDER),  # whose key it is
    Column("provider", String(20), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("retired_at", Moment, nullable=True),
    Column("destroyed_at", Moment, nullable=True),
    Column("evidence", Json, nullable=False),
    # Epochs of other holders that a tenant's keys were in when they were forgotten: their ends come first.
    Column("told_after", Json, nullable=False, server_default="[]"),
)

tenant_holders: Final = Table(
    "tenant_holders",  # tenants with a holder of their own
    key_metadata,
    Column("tenant_id", String(ID_LENGTH), primary_key=True),
    Column("holder", String(ID_LENGTH), nullable=False),
    Column("since", Moment, nullable=False),
)

tenant_keys: Final = Table(
    "tenant_keys",
    key_metadata,
    Column("tenant_id", String(ID_LENGTH), primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", Moment, nullable=False),
)

recovery_keys: Final = Table(
    "recovery_keys",
    key_metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("voucher", LargeBinary(32), nullable=False),  # crypto.recovery.vouch
    Column("wrapped", LargeBinary, nullable=False),  # the seed of both halves, by the epoch's key
    Column("created_at", Moment, nullable=False),
)

forgotten_tenants: Final = Table(
    "forgotten_tenants",  # whose keys are forgotten for good (vault.keys.forgotten)
    key_metadata,
    Column("tenant_id", String(ID_LENGTH), primary_key=True),
    Column("epoch", Integer, nullable=True),  # the newest that they were in, for the receipt
    Column("at", Moment, nullable=False),
)

data_keys: Final = Table(
    "data_keys",
    key_metadata,
    Column("object_id", String(ID_LENGTH), primary_key=True),
    Column("gen", Integer, primary_key=True, autoincrement=False),
    Column("tenant_id", String(ID_LENGTH), nullable=False, index=True),
    Column("epoch", Integer, nullable=False),
    # Under the tenant's key, 66 bytes; sealed to the epoch's recovery key, 1,206.
    Column("wrapped", LargeBinary, nullable=False),
    Column("in_recovery", Boolean, nullable=False, server_default=false()),
    Column("commitment", LargeBinary(32), nullable=False),
    Column("sealed_bytes", BigInteger, nullable=True),
    Column("sealed_sha256", LargeBinary(32), nullable=True),
    Column("created_at", Moment, nullable=False),
    Index(None, "epoch", "object_id", "gen"),  # a turn goes through an epoch in this order
    Index(
        "ix_data_keys_waiting",
        "object_id",
        "gen",
        sqlite_where=text("in_recovery IS 1"),
        postgresql_where=text("in_recovery IS true"),
    ),
)
